"""Heard: what a command of the tree under test has said while it ran, with our own clock beside.

A moment that it names counts only if it lies between the start of the command and the moment
at which we heard of it.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from math import isfinite
from typing import TYPE_CHECKING

from ci.drivers.base import Batch, Began, Ended, Ran, Reason, Refused
from ci.numbers import rate
from ci.result import Failure, Rule
from ci.timing import Pace, Statement

if TYPE_CHECKING:
    from ci.drivers.base import Driver
    from ci.timing import Step

MOST_EVENTS = 200_000
"""Further ones are counted no more; a step of so many statements is slow by itself."""
MOST_STATEMENTS = 50
"""Of a step, the slowest, that are told."""

RULES = {Reason.GUARD: Rule.GUARD, Reason.HISTORY: Rule.DIVERGED, Reason.ERROR: Rule.FAILED}
UNINSTALLED = "a module is not installed; drivers of databases are named in requirements or extras"


def failure_of(refused: Refused) -> Failure:
    """Return *refused* as a failure, without its place."""
    return Failure(
        rule=RULES[refused.reason],
        said=UNINSTALLED if refused.error == "ModuleNotFoundError" else "",
        error=refused.error,
        sqlstate=refused.sqlstate,
        names=refused.names,
    )


@dataclass(slots=True, kw_only=True)
class Heard:
    """Events as they come."""

    driver: Driver
    begun: float = field(default_factory=time.monotonic)
    failure: Failure | None = None
    batches: list[Batch] = field(default_factory=list)
    _ran: list[Ran] = field(default_factory=list)
    _began: dict[str, float] = field(default_factory=dict)
    _ended: dict[str, float] = field(default_factory=dict)

    def line(self, line: bytes) -> None:
        """Take one line of output."""
        now = time.monotonic()
        match self.driver.read(line):
            case Began(version=version, at=at):
                self._began[version] = self._moment(at, now)
            case Ended(version=version, at=at):
                self._ended[version] = self._moment(at, now)
            case Ran() as ran if len(self._ran) < MOST_EVENTS:
                self._ran.append(ran)
            case Batch() as batch if len(self.batches) < MOST_EVENTS:
                self.batches.append(batch)
            case Refused() as refused:
                self.failure = failure_of(refused)

    def _moment(self, at: float, now: float) -> float:
        return at if self.begun <= at <= now else now

    def began(self, step: Step) -> bool:
        """Return whether *step* has begun."""
        return step.version in self._began

    def cut(self, step: Step) -> bool:
        """Take what was heard so far for a sample, if *step* was ended at its deadline."""
        late = self.failure is not None and self.failure.rule is Rule.DEADLINE
        if not late or not self.began(step) or not self.batches:
            return False
        self.failure = None
        self._ended[step.version] = time.monotonic()
        return True

    def span(self, step: Step) -> tuple[float, float] | None:
        """Return the moments at which *step* began and ended; None if it did not do both."""
        began, ended = self._began.get(step.version), self._ended.get(step.version)
        if began is None or ended is None or ended < began:
            return None
        return began, ended

    def statements(self) -> tuple[Statement, ...]:
        """Return the slowest statements: those of one text together, as it was told."""
        told: dict[str, list[float]] = {}
        for each in self._ran:
            told.setdefault(each.sql, []).append(each.seconds)
        found = (
            Statement(sql=sql, calls=len(seconds), seconds=sum(seconds))
            for sql, seconds in told.items()
        )
        return tuple(sorted(found, key=lambda each: -each.seconds)[:MOST_STATEMENTS])

    @property
    def rows(self) -> int:
        """How many rows moved, as far as it was told."""
        return sum(each.rows for each in self.batches)

    def pace(self, *, scale: float, rest: Heard | None = None) -> Pace | None:
        """Return how fast rows moved; None without a batch that moved some.

        There are *scale* rows in production for each row here: those of this sample, and of the
        *rest*.
        """
        moved = [each for each in self.batches if each.rows > 0 and each.seconds > 0]
        if not moved:
            return None
        found, low, high = rate([each.rows for each in moved], [each.seconds for each in moved])
        if not isfinite(found):
            return None
        whole = rest is None or rest.failure is None
        return Pace(
            moved=self.rows,
            batches=len(moved),
            rows_per_second=found,
            low=low,
            high=high if isfinite(high) else None,
            production_rows=round((self.rows + (rest.rows if rest else 0)) * scale)
            if whole
            else None,
        )
