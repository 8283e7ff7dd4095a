"""Work: one run of one patch set, in a process that can be ended at any moment.

`python -m ci.gerrit.work FOLDER` reads task.json in the private folder of the run and writes
outcome.json there. What it has planned, and each result, is kept as soon as it is known: the
same command, started again, goes on from there.
"""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping  # noqa: TC003 - msgspec reads the annotations
from contextlib import ExitStack
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click
import msgspec

from ci.checkout import open_repository
from ci.errors import AwayError, CheckoutError, CiError, ConflictError
from ci.gerrit.events import plain
from ci.gerrit.lines import line_of
from ci.history import open_history
from ci.order import Order  # noqa: TC001 - the same
from ci.request import FETCH_SECONDS, Request, orders_of
from ci.result import Colour
from ci.resume import done
from ci.scheduler import Address, Processes, Tls, cluster_at, kept
from ci.state import State
from ci.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import FrameType

    from ci.result import Result
    from ci.scheduler import Executor
    from ci.scheduler.cluster import Cluster
    from ci.timing import Step
    from ci.where import Where

TASK, PLAN, OUTCOME = "task.json", "plan.json", "outcome.json"
RESULTS = "results.db"
"""The history of this run alone: what of it is published is for who started it to say."""
STOPPED = 128 + signal.SIGTERM

Shape = TypeVar("Shape")


class How(StrEnum):
    """What came of a run."""

    RESULTS = "results"
    """They are in the history of the run."""
    NOTHING = "nothing"
    """The change touches nothing that matters."""
    CONFLICT = "conflict"
    LATER = "later"
    """Something was not there that may come: a server, a commit, a worker."""
    BROKEN = "broken"
    """The operator has to look: settings, datasets, the sandbox."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What is to be run."""

    state: str
    run: str
    source: str
    branch: str
    sha: str
    ref: str
    root: str
    folders: tuple[str, ...] = ()
    names: tuple[str, ...] = ()
    """These datasets alone, and none of them may be missing."""
    scheduler: str | None = None
    """Where workers are asked for; None: the jobs run on this machine."""
    certificates: tuple[str, ...] = ()
    """Files that the workers know us by: authority, certificate, key."""
    turn: int | None = None
    """The open file by which the daemon has the turn to measure here; None: it is to be had."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The jobs of a run, fixed before the first of them begins."""

    orders: tuple[Order, ...]
    folders: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Outcome:
    """How a run ended; nothing of it is from the change but paths of its files."""

    how: How
    said: str = ""
    """Why there are no results, in our words."""
    lines: Mapping[str, int] = field(default_factory=dict)
    """Files of the change that something was found in → where to say it."""


def main(arguments: Sequence[str]) -> int:
    """Carry out the task in the folder that is named, and keep what came of it."""
    signal.signal(signal.SIGTERM, _stop)
    folder = Path(arguments[0])
    task = read(folder / TASK, Task)
    if task is None:
        return 2
    write(folder / OUTCOME, work(task, folder))
    return 0


def work(task: Task, folder: Path) -> Outcome:
    """Return what came of *task*; what it has found is in the history of the run."""
    state = State(folder=Path(task.state)).make()
    try:
        with ExitStack() as stack:
            cluster = None if task.scheduler is None else stack.enter_context(_cluster(task))
            plan = read(folder / PLAN, Plan) or _plan(task, state, folder, cluster)
            executor = cluster or stack.enter_context(_processes(task, plan, state))
            results = _results(task, plan, state, executor)
        lines = dict(_lines(plan, results, state))
    except ConflictError as error:
        return Outcome(how=How.CONFLICT, said=plain(error.message))
    except (CheckoutError, AwayError) as error:
        return Outcome(how=How.LATER, said=_said(error))
    except CiError as error:
        return Outcome(how=How.BROKEN, said=_said(error))
    return Outcome(how=How.RESULTS if results else How.NOTHING, lines=lines)


def _cluster(task: Task) -> Cluster:
    assert task.scheduler is not None  # noqa: S101 - the caller has looked
    tls = None
    if task.certificates:
        ca, cert, key = map(Path, task.certificates)
        tls = Tls(ca=ca, cert=cert, key=key)
    # Whether that may go without certificates was asked when the daemon was started.
    return cluster_at(Address.parse(task.scheduler, tls=tls, insecure=True), tell=_tell)


def _processes(task: Task, plan: Plan, state: State) -> Processes:
    turn = None if task.turn is None else Turn.handed(state.turn, task.turn)
    return Processes(state, tuple(map(Path, plan.folders)), turn=turn, tell=_tell)


def _tell(order: Order, where: Where) -> None:
    """Say in the log of the run what begins."""
    click.echo(f"{order.dataset}: {where.said}", err=True)


def _plan(task: Task, state: State, folder: Path, cluster: Cluster | None) -> Plan:
    request = Request(
        run=task.run,
        source=task.source,
        base=f"refs/heads/{task.branch}",
        head=task.sha,
        ref=task.ref,
        root=Path(task.root),
        folders=tuple(map(Path, task.folders)),
        names=task.names,
        announced=None if cluster is None else cluster.datasets,
    )
    found = orders_of(request, state)
    plan = Plan(orders=found.orders, folders=tuple(map(str, found.folders)))
    write(folder / PLAN, plan)
    return plan


def _results(task: Task, plan: Plan, state: State, executor: Executor) -> tuple[Result, ...]:
    """Return the results of all orders; those that were there before are not carried out again.

    Raises the error of an order that could not be carried out, once all others are.
    """
    with open_history(state.private(task.run) / RESULTS) as history:
        todo = [each for each in plan.orders if done(each, history, state) is None]
        found = [each for _, each in kept(executor, todo, history, state)]
        for each in found:
            if isinstance(each, CiError):
                raise each
        return history.results(task.run)


def _lines(plan: Plan, results: Sequence[Result], state: State) -> Iterator[tuple[str, int]]:
    """Yield the files of the change that something was found in, and the line of it."""
    for path, step in _found_in(plan, results).items():
        statements = [
            statement
            for result in results
            for timing in (result.change.timings if result.change else ())
            if timing.step == step
            for statement in timing.observation.statements
        ]
        order = plan.orders[0]
        mirror = open_repository(
            state.mirror(order.source), source=order.source, seconds=FETCH_SECONDS
        )
        try:
            source = mirror.read(order.head, path)
        except CheckoutError:
            continue  # a link, or too large to be looked at
        if source is not None:
            longest = max(statements, key=lambda each: each.seconds, default=None)
            yield path, line_of(source.decode("utf-8", "replace"), longest.sql if longest else "")


def _found_in(plan: Plan, results: Sequence[Result]) -> Mapping[str, Step]:
    touched = {path for order in plan.orders for path in order.touched}
    return {
        finding.step.path: finding.step
        for result in results
        for finding in result.findings
        if finding.colour is not Colour.GREEN
        and finding.step
        and finding.step.path
        and finding.step.path in touched
    }


def _said(error: CiError) -> str:
    return plain(error.message if error.hint is None else f"{error.message} ({error.hint})")


def read(path: Path, shape: type[Shape]) -> Shape | None:
    """Return the document at *path*; None where there is none."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=shape)
    except FileNotFoundError:
        return None


def write(path: Path, document: object) -> None:
    """Write *document* to *path*, whole or not at all."""
    half = path.with_name(f".{path.name}.half")
    half.write_bytes(msgspec.json.encode(document))
    half.replace(path)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    """End in order: what is open is closed on the way out."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    sys.exit(STOPPED)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
