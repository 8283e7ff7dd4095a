"""Daemon: listens to a server, runs what it is asked for, and posts what came of it."""

from __future__ import annotations

import logging
import os
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.folders import locked
from ci.environment import prune
from ci.errors import ConfigurationError, UnwantedError
from ci.gerrit.jobs import State
from ci.gerrit.login import SECRETS
from ci.gerrit.work import OUTCOME, RESULTS, TASK, How, Outcome, Task, read, write
from ci.history import open_history
from ci.pages import publish, retire
from ci.programs import Program, start
from ci.resume import forget_private

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from threading import Event as Signal

    from ci.gerrit.intake import Intake
    from ci.gerrit.jobs import Job
    from ci.gerrit.poster import Poster
    from ci.gerrit.queue import Queue
    from ci.gerrit.stream import Told
    from ci.programs import Running
    from ci.scheduler import Address
    from ci.settings import Settings
    from ci.state import State as Folders
    from ci.turn import Turn

LOG = logging.getLogger("ci.gerrit")
LOOK_SECONDS = 0.3
"""Between two looks at whether a run was cancelled."""
TICK_SECONDS = 20
TIDY_SECONDS = 86_400
GRACE_SECONDS = 60
"""In which a run that is ended takes down its servers and removes its folders."""
WORKER = (sys.executable, "-P", "-m", "ci.gerrit.work")


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What is run, and where it comes from."""

    source: str
    """What git fetches from."""
    root: Path
    """Where folders of datasets in settings are found from."""
    folders: tuple[Path, ...] = ()
    """Folders of datasets, instead of those of the settings."""
    names: tuple[str, ...] = ()
    """These datasets alone, and none of them may be missing."""
    settings: Settings
    """Of the operator; what is run is said by each target branch."""
    address: Address | None = None
    """Of the scheduler whose workers carry the jobs out; None: they run on this machine."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Daemon:
    """What is at hand."""

    project: Project
    folders: Folders
    queue: Queue
    intake: Intake
    poster: Poster
    turn: Turn
    stop: Signal
    workers: int = 1
    worker: Sequence[str] = WORKER
    """The program of one run; the private folder of it is added."""
    environment: Mapping[str, str] = field(default_factory=dict)
    """What a run is told beside our own variables."""

    def serve(self, told: Iterable[Told]) -> None:
        """Do all there is to do while events come, until we are told to stop."""
        self._start_over()
        with ThreadPoolExecutor(self.workers + 1) as pool:
            tasks = [pool.submit(self._work) for _ in range(self.workers)]
            tasks.append(pool.submit(self._tick))
            for task in tasks:
                task.add_done_callback(lambda _: self.stop.set())
            try:
                for each in told:
                    self.intake.hear(each)
            finally:
                self.stop.set()
        for task in tasks:
            task.result()

    def once(self) -> int:
        """Catch up, do what there is to do now, and return how much of it could not be done."""
        self._start_over()
        before = self.queue.count(State.FAILED)
        missing = 0 if self.intake.catch_up() else 1
        with ThreadPoolExecutor(self.workers) as pool:
            tasks = [pool.submit(self._work_off) for _ in range(self.workers)]
        for task in tasks:
            task.result()
        self.poster.post_all()
        left = self.queue.count(State.PENDING, State.RUNNING, State.DONE)
        return left + self.queue.count(State.FAILED) - before + missing

    def _start_over(self) -> None:
        taken = self.queue.recover()
        if taken:
            LOG.info("%d runs go on where they were", taken)

    def _work(self) -> None:
        while not self.stop.is_set():
            if not self._work_off():
                self.stop.wait(LOOK_SECONDS)

    def _work_off(self) -> int:
        """Run the jobs that there are, and return how many there were."""
        found = 0
        while not self.stop.is_set() and (job := self.queue.take()):
            found += 1
            self._run(job)
        return found

    def _tick(self) -> None:
        """Post what is done, catch up where that failed, and clear away what is old."""
        tidied = 0.0
        while not self.stop.is_set():
            self.poster.post_all()
            if self.intake.behind:
                self.intake.catch_up()
            if time.time() - tidied > TIDY_SECONDS:
                self._tidy()
                tidied = time.time()
            self.stop.wait(TICK_SECONDS)

    def _run(self, job: Job) -> None:
        if self.project.address is not None:
            self._try(job)  # the machines of the workers have turns of their own
            return
        try:
            with self.turn.held(f"run {job.run}", lambda: self._unwanted(job)) as turn:
                self._try(job, turn)
        except UnwantedError:
            self._let_go(job)

    def _try(self, job: Job, turn: int | None = None) -> None:
        LOG.info("%s: running", job)
        folder = self.folders.private(job.run)
        write(folder / TASK, self._task(job, turn))
        (folder / OUTCOME).unlink(missing_ok=True)
        program = Program(
            arguments=(*self.worker, folder),
            environment=self._variables(),
            grace=GRACE_SECONDS,
            files=() if turn is None else (turn,),
        )
        with start(program, log=folder / "runner.log") as running:
            ended = self._watch(job, running)
        if ended:
            self._conclude(job, read(folder / OUTCOME, Outcome))

    def _watch(self, job: Job, running: Running) -> bool:
        """Return whether the run came to its end; otherwise nothing of it is left."""
        while running.status is None:
            if self._unwanted(job):
                running.stop()
                self._let_go(job)
                return False
            self.stop.wait(LOOK_SECONDS)
        return True

    def _unwanted(self, job: Job) -> bool:
        return self.stop.is_set() or self.queue.state(job.run) is not State.RUNNING

    def _let_go(self, job: Job) -> None:
        """Put back what we are too late for; say so of what was cancelled."""
        if self.queue.state(job.run) is State.RUNNING:
            self.queue.put_back(job.run)
        else:
            LOG.info("%s: cancelled", job)

    def _conclude(self, job: Job, outcome: Outcome | None) -> None:
        if outcome is None or outcome.how is How.LATER:
            said = outcome.said if outcome else "the run ended before it had an outcome"
            again = self.queue.later(job.run, State.RUNNING, said=said)
            LOG.warning("%s: %s; %s", job, said, "again later" if again else "given up")
        elif outcome.how is How.BROKEN:
            self.queue.finish(job.run, State.FAILED, said=outcome.said)
            LOG.error("%s: %s", job, outcome.said)
        elif outcome.how is How.RESULTS:
            self._publish(job)
            self.queue.finish(job.run, State.DONE)
            self.poster.post_all()
        else:
            LOG.info("%s: nothing to say: %s", job, outcome.how)
            self.queue.finish(job.run, State.SILENT, said=outcome.said)

    def _publish(self, job: Job) -> None:
        """Let a run that came to its end be in the history; no other ever is."""
        contact = self.project.settings.contact
        own = self.folders.private(job.run) / RESULTS
        with open_history(own) as found, open_history(self.folders.history) as history:
            for each in found.results(job.run):
                history.add(each)
            publish(history, job.run, self.folders.pages, contact=contact)

    def _tidy(self) -> None:
        """Remove what is older than the settings keep it, and environments that nobody uses."""
        days = self.project.settings.retention_days
        with open_history(self.folders.history) as history:
            retire(history, self.folders.pages, days=days)
        forget_private(self.folders, days=days)
        prune(self.folders.environments, days=days)

    def _task(self, job: Job, turn: int | None) -> Task:
        address = self.project.address
        tls = address.tls if address else None
        return Task(
            state=str(self.folders.folder),
            run=job.run,
            source=self.project.source,
            branch=job.change.branch,
            sha=job.patch_set.revision,
            ref=job.ref,
            turn=turn,
            root=str(self.project.root),
            folders=tuple(map(str, self.project.folders)),
            names=self.project.names,
            scheduler=address.url if address else None,
            certificates=tuple(map(str, (tls.ca, tls.cert, tls.key))) if tls else (),
        )

    def _variables(self) -> Mapping[str, str]:
        """Return our variables without our secrets, and where this package is."""
        ours = {name: value for name, value in os.environ.items() if name not in SECRETS}
        return {**ours, "PYTHONPATH": str(Path(__file__).parents[2]), **self.environment}


@contextmanager
def alone(folder: Path) -> Iterator[None]:
    """Be the only daemon of a state folder. Raises ConfigurationError where there is another."""
    with locked(folder / "daemon.lock", wait=False) as ours:
        if not ours:
            raise ConfigurationError(
                f"another daemon works in {folder.parent}", hint="give this one its own --state"
            )
        yield
