"""Jobs: runs of patch sets, as values and as rows of a table."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from typing_extensions import override

from ci.errors import CiError
from ci.gerrit.events import Change, PatchSet, ref_of

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Connection, Row

FORMAT = 1


class State(StrEnum):
    """How far a job is."""

    PENDING = "pending"
    RUNNING = "running"
    DONE = "done"
    """Its review is not on the server yet."""
    POSTED = "posted"
    SILENT = "silent"
    """There is nothing to say: it touches no migration, or conflicts."""
    CANCELLED = "cancelled"
    FAILED = "failed"
    """It could not be tried, or the server refuses the review: a matter for the operator."""


ACTIVE = (State.PENDING, State.RUNNING)

METADATA = sa.MetaData()
JOBS = sa.Table(
    "jobs",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run", sa.Text, nullable=False, unique=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("branch", sa.Text, nullable=False),
    sa.Column("change", sa.Integer, nullable=False, index=True),
    sa.Column("patch_set", sa.Integer, nullable=False),
    sa.Column("sha", sa.Text, nullable=False),
    sa.Column("state", sa.Text, nullable=False, index=True),
    sa.Column("asked", sa.Integer, nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False, default=0),
    sa.Column("not_before", sa.Float, nullable=False, default=0.0),
    sa.Column("said", sa.Text, nullable=False, default=""),
)
"""*asked* is when, on the server's clock; *said* why it failed, in our words."""
MARKS = sa.Table(
    "marks",
    METADATA,
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("at", sa.Integer, nullable=False),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """One run of one patch set."""

    run: str
    change: Change
    patch_set: PatchSet
    state: State
    said: str = ""

    @property
    def ref(self) -> str:
        """Where it is fetched from."""
        return ref_of(self.change.number, self.patch_set.number)

    @override
    def __str__(self) -> str:
        """Return what it is called in a log: numbers alone."""
        return f"{self.change.number},{self.patch_set.number} (run {self.run})"


def open_engine(path: Path) -> sa.Engine:
    """Return the engine of the file at *path*, which is made where there is none.

    Raises CiError for one of another format.
    """
    engine = sa.create_engine(f"sqlite:///{path}")
    sa.event.listen(engine, "connect", _prepare)
    sa.event.listen(engine, "begin", _begin)
    with engine.begin() as connection:
        found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found not in (0, FORMAT):
            raise CiError(f"{path} has format {found}, expected {FORMAT}")
        METADATA.create_all(connection)
        connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")
    return engine


def job_of(row: Row[Any]) -> Job:
    """Return the job in *row*."""
    return Job(
        run=row.run,
        change=Change(project=row.project, branch=row.branch, number=row.change),
        patch_set=PatchSet(number=row.patch_set, revision=row.sha),
        state=State(row.state),
        said=row.said,
    )


def _prepare(connection: Any, _record: object) -> None:
    """Let threads write in turn, and let no word of what was done be lost in a crash."""
    connection.isolation_level = None
    for statement in ("busy_timeout = 30000", "journal_mode = WAL", "synchronous = FULL"):
        connection.execute(f"PRAGMA {statement}")


def _begin(connection: Connection) -> None:
    """Take the lock before reading, unless nothing is written: so it is true until then."""
    reading = connection.get_execution_options().get("reading")
    connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")
