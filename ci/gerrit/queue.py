"""Queue: what there is to do and what was done, in a file of SQLite that survives a kill.

A job is one run of one patch set: pending → running → done → posted. What was running when the
daemon was killed is pending again, under the same name, so that it goes on where it was.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from ci.gerrit.jobs import ACTIVE, JOBS, MARKS, Job, State, job_of, open_engine
from ci.gerrit.triggers import Act

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from typing import Self

    from sqlalchemy.engine import Connection, Row

    from ci.gerrit.events import Change, PatchSet

ATTEMPTS = 3
AGAIN_SECONDS = 60
"""Until what failed is tried again: so long, then twice that, and so on."""
LONGEST_SECONDS = 3600
SLACK_SECONDS = 10
"""An event is made a little later than the comment that it tells of."""


class Queue:
    """Jobs; a context that holds the file open. Any thread may use it."""

    def __init__(self, path: Path, *, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._engine = open_engine(path)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def _reading(self) -> Connection:
        return self._engine.connect().execution_options(reading=True)

    def ask(
        self, run: str, change: Change, patch_set: PatchSet, *, asked: int, act: Act = Act.RUN
    ) -> bool:
        """Add a run of a patch set where *act* asks for one and there is none; say whether.

        Runs of older patch sets end, and those of another commit under the same number. An older
        patch set than one that we know is not added.
        """
        with self._engine.begin() as connection:
            known = connection.execute(_of(change)).all()
            if any(each.patch_set > patch_set.number for each in known):
                return False
            ended = _cancel(connection, change, ~_is_of(patch_set))
            same = [
                each
                for each in known
                if (each.patch_set, each.sha) == (patch_set.number, patch_set.revision)
            ]
            if not _is_wanted(act, same, asked=asked, ended=ended):
                _answer(connection, same, asked)
                return False
            connection.execute(
                JOBS.insert().values(
                    run=run,
                    project=change.project,
                    branch=change.branch,
                    change=change.number,
                    patch_set=patch_set.number,
                    sha=patch_set.revision,
                    state=State.PENDING,
                    asked=asked,
                )
            )
        return True

    def knows(self, change: Change) -> bool:
        """Return whether there is, or was, a run of a change."""
        with self._reading() as connection:
            return connection.execute(_of(change)).first() is not None

    def cancel(self, change: Change) -> int:
        """End all runs of a change; return how many."""
        with self._engine.begin() as connection:
            return _cancel(connection, change, sa.true())

    def take(self) -> Job | None:
        """Return the next job, which is running from now on; None where there is none."""
        with self._engine.begin() as connection:
            due = (JOBS.c.state == State.PENDING) & (JOBS.c.not_before <= self._clock())
            row = connection.execute(JOBS.select().where(due).order_by(JOBS.c.id)).first()
            if row is None:
                return None
            tried = row.attempts + 1
            _set(connection, row.run, State.PENDING, state=State.RUNNING, attempts=tried)
        return job_of(row)

    def finish(self, run: str, state: State, *, said: str = "") -> bool:
        """Say how a running job ended; say whether it was not cancelled meanwhile."""
        with self._engine.begin() as connection:
            return _set(connection, run, State.RUNNING, state=state, said=said, attempts=0)

    def put_back(self, run: str) -> None:
        """Let a running job, which we have stopped, go on later."""
        with self._engine.begin() as connection:
            _set(connection, run, State.RUNNING, state=State.PENDING, attempts=JOBS.c.attempts - 1)

    def later(self, run: str, was: State, *, most: int = ATTEMPTS, said: str = "") -> bool:
        """Let what failed be tried again later; say whether it is: after so many it has failed."""
        with self._engine.begin() as connection:
            tried = connection.scalars(sa.select(JOBS.c.attempts).where(JOBS.c.run == run)).one()
            # A job that runs counts from its start on; one that is to be posted from here on.
            tried += was is State.DONE
            if tried >= most:
                _set(connection, run, was, state=State.FAILED, said=said)
                return False
            wait = min(AGAIN_SECONDS * 2 ** (tried - 1), LONGEST_SECONDS)
            state = State.DONE if was is State.DONE else State.PENDING
            due = {"not_before": self._clock() + wait, "attempts": tried}
            return _set(connection, run, was, state=state, said=said, **due)

    def recover(self) -> int:
        """Take back what was running when we were killed; return how many.

        A job that has been there each time has failed.
        """
        running = JOBS.c.state == State.RUNNING
        with self._engine.begin() as connection:
            lost = JOBS.update().where(running & (JOBS.c.attempts >= ATTEMPTS))
            said = "the runner was killed each time"
            connection.execute(lost.values(state=State.FAILED, said=said))
            found = connection.execute(JOBS.update().where(running).values(state=State.PENDING))
            return found.rowcount

    def unposted(self) -> list[Job]:
        """Return the jobs whose review is due, the oldest first."""
        due = (JOBS.c.state == State.DONE) & (JOBS.c.not_before <= self._clock())
        with self._reading() as connection:
            return list(
                map(job_of, connection.execute(JOBS.select().where(due).order_by(JOBS.c.id)))
            )

    def posted(self, run: str, state: State = State.POSTED, *, said: str = "") -> None:
        """Say that the review of a job is on the server, or why it never will be."""
        with self._engine.begin() as connection:
            _set(connection, run, State.DONE, state=state, said=said)

    def state(self, run: str) -> State:
        """Return how far a job is."""
        with self._reading() as connection:
            query = sa.select(JOBS.c.state).where(JOBS.c.run == run)
            return State(connection.scalars(query).one())

    def count(self, *states: State) -> int:
        """Return how many jobs are in one of *states*."""
        query = sa.select(sa.func.count()).where(JOBS.c.state.in_(states))
        with self._reading() as connection:
            return connection.scalars(query).one()

    def jobs(self) -> list[Job]:
        """Return all jobs, the oldest first."""
        with self._reading() as connection:
            return list(map(job_of, connection.execute(JOBS.select().order_by(JOBS.c.id))))

    def mark(self, at: int) -> None:
        """Remember that we know all that happened until *at*, on the server's clock.

        A time in the future, which would hide what comes until then, is not believed.
        """
        with self._engine.begin() as connection:
            connection.execute(
                sa.text(
                    "INSERT INTO marks (name, at) VALUES ('seen', :at) "
                    "ON CONFLICT (name) DO UPDATE SET at = max(at, excluded.at)"
                ),
                {"at": min(at, int(self._clock()))},
            )

    def marked(self) -> int | None:
        """Return until when we know what happened; None at first."""
        with self._reading() as connection:
            return connection.scalars(sa.select(MARKS.c.at)).one_or_none()


def _of(change: Change) -> sa.Select[Any]:
    return sa.select(JOBS).where(_is(change))


def _is(change: Change) -> sa.ColumnElement[bool]:
    return (JOBS.c.project == change.project) & (JOBS.c.change == change.number)


def _is_of(patch_set: PatchSet) -> sa.ColumnElement[bool]:
    return (JOBS.c.patch_set == patch_set.number) & (JOBS.c.sha == patch_set.revision)


def _is_wanted(act: Act, known: Sequence[Row[Any]], *, asked: int, ended: int) -> bool:
    """Return whether a run is to be added, where *known* are those of the same patch set."""
    if act is Act.AGAIN:
        return all(
            each.state not in ACTIVE and each.asked + SLACK_SECONDS < asked for each in known
        )
    fresh = all(each.state == State.CANCELLED for each in known)
    return fresh and (act is Act.RUN or ended > 0)


def _answer(connection: Connection, known: Sequence[Row[Any]], asked: int) -> None:
    """Let a run that is to come answer what was asked now."""
    for each in known:
        if each.state in ACTIVE and each.asked < asked:
            which = JOBS.c.run == each.run
            connection.execute(JOBS.update().where(which).values(asked=asked))


def _cancel(connection: Connection, change: Change, which: sa.ColumnElement[bool]) -> int:
    active = _is(change) & which & JOBS.c.state.in_(ACTIVE)
    return connection.execute(JOBS.update().where(active).values(state=State.CANCELLED)).rowcount


def _set(connection: Connection, run: str, was: State, **values: object) -> bool:
    right = (JOBS.c.run == run) & (JOBS.c.state == was)
    return connection.execute(JOBS.update().where(right).values(**values)).rowcount > 0
