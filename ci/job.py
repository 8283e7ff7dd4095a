"""Job: one change on one dataset, from the dump to the document that says what was found."""

from __future__ import annotations

import os
import platform
import time
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Protocol

from ci.errors import CiError, SetupError
from ci.look import BASELINE, CHANGE, Look, trouble_of, untold
from ci.publish import Publisher, Vocabulary, fit, paths_of, rounded, words_of
from ci.result import Allowed, Machine, Result, Walked
from ci.settings import Settings
from ci.verdict import Case, confirm, cut_short, judge, suspicious
from ci.walk import Walk
from ci.where import Where

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ci.databases.base import Database
    from ci.datasets.dataset import Dataset
    from ci.drivers.base import Driver
    from ci.measuring.base import Watch
    from ci.result import Finding
    from ci.walk import Place

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
    tell: Callable[[Where], None] = untold
    """Is told what begins."""

    def run(self, name: str, *, again: str = "") -> Result:
        """Return what was found; *name* is that of the run, *again* the command that repeats it."""
        began, clock = datetime.now(UTC), time.monotonic()
        machine = _machine(self.database)
        case, findings = self._found()
        result = Result(
            run=name,
            project=self.subject.project,
            dataset=self.dataset.name,
            engine=self.dataset.engine,
            began=began.isoformat(timespec="seconds"),
            seconds=time.monotonic() - clock,
            baseline=case.baseline,
            change=case.change,
            budgets=tuple(self._allowed(case.change)),
            failures=(case.trouble,) if case.trouble else (),
            findings=findings,
            machine=machine,
            again=again,
        )
        return fit(rounded(result))

    def _found(self) -> tuple[Case, tuple[Finding, ...]]:
        """Return what was measured, and what was found in it."""
        try:
            look = self._look(self._prepared())
        except (CiError, OSError) as error:
            case = replace(self._case(), trouble=trouble_of(error))
            return case, judge(case)
        case = look.once(cold=True)
        findings = judge(case)
        if suspicious(findings):
            second = look.once(cold=False)
            if second.trouble is not None:
                return replace(case, trouble=second.trouble), cut_short(findings, second.trouble)
            findings = confirm(findings, judge(second))
        return case, findings

    def _allowed(self, change: Walked) -> Iterator[Allowed]:
        for step in dict.fromkeys(each.step for each in change.timings):
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
        self.tell(Where(phase="restore"))
        if state in self.database.kept():
            self.database.reset(state)
            return state
        self.database.restore(self.dataset)
        for release, sha in releases.items():
            phase = f"upgrade to {release}"
            self.tell(Where(phase=phase))
            self._walk(self.places.at(sha, release), phase).upgrade()
        self.database.keep(state)
        return state

    def _look(self, start: str) -> Look:
        """Return how both trees are looked at, once they are installed."""
        self.tell(Where(phase="install"))
        places = {
            BASELINE: self.places.at(self.subject.base, BASELINE),
            CHANGE: self.places.at(self.subject.change, CHANGE),
        }
        return Look(
            walks={phase: self._walk(place, phase) for phase, place in places.items()},
            start=start,
            case=self._case(),
            publisher=self._publisher(places),
            runs=self.runs or self.dataset.runs or self.settings.runs,
            models=self.settings.models,
            tell=self.tell,
        )

    def _publisher(self, places: Mapping[str, Place]) -> Publisher:
        """Return what lets out only words of the target branch and of the files that change."""
        base, change = places[BASELINE].root, places[CHANGE].root
        touched = [each for each in self.subject.touched if (change / each).is_file()]
        paths = frozenset(paths_of(base)) | self.subject.touched
        vocabulary = Vocabulary.of(words_of(base), words_of(change, touched), paths)
        return Publisher(vocabulary, self.dataset.engine)

    def _case(self) -> Case:
        """Return what is known before anything is measured."""
        return Case(
            baseline=Walked(sha=self.subject.base),
            change=Walked(sha=self.subject.head),
            budgets=self.dataset.budgets,
            touched=self.subject.touched,
            adds=self.subject.adds,
            judging=self.settings.verdict,
        )

    def _walk(self, place: Place, phase: str) -> Walk:
        return Walk(
            place=place,
            driver=self.driver,
            database=self.database,
            watch=self.watch,
            phase=phase,
            deadlines=self.settings.deadlines,
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


def _machine(database: Database) -> Machine:
    pages, size = os.sysconf("SC_PHYS_PAGES"), os.sysconf("SC_PAGE_SIZE")
    return Machine(
        cpus=os.cpu_count() or 1,
        memory_bytes=pages * size,
        load=os.getloadavg()[0],
        python=platform.python_version(),
        database=f"{database.engine.value} {database.version}",
    )
