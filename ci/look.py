"""Look: baseline and change, walked in turn until they can be compared.

Both are on the same server in the same minutes: what else the machine does hits both. The
first round is cold; the others are warm and are compared.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from ci.drivers import schema
from ci.errors import CiError, DeadlineError, SetupError
from ci.result import Failure, Rule, Walked
from ci.verdict import wants_more
from ci.where import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ci.publish import Publisher
    from ci.timing import Step
    from ci.verdict import Case
    from ci.walk import Walk

MORE = 3
"""So many times the runs that are asked for, where they are too unsteady to be compared."""
MORE_SECONDS = 600
"""No further ones after that."""
BASELINE, CHANGE = "baseline", "change"
"""The phases that are compared."""


def untold(_where: Where) -> None:
    """Tell nobody."""


@dataclass(slots=True, kw_only=True)
class Look:
    """Both trees, over one state of one database."""

    walks: Mapping[str, Walk]
    """How each tree is walked, by its phase."""
    start: str
    """The state that each walk begins at."""
    case: Case
    """What is known before anything is measured."""
    publisher: Publisher
    runs: int
    """How often each tree is walked, at least."""
    models: str | None = None
    """What the schema is compared with at the end."""
    tell: Callable[[Where], None] = untold
    _known: dict[str, tuple[Step, ...]] = field(default_factory=dict)
    """The steps of a walk that has come to its end, by its phase."""

    def once(self, *, cold: bool) -> Case:
        """Return what one look has measured, in words that may be published.

        Each tree is walked once before all others if *cold*. What fails is not walked again;
        what is too unsteady to be compared is, for a while. What was measured stays when
        something else goes wrong, which is the trouble of the case.
        """
        found: dict[str, list[Walked]] = {BASELINE: [], CHANGE: []}
        trouble, phase = None, ""
        try:
            for number in self._rounds(found, cold=cold):
                for phase in sorted(found, reverse=number % 2 == 0):
                    where = Where(phase=phase, run=number, runs=self.runs, again=not cold)
                    self._walk(where, found[phase])
        except (CiError, OSError) as error:
            trouble = trouble_of(error, phase)
        case = self._case(found)
        return replace(
            case,
            baseline=self.publisher.walked(case.baseline),
            change=self.publisher.walked(case.change),
            trouble=trouble,
        )

    def _rounds(self, found: Mapping[str, Sequence[Walked]], *, cold: bool) -> Iterator[int]:
        """Yield the number of each round, as long as there is something to be gained by one."""
        until = time.monotonic() + MORE_SECONDS
        for number in range(0 if cold else 1, MORE * self.runs + 1):
            more = number > self.runs
            if more and (time.monotonic() > until or not wants_more(self._case(found))):
                return
            yield number
            if any(_stopped(walks[-1]) for walks in found.values()):
                return

    def _walk(self, where: Where, walks: list[Walked]) -> None:
        """Walk one tree, and add what was measured to *walks*, whatever happens."""
        cold = where.run == 0

        def told(step: Step) -> None:
            self.tell(replace(where, step=self.publisher.step(step).title))

        self.tell(where)
        known = self._known.get(where.phase, ())
        walk = replace(self.walks[where.phase], cold=cold, known=known, tell=told)
        walk.database.reset(self.start)
        differences = None
        try:
            walk.run()
            if not walk.failures and cold and self.models is not None:
                differences = _differences(walk, self.models)
        finally:
            walks.append(
                Walked(
                    sha="",
                    timings=tuple(walk.timings),
                    failures=tuple(walk.failures),
                    schema=differences,
                )
            )
        self._known[where.phase] = tuple(walk.steps.values())

    def _case(self, found: Mapping[str, Sequence[Walked]]) -> Case:
        return replace(
            self.case,
            baseline=_joined(self.case.baseline.sha, found[BASELINE]),
            change=_joined(self.case.change.sha, found[CHANGE]),
        )


def _differences(walk: Walk, models: str) -> tuple[str, ...] | None:
    """Return how the schema differs from the *models* of the tree, if that can be told."""
    lines: list[bytes] = []
    walk.place.run(
        schema.compare(models),
        walk.database.migrating(),
        seconds=walk.deadlines.state,
        step="compare the schema",
        hear=lines.append,
    )
    return schema.read(b"\n".join(lines))


def _stopped(walked: Walked) -> bool:
    """Return whether a walk ended before its end."""
    return any(each.rule is not Rule.GUARD for each in walked.failures)


def _joined(sha: str, walks: Sequence[Walked]) -> Walked:
    """Return *walks* of one tree as one; what failed each time is there once."""
    failures = dict.fromkeys(each for walk in walks for each in walk.failures)
    schemas = [walk.schema for walk in walks if walk.schema is not None]
    return Walked(
        sha=sha,
        timings=tuple(each for walk in walks for each in walk.timings),
        failures=tuple(failures),
        schema=schemas[-1] if schemas else None,
    )


def trouble_of(error: CiError | OSError, phase: str = "") -> Failure:
    """Return *error* in a *phase* as a failure; what our own errors say may be published."""
    if isinstance(error, OSError):
        said = os.strerror(error.errno) if error.errno else type(error).__name__
        return Failure(rule=Rule.SETUP, said=f"the machine of the runner: {said}", phase=phase)
    step = error.step if isinstance(error, SetupError | DeadlineError) else phase
    rule = Rule.DEADLINE if isinstance(error, DeadlineError) else Rule.SETUP
    said = error.problem if isinstance(error, SetupError) else error.message
    cure = f"; {error.hint}" if error.hint else ""
    return Failure(rule=rule, said=f"{said}{cure}", phase=step)
