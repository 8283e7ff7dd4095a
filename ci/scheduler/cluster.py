"""Cluster: orders carried out by workers of a Dask cluster, beside the data that they need."""

from __future__ import annotations

import logging
import time
from asyncio import CancelledError
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Self

import dask
from distributed import Client
from distributed.security import Security

from ci.errors import AwayError, CiError
from ci.order import encode
from ci.scheduler import answer as answers
from ci.scheduler.answer import Answer, refusal
from ci.scheduler.carry import carry, names_for, wanted_for
from ci.settings import read_settings
from ci.where import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from distributed import Future

    from ci.order import Order
    from ci.scheduler.address import Address

CONNECT_SECONDS = 10
LOOK_SECONDS = 2
PATIENCE_SECONDS = 600
"""How long an order waits for a worker that has its dataset."""
END_SECONDS = 10

LOG = logging.getLogger(__name__)


def _logged(order: Order, where: Where) -> None:
    LOG.warning("%s: %s", order.dataset, where.phase)


class Cluster:
    """Carries out orders by the workers of one scheduler."""

    def __init__(
        self,
        address: Address,
        *,
        patience: float = PATIENCE_SECONDS,
        tell: Callable[[Order, Where], None] = _logged,
    ) -> None:
        self._address = address
        self._tell = tell
        self._patience = patience
        self._client: Client | None = None
        self._open: dict[Future[bytes], Order] = {}

    def __enter__(self) -> Self:
        dask.config.set({"distributed.comm.timeouts.connect": f"{CONNECT_SECONDS}s"})
        try:
            self._client = Client(
                self._address.url, timeout=CONNECT_SECONDS, **_secured(self._address)
            )
        except (OSError, RuntimeError) as error:
            raise AwayError(
                f"no scheduler answers at {self._address.url}: {type(error).__name__}",
                hint="dask-scheduler has to run there, with certificates of the same authority",
            ) from error
        return self

    def __exit__(self, *_: object) -> None:
        # What is not done ends there: a worker ends what nobody wants any more.
        for future in self._open:
            with suppress(Exception):
                future.cancel(force=True)
        self.client.close(timeout=END_SECONDS)

    @property
    def client(self) -> Client:
        """The connection."""
        assert self._client is not None  # noqa: S101 - a context that is entered
        return self._client

    def datasets(self, project: str | None) -> tuple[str, ...]:
        """Return the datasets that workers have for *project*, or for any."""
        return names_for(project, self._resources())

    def answers(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Answer]]:
        """Yield each order with its answer, as they come.

        A worker that dies loses nothing: another one, or the same one again, begins anew.
        """
        self._open = {self._sent(each): each for each in orders}
        lonely: dict[str, float] = {}
        while self._open:
            done = self._done()
            for future in done:
                order = self._open.pop(future)
                yield order, self._answer(future, order)
            for future, order in self._without_worker(lonely):
                del self._open[future]
                future.cancel()
                said = f"no worker has had the dataset {order.dataset!r} for {self._patience:g} s"
                away = AwayError(said, hint="start `python -m ci worker` beside it")
                yield order, refusal(away)

    def _sent(self, order: Order) -> Future[bytes]:
        self._tell(order, Where(phase="sent to a worker"))
        project = read_settings(order.settings).project
        wanted = wanted_for(project, order.dataset, self._resources())
        return self.client.submit(
            carry,
            encode(order),
            key=f"ci-{order.run}-{order.dataset}-{time.time_ns():x}",
            resources={wanted: 1},
            pure=False,
        )

    def _done(self) -> list[Future[bytes]]:
        give_up = time.monotonic() + LOOK_SECONDS
        while time.monotonic() < give_up:
            if found := [each for each in self._open if each.done()]:
                return found
            time.sleep(LOOK_SECONDS / 20)
        return []

    def _without_worker(self, lonely: dict[str, float]) -> list[tuple[Future[bytes], Order]]:
        """Return what has waited too long; *lonely* has since when datasets have no worker."""
        now = time.monotonic()
        found = []
        for future, order in self._open.items():
            if order.dataset in self.datasets(read_settings(order.settings).project):
                lonely.pop(order.dataset, None)
            elif order.dataset not in lonely:
                lonely[order.dataset] = now
                said = f"no worker has it; one is waited for, {self._patience:g} s at the most"
                self._tell(order, Where(phase=said))
            elif now - lonely[order.dataset] > self._patience:
                found.append((future, order))
        return found

    async def _identity(self) -> Any:
        scheduler: Any = self.client.scheduler
        return await scheduler.identity(n_workers=-1)

    def _answer(self, future: Future[bytes], order: Order) -> Answer:
        """Return what *future* holds, decoded strictly; how it failed otherwise.

        Raises AwayError where the scheduler is gone.
        """
        try:
            document: object = future.result(timeout=CONNECT_SECONDS)
            return answers.decode(document if isinstance(document, bytes) else b"", order)
        except CiError as error:
            return refusal(error)
        except (Exception, CancelledError) as error:
            list(self._resources())
            kind = type(error).__name__
            said = f"{order.dataset}: the worker gave no result: {kind}"
            hint = "its log, and that of the scheduler, say why"
            return refusal(AwayError(said, hint=hint))

    def _resources(self) -> Iterator[str]:
        try:
            # Not scheduler_info, which goes on telling of a scheduler that is gone.
            said = self.client.sync(self._identity, callback_timeout=CONNECT_SECONDS)
        except (OSError, RuntimeError, TimeoutError) as error:
            raise AwayError(
                f"the scheduler at {self._address.url} is gone: {type(error).__name__}"
            ) from error
        for each in said["workers"].values():
            yield from each["resources"]


def _secured(address: Address) -> Mapping[str, Any]:
    security = security_of(address)
    # What a worker gives back is bytes: nothing else is made of it where Dask lets us say so.
    plain = {"serializers": ["dask", "msgpack"], "deserializers": ["dask", "msgpack", "error"]}
    return {"set_as_default": False, **plain, **({"security": security} if security else {})}


def security_of(address: Address) -> Security | None:
    """Return the certificates of *address* as Dask has them."""
    if address.tls is None:
        return None
    files = {
        f"tls_{role}_{kind}": str(path)
        for role in ("client", "worker")
        for kind, path in (("cert", address.tls.cert), ("key", address.tls.key))
    }
    return Security(require_encryption=True, tls_ca_file=str(address.tls.ca), **files)
