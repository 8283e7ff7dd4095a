"""A table in the middle of ten transitions, and the models of the release that moves it."""

from __future__ import annotations

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, mapped_column, registry, relationship

from migrator import (
    Row,
    attach_converters,
    expression,
    fill,
    merge,
    move,
    rename,
    repoint,
    retype,
    split,
)

EXPANDED = sa.MetaData()

HOSTS = sa.Table(
    "hosts",
    EXPANDED,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50), unique=True),
)

FLAVORS = sa.Table(
    "flavors",
    EXPANDED,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(50)),
    sa.Column("memory_mb", sa.Integer),
    sa.Column("topic", sa.String(50), nullable=False, server_default=""),
    sa.Column("root_mb", sa.Integer),
    sa.Column("cidr", sa.String(64)),
    sa.Column("given", sa.String(50)),
    sa.Column("family", sa.String(50)),
    sa.Column("host_name", sa.String(50)),
    sa.Column("title", sa.String(50)),
    sa.Column("spec", sa.String(50)),
    sa.Column("note", sa.String(50)),
    # What the expand added:
    sa.Column("foobars", sa.Integer),
    sa.Column("queue", sa.String(50)),
    sa.Column("queue_counts", sa.SmallInteger, nullable=False, server_default="0"),
    sa.Column("root_gb", sa.Numeric(12, 3)),
    sa.Column("address", sa.String(64)),
    sa.Column("prefix", sa.Integer),
    sa.Column("full_name", sa.String(101)),
    sa.Column("locked", sa.Boolean),
    sa.Column("host_id", sa.Integer),
    sa.Column("slug", sa.String(50)),
    sa.Column("vcpus", sa.Integer),
    sa.Column("ram", sa.Integer),
)

EXTRAS = sa.Table(
    "extras",
    EXPANDED,
    sa.Column("flavor_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("remark", sa.String(50)),
    sa.Column("colour", sa.String(50)),
)


def _prefix(row: Row) -> sa.ColumnElement[Any]:
    at = sa.case((row.cidr.like("%/_"), 1), (row.cidr.like("%/__"), 2))
    return sa.cast(sa.func.substr(row.cidr, sa.func.length(row.cidr) - at + 1), sa.Integer)


def _address(row: Row) -> sa.ColumnElement[Any]:
    at = sa.case((row.cidr.like("%/_"), 2), (row.cidr.like("%/__"), 3))
    return sa.func.substr(row.cidr, 1, sa.func.length(row.cidr) - at)


foobars = rename("flavors", "memory_mb", to="foobars")
queue = rename("flavors", "topic", to="queue", marker="queue_counts")
root_gb = retype(
    "flavors",
    "root_mb",
    to="root_gb",
    up=lambda row: row.root_mb / Decimal(1000),
    down=lambda row: row.root_gb * 1000,
    types={"root_mb": sa.Integer()},
)
address = split(
    "flavors",
    "cidr",
    to={
        "address": expression(sql=_address, python=lambda row: row.cidr.rpartition("/")[0]),
        "prefix": expression(sql=_prefix, python=lambda row: int(row.cidr.rpartition("/")[2])),
    },
    down=expression(
        sql=lambda row: row.address + "/" + sa.cast(row.prefix, sa.String(3)),
        python=lambda row: f"{row.address}/{row.prefix}",
    ),
    types={"cidr": sa.String(64)},
)
full_name = merge(
    "flavors",
    ("given", "family"),
    to="full_name",
    up=expression(
        sql=lambda row: sa.func.coalesce(row.given, "") + " " + sa.func.coalesce(row.family, ""),
        python=lambda row: f"{row.given or ''} {row.family or ''}",
    ),
    types={"given": sa.String(50), "family": sa.String(50)},
)
locked = fill("flavors", "locked", value=False)
host = repoint(
    "flavors",
    "host_name",
    to="host_id",
    through="hosts",
    match="name",
    take="id",
    types={"host_name": sa.String(50)},
)
slug = retype(
    "flavors",
    "title",
    to="slug",
    up=expression(python=lambda row: row.title.lower()),
    down=expression(python=lambda row: row.slug.upper()),
    types={"title": sa.String(50)},
)
spec = split(
    "flavors",
    "spec",
    to={
        "vcpus": expression(python=lambda row: int(row.spec.split("x")[0])),
        "ram": expression(python=lambda row: int(row.spec.split("x")[1])),
    },
    types={"spec": sa.String(50)},
)
remark = move("flavors", "note", to="extras.remark", on={"id": "flavor_id"})

TRANSITIONS = (
    foobars, queue, root_gb, address, full_name, locked, host, slug, spec, remark,
)  # fmt: skip


def kilo(*transitions: Any) -> SimpleNamespace:
    """Return fresh models of the new release, with the converters of *transitions* attached."""

    class Base(DeclarativeBase):
        models: ClassVar[SimpleNamespace]

    class Host(Base):
        __tablename__ = "hosts"

        id = mapped_column(sa.Integer, primary_key=True)
        name = mapped_column(sa.String(50))
        flavors = relationship("Flavor", back_populates="host")

    class Flavor(Base):
        __tablename__ = "flavors"

        id = mapped_column(sa.Integer, primary_key=True)
        name = mapped_column(sa.String(50))
        foobars = mapped_column(sa.Integer)
        queue = mapped_column(sa.String(50))
        root_gb = mapped_column(sa.Numeric(12, 3))
        address = mapped_column(sa.String(64))
        prefix = mapped_column(sa.Integer)
        full_name = mapped_column(sa.String(101))
        locked = mapped_column(sa.Boolean)
        host_id = mapped_column(sa.ForeignKey("hosts.id"))
        slug = mapped_column(sa.String(50))
        vcpus = mapped_column(sa.Integer)
        ram = mapped_column(sa.Integer)
        host = relationship("Host", back_populates="flavors")
        extra = relationship(
            "Extra", primaryjoin="Flavor.id == foreign(Extra.flavor_id)", uselist=False
        )

    class Extra(Base):
        __tablename__ = "extras"

        flavor_id = mapped_column(sa.Integer, primary_key=True, autoincrement=False)
        remark = mapped_column(sa.String(50))
        colour = mapped_column(sa.String(50))

    attach_converters(Base, *(transitions or TRANSITIONS))
    # Each class keeps the others: SQLAlchemy finds them by their names.
    Base.models = SimpleNamespace(Base=Base, Host=Host, Flavor=Flavor, Extra=Extra)
    return Base.models


def expand(engine: sa.Engine) -> None:
    """Create the tables as the expand leaves them."""
    EXPANDED.create_all(engine)


def store(engine: sa.Engine, table: sa.Table = FLAVORS, /, **values: Any) -> int:
    """Insert a row as it is, and return its key."""
    with engine.begin() as connection:
        made = connection.execute(sa.insert(table).values(**values))
        return int(next(iter(made.inserted_primary_key or ())))


def change(engine: sa.Engine, key: int, **values: Any) -> None:
    """Change a row of flavors as it is."""
    with engine.begin() as connection:
        connection.execute(sa.update(FLAVORS).where(FLAVORS.c.id == key).values(**values))


def held(engine: sa.Engine, key: int, *names: str, table: sa.Table = FLAVORS) -> tuple[Any, ...]:
    """Return what the columns *names* of a row hold."""
    query = sa.select(*(table.c[name] for name in names))
    with engine.connect() as connection:
        return tuple(connection.execute(query.where(next(iter(table.primary_key)) == key)).one())


def all_held(engine: sa.Engine, *names: str) -> list[tuple[Any, ...]]:
    """Return what the columns *names* of all rows of flavors hold, in their order."""
    query = sa.select(*(FLAVORS.c[name] for name in names)).order_by(FLAVORS.c.id)
    with engine.connect() as connection:
        return [tuple(row) for row in connection.execute(query)]


def model(table: str, /, *, base: Any = None, **attributes: Any) -> Any:
    """Return a class that maps *table*: an id, a column of each type, and what else there is."""
    columns = {
        name: mapped_column(value) if isinstance(value, sa.types.TypeEngine) else value
        for name, value in attributes.items()
    }
    keyed = {} if "id" in columns else {"id": mapped_column(sa.Integer, primary_key=True)}
    return type(
        table.title(),
        (base or registry().generate_base(),),
        {"__tablename__": table, "__module__": __name__, **keyed, **columns},
    )
