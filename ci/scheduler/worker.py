"""Worker: takes orders for the datasets that are beside it, and gives back documents alone."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from distributed import Worker
from typing_extensions import override

from ci.datasets import find_datasets
from ci.errors import CiError, DatasetError, ToolError
from ci.order import decode, tidy
from ci.scheduler.answer import encode, refusal
from ci.scheduler.carry import carry, resource
from ci.scheduler.cluster import security_of
from ci.scheduler.processes import Processes
from ci.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from ci.scheduler.address import Address
    from ci.state import State

CONNECT_SECONDS = 60
LOOPBACK = "127.0.0.1"
CODE = (
    *("run", "run_coroutine", "upload_file", "update_data"),
    *("plugin-add", "plugin-remove", "actor_execute", "actor_attribute"),
)
"""What Dask's workers do for whoever asks, and ours do not."""

LOG = logging.getLogger(__name__)


class DatasetWorker(Worker):
    """A worker that runs `carry` and nothing else."""

    def __init__(
        self, url: str, *, processes: Processes, names: frozenset[str], trust: bool, **options: Any
    ) -> None:
        super().__init__(url, **options)
        self._processes = processes
        self._names = names
        self._trust = trust
        for each in CODE:
            self.handlers.pop(each, None)

    @override
    async def execute(self, key: Any, *, stimulus_id: str) -> Any:
        """Run a task, if it is ours."""
        task = self.state.tasks[key]
        if getattr(task.run_spec, "func", None) is not carry:
            LOG.warning("a task that is none of ci is refused")
            task.run_spec = None  # fails, as one that has none
        return await super().execute(key, stimulus_id=stimulus_id)

    def answer(self, document: bytes, unwanted: Callable[[], bool]) -> bytes:
        """Return the answer to an order; what runs of it ends when it is *unwanted*."""
        try:
            order = replace(decode(document), trust_change=self._trust)
            if order.dataset not in self._names:
                raise DatasetError(f"the dataset {order.dataset!r} is not on this machine")
        except CiError as error:
            return encode(refusal(error))
        LOG.info("%s: %s begins", order.run, order.dataset)
        found = self._processes.answer(order, unwanted)
        LOG.info("%s: %s has ended", order.run, order.dataset)
        return encode(found)


def work(
    address: Address, state: State, folders: Sequence[Path], *, jobs: int = 1, trust: bool = False
) -> None:
    """Serve orders for the datasets in *folders*, until the scheduler is gone or Ctrl-C.

    Raises DatasetError for no dataset, ToolError where no scheduler answers.
    """
    datasets = find_datasets(folders, cache=state.digests)
    for each in datasets:
        LOG.info("has %s (%s)", each.name, each.engine)
    tidy(state)
    turn = Turn(path=state.turn, tell=LOG.info)
    with Processes(state, folders, jobs=jobs, turn=turn) as processes:
        options = {
            "processes": processes,
            "names": frozenset(each.name for each in datasets),
            "trust": trust,
            "nthreads": jobs,
            "resources": {resource(each.project or "", each.name): jobs for each in datasets},
            "local_directory": str(state.folder / "dask"),
        }
        asyncio.run(_serve(address, options))


async def _serve(address: Address, options: Mapping[str, Any]) -> None:
    worker = DatasetWorker(
        address.url,
        memory_limit=0,  # what is large runs in processes of its own
        dashboard_address=f"{LOOPBACK}:0",
        death_timeout=CONNECT_SECONDS,
        **_listening(address),
        **options,
    )
    try:
        await worker
    except (TimeoutError, OSError, RuntimeError) as error:
        raise ToolError(
            f"no scheduler answers at {address.url}: {type(error).__name__}",
            hint="dask-scheduler has to run there, with certificates of the same authority",
        ) from error
    LOG.info("waits for orders of %s", address.url)
    try:
        await worker.finished()
    finally:
        await worker.close(timeout=5, executor_wait=False)


def _listening(address: Address) -> Mapping[str, Any]:
    security = security_of(address)
    return {
        **({"security": security} if security else {}),
        **({"host": LOOPBACK} if address.loopback else {}),
    }
