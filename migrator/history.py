"""History: what is applied to a database, remembered in tables of that database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.schema import CreateTable
from typing_extensions import override

from migrator.dialects import dialect_of
from migrator.errors import HistoryDivergedError
from migrator.plan import APPLIED, APPLYING, Applied

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sqlalchemy.engine import Connection, Dialect

    from migrator.migration import Migration

__all__ = [
    "HISTORY",
    "METADATA",
    "RUNNER",
    "Applied",
    "HistoryRecord",
    "Row",
    "UtcDateTime",
    "accept",
    "ensure",
    "read",
    "write_together",
]


class UtcDateTime(sa.TypeDecorator[datetime]):
    """A moment, stored in UTC and read with its zone on databases that keep none."""

    impl = sa.DateTime(timezone=True)
    cache_ok = True

    @override
    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        moment = value.astimezone(UTC)
        return moment if dialect.name == "postgresql" else moment.replace(tzinfo=None)

    @override
    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None or value.tzinfo is not None:
            return value
        return value.replace(tzinfo=UTC)


METADATA = sa.MetaData()
"""Every table that migrator keeps in the database it works on."""

HISTORY = sa.Table(
    "migrator_history",
    METADATA,
    sa.Column("version", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("hash", sa.String(64), nullable=False),
    sa.Column("phase", sa.String(16), nullable=False),
    sa.Column("state", sa.String(16), nullable=False),
    sa.Column("started_at", UtcDateTime, nullable=False),
    sa.Column("applied_at", UtcDateTime),
    sa.Column("duration_ms", sa.BigInteger),
    sa.Column("statement", sa.Integer, nullable=False, server_default="0"),
    sa.Column("digest", sa.String(64)),
    sa.Column("intent", sa.String(64)),
    sa.Column("note", sa.Text),
)
"""One row a migration. *statement* counts those that are done while it is being applied,
*digest* is over their text; *intent* is the digest of the one that was about to be sent."""

Row: TypeAlias = dict[str, Any]
"""Column of the history → its value."""

_INSERT = HISTORY.insert()
_UPDATE = HISTORY.update().where(HISTORY.c.version == sa.bindparam("number"))
_LASTING = frozenset({"version", "name", "hash", "phase", "started_at"})
"""What a run writes once."""

RUNNER = sa.Table(
    "migrator_runner",
    METADATA,
    sa.Column("session", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("host", sa.String(255), nullable=False),
    sa.Column("pid", sa.Integer, nullable=False),
    sa.Column("since", UtcDateTime, nullable=False),
)
"""Who took the runner's lock last. Only the lock says whether somebody has it now."""


def ensure(connection: Connection) -> None:
    """Create the tables of migrator that are missing; others may do so at the same moment."""
    missing = _missing(connection)
    one_at_a_time = dialect_of(connection.dialect).one_at_a_time()
    if missing and one_at_a_time:
        connection.execute(sa.text(one_at_a_time))
        missing = _missing(connection)
    for table in missing:
        connection.execute(CreateTable(table, if_not_exists=True))
    # Where DDL is not transactional, a table may have been left without its index.
    whole = dialect_of(connection.dialect).capabilities.transactional_ddl
    for table in missing if whole else METADATA.sorted_tables:
        for index in table.indexes:
            _ensure_index(connection, index, new=table in missing)


def _missing(connection: Connection) -> list[sa.Table]:
    present = set(sa.inspect(connection).get_table_names())
    return [table for table in METADATA.sorted_tables if table.name not in present]


def _ensure_index(connection: Connection, index: sa.Index, *, new: bool) -> None:
    """Create *index*, of a *new* table or where it is missing; somebody else may be quicker."""
    try:
        index.create(connection, checkfirst=not new)
    except sa.exc.DBAPIError:
        table = index.table.name if index.table is not None else ""
        if index.name not in {each["name"] for each in sa.inspect(connection).get_indexes(table)}:
            raise


def read(connection: Connection) -> tuple[Applied, ...]:
    """Return what is applied or half applied, by number; empty where there is no history."""
    if not sa.inspect(connection).has_table(HISTORY.name):
        return ()
    rows = connection.execute(sa.select(HISTORY).order_by(HISTORY.c.version)).mappings()
    return tuple(Applied(**row) for row in rows)


def digest(statements: Iterable[str]) -> str:
    """Return the digest of *statements*, one after the other."""
    return hashlib.sha256("\0".join(statements).encode()).hexdigest()


def accept(connection: Connection, applied: Applied, *, name: str, hash: str) -> None:
    """Take the files of an applied migration as they are now, and keep a note of it."""
    said = f"edited since; accepted {_now():%Y-%m-%d %H:%M} UTC, was {applied.name} {applied.hash}"
    note = f"{applied.note}\n{said}" if applied.note else said
    values = {"name": name, "hash": hash, "note": note}
    connection.execute(_UPDATE, {"number": applied.version, **values})


@dataclass(frozen=True, slots=True, kw_only=True)
class HistoryRecord:
    """The history's row of the one migration that is being applied.

    Every method writes in the transaction of the connection it is given.
    """

    migration: Migration
    statements: Sequence[str] = ()
    """What the migration sends; empty when that is only known while it runs."""
    started_at: datetime
    fresh: bool = False
    """Whether no run has written the row before."""

    def record(self, connection: Connection) -> None:
        """Note that a migration that was never begun is applied."""
        _insert(connection, self._values(APPLIED))

    def done(self, connection: Connection) -> int | None:
        """Return how many statements an earlier run finished, None when it never began.

        Raises HistoryDivergedError when they are no longer the first of the migration.
        """
        query = sa.select(HISTORY).where(HISTORY.c.version == self.migration.number)
        row = connection.execute(query).one_or_none()
        if row is None:
            return None
        if row.statement and row.digest != digest(self.statements[: row.statement]):
            raise HistoryDivergedError(
                f"migration {row.version} {row.name!r} is half applied, and its first "
                f"{row.statement} statements are no longer those that were run",
                hint="put them back as they were; what comes after them may be mended",
            )
        return int(row.statement)

    def intend(
        self, connection: Connection, index: int, statement: str, *, beside: Row | None = None
    ) -> None:
        """Note that statement *index*, counted from 0, is about to be sent, and all before done.

        With it, in one statement, the row *beside* of the migration before is written.
        """
        if beside is None:
            self._at(connection, index, intent=statement)
        else:
            write_together(connection, [beside, self._applying(index, intent=statement)])

    def did(self, connection: Connection, index: int) -> None:
        """Note that statement *index* is done."""
        self._at(connection, index + 1)

    def stopped(self, connection: Connection, index: int) -> None:
        """Note that statement *index* was refused and did nothing, nor did any after it."""
        if index:
            self._at(connection, index)
        else:
            connection.execute(HISTORY.delete().where(HISTORY.c.version == self.migration.number))

    def applied(self, connection: Connection, note: str | None = None) -> None:
        """Note that the migration is applied, whether or not it was begun before."""
        self._write(connection, self.row_applied(note), new=False)

    def row_applied(self, note: str | None = None) -> Row:
        """Return the row as it is when the migration is applied, now."""
        return self._values(APPLIED, note=note)

    def _at(self, connection: Connection, done: int, *, intent: str | None = None) -> None:
        new = self.fresh and not done
        self._write(connection, self._applying(done, intent=intent), new=new)

    def _applying(self, done: int, *, intent: str | None) -> Row:
        known = values_of(self.migration, self.statements, state=APPLYING, done=done, intent=intent)
        return self._values(APPLYING) | known

    def _write(self, connection: Connection, values: Row, *, new: bool) -> None:
        number = self.migration.number
        lasting = _LASTING if self.fresh else ()
        changes = {name: value for name, value in values.items() if name not in lasting}
        if new or not connection.execute(_UPDATE, {"number": number, **changes}).rowcount:
            _insert(connection, values)

    def _values(self, state: str, *, note: str | None = None) -> Row:
        finished = _now() if state == APPLIED else None
        done = len(self.statements) if finished else 0
        return {
            **values_of(self.migration, self.statements, state=state, done=done),
            "started_at": self.started_at,
            "applied_at": finished,
            "duration_ms": finished and round((finished - self.started_at).total_seconds() * 1000),
            "note": note,
        }


def write_together(connection: Connection, rows: Sequence[Row]) -> None:
    """Write *rows*, new or not, in one statement, on a database that speaks as MySQL does."""
    connection.execute(_upsert(), rows)


@cache
def _upsert() -> sa.Insert:
    from sqlalchemy.dialects.mysql import insert

    rows = insert(HISTORY)
    changes = {each.name: each for each in rows.inserted if each.name not in _LASTING}
    return rows.on_duplicate_key_update(changes)


def _insert(connection: Connection, values: Row) -> None:
    given = {name: value for name, value in values.items() if value is not None}
    connection.execute(_INSERT, given)


def values_of(
    migration: Migration,
    statements: Sequence[str],
    *,
    state: str,
    done: int,
    intent: str | None = None,
) -> Row:
    """Return what the history holds of *migration* when the first *done* statements are done.

    *intent* is the text of the statement that is about to be sent.
    """
    return {
        "version": migration.number,
        "name": migration.name,
        "hash": migration.hash,
        "phase": migration.phase.value,
        "state": state,
        "statement": done,
        "digest": digest(statements[:done]),
        "intent": None if intent is None else digest([intent]),
    }


def _now() -> datetime:
    return datetime.now(UTC)
