"""Request: what is asked for – a change onto a target – as orders for each dataset."""

from __future__ import annotations

import re
import secrets
import shlex
import tomllib
from dataclasses import dataclass
from datetime import UTC, datetime
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from ci.checkout import open_repository
from ci.datasets import find_datasets
from ci.drivers import driver_of, schema
from ci.errors import AwayError, CheckoutError, DatasetError
from ci.order import Order
from ci.settings import Settings, read_settings
from ci.strict import near

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Mapping, Sequence
    from pathlib import Path

    from ci.checkout import Repository
    from ci.state import State

SETTINGS = "pyproject.toml"
FETCH_SECONDS = 900
_ON_NO_BRANCH = re.compile(r"HEAD|[0-9a-f]{40}(?:[0-9a-f]{24})?")
NEW = frozenset({"A", "C"})
"""Of a file: one that is edited or renamed may be long applied, and nothing of it runs."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """A change that is to be tried."""

    run: str
    source: str
    """A URL, or the folder of a checkout."""
    base: str
    """A branch, a tag or a commit."""
    head: str
    ref: str | None = None
    """Where the change is fetched from, if it is on no branch; *head* is its commit then."""
    root: Path
    """Where the settings' folders of datasets are found from."""
    folders: tuple[Path, ...] = ()
    """Folders of datasets, instead of those of the settings."""
    names: tuple[str, ...] = ()
    """These datasets alone."""
    announced: Callable[[str | None], Sequence[str]] | None = None
    """Says which datasets others have for a project, or for any, where none is on this machine."""
    runs: int | None = None
    trust_change: bool = False
    always: bool = False
    """Also if nothing is touched that matters."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """What there is to do: nothing, where the change touches nothing that matters."""

    settings: Settings
    folders: tuple[Path, ...]
    base: str
    head: str
    orders: tuple[Order, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Change:
    """The commits of a change, and what the target branch says of it."""

    base: str
    head: str
    document: bytes
    settings: Settings
    touched: tuple[str, ...]
    migrates: bool
    """Whether files of the tool are touched."""
    adds: bool
    """Whether there are new migrations."""

    @property
    def matters(self) -> bool:
        """Whether migrations, models, or what the settings name, are touched."""
        models = schema.files(self.settings.models) if self.settings.models else ()
        patterns = (*self.settings.paths, *models)
        return self.migrates or any(
            fnmatchcase(path, each) for path in self.touched for each in patterns
        )


def run_name() -> str:
    """Return a name for a run that no other has, in the order of time."""
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{secrets.token_hex(3)}"


def orders_of(request: Request, state: State) -> Orders:
    """Return the orders of *request*, one for each dataset of the project.

    Raises CheckoutError for commits that cannot be had, ConflictError where they do not
    merge, ConfigurationError and DatasetError for what the target branch says.
    """
    repository = open_repository(
        state.mirror(request.source), source=request.source, seconds=FETCH_SECONDS
    )
    repository.update()
    change = _change(request, repository)
    settings = change.settings
    folders = request.folders or tuple(request.root / each for each in settings.datasets)
    orders: tuple[Order, ...] = ()
    if change.matters or request.always:
        project = settings.project or _project_in(change.document) or request.root.name
        releases = {name: repository.resolve(each.ref) for name, each in settings.releases.items()}
        found = _found(request, folders, settings.project, releases, cache=state.digests)
        orders = tuple(
            _order(request, change, project, releases, dataset=name, digest=found[name])
            for name in _chosen(tuple(found), request)
        )
    return Orders(
        settings=settings, folders=folders, base=change.base, head=change.head, orders=orders
    )


def _change(request: Request, repository: Repository) -> _Change:
    base = repository.resolve(request.base)
    head = _head(request, repository)
    document = repository.read(base, SETTINGS) or b""
    settings = read_settings(document, where=f"{SETTINGS} of {request.base}")
    driver = driver_of(settings.driver, settings.options, document)
    changed = repository.changed(base, repository.merge(base, head))
    touched = {_spelt(name) for each in changed for name in (each.path, each.was) if name}
    return _Change(
        base=base,
        head=head,
        document=document,
        settings=settings,
        touched=tuple(sorted(touched)),
        migrates=any(driver.touches(each) for each in touched),
        adds=any(each.status in NEW and driver.adds(_spelt(each.path)) for each in changed),
    )


def _project_in(document: bytes) -> str | None:
    """Return what *document*, a pyproject.toml, calls its package."""
    project = tomllib.loads(document.decode("utf-8")).get("project", {})
    name = project.get("name") if isinstance(project, dict) else None
    return name if isinstance(name, str) else None


def _spelt(path: str) -> str:
    """Return *path* as a document can hold it: bytes that are no text are question marks."""
    return path.encode("utf-8", "replace").decode("utf-8")


def _head(request: Request, repository: Repository) -> str:
    if request.ref is not None:
        return repository.fetch(request.ref, announced=request.head)
    if (ref := _ref(request)) is not None:
        return repository.fetch(ref)
    try:
        return repository.resolve(request.head)
    except CheckoutError:
        if not _ON_NO_BRANCH.fullmatch(request.head):
            raise
        # What is checked out may be on no branch; in a pipeline it is on none.
        return repository.fetch(request.head)


def _ref(request: Request) -> str | None:
    """Return what the change has to be fetched by, on each machine."""
    if request.ref is None and request.head.startswith("refs/"):
        return request.head
    return request.ref


def _found(
    request: Request,
    folders: Sequence[Path],
    project: str | None,
    known: Collection[str],
    *,
    cache: Path,
) -> Mapping[str, str]:
    """Return the datasets of *project*, or of any, that can be had; with digests if they are here.

    The name of the folder that the checkout is in says nothing: a clone has another one. Raises
    DatasetError for one that is at none of the *known* releases.
    """
    if request.announced is not None:
        return dict.fromkeys(request.announced(project), "")
    found = find_datasets(folders, project=project, cache=cache)
    for each in found:
        if each.release is not None and each.release not in known:
            raise DatasetError(
                f"the dataset {each.name!r} is at release {each.release!r}, which the settings"
                " do not know",
                hint=near(each.release, known) if known else "[tool.ci.releases] names none",
            )
    return {each.name: each.digest for each in found}


def _chosen(found: tuple[str, ...], request: Request) -> tuple[str, ...]:
    for name in request.names:
        if name not in found:
            if request.announced is not None:
                raise AwayError(f"no worker has a dataset {name!r}", hint=near(name, found))
            raise DatasetError(f"no dataset is called {name!r}", hint=near(name, found))
    if not found:
        raise AwayError("no worker has a dataset", hint="start `python -m ci worker` beside it")
    return tuple(dict.fromkeys(request.names)) or found


def _order(  # noqa: PLR0913 - each from somewhere else
    request: Request,
    change: _Change,
    project: str,
    releases: dict[str, str],
    *,
    dataset: str,
    digest: str,
) -> Order:
    again = ("run", "--base", change.base[:12], "--change", change.head[:12])
    return Order(
        run=request.run,
        project=project,
        source=request.source,
        base=change.base,
        head=change.head,
        ref=_ref(request),
        touched=change.touched,
        adds=change.adds,
        releases=releases,
        dataset=dataset,
        digest=digest,
        settings=change.document,
        runs=request.runs,
        trust_change=request.trust_change,
        again=shlex.join(("python", "-m", "ci", *again, "--dataset", dataset)),
    )
