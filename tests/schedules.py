"""Who does what when: the order of steps in which a mistake of a batch loses something.

A schedule steers the code as it is, and returns what is wrong at the end: nothing, unless
the code is a mutant.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator import checkpoint, expression, history, python, retype
from migrator.database import begin_for_real, open_engine
from migrator.errors import GuardError
from migrator.online import Options, Started, migrate
from migrator.transitions.batch import any_key
from migrator.worker import Batch
from tests import moving
from tests.generations import COUNTED, FACTOR, FLAVORS, KINDS, METADATA
from tests.guarded import contract, quick
from tests.ledger import Found, Ledger, Write
from tests.moving import named, wait_for_a_waiter
from tests.proxy import Cut, Proxy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrator.online import Event
    from migrator.transitions import Row, Transition
    from tests.databases import Database

BLOCKED_SECONDS = 0.3
"""How long a writer may keep us waiting that is locked out by the batch we are in."""


class Stage:
    """Flavors on *database*, and a log of what the application has written to them."""

    def __init__(self, database: Database) -> None:
        url = quick(database.url)
        self.ours = open_engine(url)
        self.engine = sa.create_engine(url, poolclass=sa.NullPool)
        if self.engine.dialect.name == "sqlite":
            begin_for_real(self.engine)
        self.ledger = Ledger()
        with self.ours.begin() as connection:
            history.ensure(connection)
            METADATA.create_all(connection)

    def write(self, key: int, **values: int | None) -> None:
        """Write *values* to the row *key*, or a new one, in a transaction of its own."""
        with self.engine.begin() as connection:
            written = self.send(connection, key, **values)
        self.ledger.acknowledge(written)

    def send(self, connection: sa.Connection, key: int, **values: int | None) -> Write:
        """Write *values* through *connection*: memory_mb as old code does, foobars as new."""
        is_old = "memory_mb" in values
        value = values["memory_mb" if is_old else "foobars"]
        converts = sa.case((FLAVORS.c.memory_mb.is_not(None), 1), else_=0)
        query = sa.select(FLAVORS).where(FLAVORS.c.id == key).with_for_update()
        row = connection.execute(query).one_or_none()
        version = 1 if row is None else row.version + 1
        if row is None:
            connection.execute(FLAVORS.insert().values(id=key, version=version, **values))
        else:
            changed = FLAVORS.update().where(FLAVORS.c.id == key)
            if not is_old:
                # Before the old column is cleared: MySQL would look at it afterwards.
                connection.execute(changed.values(hits=FLAVORS.c.hits + converts))
                values["memory_mb"] = None
            connection.execute(changed.values(version=version, **values))
        return Write(
            writer="old" if is_old else "new",
            what="write",
            key=key,
            version=version,
            value=value * FACTOR if is_old and value is not None else value,
            fills=is_old and value is not None and (row is None or row.memory_mb is None),
        )

    def delete(self, key: int, version: int) -> None:
        """Delete the row *key*, which is at *version*."""
        with self.engine.begin() as connection:
            connection.execute(FLAVORS.delete().where(FLAVORS.c.id == key))
        self.ledger.acknowledge(
            Write(writer="new", what="delete", key=key, version=version + 1, deletes=True)
        )

    def beside(self, act: Callable[[], None]) -> None:
        """Do *act* in another session, unless the one that we are in locks it out until later."""
        self.other = threading.Thread(target=act)
        self.other.start()
        self.other.join(BLOCKED_SECONDS)

    def finish(self, transition: Transition, *, counted: bool = False) -> list[str]:
        """Move what is left, let the old column go, and return what is wrong then."""
        migrate(self.ours, [transition], Options(batch_size=10))
        try:
            contract(self.ours, transition)
        except GuardError as error:
            return [f"the contract was refused: {error}"]
        hits = FLAVORS.c.hits if counted else sa.null()
        query = sa.select(FLAVORS.c.id, FLAVORS.c.version, FLAVORS.c.foobars, hits)
        with self.engine.connect() as connection:
            return self.ledger.wrong(
                {key: Found(*rest) for key, *rest in connection.execute(query)}
            )


def values_that_are_false(kind: str, database: Database) -> list[str]:
    """Let the table hold 0 and NULL in both forms, beside each other."""
    stage = Stage(database)
    for key, value in enumerate((7, 0, None)):
        stage.write(2 * key, memory_mb=value)
        stage.write(2 * key + 1, foobars=value)
    return stage.finish(KINDS[kind], counted=kind in COUNTED)


def writes_that_a_batch_waits_for(database: Database) -> list[str]:
    """Let old and new code hold rows of a batch locked, and commit when it waits for them."""
    stage = Stage(database)
    for key in range(1, 5):
        stage.write(key, memory_mb=key)
    batch = threading.Thread(
        target=migrate, args=(stage.ours, [KINDS["in_sql"]], Options(batch_size=10))
    )
    with stage.engine.begin() as connection:
        written = [
            stage.send(connection, 2, foobars=1000),
            stage.send(connection, 3, memory_mb=9),
            stage.send(connection, 4, foobars=0),
        ]
        batch.start()
        wait_for_a_waiter(stage.ours)
    stage.ledger.acknowledge(*written)
    batch.join()
    return stage.finish(KINDS["in_sql"], counted=True)


def writes_after_a_batch_has_read(database: Database) -> list[str]:
    """Let old code change a row, new code another, and delete a third, once they were read."""
    stage = Stage(database)
    for key in range(1, 5):
        stage.write(key, memory_mb=key)
    acts = iter(
        [
            partial(stage.write, 2, memory_mb=77),
            partial(stage.write, 3, foobars=1000),
            partial(stage.delete, 4, 1),
        ]
    )

    def convert(row: Row) -> int:
        for act in acts:
            act()
        return int(row.memory_mb * FACTOR)

    up = expression(python=convert)
    return stage.finish(named(retype("flavors", "memory_mb", to="foobars", up=up)))


def marked_after_a_batch_has_read(database: Database) -> list[str]:
    """Let new code say that its side counts, and leave the old one, once a row was read."""
    stage = Stage(database)
    stage.write(1, memory_mb=1)
    with stage.engine.begin() as connection:
        connection.exec_driver_sql("ALTER TABLE flavors ADD form SMALLINT DEFAULT 0 NOT NULL")
    acts = iter(["UPDATE flavors SET foobars = 1000, form = 1, version = 2"])

    def convert(row: Row) -> int:
        for act in acts:
            with stage.engine.begin() as connection:
                connection.exec_driver_sql(act)
            stage.ledger.acknowledge(Write(writer="new", what="mark", key=1, version=2, value=1000))
        return int(row.memory_mb * FACTOR)

    up = expression(python=convert)
    marked = retype("flavors", "memory_mb", to="foobars", up=up, marker="form")
    return stage.finish(named(marked))


def a_write_while_a_function_converts(database: Database) -> list[str]:
    """Let old code write to a row that a function of a user has read, and not written yet."""
    stage = Stage(database)
    stage.write(1, memory_mb=1)
    late = iter([partial(stage.write, 1, memory_mb=77)])

    def move(connection: sa.Connection, keys: Sequence[tuple[Any, ...]]) -> None:
        ours = any_key([FLAVORS.c.id], keys)
        for row in connection.execute(sa.select(FLAVORS).where(ours)).all():
            for write in late:
                stage.beside(write)
            made = {"foobars": row.memory_mb * FACTOR, "hits": row.hits + 1, "memory_mb": None}
            connection.execute(FLAVORS.update().where(FLAVORS.c.id == row.id).values(made))

    free = named(python("flavors", pending=lambda row: row.memory_mb.is_not(None), move=move))
    migrate(stage.ours, [free], Options(batch_size=10))
    stage.other.join()
    return stage.finish(free, counted=True)


# Checkpoints and leases.


class KilledError(BaseException):
    """The process is gone at this point: nothing of it is heard of again."""


def killed_at_every_point(database: Database) -> list[str]:
    """Kill the runner at each of its statements, and look what nobody would look at again."""
    url = quick(database.url).render_as_string(hide_password=False)
    engine, wrong = moving.filled(replace(database, url=url)), list[str]()
    for at in count():
        moving.empty(engine)
        moving.insert(engine, ({"id": each + 1, "memory_mb": each} for each in range(3)))
        if wrong or not _is_killed(url, at):
            return wrong
        if left := moving.forgotten(engine, moving.IN_SQL):
            wrong.append(f"killed at point {at}, rows {left} are forgotten")
        moving.run(engine)
        if moving.rows(engine) != moving.moved_once(3):
            wrong.append(f"killed at point {at}, the next run ends otherwise")
    raise AssertionError


def _is_killed(url: str, at: int) -> bool:
    """Return whether a run came to point *at*, where it was killed."""

    def kill() -> None:
        raise KilledError

    engine = open_engine(url)
    moving.Points(engine, at, kill)
    try:
        migrate(engine, [moving.IN_SQL], Options(batch_size=2))
    except KilledError:
        return True
    return False


def a_lease_that_is_taken_away(database: Database) -> list[str]:
    """Take the lease from a worker that is about to move rows: it was taken for dead."""
    engine, wrong = moving.filled(database, 8), list[str]()
    takes, sees = iter([1]), iter([1])

    def take_away(_connection: object, _cursor: object, sent: str, *_more: object) -> None:
        if sent.startswith("UPDATE flavors"):
            for _ in takes:
                with open_engine(database.url).begin() as other:
                    other.execute(sa.delete(checkpoint.LEASE))

    def see(event: Event) -> None:
        if isinstance(event, Batch):
            for _ in sees:
                moved = [row[0] for row in moving.rows(engine) if row[1] is None]
                wrong.extend(f"row {key} was moved without a lease" for key in moved)

    sa.event.listen(engine, "before_cursor_execute", take_away)
    migrate(engine, [moving.IN_SQL], Options(batch_size=4), on_event=see)
    return wrong + ([] if moving.rows(engine) == moving.moved_once(8) else ["rows are wrong"])


def commits_without_an_answer(database: Database) -> list[str]:
    """Cut the connection at each commit, when the server has it and we have no answer."""
    engine, wrong = moving.filled(database), list[str]()
    with TemporaryDirectory() as folder, Proxy(database, Path(folder)) as proxy:

        def cut(event: Event) -> None:
            if isinstance(event, Started):
                proxy.cut(Cut.AFTER, at)

        for at in count():
            moving.empty(engine)
            moving.insert(engine, ({"id": each, "memory_mb": each} for each in range(3)))
            options = Options(batch_size=2, sleep=lambda _seconds: None)
            (outcome,) = migrate(open_engine(proxy.url), [moving.IN_SQL], options, on_event=cut)
            if outcome.completed != 3:
                wrong.append(f"3 rows were moved, {outcome.completed} were told")
            if wrong or proxy.seen <= at:
                return wrong
    raise AssertionError


def a_row_behind_the_cursor(database: Database) -> list[str]:
    """Insert a row where a run has been already."""
    stage = Stage(database)
    for key in range(1, 6):
        stage.write(key, memory_mb=key)
    late = iter([partial(stage.write, -1, memory_mb=0)])

    def see(event: Event) -> None:
        if isinstance(event, Batch):
            for write in late:
                write()

    (outcome,) = migrate(stage.ours, [KINDS["in_sql"]], Options(batch_size=2), on_event=see)
    return [f"{outcome.movable} row was left behind"] if outcome.movable else []
