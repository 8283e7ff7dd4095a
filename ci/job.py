"""Job: one change on one dataset, from the dump to the document that says what was found.

Baseline and change are walked in turn, on the same server in the same minutes: what else
the machine does hits both. The first round is cold; the others are warm and are compared.
"""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from ci.drivers import schema
from ci.errors import CiError, DeadlineError, SetupError
from ci.publish import Publisher, Vocabulary, fit, paths_of, rounded, words_of
from ci.result import Allowed, Colour, Failure, Finding, Machine, Result, Rule, Walked
from ci.settings import Settings
from ci.verdict import Case, confirm, described, judge, suspicious, wants_more
from ci.walk import Walk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ci.databases.base import Database
    from ci.datasets.dataset import Dataset
    from ci.drivers.base import Driver
    from ci.measuring.base import Watch
    from ci.walk import Place

MORE = 3
"""So many times the runs that are asked for, where they are too unsteady to be compared."""
MORE_SECONDS = 600
"""No further ones after that."""
START = "start"
"""The state from which baseline and change are walked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What is tried: a change that is merged onto its target. Commits are named by their sha."""

    project: str
    base: str
    head: str
    """The change as its author has it."""
    change: str
    """The same, merged onto the target."""
    touched: frozenset[str] = frozenset()
    """Files of the change, from the root of the tree."""
    adds: bool = False
    """Whether new migrations are among them."""
    releases: Mapping[str, str] = field(default_factory=dict)
    """Name of a release → its commit, the oldest first."""


class Places(Protocol):
    """Makes trees ready: checks them out, and installs what they need."""

    def at(self, sha: str, phase: str) -> Place:
        """Return the place of a commit. Raises SetupError, with the *phase*, for none."""


@dataclass(slots=True, kw_only=True)
class Job:
    """What one job has at hand."""

    subject: Subject
    dataset: Dataset
    driver: Driver
    database: Database
    watch: Watch
    places: Places
    settings: Settings = field(default_factory=Settings)
    runs: int | None = None
    """How often a walk is repeated; None: as the dataset or the settings say."""

    def run(self, name: str, *, again: str = "") -> Result:
        """Return what was found; *name* is that of the run, *again* the command that repeats it."""
        began, clock = datetime.now(UTC), time.monotonic()
        machine = _machine(self.database)
        failures: tuple[Failure, ...] = ()
        baseline = change = None
        try:
            baseline, change, findings = self._compare(self._prepared())
        except (CiError, OSError) as error:
            failure = _setup_failure(error)
            failures = (failure,)
            said = described(failure)
            findings = (Finding(colour=Colour.RED, rule=failure.rule, said=said),)
        result = Result(
            run=name,
            project=self.subject.project,
            dataset=self.dataset.name,
            engine=self.dataset.engine,
            began=began.isoformat(timespec="seconds"),
            seconds=time.monotonic() - clock,
            baseline=baseline,
            change=change,
            budgets=tuple(self._allowed(change)),
            failures=failures,
            findings=findings,
            machine=machine,
            again=again,
        )
        return fit(rounded(result))

    def _allowed(self, change: Walked | None) -> Iterator[Allowed]:
        steps = dict.fromkeys(each.step for each in change.timings) if change else {}
        for step in steps:
            for budget in self.dataset.budgets.of(step).values():
                yield Allowed(step=step, budget=budget)

    def _prepared(self) -> str:
        """Bring the database to where the releases before the target branch end; keep that state.

        Return its name.
        """
        releases = _after(self.dataset.release, self.subject.releases)
        state = "-".join(
            [START, self.dataset.digest[:16], *(sha[:12] for sha in releases.values())]
        )
        if state in self.database.kept():
            self.database.reset(state)
        else:
            self.database.restore(self.dataset)
            for release, sha in releases.items():
                self._walk(self.places.at(sha, release), f"upgrade to {release}").upgrade()
            self.database.keep(state)
        return state

    def _compare(self, start: str) -> tuple[Walked, Walked, tuple[Finding, ...]]:
        places = {
            "baseline": self.places.at(self.subject.base, "baseline"),
            "change": self.places.at(self.subject.change, "change"),
        }
        publisher = self._publisher(places)
        case = self._look(start, places, publisher, cold=True)
        findings = judge(case)
        if suspicious(findings):
            again = self._look(start, places, publisher, cold=False)
            findings = confirm(findings, judge(again))
        return case.baseline, case.change, findings

    def _publisher(self, places: Mapping[str, Place]) -> Publisher:
        """Return what lets out only words of the target branch and of the files that change."""
        base, change = places["baseline"].root, places["change"].root
        touched = [each for each in self.subject.touched if (change / each).is_file()]
        paths = frozenset(paths_of(base)) | self.subject.touched
        vocabulary = Vocabulary.of(words_of(base), words_of(change, touched), paths)
        return Publisher(vocabulary, self.dataset.engine)

    def _look(
        self, start: str, places: Mapping[str, Place], publisher: Publisher, *, cold: bool
    ) -> Case:
        """Walk both trees in turn as often as is asked for, and once before that if *cold*.

        What fails is not walked again; what is too unsteady to be compared is, for a while.
        """
        found: dict[str, list[Walked]] = {name: [] for name in places}
        runs = self.runs or self.dataset.runs or self.settings.runs
        until = time.monotonic() + MORE_SECONDS
        for number in range(-1 if cold else 0, MORE * runs):
            if number >= runs and (time.monotonic() > until or not wants_more(self._case(found))):
                break
            for name in sorted(places, reverse=number % 2 == 1):
                self.database.reset(start)
                found[name].append(self._once(places[name], name, cold=number < 0))
            if any(_stopped(walks[-1]) for walks in found.values()):
                break
        case = self._case(found)
        return replace(
            case,
            baseline=publisher.walked(case.baseline),
            change=publisher.walked(case.change),
        )

    def _case(self, found: Mapping[str, Sequence[Walked]]) -> Case:
        return Case(
            baseline=_joined(self.subject.base, found["baseline"]),
            change=_joined(self.subject.head, found["change"]),
            budgets=self.dataset.budgets,
            touched=self.subject.touched,
            adds=self.subject.adds,
            judging=self.settings.verdict,
        )

    def _once(self, place: Place, name: str, *, cold: bool) -> Walked:
        walk = self._walk(place, name, cold=cold)
        timings = tuple(walk.timings())
        return Walked(
            sha="",
            timings=timings,
            failures=tuple(walk.failures),
            schema=self._schema(place) if cold and not walk.failures else None,
        )

    def _schema(self, place: Place) -> tuple[str, ...] | None:
        """Return how the schema differs from the models; None where there are none to ask."""
        if self.settings.models is None:
            return None
        lines: list[bytes] = []
        place.run(
            schema.compare(self.settings.models),
            self.database.migrating(),
            seconds=self.settings.deadlines.state,
            step="compare the schema",
            hear=lines.append,
        )
        return schema.read(b"\n".join(lines))

    def _walk(self, place: Place, phase: str, *, cold: bool = False) -> Walk:
        return Walk(
            place=place,
            driver=self.driver,
            database=self.database,
            watch=self.watch,
            phase=phase,
            deadlines=self.settings.deadlines,
            cold=cold,
            scale=self.dataset.scale,
        )


def _after(release: str | None, releases: Mapping[str, str]) -> Mapping[str, str]:
    """Return the releases after the one that the data is at; none where it does not say."""
    if release is None:
        return {}
    names = list(releases)
    if release not in names:
        raise SetupError(
            f"the settings know no release {release!r}",
            step="releases",
            hint=f"there are {', '.join(names) or 'none'}: [tool.ci.releases] in pyproject.toml",
        )
    return {name: releases[name] for name in names[names.index(release) + 1 :]}


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


def _setup_failure(error: CiError | OSError) -> Failure:
    """Return *error* as a failure; what our own errors say may be published."""
    if isinstance(error, OSError):
        said = os.strerror(error.errno) if error.errno else type(error).__name__
        return Failure(rule=Rule.SETUP, said=f"the machine of the runner: {said}")
    step = error.step if isinstance(error, SetupError | DeadlineError) else ""
    rule = Rule.DEADLINE if isinstance(error, DeadlineError) else Rule.SETUP
    said = error.problem if isinstance(error, SetupError) else error.message
    return Failure(rule=rule, said=said, phase=step)


def _machine(database: Database) -> Machine:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpus=os.cpu_count() or 1,
        memory_bytes=pages * size,
        load=os.getloadavg()[0],
        python=platform.python_version(),
        database=f"{database.engine.value} {database.version}",
    )
