"""A firm: tables with every kind of key that scaling meets, on any database."""

from __future__ import annotations

import datetime
import uuid
from random import Random

import sqlalchemy as sa

METADATA = sa.MetaData()
TENANTS = sa.Table(
    "tenants",
    METADATA,
    sa.Column("id", sa.String(36), primary_key=True),
    sa.Column("name", sa.String(60), nullable=False, unique=True),
)
PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("tenant", sa.String(36), sa.ForeignKey("tenants.id"), nullable=False),
    sa.Column("email", sa.String(80), unique=True),
    sa.Column("boss", sa.Integer, sa.ForeignKey("people.id")),
    sa.Column("last_order", sa.Integer, sa.ForeignKey("Orders.id", use_alter=True, name="latest")),
)
ORDERS = sa.Table(
    "Orders",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("person", sa.Integer, sa.ForeignKey("people.id")),
    sa.Column("at", sa.DateTime, nullable=False),
    sa.Column("note", sa.Text),
)
ITEMS = sa.Table(
    "items",
    METADATA,
    sa.Column("order", sa.Integer, sa.ForeignKey("Orders.id"), primary_key=True),
    sa.Column("number", sa.SmallInteger, primary_key=True, autoincrement=False),
    sa.Column("what", sa.String(40)),
)
LOGS = sa.Table("logs", METADATA, sa.Column("line", sa.String(40)))
TABLES = (TENANTS, PEOPLE, ORDERS, ITEMS, LOGS)
COUNTS = {"tenants": 20, "people": 600, "Orders": 1200, "items": 3600, "logs": 500}
NOON = datetime.datetime(2026, 11, 27, 12)  # noqa: DTZ001 - as it is stored
NOTE = "it's; a \\n\n(note), (\t"


def fill(engine: sa.Engine) -> None:
    """Make the tables, and put COUNTS rows into them."""
    made = sa.MetaData()
    for each in TABLES:
        # One whose key was added by ALTER would be made without it from then on.
        each.to_metadata(made)
    made.create_all(engine)
    random = Random(1)  # noqa: S311 - it only has to be the same each time
    tenants = [str(uuid.UUID(int=random.getrandbits(128), version=4)) for _ in range(20)]
    people = [
        {
            "id": each,
            "tenant": tenants[each % 20],
            "email": f"Person{each}@acme.example" if each % 7 else None,
            "boss": each - 1 if each % 10 > 1 else None,
        }
        for each in range(1, 601)
    ]
    orders = [
        {"id": each, "person": (each + 1) // 2, "at": NOON, "note": f"{NOTE}{each}"}
        for each in range(1, 1201)
    ]
    items = [
        {"order": each, "number": number, "what": f"'), ({number}"}
        for each in range(1, 1201)
        for number in range(3)
    ]
    with engine.begin() as connection:
        names = [{"id": each, "name": f"tenant {at}"} for at, each in enumerate(tenants)]
        connection.execute(TENANTS.insert(), names)
        connection.execute(PEOPLE.insert(), people)
        connection.execute(ORDERS.insert(), orders)
        connection.execute(ITEMS.insert(), items)
        connection.execute(LOGS.insert(), [{"line": f"line {each}"} for each in range(500)])
        latest = PEOPLE.update().where(PEOPLE.c.id % 3 == 0).values(last_order=PEOPLE.c.id * 2)
        connection.execute(latest)
        if engine.dialect.name == "postgresql":
            for name, last in (("people", 600), ("Orders", 1200)):
                connection.execute(sa.text(f"SELECT setval('\"{name}_id_seq\"', {last})"))


def counts(engine: sa.Engine) -> dict[str, int]:
    """Return how many rows each table has."""
    counting = {each.name: sa.select(sa.func.count()).select_from(each) for each in TABLES}
    with engine.connect() as connection:
        return {name: connection.execute(each).scalar_one() for name, each in counting.items()}


def orphans(engine: sa.Engine) -> list[str]:
    """Return the references that lead nowhere."""
    found = []
    with engine.connect() as connection:
        for table in TABLES:
            for key in table.foreign_keys:
                to = key.column.table.alias()
                there = sa.exists().where(to.c[key.column.name] == key.parent)
                lost = sa.select(sa.func.count()).where(key.parent.is_not(None), ~there)
                if connection.execute(lost).scalar_one():
                    found.append(f"{table.name}.{key.parent.name}")
    return found


def check(engine: sa.Engine, factor: float) -> None:
    """Look whether *engine* has the firm, *factor* times."""
    found = counts(engine)
    assert orphans(engine) == []
    for name, before in COUNTS.items():
        assert 0.75 * factor < found[name] / before < 1.25 * factor or name == "tenants"
    with engine.begin() as connection:
        # The next number is free.
        connection.execute(ORDERS.insert(), {"at": NOON, "note": "new"})
        connection.execute(PEOPLE.insert(), {"tenant": _tenant(connection)})
        notes = connection.execute(sa.select(ORDERS.c.note).where(ORDERS.c.note != "new"))
        assert all(note.startswith(NOTE) for note in notes.scalars())


def _tenant(connection: sa.Connection) -> str:
    return str(connection.execute(sa.select(TENANTS.c.id)).scalars().first())
