"""A contract to guard: flavors whose memory_mb became foobars, and what drops it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import fill, guard, history, rename
from migrator.database import open_engine
from migrator.dialects import dialect_of
from migrator.errors import GuardError
from migrator.guard.fence import fence_of, raising
from migrator.history import HISTORY, HistoryRecord
from migrator.migration import Migration, Phase

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from migrator.guard import Work
    from migrator.transitions import Transition
    from tests.databases import Database

RENAMED: Transition = replace(rename("flavors", "memory_mb", to="foobars"), name="flavor_foobars")
MARKED: Transition = replace(
    rename("flavors", "memory_mb", to="foobars", marker="format"), name="flavor_foobars"
)
FILLED: Transition = replace(fill("flavors", "foobars", value=1), name="flavor_foobars")
DROP = "ALTER TABLE flavors DROP COLUMN memory_mb"

CATALOGUES = ("information_schema", "pg_catalog", "pg_class", "PRAGMA", "sqlite_master", "DESCRIBE")

OLD_RELEASE = sa.table("flavors", sa.column("id"), sa.column("memory_mb"))
NEW_RELEASE = sa.table("flavors", sa.column("id"), sa.column("foobars"))
MOVED = {"id": 1, "foobars": 512, "memory_mb": None}
PENDING = {"id": 2, "foobars": None, "memory_mb": 512}

METADATA = sa.MetaData()
FLAVORS = sa.Table(
    "flavors",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("memory_mb", sa.Integer),
    sa.Column("foobars", sa.Integer),
    sa.Column("deleted", sa.Integer, nullable=False, server_default="0"),
)


def quick(url: str) -> sa.URL:
    """Return *url* without TLS: PyMySQL reads all certificates for each connection."""
    parsed = sa.make_url(url)
    return parsed.update_query_dict(
        {"ssl_disabled": "true"} if parsed.get_driver_name() == "pymysql" else {}
    )


def contract_of(
    *, completes: Sequence[str] = ("flavor_foobars",), abandons: dict[str, str] | None = None
) -> Migration:
    """Return the third migration, which drops flavors.memory_mb."""
    return Migration(
        number=3,
        name="drop_flavor_memory_mb",
        phase=Phase.CONTRACT,
        hash="0" * 64,
        completes=tuple(completes),
        abandons=abandons or {},
    )


def expanded(database: Database, *rows: Mapping[str, int | None]) -> sa.Engine:
    """Return an engine on *database* with flavors after the expand, holding *rows*."""
    engine = open_engine(quick(database.url))
    with engine.begin() as connection:
        history.ensure(connection)
        METADATA.create_all(connection)
        for row in rows:
            connection.execute(FLAVORS.insert(), row)
    return engine


def contract(
    engine: sa.Engine,
    *transitions: Transition,
    work: Work = (DROP,),
    migration: Migration | None = None,
    **options: Any,
) -> list[str]:
    """Run the contract and return the lines that it told."""
    lines: list[str] = []
    made = migration or contract_of(completes=[each.name for each in transitions])
    statements = () if callable(work) else tuple(work)
    guard.contract(
        engine,
        made,
        transitions,
        work,
        record=HistoryRecord(migration=made, statements=statements, started_at=datetime.now(UTC)),
        **{"lock_timeout": 1.0, "attempts": 5, "on_event": lines.append, **options},
    )
    return lines


def columns(engine: sa.Engine, table: str = "flavors") -> set[str]:
    """Return the names of the columns that the table has now."""
    with engine.connect() as connection:
        return {column["name"] for column in sa.inspect(connection).get_columns(table)}


def row_of_history(engine: sa.Engine) -> dict[str, Any] | None:
    """Return the history's row of the contract."""
    with engine.connect() as connection:
        row = connection.execute(sa.select(HISTORY)).mappings().one_or_none()
        return None if row is None else dict(row)


def fences(engine: sa.Engine) -> list[str]:
    """Return the names of constraints and triggers of migrator that stand anywhere."""
    queries = {
        "postgresql": "SELECT conname FROM pg_constraint WHERE conname LIKE 'migrator_fence%'",
        "mysql": "SELECT trigger_name FROM information_schema.triggers "
        "WHERE trigger_schema = DATABASE()",
    }
    query = queries.get("mysql" if engine.name == "mariadb" else engine.name)
    if query is None:
        return []
    with engine.connect() as connection:
        return list(connection.execute(sa.text(query)).scalars())


def blocked_by(engine: sa.Engine, *transitions: Transition, **options: Any) -> tuple[Any, ...]:
    """Return what blocks the contract, which has to be refused and to change nothing."""
    before = columns(engine)
    with pytest.raises(GuardError) as refused:
        contract(engine, *transitions, **options)
    assert (columns(engine), row_of_history(engine), fences(engine)) == (before, None, [])
    assert refused.value.exit_code == 3
    return refused.value.blockers


def raise_fence(engine: sa.Engine, transition: Transition) -> bool:
    """Raise the fence of *transition* and leave it; return whether there is one."""
    with engine.begin() as connection:
        fence = fence_of(connection, transition)
        for statement in raising(fence, {}, dialect_of(connection.dialect)) if fence else ():
            connection.exec_driver_sql(statement)
    return fence is not None


def send(engine: sa.Engine, *statements: str) -> None:
    """Send *statements* in one transaction."""
    with engine.begin() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement)


def remove(engine: sa.Engine) -> None:
    """Remove flavors and the history, so that the next run starts afresh."""
    with engine.begin() as connection:
        METADATA.drop_all(connection)
        connection.execute(HISTORY.delete())


class Points:
    """Calls *act* at point *at* of what *engine* does.

    A point is where a session begins, before a statement and after it, and before a commit.
    Statements that only read the catalogue are no points: there, nothing is different
    from the point before.
    """

    def __init__(self, engine: sa.Engine, at: int | None, act: Callable[[], None]) -> None:
        self.engine = engine
        self.at = at
        self.act = act
        self.passed = 0

    def __enter__(self) -> Points:
        for name in ("connect", "commit"):
            sa.event.listen(self.engine, name, self._count)
        for name in ("before_cursor_execute", "after_cursor_execute"):
            sa.event.listen(self.engine, name, self._pass)
        return self

    def __exit__(self, *_error: object) -> None:
        for name in ("connect", "commit"):
            sa.event.remove(self.engine, name, self._count)
        for name in ("before_cursor_execute", "after_cursor_execute"):
            sa.event.remove(self.engine, name, self._pass)

    def _pass(self, *sent: Any) -> None:
        statement = str(sent[2])
        if "flavors" not in statement and "migrator_history" not in statement:
            return
        if any(each in statement for each in CATALOGUES) or statement.startswith("SHOW"):
            return
        self._count()

    def _count(self, *_sent: object) -> None:
        self.passed += 1
        if self.passed - 1 == self.at:
            self.act()
