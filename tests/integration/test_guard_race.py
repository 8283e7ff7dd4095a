"""Old writers against a contract: at every point of it, and all the time. Nothing is lost."""

from __future__ import annotations

import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator.errors import GuardError
from migrator.guard import locked, transaction
from migrator.guard import look as look_module
from migrator.guard.fence import lift_fences
from migrator.guard.locks import lock_statements
from migrator.guard.step import LateWriterError
from tests.guarded import (
    FLAVORS,
    OLD_RELEASE,
    RENAMED,
    Points,
    columns,
    contract,
    expanded,
    fences,
    remove,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from migrator.guard.step import Step
    from tests.databases import Database

pytestmark = pytest.mark.thorough

WRITES = (
    OLD_RELEASE.insert().values(id=9, memory_mb=0),
    OLD_RELEASE.update().values(memory_mb=0).where(OLD_RELEASE.c.id == 1),
)
BLOCKED_SECONDS = 0.1
"""How long a writer may keep the contract waiting at a point where it is locked out itself."""


class Writer:
    """A process of the old release, that writes when it is told to."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine()
        self.engine.connect().close()  # so that it has not to connect when it shall write
        self.acknowledged = 0
        self.thread = threading.Thread(target=self._write)

    def __call__(self) -> None:
        self.thread.start()
        self.thread.join(BLOCKED_SECONDS)

    def _write(self) -> None:
        for write in WRITES:
            try:
                with self.engine.begin() as connection:
                    connection.execute(write)
            except sa.exc.DBAPIError:
                continue
            self.acknowledged += 1


def run(database: Database, at: int | None) -> tuple[int, int, bool]:
    """Let an old writer write at point *at* of a contract.

    Return the number of points, how many writes were acknowledged, whether the contract
    was refused.
    """
    engine = expanded(database, {"id": 1, "foobars": 512, "memory_mb": None})
    writer = Writer(database)
    refused = False
    with Points(engine, at, writer) as points:
        try:
            contract(engine, RENAMED)
        except GuardError:
            refused = True
    if at is not None:
        writer.thread.join()
    check(engine, acknowledged=writer.acknowledged, refused=refused)
    remove(engine)
    return points.passed, writer.acknowledged, refused


def check(engine: sa.Engine, *, acknowledged: int, refused: bool) -> None:
    """Look that a refusal has left everything, and no fence."""
    assert fences(engine) == []
    assert ("memory_mb" in columns(engine)) == refused
    if refused:
        with engine.connect() as connection:
            pending = connection.execute(
                sa.select(FLAVORS.c.memory_mb).where(RENAMED.pending(FLAVORS))
            )
            assert pending.scalars().all() == [0] * acknowledged


@pytest.mark.parametrize("fenced", [True, False])
def test_no_write_is_lost_wherever_it_comes(
    database: Database, monkeypatch: pytest.MonkeyPatch, *, fenced: bool
) -> None:
    if not fenced:
        no_fence(monkeypatch)
    points, _, refused = run(database, None)
    assert not refused
    outcomes = [run(database, at)[1:] for at in range(points)]

    assert [at for at in range(points) if outcomes[at][0] and not outcomes[at][1]] == []
    # Some came before the last look and some too late: both ends have been raced.
    assert {(2, True), (0, False)} <= set(outcomes)


def no_fence(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (transaction, locked):
        monkeypatch.setattr(module, "fence_of", lambda *_given: None)


def no_last_look(monkeypatch: pytest.MonkeyPatch) -> None:
    """Believe the first look, which is made in a transaction of its own."""
    no_fence(monkeypatch)
    monkeypatch.setattr(locked, "_look", lambda *_given: None)
    for module in (transaction, locked):
        monkeypatch.setattr(module, "_prove", lambda *_given: None)


def no_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Look and drop in one transaction, or one after the other, without a lock."""
    no_fence(monkeypatch)
    for module in (transaction, locked):
        monkeypatch.setattr(module, "lock_statements", lambda *_given: ())


def look_before_lock(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the lock only after the last look."""
    no_last_look(monkeypatch)

    def look_and_lock(step: Step, connection: sa.Connection) -> tuple[str, ...]:
        with step.sessions.connection() as other:
            if step._look(other):
                raise LateWriterError
        return lock_statements(step, connection)

    for module in (transaction, locked):
        monkeypatch.setattr(module, "lock_statements", look_and_lock)


def fence_lifted_early(monkeypatch: pytest.MonkeyPatch) -> None:
    """Take the fence away before the lock, and still take it for the proof."""
    raise_fences, look = transaction.raise_fences, locked._look

    def raise_and_lift(step: Step, connection: sa.Connection) -> transaction.Fences:
        made = raise_fences(step, connection)
        lift_fences(connection, step.transitions)
        return made

    def look_and_lift(step: Step, connection: sa.Connection) -> None:
        look(step, connection)
        connection.rollback()
        lift_fences(connection, step.transitions)

    monkeypatch.setattr(transaction, "raise_fences", raise_and_lift)
    monkeypatch.setattr(locked, "_look", look_and_lift)
    for module in (transaction, locked):
        monkeypatch.setattr(module, "_prove", lambda *_given: None)


def count_for_pending(monkeypatch: pytest.MonkeyPatch) -> None:
    """Ask how many rows are completed: as many as were found, once, and for ever after."""
    no_fence(monkeypatch)
    query = sa.select(sa.func.count(FLAVORS.c.foobars) < 1)

    def is_pending(connection: sa.Connection, *_given: object) -> bool:
        return bool(connection.scalar(query))

    for module in (transaction, locked, look_module):
        monkeypatch.setattr(module, "is_pending", is_pending)
    monkeypatch.setattr(locked, "pending_query", lambda *_given: None)


@pytest.mark.parametrize(
    "mutant", [no_last_look, no_lock, look_before_lock, fence_lifted_early, count_for_pending]
)
def test_a_guard_that_is_not_one_step_is_found_out(
    database: Database,
    mutant: Callable[[pytest.MonkeyPatch], None],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if database.name == "sqlite" and mutant not in {no_last_look, count_for_pending}:
        pytest.skip("BEGIN IMMEDIATE is the lock of SQLite")
    mutant(monkeypatch)
    points, _, _ = run(database, None)
    outcomes = (run(database, at)[1:] for at in range(points))

    assert (2, False) in outcomes, "acknowledged writes should have been lost"


class Workload:
    """Writers of the old and the new release, and a mover, until they are stopped."""

    def __init__(self, database: Database) -> None:
        self.engine = database.engine(poolclass=sa.NullPool)
        self.acknowledged: dict[int, int] = {}
        self.stop = threading.Event()
        self.threads = [
            threading.Thread(target=self._write, args=(FLAVORS.c[name], start))
            for name, start in (("memory_mb", 10_000), ("foobars", 20_000))
        ]

    def __enter__(self) -> Workload:
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        for thread in self.threads:
            thread.join()

    def move(self) -> None:
        """Move what is pending, as a batch does."""
        with self.engine.begin() as connection:
            moved = FLAVORS.update().where(FLAVORS.c.memory_mb.is_not(None))
            connection.execute(
                moved.ordered_values(
                    (FLAVORS.c.foobars, FLAVORS.c.memory_mb), (FLAVORS.c.memory_mb, None)
                )
            )

    def _write(self, column: sa.Column[Any], start: int) -> None:
        for key in range(start, start + 10_000):
            if self.stop.wait(0.2 + (key % 7) / 10):
                return
            table = sa.table("flavors", sa.column("id"), sa.column(column.name))
            try:
                with self.engine.begin() as connection:
                    connection.execute(table.insert().values({"id": key, column.name: key % 3}))
            except sa.exc.DBAPIError:
                continue  # refused by the fence, or the column is gone: the caller was told
            self.acknowledged[key] = key % 3


def test_a_busy_table_is_contracted_and_every_acknowledged_write_is_there(
    database: Database,
) -> None:
    engine = expanded(database)
    give_up = time.monotonic() + 120
    with Workload(database) as workload:
        while len(workload.acknowledged) < 4:
            assert time.monotonic() < give_up
        while "memory_mb" in columns(engine):
            assert time.monotonic() < give_up
            workload.move()
            try:
                contract(engine, RENAMED)
            except GuardError:
                assert fences(engine) == []
    with engine.connect() as connection:
        rows = connection.execute(sa.select(FLAVORS.c.id, FLAVORS.c.foobars)).all()
        there = {row.id: row.foobars for row in rows}

    assert there == workload.acknowledged
