"""One change, declared in three ways, and the three generations of code that write under it."""

from __future__ import annotations

import random
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from migrator import Row, attach_converters, convert, expression, python, retype
from migrator.transitions.batch import any_key
from tests.ledger import Write
from tests.moving import named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from migrator.transitions import Transition

VALUES = (0, 0, 1, 7, 512)
RECENT = 60
"""So many of the keys that were taken last are written to, by everybody."""
FACTOR = 3
"""What the conversion multiplies by: a row that is converted twice shows it; 0 stays 0."""

METADATA = sa.MetaData()
FLAVORS = sa.Table(
    "flavors",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(20)),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("memory_mb", sa.Integer),
    sa.Column("foobars", sa.Integer),
    sa.Column("hits", sa.Integer, nullable=False, server_default="0"),
)
OLD = sa.table("flavors", *(sa.column(name) for name in ("id", "version", "memory_mb")))


def move_by_hand(connection: sa.Connection, keys: Sequence[tuple[Any, ...]]) -> None:
    """Move rows as a function of a user does: in two statements, over rows that are locked."""
    ours = sa.update(FLAVORS).where(any_key([FLAVORS.c.id], keys))
    made = {"foobars": FLAVORS.c.memory_mb * FACTOR, "hits": FLAVORS.c.hits + 1}
    connection.execute(ours.values(made))
    connection.execute(ours.values(memory_mb=None))


def save_by_hand(connection: sa.Connection, row: Mapping[str, Any], value: int | None) -> None:
    """Write *value* in the new form, and clear the old one."""
    converted = sa.case((FLAVORS.c.memory_mb.is_not(None), 1), else_=0)
    connection.execute(
        sa.update(FLAVORS)
        .where(FLAVORS.c.id == row["id"])
        .ordered_values(
            (FLAVORS.c.foobars, value),
            (FLAVORS.c.hits, FLAVORS.c.hits + converted),
            (FLAVORS.c.memory_mb, None),
        )
    )


def either(row: Row) -> sa.ColumnElement[Any]:
    """Return the value in the new form, whichever form the row is in."""
    return sa.case((row.memory_mb.is_not(None), row.memory_mb * FACTOR), else_=row.foobars)


KINDS: dict[str, Transition] = {
    "in_sql": named(
        convert(
            "flavors",
            "memory_mb",
            to={"foobars": lambda row: row.memory_mb * FACTOR, "hits": lambda row: row.hits + 1},
            types={"memory_mb": sa.Integer()},
        )
    ),
    "in_python": named(
        retype(
            "flavors",
            "memory_mb",
            to="foobars",
            up=expression(python=lambda row: row.memory_mb * FACTOR),
            types={"memory_mb": sa.Integer()},
        )
    ),
    "by_function": named(
        python(
            "flavors",
            pending=lambda row: row.memory_mb.is_not(None),
            move=move_by_hand,
            attribute="foobars",
            load=expression(sql=either),
            save=save_by_hand,
        )
    ),
}
COUNTED = ("in_sql", "by_function")
"""Kinds that count in *hits* how often a row was converted."""


@cache
def new_release(kind: str) -> Any:
    """Return class Flavor of the release that moves its rows as it uses them."""

    class Base(DeclarativeBase):
        pass

    class Common(Base):
        __abstract__ = True
        __tablename__ = "flavors"
        id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
        name: Mapped[str | None]
        version: Mapped[int]

    columns: dict[str, Any] = {"foobars": mapped_column(sa.Integer)}
    if kind == "in_sql":
        columns["hits"] = mapped_column(sa.Integer, default=0)
    if kind == "by_function":
        named_as = {"_new": "foobars", "_old": "memory_mb"}
        columns = {key: mapped_column(name, sa.Integer) for key, name in named_as.items()}
    flavor = type("Flavor", (Common,), columns)
    attach_converters(Base, KINDS[kind])
    return flavor


class Writer:
    """A process of one generation; each of its *acts* is what it does in one transaction."""

    def __init__(self, kind: str, known: Sequence[int], keys: Iterator[int], seed: int) -> None:
        self.kind = kind
        self.known = known
        """Keys that are taken, of all generations."""
        self.keys = keys
        """Keys that are free."""
        self.random = random.Random(seed)  # noqa: S311 - nothing is secret
        self.acts: tuple[Callable[[sa.Connection], list[Write]], ...] = ()

    def act(self, connection: sa.Connection) -> list[Write]:
        """Do one thing or another; return what was written."""
        return self.random.choice(self.acts)(connection)

    def key(self) -> int:
        """Return the key of a row that somebody inserted, and perhaps somebody deleted."""
        return self.random.choice(self.known[-RECENT:])

    def value(self) -> int:
        return self.random.choice(VALUES)

    def wrote(self, what: str, key: int, version: int, value: int | None, **more: Any) -> Write:
        writer = type(self).__name__
        return Write(writer=writer, what=what, key=key, version=version, value=value, **more)

    def deleted(self, key: int, version: int) -> list[Write]:
        return [self.wrote("delete", key, version + 1, None, deletes=True)]


def locked(connection: sa.Connection, key: int) -> Any:
    """Return the row *key* as it is, locked until the transaction ends, or None."""
    query = sa.select(OLD).where(OLD.c.id == key).with_for_update()
    return connection.execute(query).one_or_none()


class OldRelease(Writer):
    """Knows nothing but memory_mb. It looks at a row only to tell us what it has done."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.acts = (self.insert, *[self.update] * 4, self.delete)

    def insert(self, connection: sa.Connection) -> list[Write]:
        key, value = next(self.keys), self.value()
        connection.execute(OLD.insert().values(id=key, version=1, memory_mb=value))
        return [self.wrote("insert", key, 1, value * FACTOR, fills=True)]

    def update(self, connection: sa.Connection) -> list[Write]:
        key, value = self.key(), self.value()
        if (row := locked(connection, key)) is None:
            return []
        changed = OLD.update().where(OLD.c.id == key)
        connection.execute(changed.values(memory_mb=value, version=OLD.c.version + 1))
        fills = row.memory_mb is None
        return [self.wrote("update", key, row.version + 1, value * FACTOR, fills=fills)]

    def delete(self, connection: sa.Connection) -> list[Write]:
        key = self.key()
        if (row := locked(connection, key)) is None:
            return []
        connection.execute(OLD.delete().where(OLD.c.id == key))
        return self.deleted(key, row.version)


class NewObjects(Writer):
    """Loads objects, changes them and saves them, with converters."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.flavor = new_release(self.kind)
        in_sql = [self.count_in_sql] * 2 if self.kind == "in_sql" else []
        self.acts = (self.insert, self.change, *[self.count, self.rename] * 2, *in_sql, self.delete)

    def insert(self, connection: sa.Connection) -> list[Write]:
        key, value = next(self.keys), self.value()
        with Session(connection) as session:
            session.add(self.flavor(id=key, version=1, foobars=value))
            session.flush()
        return [self.wrote("insert", key, 1, value)]

    def change(self, connection: sa.Connection) -> list[Write]:
        value = self.value()
        return self._save(connection, "change", lambda _now: value, added=None)

    def count(self, connection: sa.Connection) -> list[Write]:
        return self._save(connection, "count", lambda now: None if now is None else now + 1)

    def count_in_sql(self, connection: sa.Connection) -> list[Write]:
        counted = self.flavor.foobars + 1
        return self._save(connection, "count in SQL", lambda _now: counted, is_locked=False)

    def rename(self, connection: sa.Connection) -> list[Write]:
        """Save something else: the value is not to change."""
        return self._save(connection, "rename", None, added=0, is_locked=False)

    def delete(self, connection: sa.Connection) -> list[Write]:
        with Session(connection) as session:
            flavor = session.get(self.flavor, self.key(), with_for_update=True)
            if flavor is None:
                return []
            key, version = flavor.id, flavor.version
            session.delete(flavor)
            session.flush()
            return self.deleted(key, version)

    def _save(
        self,
        connection: sa.Connection,
        what: str,
        new: Callable[[int | None], Any] | None,
        *,
        added: int | None = 1,
        is_locked: bool = True,
    ) -> list[Write]:
        """Load an object, set what *new* makes of its value, and see what it has then."""
        with Session(connection) as session:
            flavor = session.get(self.flavor, self.key(), with_for_update=is_locked or None)
            if flavor is None:
                return []
            if new is not None:
                flavor.foobars = new(flavor.foobars)
            flavor.name, flavor.version = what, self.flavor.version + 1
            try:
                session.flush()
            except sa.orm.exc.StaleDataError:  # somebody has deleted it
                return []
            session.refresh(flavor)
            return [self.wrote(what, flavor.id, flavor.version, flavor.foobars, added=added)]


class NewBulk(Writer):
    """Inserts and changes many rows at a time, through the same models."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.flavor = new_release(self.kind)
        counts = [self.count] * 3 if self.kind == "in_sql" else []
        self.acts = (self.insert, self.change, self.rename, *counts, self.delete)

    def insert(self, connection: sa.Connection) -> list[Write]:
        rows = [{"id": next(self.keys), "version": 1, "foobars": self.value()} for _ in range(3)]
        with Session(connection) as session:
            # A form of its own is no column of the model: there, it is the table's.
            session.execute(sa.insert(FLAVORS if self.kind == "by_function" else self.flavor), rows)
        return [self.wrote("insert", each["id"], 1, each["foobars"]) for each in rows]

    def change(self, connection: sa.Connection) -> list[Write]:
        value = self.value()
        if self.kind == "by_function":
            return self._save_by_hand(connection, value)
        return self._update(connection, "change", {"foobars": value}, added=None)

    def count(self, connection: sa.Connection) -> list[Write]:
        return self._update(connection, "count", {"foobars": self.flavor.foobars + 1}, added=1)

    def rename(self, connection: sa.Connection) -> list[Write]:
        return self._update(connection, "rename", {"name": "renamed"}, added=0)

    def delete(self, connection: sa.Connection) -> list[Write]:
        key = self.key()
        if (row := locked(connection, key)) is None:
            return []
        with Session(connection) as session:
            session.execute(sa.delete(self.flavor).where(self.flavor.id == key))
        return self.deleted(key, row.version)

    def _update(
        self, connection: sa.Connection, what: str, values: dict[str, Any], *, added: int | None
    ) -> list[Write]:
        keys = [self.key() for _ in range(3)]
        raised = {**values, "version": self.flavor.version + 1}
        theirs = self.flavor.id.in_(keys)
        with Session(connection) as session:
            session.execute(sa.update(self.flavor).where(theirs).values(raised))
            found = session.scalars(sa.select(self.flavor).where(theirs)).all()
            return [self.wrote(what, x.id, x.version, x.foobars, added=added) for x in found]

    def _save_by_hand(self, connection: sa.Connection, value: int) -> list[Write]:
        key = self.key()
        if (row := locked(connection, key)) is None:
            return []
        save_by_hand(connection, {"id": key}, value)
        raised = FLAVORS.update().where(FLAVORS.c.id == key)
        connection.execute(raised.values(version=FLAVORS.c.version + 1))
        return [self.wrote("change", key, row.version + 1, value)]


GENERATIONS: tuple[type[Writer], ...] = (OldRelease, NewObjects, NewBulk)
