"""Walk: bring a database from where it is to where a tree ends, a timed step at a time.

What the tree under test says is heard, not believed: the server's own account of a step is
laid beside.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from ci.drivers.base import Refused
from ci.errors import DeadlineError, SetupError
from ci.heard import Heard, failure_of
from ci.result import Failure, Rule
from ci.settings import Deadlines
from ci.timing import Kind, Timing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from ci.databases.base import Access, Database
    from ci.drivers.base import Command, Driver, State
    from ci.measuring.base import Watch
    from ci.timing import Observation, Step

SLACK_SECONDS = 0.25
SLACK_SHARE = 0.1
"""What the server's account of a step may be above the tool's, for clocks and rounding."""
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
    failures: list[Failure] = field(default_factory=list)
    """What went wrong so far."""

    def timings(self) -> Iterator[Timing]:
        """Yield what was measured of each step.

        A contract that the guard refuses is left pending; any other failure ends the walk.
        """
        tried: set[tuple[str, str]] = set()
        while len(tried) < MOST_STEPS:
            step = self._next(tried)
            if step is None:
                return
            tried.add(step.key)
            timing, failure = self._run(step)
            if timing is not None:
                yield timing
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

    def _next(self, tried: set[tuple[str, str]]) -> Step | None:
        state = self._state()
        if isinstance(state, Refused):
            self.failures.append(replace(failure_of(state), phase=self.phase))
            return None
        return next((each for each in state.pending if each.key not in tried), None)

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
        self.watch.begin(self._tables(step))
        heard = self._hear(self.driver.run(step), seconds=seconds, step=step.name)
        spent = time.monotonic() - heard.begun
        sampled = step.kind is Kind.MOVE and heard.cut(step)
        span = heard.span(step)
        origin, until = span or (heard.begun, time.monotonic())
        seen = self.watch.end(origin=origin, until=until)
        if span is None:
            return None, _unended(heard, step)
        timing = Timing(
            step=step,
            seconds=until - origin,
            warm=not self.cold,
            observation=replace(seen, statements=seen.statements or heard.statements()),
            pace=heard.pace(scale=self.scale),
        )
        return timing, self._rest(step) if sampled else heard.failure or _mismatch(
            timing, seen, spent
        )

    def _rest(self, step: Step) -> Failure | None:
        """Move the rows that were not in the sample, untimed: a contract waits for them."""
        seconds = self.deadlines.upgrade
        return self._hear(self.driver.run(step), seconds=seconds, step=step.name).failure

    def _hear(self, command: Command, *, seconds: float, step: str) -> Heard:
        heard = Heard(driver=self.driver)
        try:
            status = self.place.run(
                command, self.database.migrating(), seconds=seconds, step=step, hear=heard.line
            )
            if status not in command.good and heard.failure is None:
                heard.failure = Failure(rule=Rule.FAILED, said=f"exit status {status}")
        except DeadlineError as error:
            heard.failure = Failure(rule=Rule.DEADLINE, said=f"more than {error.seconds:g} s")
        finally:
            self.database.end_sessions()
        return heard

    def _tables(self, step: Step) -> Sequence[str]:
        """Return the tables to probe: those that the step's file names, or the largest."""
        sizes = self.database.sizes()
        largest = sorted(sizes, key=lambda table: sizes[table][1], reverse=True)
        text = _text(self.place.root, step)
        named = [each for each in largest if each.rpartition(".")[2] in text]
        return named[:MOST_PROBED] or largest[:MOST_UNNAMED]


def _text(root: Path, step: Step) -> str:
    """Return what the file of *step* says; empty where there is none in the tree."""
    path = (root / (step.path or "")).resolve()
    if not path.is_relative_to(root.resolve()) or not path.is_file():
        return ""
    with path.open("rb") as file:
        return file.read(MOST_READ).decode("utf-8", "replace")


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
