"""Poster: puts the review of each run that is done on the server, once."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from threading import Lock
from typing import TYPE_CHECKING, Any

import tenacity
from tenacity import Retrying

from ci.errors import ReviewError
from ci.gerrit.jobs import State
from ci.gerrit.review import mark_of, review, without_extras
from ci.gerrit.server import RefusedError
from ci.gerrit.work import OUTCOME, Outcome, read
from ci.history import open_history
from ci.pages import view_of

if TYPE_CHECKING:
    from threading import Event as Signal

    from ci.gerrit.jobs import Job
    from ci.gerrit.queue import Queue
    from ci.gerrit.server import Known, Server
    from ci.report.view import View
    from ci.settings import Gerrit
    from ci.state import State as Folders

LOG = logging.getLogger("ci.gerrit")
ATTEMPTS = 3
MOST = 30
"""So often a review is tried again later: for a bit more than a day."""
EXTRAS_REFUSED = {400, 403, 409, 422}
"""Answers to a vote that is not ours to give, or on a change that was closed meanwhile, and to a
comment on a file that is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Poster:
    """What is needed to post reviews."""

    server: Server
    queue: Queue
    folders: Folders
    settings: Gerrit
    contact: str | None
    stop: Signal
    slowest: float = 20
    """Seconds between two attempts, at most."""
    _turn: Lock = field(default_factory=Lock)

    def post_all(self) -> None:
        """Post the reviews that are due; threads take turns, for each is posted once."""
        with self._turn:
            for job in self.queue.unposted():
                if self.stop.is_set():
                    return
                self.post(job)

    def post(self, job: Job) -> None:
        """Post the review of a job that is done, unless it is on the server already."""
        view = self._view(job)
        if view is None:
            self._fail(job, "its results are not in the history")
            return
        try:
            self._try(job, view)
        except RefusedError as error:
            self._fail(job, error.message)
        except ReviewError as error:
            again = self.queue.later(job.run, State.DONE, most=MOST, said=error.message)
            said = "again later" if again else "given up"
            LOG.warning("%s: not posted: %s; %s", job, error.message, said)

    def _try(self, job: Job, view: View) -> None:
        attempts = Retrying(
            stop=tenacity.stop_any(
                tenacity.stop_after_attempt(ATTEMPTS), tenacity.stop_when_event_set(self.stop)
            ),
            wait=tenacity.wait_random_exponential(max=self.slowest),
            retry=tenacity.retry_if_exception(_is_passing),
            sleep=tenacity.sleep_using_event(self.stop),
            reraise=True,
        )
        state = attempts(self._send, job, view)
        self.queue.posted(job.run, state)
        LOG.info("%s: %s", job, state)

    def _send(self, job: Job, view: View) -> State:
        """Send the review, and return what the job is then.

        What was sent before, and never heard of again, may have come in all the same.
        """
        known = self.server.look(job.change.project, job.change.number)
        if known is None:
            raise RefusedError("the change is not there any more, or not for us", status=404)
        if self._is_there(job, known):
            return State.POSTED
        if known.change.private:
            return State.SILENT
        current = known.change.open and known.patch_set.revision == job.patch_set.revision
        outcome = read(self.folders.private(job.run) / OUTCOME, Outcome)
        lines = outcome.lines if outcome else {}
        said = review(view, self.settings, lines=lines, current=current)
        try:
            self._post(job, said)
        except RefusedError as error:
            if error.status not in EXTRAS_REFUSED or said.keys() == without_extras(said).keys():
                raise
            LOG.warning("%s: %s; posted without votes and comments", job, error.message)
            self._post(job, without_extras(said))
        return State.POSTED

    def _post(self, job: Job, said: dict[str, Any]) -> None:
        self.server.post(job.change.project, job.change.number, job.patch_set, said)

    def _is_there(self, job: Job, known: Known) -> bool:
        ours = {"", self.settings.user}
        mark = mark_of(job.run)
        return any(mark in each.text and each.author in ours for each in known.messages)

    def _view(self, job: Job) -> View | None:
        with open_history(self.folders.history) as history:
            return view_of(history, job.run, contact=self.contact)

    def _fail(self, job: Job, said: str) -> None:
        LOG.error("%s: never posted: %s", job, said)
        self.queue.posted(job.run, State.FAILED, said=said)


def _is_passing(error: BaseException) -> bool:
    return isinstance(error, ReviewError) and not isinstance(error, RefusedError)
