"""Order: all that a machine with the dataset has to be told to carry out one job.

It can be sent to another machine: it names commits of a repository that can be reached from
there, and a dataset that is there. What comes back is the result document alone.
"""

from __future__ import annotations

from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, TypeAlias

import msgspec
from msgspec import Meta

from ci.checkout import open_repository, own_folder, sweep
from ci.databases import Places as DatabasePlaces
from ci.databases import open_database
from ci.databases.folders import sweep as sweep_servers
from ci.datasets import find_datasets
from ci.drivers import driver_of
from ci.environment import Maker
from ci.errors import CiError, DatasetError
from ci.job import Job, Subject
from ci.look import untold
from ci.measuring import open_watch
from ci.places import TreePlaces
from ci.result import Result  # noqa: TC001 - the same
from ci.sandbox import find_sandbox
from ci.settings import read_settings

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ci.checkout import Repository
    from ci.datasets import Dataset
    from ci.settings import Settings
    from ci.state import State
    from ci.where import Where

Name: TypeAlias = Annotated[str, Meta(pattern=r"\A[A-Za-z0-9][A-Za-z0-9._-]*\Z", max_length=100)]
"""Is the name of files and folders."""
Called: TypeAlias = Annotated[
    str, Meta(pattern=r"\A[^./\x00-\x1f][^/\x00-\x1f]*\Z", max_length=200)
]
"""The name of a folder, as people have it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One job: one change on one dataset."""

    run: Name
    project: str
    """What it is called in reports."""
    source: str
    """A URL, or the folder of a checkout."""
    base: str
    """The commit of the target branch."""
    head: str
    """The commit of the change, which is merged onto it."""
    ref: str | None = None
    """Where the change is fetched from, if it is on no branch: refs/changes/34/1234/5."""
    touched: tuple[str, ...] = ()
    adds: bool = False
    releases: Mapping[str, str] = field(default_factory=dict)
    dataset: Called
    digest: str = ""
    """That of the dataset, where it is on the machine of who orders."""
    settings: bytes
    """The pyproject.toml of the target branch."""
    runs: int | None = None
    trust_change: bool = False
    again: str = ""


def encode(order: Order) -> bytes:
    """Return *order* as JSON."""
    return msgspec.json.encode(order)


def decode(document: bytes) -> Order:
    """Return the order in *document*. Raises CiError for anything that is none."""
    try:
        return msgspec.json.decode(document, type=Order)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CiError("this is no order of ci") from error


def is_name(said: str) -> bool:
    """Return whether a run can be called that."""
    try:
        return bool(msgspec.convert(said, Name))
    except msgspec.ValidationError:
        return False


def tidy(state: State) -> None:
    """Remove what orders have left that were killed: folders of work and of servers."""
    sweep(state.work)
    if state.servers.is_dir():
        sweep_servers(state.servers)


def carry_out(
    order: Order,
    state: State,
    datasets: Sequence[Path],
    tell: Callable[[Where], None] = untold,
) -> Result:
    """Return what was found; servers and sandboxes of it are gone by then.

    *tell* is told what begins.
    Raises DatasetError where the dataset is not here, SandboxError where the change cannot be
    confined. What fails later is in the result.
    """
    settings = read_settings(order.settings, where="pyproject.toml of the target branch")
    dataset = _dataset(order, state, datasets, settings.project)
    driver = driver_of(settings.driver, settings.options, order.settings)
    repository = _repository(order, state, settings)
    name = f"{order.run}-{dataset.name}"
    sweep(state.work)
    with own_folder(state.work, name) as folder:
        folder.chmod(0o711)  # the code under test, a user of its own, passes through
        sandbox = find_sandbox(folder, trusted=order.trust_change or settings.trust_change)
        log = state.private(order.run) / f"{dataset.name}.log"
        maker = Maker(
            folder=state.environments,
            log=log,
            settings=settings,
            wheels=tuple(Path(each) for each in settings.wheels),
        )
        places = TreePlaces(
            repository=repository,
            maker=maker,
            sandbox=sandbox,
            settings=settings,
            folder=folder,
            log=log,
        )
        where = DatabasePlaces(
            runs=state.servers,
            states=state.databases,
            confined=sandbox.confined,
            seconds=settings.deadlines.restore,
            driver=settings.database_drivers.get(dataset.engine),
        )
        with open_database(dataset, where) as database, open_watch(database) as watch:
            job = Job(
                subject=_subject(order, repository),
                dataset=dataset,
                driver=driver,
                database=database,
                watch=watch,
                places=places,
                settings=settings,
                runs=order.runs,
                tell=lambda where: tell(replace(where, engine=dataset.engine.value)),
            )
            return job.run(order.run, again=order.again)


def _dataset(order: Order, state: State, folders: Sequence[Path], project: str | None) -> Dataset:
    for each in find_datasets(folders, project=project, cache=state.digests):
        if each.name == order.dataset:
            return each
    raise DatasetError(f"the dataset {order.dataset!r} is not on this machine")


def _repository(order: Order, state: State, settings: Settings) -> Repository:
    repository = open_repository(
        state.mirror(order.source), source=order.source, seconds=settings.deadlines.fetch
    )
    repository.update()
    if order.ref is not None:
        repository.fetch(order.ref, announced=order.head)
    return repository


def _subject(order: Order, repository: Repository) -> Subject:
    return Subject(
        project=order.project,
        base=order.base,
        head=order.head,
        change=repository.merge(order.base, order.head),
        touched=frozenset(order.touched),
        adds=order.adds,
        releases=order.releases,
    )
