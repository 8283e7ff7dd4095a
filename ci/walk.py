"""Walk: bring a database from where it is to where a tree ends, a timed step at a time.

What the tree under test says is heard, not believed: the server's own account of a step is
laid beside.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol, TypeAlias

from ci.drivers.base import Refused
from ci.errors import DeadlineError, SetupError
from ci.heard import Heard, failure_of
from ci.result import Failure, Rule
from ci.settings import Deadlines
from ci.timing import Kind, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from ci.databases.base import Access, Database
    from ci.drivers.base import Command, Driver, State
    from ci.measuring.base import Watch
    from ci.timing import Counters, Observation, Step

SLACK_SECONDS = 0.25
SLACK_SHARE = 0.1
"""What the server's account of a step may be above the tool's, for clocks and rounding."""
KILLED = 128
"""Above it are exit statuses of what a signal ended."""
SLACK_BESIDE = 0.1
MOST_BESIDE = 10.0
"""What a tool looks up before and after a step is in that account: a share of the seconds that
its command took beside the step, which are more where the machine is busy. Further seconds buy
nothing, or whoever waits for long could hide what is worked meanwhile."""
MOST_STEPS = 10_000
"""A tree with more of them never ends."""
MOST_PROBED = 20
"""Tables that are probed during a step."""
MOST_UNNAMED = 5
"""The largest, that are probed where the step's file names none."""
MOST_READ = 1 << 20
"""Bytes of a migration in which its tables are looked for."""

Sizes: TypeAlias = "Mapping[str, tuple[int, int, int]]"
"""Name of a table → its rows, and bytes of it and of its indexes."""


class Place(Protocol):
    """A tree with its environment, where its commands are run in the sandbox."""

    @property
    def root(self) -> Path:
        """Return the folder of the tree."""

    def run(
        self,
        command: Command,
        access: Access,
        *,
        seconds: float,
        step: str,
        hear: Callable[[bytes], None],
    ) -> int:
        """Run *command*, tell *hear* each line that it prints, and return its exit status.

        Raises DeadlineError after *seconds*, when nothing of it runs any more.
        """


def _silent(_step: Step) -> None:
    pass


@dataclass(slots=True, kw_only=True)
class Walk:
    """One way up, of one tree, over one database that is at its start."""

    place: Place
    driver: Driver
    database: Database
    watch: Watch
    phase: str
    """Baseline, change, or the release that is upgraded to."""
    deadlines: Deadlines = field(default_factory=Deadlines)
    cold: bool = False
    """Whether the database's memory is emptied before each step."""
    scale: float = 1.0
    """Rows of production for each row here."""
    known: Sequence[Step] = ()
    """What the tree has run from this start before; what else there is, it is asked after that."""
    tell: Callable[[Step], None] = _silent
    """Is told each step before it begins."""
    steps: dict[tuple[str, str], Step] = field(default_factory=dict, init=False)
    """What was run so far, or is at this moment, by its key."""
    timings: list[Timing] = field(default_factory=list, init=False)
    """What was measured so far; it stays when the walk is cut short."""
    failures: list[Failure] = field(default_factory=list, init=False)
    """What went wrong so far."""
    _sizes: Sizes = field(default_factory=dict)
    """Of the tables after the last step; empty where they are not known."""

    def run(self) -> None:
        """Measure each step.

        A contract that the guard refuses is left pending; any other failure ends the walk.
        Raises what is no fault of a step: SetupError, DeadlineError, ToolError, OSError.
        """
        for step in self._steps():
            self.tell(step)
            timing, failure = self._run(step)
            if timing is not None:
                self.timings.append(timing)
            if failure is not None:
                self.failures.append(replace(failure, step=step, phase=self.phase))
                if failure.rule is not Rule.GUARD:
                    return

    def upgrade(self) -> None:
        """Bring the database to where the tree ends, untimed. Raises SetupError."""
        for command in self.driver.upgrade():
            heard = self._hear(command, seconds=self.deadlines.upgrade, step=self.phase)
            if heard.failure is not None:
                raise SetupError(
                    "the tree does not bring the database to its end",
                    step=self.phase,
                    hint="the run's private folder has all that it said",
                )

    def _steps(self) -> Iterator[Step]:
        """Yield what is to be run, each step once; ask where the list may have grown, and last."""
        left = list(self.known)
        asked = False
        last: Step | None = None
        while len(self.steps) < MOST_STEPS:
            if not left or (asked and _declares(last, left[0])):
                left, asked = self._pending(), True
                if not left:
                    return
            last = left.pop(0)
            self.steps[last.key] = last
            yield last

    def _pending(self) -> list[Step]:
        """Return what the tree has still to run; nothing where it refuses to say."""
        state = self._state()
        if isinstance(state, Refused):
            self.failures.append(replace(failure_of(state), phase=self.phase))
            return []
        stuck = [each for each in state.pending if self._seems_done(each)]
        if stuck:
            said = "it told its end, and is pending still"
            self.failures += [
                Failure(rule=Rule.UNFINISHED, said=said, step=each, phase=self.phase)
                for each in stuck
            ]
            return []
        return list(
            {each.key: each for each in state.pending if each.key not in self.steps}.values()
        )

    def _seems_done(self, step: Step) -> bool:
        """Return whether *step* was run and did not fail; data may go on to move until later."""
        failed = {each.step.key for each in self.failures if each.step}
        return step.kind is not Kind.MOVE and step.key in self.steps and step.key not in failed

    def _state(self) -> State | Refused:
        lines: list[bytes] = []
        where = f"{self.phase}: state"
        self.place.run(
            self.driver.state(),
            self.database.migrating(),
            seconds=self.deadlines.state,
            step=where,
            hear=lines.append,
        )
        try:
            return self.driver.read_state(b"\n".join(lines))
        except SetupError as error:
            raise SetupError(error.problem, step=where, hint=error.hint) from None

    def _run(self, step: Step) -> tuple[Timing | None, Failure | None]:
        if self.cold:
            self.database.cool()
        seconds = self.deadlines.move if step.kind is Kind.MOVE else self.deadlines.step
        before = self._sizes or self.database.sizes()
        self.watch.begin(self._tables(step, before))
        heard = self._hear(self.driver.run(step), seconds=seconds, step=step.name)
        spent = time.monotonic() - heard.begun
        sampled = step.kind is Kind.MOVE and heard.cut(step)
        span = heard.span(step)
        origin, until = span or (heard.begun, time.monotonic())
        seen = self.watch.end(origin=origin, until=until)
        after = self._sizes = self.database.sizes()
        if span is None:
            return None, _unended(heard, step)
        rest = self._rest(step) if sampled else None
        timing = Timing(
            step=step,
            seconds=until - origin,
            warm=not self.cold,
            observation=replace(
                seen,
                statements=seen.statements or heard.statements(),
                counters=grown(seen.counters, before, after),
            ),
            pace=heard.pace(scale=self.scale, rest=rest),
        )
        if rest is not None:
            return timing, rest.failure
        return timing, heard.failure or _mismatch(timing, seen, spent)

    def _rest(self, step: Step) -> Heard:
        """Move the rows that were not in the sample, untimed: a contract waits for them."""
        self._sizes = {}
        return self._hear(self.driver.run(step), seconds=self.deadlines.upgrade, step=step.name)

    def _hear(self, command: Command, *, seconds: float, step: str) -> Heard:
        heard = Heard(driver=self.driver)
        try:
            status = self.place.run(
                command, self.database.migrating(), seconds=seconds, step=step, hear=heard.line
            )
            if status not in command.good and heard.failure is None:
                heard.failure = Failure(rule=Rule.FAILED, said=_ending(status))
        except DeadlineError as error:
            heard.failure = Failure(rule=Rule.DEADLINE, said=f"more than {error.seconds:g} s")
        finally:
            self.database.end_sessions()
        return heard

    def _tables(self, step: Step, sizes: Sizes) -> Sequence[str]:
        """Return the tables to probe: those that the step's file names, or the largest."""
        largest = sorted(sizes, key=lambda table: sizes[table][1], reverse=True)
        text = _text(self.place.root, step)
        named = [each for each in largest if each.rpartition(".")[2] in text]
        return named[:MOST_PROBED] or largest[:MOST_UNNAMED]


def grown(counters: Counters, before: Sizes, after: Sizes) -> Counters:
    """Return *counters* with the bytes by which tables and indexes have grown."""
    tables, indexes = (
        sum(each[part] for each in after.values()) - sum(each[part] for each in before.values())
        for part in (1, 2)
    )
    return replace(counters, table_growth=tables, index_growth=indexes)


def _declares(last: Step | None, following: Step) -> bool:
    """Return whether *last* may have added movements of data before *following*.

    Only an expand declares some; they are moved before the contract that waits for them.
    """
    expanded = last is not None and last.kind is Kind.EXPAND
    return expanded and following.kind is not Kind.EXPAND


def _text(root: Path, step: Step) -> str:
    """Return what the file of *step* says; empty where there is none in the tree."""
    path = (root / (step.path or "")).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(MOST_READ).decode("utf-8", "replace")


def _ending(status: int) -> str:
    """Return how a command ended, and no more: what status it is, the code under test chooses."""
    return "a signal ended it" if status > KILLED else "exit status not 0"


def _unended(heard: Heard, step: Step) -> Failure:
    """Return why a command did not say that *step* has ended, as far as it told."""
    if heard.failure is None:
        rule = Rule.UNFINISHED if heard.began(step) else Rule.FAILED
        said = "no end was told" if heard.began(step) else "nothing was told"
        return Failure(rule=rule, said=said)
    died = heard.failure.rule is Rule.FAILED and not heard.failure.error
    if died and heard.began(step):
        return replace(heard.failure, rule=Rule.UNFINISHED)
    return heard.failure


def _mismatch(timing: Timing, seen: Observation, spent: float) -> Failure | None:
    """Return a failure when the server worked longer for a step than it says it took.

    Its command took the seconds *spent*.
    """
    worked = sum(each.seconds for each in seen.statements)
    beside = min(max(spent - timing.seconds, 0.0), MOST_BESIDE)
    slack = SLACK_SECONDS + SLACK_SHARE * timing.seconds + SLACK_BESIDE * beside
    if worked <= timing.seconds + slack:
        return None
    return Failure(rule=Rule.MISMATCH, said="the server worked for longer than it took")
