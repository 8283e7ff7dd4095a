"""History: the results of past runs, in a file of SQLite."""

from __future__ import annotations

import sqlite3
import zlib
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.schema import CreateIndex, CreateTable

from ci.datasets.dataset import Measure
from ci.errors import ToolError
from ci.measures import measured_of, warm
from ci.result import LIMIT, Result, decode, encode

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path
    from typing import Self

    from sqlalchemy.engine import Connection, ExceptionContext

    from ci.result import Walked
    from ci.timing import Step, Timing

FORMAT = 1
BUSY_SECONDS = 30
"""How long another process may keep the file to itself."""

METADATA = sa.MetaData()
RESULTS = sa.Table(
    "results",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("engine", sa.Text, primary_key=True),
    sa.Column("project", sa.Text, nullable=False),
    sa.Column("began", sa.Text, nullable=False),
    sa.Column("colour", sa.Text, nullable=False),
    sa.Column("sha", sa.Text, nullable=False),
    sa.Column("document", sa.LargeBinary, nullable=False),
)
"""The document is the result, packed."""
FIGURES = sa.Table(
    "figures",
    METADATA,
    sa.Column("run", sa.Text, primary_key=True),
    sa.Column("dataset", sa.Text, primary_key=True),
    sa.Column("engine", sa.Text, primary_key=True),
    sa.Column("tree", sa.Text, primary_key=True),
    sa.Column("kind", sa.Text, primary_key=True),
    sa.Column("name", sa.Text, primary_key=True),
    sa.Column("measure", sa.Text, primary_key=True),
    sa.Column("value", sa.Float, nullable=False),
    sa.ForeignKeyConstraint(
        ["run", "dataset", "engine"],
        ["results.run", "results.dataset", "results.engine"],
        ondelete="CASCADE",
    ),
)
"""The median of each measure of each step, of the baseline and of the change."""
sa.Index("figures_by_step", FIGURES.c.dataset, FIGURES.c.engine, FIGURES.c.name)


PRIMARY = 0xFF
"""What of an error's number says its kind."""
_DAMAGED = ("is damaged", "move it away: a new one is made, without past runs; or copy one back")
_CLOSED = ("cannot be written to", "whose is it, and is its file system writable?")
REFUSED = {
    sqlite3.SQLITE_BUSY: ("is locked by another process", "which one has it open for so long?"),
    sqlite3.SQLITE_CORRUPT: _DAMAGED,
    sqlite3.SQLITE_NOTADB: _DAMAGED,
    sqlite3.SQLITE_FULL: ("has no room on its disk", "free some, and run it again"),
    sqlite3.SQLITE_READONLY: _CLOSED,
    sqlite3.SQLITE_CANTOPEN: _CLOSED,
    sqlite3.SQLITE_IOERR: ("cannot be read or written", "has its disk room, and no faults?"),
}
"""What SQLite refuses, and what helps."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Point:
    """A figure of one run."""

    run: str
    began: str
    sha: str
    tree: str
    """baseline or change."""
    value: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Series:
    """The figures of one step on one dataset, the oldest first."""

    dataset: str
    engine: str
    kind: str
    name: str
    measure: Measure
    points: tuple[Point, ...]


class History:
    """Past runs; a context that holds the file open."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(f"sqlite:///{path}", poolclass=sa.NullPool)
        sa.event.listen(self._engine, "connect", _prepare)
        sa.event.listen(self._engine, "handle_error", partial(_refused, path), retval=True)
        with self._engine.begin() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if found not in (0, FORMAT):
                raise ToolError(
                    f"{path} has format {found}, expected {FORMAT}",
                    hint="it is of a newer ci: use that, or another --state",
                )
            for table in METADATA.sorted_tables:  # another runner may make them meanwhile
                connection.execute(CreateTable(table, if_not_exists=True))
                for index in table.indexes:
                    connection.execute(CreateIndex(index, if_not_exists=True))
            connection.exec_driver_sql(f"PRAGMA user_version = {FORMAT}")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._engine.dispose()

    def add(self, result: Result) -> None:
        """Keep *result*; one of the same run, dataset and engine goes."""
        place = {
            "run": result.run, "dataset": result.dataset, "engine": result.engine.value,
        }  # fmt: skip
        with self._engine.begin() as connection:
            connection.execute(_at(RESULTS.delete(), place))
            connection.execute(
                RESULTS.insert().values(
                    **place,
                    project=result.project,
                    began=result.began,
                    colour=result.colour.value,
                    sha=result.change.sha if result.change else "",
                    document=zlib.compress(encode(result)),
                )
            )
            figures = [place | each for each in _figures(result)]
            if figures:
                connection.execute(FIGURES.insert(), figures)

    def results(self, run: str) -> tuple[Result, ...]:
        """Return the results of one run, by dataset and engine."""
        query = (
            sa.select(RESULTS.c.document)
            .where(RESULTS.c.run == run)
            .order_by(RESULTS.c.dataset, RESULTS.c.engine)
        )
        with self._engine.connect() as connection:
            return tuple(_unpacked(each) for each in connection.scalars(query))

    def runs(self, *, project: str | None = None, limit: int = 100) -> Sequence[str]:
        """Return the names of the last runs, the newest first."""
        began = sa.func.max(RESULTS.c.began)
        query = sa.select(RESULTS.c.run).group_by(RESULTS.c.run).order_by(began.desc())
        if project is not None:
            query = query.where(RESULTS.c.project == project)
        with self._engine.connect() as connection:
            return connection.scalars(query.limit(limit)).all()

    def series(
        self,
        *,
        project: str | None = None,
        dataset: str | None = None,
        name: str | None = None,
        measure: Measure = Measure.SECONDS,
        limit: int = 1000,
    ) -> tuple[Series, ...]:
        """Return how a *measure* went over runs, for each step, or that with *name* alone.

        At most *limit* figures are read, the newest.
        """
        query = (
            sa.select(FIGURES, RESULTS.c.began, RESULTS.c.sha)
            .join(RESULTS)
            .where(FIGURES.c.measure == measure.value)
            .order_by(RESULTS.c.began.desc())
            .limit(limit)
        )
        if project is not None:
            query = query.where(RESULTS.c.project == project)
        if dataset is not None:
            query = query.where(FIGURES.c.dataset == dataset)
        if name is not None:
            query = query.where(FIGURES.c.name == name)
        with self._engine.connect() as connection:
            rows = connection.execute(query).all()
        found: dict[tuple[str, ...], list[Point]] = {}
        for row in reversed(rows):
            point = Point(run=row.run, began=row.began, sha=row.sha, tree=row.tree, value=row.value)
            found.setdefault((row.dataset, row.engine, row.kind, row.name), []).append(point)
        return tuple(
            Series(
                dataset=key[0],
                engine=key[1],
                kind=key[2],
                name=key[3],
                measure=measure,
                points=tuple(points),
            )
            for key, points in sorted(found.items())
        )

    def forget(self, before: datetime) -> tuple[str, ...]:
        """Remove results from *before* a moment in UTC; return the runs of which none is left."""
        with self._engine.begin() as connection:
            old = set(self._names(connection))
            connection.execute(RESULTS.delete().where(RESULTS.c.began < before.isoformat()))
            return tuple(sorted(old - set(self._names(connection))))

    def _names(self, connection: Connection) -> Iterable[str]:
        return connection.scalars(sa.select(RESULTS.c.run).distinct()).all()


@contextmanager
def open_history(path: Path) -> Iterator[History]:
    """Open the history at *path*, which is made where there is none.

    Raises ToolError, there and later, for a file that is damaged, locked, of another format, or
    on a full disk.
    """
    with History(path) as history:
        yield history


def _prepare(connection: Any, _record: object) -> None:
    """Let several processes write to the file in turn, and let figures go with their result."""
    busy = f"busy_timeout = {int(BUSY_SECONDS * 1000)}"
    for statement in ("foreign_keys = ON", busy, "journal_mode = WAL"):
        connection.execute(f"PRAGMA {statement}")


def _refused(path: Path, context: ExceptionContext) -> ToolError:
    """Return what SQLite has refused, in words that help."""
    code = getattr(context.original_exception, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
    said, hint = REFUSED.get(code & PRIMARY, REFUSED[sqlite3.SQLITE_IOERR])
    return ToolError(f"the history {path} {said}", hint=hint)


def _at(statement: sa.Delete, place: Mapping[str, str]) -> sa.Delete:
    return statement.where(*(RESULTS.c[name] == value for name, value in place.items()))


def _figures(result: Result) -> Iterator[dict[str, object]]:
    for tree, walked in (("baseline", result.baseline), ("change", result.change)):
        for step, timings in _by_step(walked).items():
            for measure in Measure:
                value = measured_of(measure, warm(timings))
                if value is not None:
                    yield {
                        "tree": tree,
                        "kind": step.kind.value,
                        "name": step.name,
                        "measure": measure.value,
                        "value": value,
                    }


def _by_step(walked: Walked | None) -> Mapping[Step, Sequence[Timing]]:
    found: dict[Step, list[Timing]] = {}
    for each in walked.timings if walked else ():
        found.setdefault(each.step, []).append(each)
    return found


def _unpacked(document: bytes) -> Result:
    """Return the result; a file that somebody has made larger than one is refused."""
    try:
        return decode(zlib.decompressobj().decompress(document, LIMIT + 1))
    except zlib.error as error:
        raise ToolError("a result in the history is damaged", hint=_DAMAGED[1]) from error
