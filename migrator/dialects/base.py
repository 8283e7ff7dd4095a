"""What a database is to migrator: capabilities and SQL text, never a connection."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    import sqlalchemy as sa

    from migrator.dialects.syntax import Syntax


SCRATCH = "migrator_scratch"
"""Name of a copy of a table on which DDL is tried."""


class Transient(Enum):
    """A failure that may pass when the same work is tried again."""

    LOCKED = "a lock was not available in time"
    DEADLOCK = "the database chose this transaction as the victim of a deadlock"
    SERIALIZATION = "a concurrent transaction changed the same rows"
    ALTERED = "the table was altered since this transaction began"
    LOST = "the connection was lost"
    FENCED = "a contract keeps the rows of this table as they are"


@dataclass(frozen=True, slots=True, kw_only=True)
class Capabilities:
    """What a database can do; asked by name, never by the database's name."""

    transactional_ddl: bool
    """A failed migration leaves nothing behind."""
    advisory_locks: bool
    """Sessions can hold named locks; otherwise a file beside the database is locked."""
    row_locks: bool
    """SELECT … FOR UPDATE locks rows; otherwise a writer locks the whole database."""
    lock_timeout: bool
    """A statement can be told how long to wait for a lock."""
    concurrent_index: bool
    """An index can be built without blocking writers, outside a transaction."""
    ordered_assignments: bool
    """UPDATE … SET reads columns already assigned by the same SET (left to right)."""
    late_validation: bool
    """A constraint can be added without looking at old rows and be validated later."""
    typed_values: bool
    """VALUES is a table with names for its columns; its types are spelt out in its first row."""
    ordered_enums: bool = True
    """Values of an enumeration compare in the order in which they are sorted."""
    session_triggers: bool = True
    """Triggers can refuse a write with an error."""


class Dialect:
    """One database: how it spells what migrator needs.

    Subclasses are values without state: flags in *capabilities*, SQL text in methods.
    """

    name: ClassVar[str]
    """Name of the database as it stands in file names: NAME.<name>.sql."""
    families: ClassVar[tuple[str, ...]]
    """Names a migration's file may carry to be meant for this database, best first."""
    sqlalchemy: ClassVar[str]
    """Name of the same dialect in SQLAlchemy, for rendering without a database."""
    drivers: ClassVar[dict[str, str]] = {}
    """Module of a driver → the extra of migrator that installs it."""
    capabilities: ClassVar[Capabilities]
    syntax: ClassVar[Syntax]
    transient: ClassVar[dict[str, Transient]]
    """SQLSTATE, error number or error name → why it may pass."""
    timeouts: ClassVar[frozenset[str]] = frozenset()
    """Codes of the errors by which a statement is ended that takes too long."""
    denied: ClassVar[frozenset[str]] = frozenset()
    """Codes of the errors that mean that this user may not do it, or not see every row."""
    read_only: ClassVar[frozenset[str]] = frozenset()
    """Codes of the errors that mean that nobody can write in this session."""
    row_errors: ClassVar[tuple[str, ...]]
    """Beginnings of the codes of errors that the data of a single row can cause."""
    row_messages: ClassVar[tuple[str, ...]] = ()
    """Beginnings of their messages, where the code tells too little."""

    scratch: ClassVar[tuple[str, str, str] | None] = None
    """What makes SCRATCH, an empty copy of {table} for this session only, what asks for its
    columns, and what drops it; None where DDL can be taken back instead."""

    def now(self) -> sa.ColumnElement[float]:
        """Return the moment in seconds since 1970, by the clock of the database."""
        raise NotImplementedError

    def set_lock_timeout(self, seconds: float) -> str | None:
        """Return the statement that limits waiting for locks in this session, if there is one."""
        raise NotImplementedError

    def isolation_level(self) -> str | None:
        """Return the isolation level that batches run at, or None for the database's only one."""
        raise NotImplementedError

    def same(
        self, column: sa.ColumnElement[Any], value: sa.ColumnElement[Any]
    ) -> sa.ColumnElement[bool]:
        """Return whether *column* is exactly *value*; NULL is the same as NULL."""
        return column.is_not_distinct_from(value)

    def catalogue(self, *, restricted: bool) -> str:
        """Return the query for what the catalogue holds, of the tables in :tables if *restricted*.

        Its columns: thing, schema, table, name, definition. Rows that share the first four are
        parts of one definition, in the order of the last.
        """
        raise NotImplementedError

    def widens(self, before: str, after: str) -> bool:
        """Return whether a column only takes more values *after*, by its catalogue's definitions.

        And whether that changes no row and no index. The definitions are TYPE not null t or f,
        and more, which has to stay.
        """
        type_before, _, rest_before = before.partition(" not null ")
        type_after, _, rest_after = after.partition(" not null ")
        looser = f"f{rest_before[1:]}" if rest_before.startswith("t") else rest_before
        return rest_after in (rest_before, looser) and (
            type_before == type_after or self.is_wider(type_before, type_after)
        )

    def is_wider(self, before: str, after: str) -> bool:
        """Return whether the type *after* takes all that *before* does, stored in the same way."""
        return before == after

    def written_rows(self) -> str | None:
        """Return the query for the tables whose rows this session has changed, and how many.

        None where that cannot be told, or not be taken back.
        """
        return None

    def leave_commits(self) -> str | None:
        """Return the setting by which commits of this session reach the disk a little later.

        They do so in their order, with the next one that is awaited. None where they might
        get out of order, or where it is not for a session to choose.
        """
        return None

    def await_commits(self) -> str | None:
        """Return the setting that takes `leave_commits` back."""
        return None

    def session(self) -> str | None:
        """Return the query for the number of this session, if sessions have one."""
        return None

    def try_lock(self) -> str | None:
        """Return the query that takes the runner's lock for this session: true when it did."""
        return None

    def unlock(self) -> str | None:
        """Return the query that gives the runner's lock back."""
        return None

    def lock_holder(self) -> str | None:
        """Return the query for the number of the session that holds the runner's lock."""
        return None

    def sessions(self) -> str | None:
        """Return the query for the session :session, never for what it asks.

        Its columns: session, user, application, host, state, since (as text).
        """
        return None

    def blockers(self) -> str | None:
        """Return the query for the sessions that :session waits for, in the same columns."""
        return None

    def one_at_a_time(self) -> str | None:
        """Return the query that lets one transaction at a time create migrator's own tables."""
        return None

    largest_batch: ClassVar[int] = 100_000
    """Rows that one transaction should write at the most: locks, undo, lag of the replicas."""

    # Fences: what refuses writes to a place that a contract is about to drop.

    fenced_row: ClassVar[str | None] = None
    """Name of the row in a fence's predicate; None where its columns stand alone."""

    fences_leave_traces: ClassVar[bool] = False
    """A server that is killed may keep a name that is not in the catalogue: lift it first."""
    fenced: ClassVar[str | None] = None
    """What an error says that was raised by a fence, and by nothing else."""
    lock_aliases: ClassVar[bool] = False
    """lock_tables has to name each alias under which a table is looked at."""
    locks_referenced: ClassVar[bool] = False
    """lock_tables has to name what foreign keys of an altered table refer to."""

    def see_every_row(self) -> str | None:
        """Return what makes a statement of this transaction fail rather than hide rows from us."""
        return None

    def fences(self) -> str | None:
        """Return the query for the fences that stand.

        Its columns: schema, table, name, valid, visible (without its schema's name).
        """
        return None

    def raise_fence(self, table: str, name: str, predicate: str) -> tuple[str, ...]:
        """Return what makes *table* refuse rows for which *predicate* is true; all are quoted."""
        raise NotImplementedError

    def validate_fence(self, table: str, name: str) -> str | None:
        """Return what looks at the rows that were there before the fence, if it can do that."""
        raise NotImplementedError

    def lift_fence(self, table: str, name: str) -> str:
        """Return what takes away from *table* what the catalogue calls *name*."""
        raise NotImplementedError

    def fence_names(self, name: str) -> tuple[str, ...]:
        """Return under which names the fence *name* stands in the catalogue."""
        return (name,)

    def lock_tables(self, written: Sequence[str], read: Sequence[str]) -> tuple[str, ...]:
        """Return what keeps all others out of the quoted *written*, and writers out of *read*."""
        raise NotImplementedError

    def unlock_tables(self) -> str | None:
        """Return what ends lock_tables where the end of the transaction does not."""
        return None

    def cheapest(self, alter: str) -> tuple[str, ...]:
        """Return *alter*, an ALTER TABLE, from the way that costs least to the one as written."""
        return (alter,)

    def index_state(self) -> str:
        """Return the query for the index :name on :table of :schema, if it is built concurrently.

        Its columns: schema, name, valid, builder (the session that builds it, if one does).
        """
        raise NotImplementedError

    def not_this_way(self) -> frozenset[str]:
        """Return the errors by which a way of `cheapest` is refused and nothing is done."""
        return frozenset()

    def cannot_fence(self) -> frozenset[str]:
        """Return the errors that mean that this user may not raise a fence."""
        return frozenset()

    def triggers(self) -> str | None:
        """Return the query for the triggers of :table; its columns: schema, name, body.

        None where the database itself refuses to drop what a trigger names.
        """
        return None

    def views(self) -> str | None:
        """Return the query for the views; its columns: schema, name, body, in its full names.

        None where the database itself refuses to drop what a view shows.
        """
        return None

    def before_rebuild(self) -> str | None:
        """Return what a session needs before a contract may copy a table and rename the copy."""
        return None

    def script_head(self, lock_timeout: float) -> tuple[str, ...]:
        """Return the lines that begin a script for this database's own client.

        They make it stop at the first error, limit its waiting for locks, and take the
        runner's lock, where the client can hold it.
        """
        raise NotImplementedError

    def script_foot(self) -> tuple[str, ...]:
        """Return the lines that end a script."""
        return ()

    def script_statement(self, text: str) -> str:
        """Return *text* so that the client takes all of it for one statement."""
        return f"{text};"

    def stop_unless(self, condition: str) -> str:
        """Return the statement at which a script stops unless *condition* is true."""
        return f"SELECT (SELECT 1 UNION ALL SELECT 2 WHERE NOT ({condition})) AS here"

    def begin(self) -> str:
        """Return the statement that begins a transaction for DDL."""
        return "BEGIN"

    def utc_now(self) -> str:
        """Return the expression for the moment now, in UTC where moments have no zone."""
        return "CURRENT_TIMESTAMP"
