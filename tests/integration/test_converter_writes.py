"""Converters in INSERT, UPDATE and DELETE: one side counts after every statement."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from migrator import merge, rename, retype
from migrator.errors import ConverterError
from tests.converted import FLAVORS, HOSTS, change, expand, held, kilo, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

MEMORY = ("memory_mb", "foobars")
QUEUE = ("topic", "queue", "queue_counts")
CIDR = ("cidr", "address", "prefix")


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    expand(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def cloud() -> SimpleNamespace:
    return kilo()


# What objects write.


def test_a_new_object_is_in_the_new_format(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    new = cloud.Flavor(foobars=0, queue="q", address="a", prefix=8)
    old = cloud.Flavor(memory_mb=0, root_mb=2500, cidr="a/8")
    session.add_all([new, old, cloud.Flavor()])
    session.commit()

    assert held(engine, new.id, *MEMORY, *QUEUE, *CIDR) == (None, 0, "q", "q", 1, None, "a", 8)
    assert held(engine, old.id, *MEMORY, *CIDR) == (None, 0, None, "a", 8)
    assert (old.root_gb, old.root_mb) == (Decimal("2.5"), 2500)
    assert held(engine, 3, *MEMORY, *QUEUE) == (None, None, "", None, 1)


@pytest.mark.parametrize("value", [0, 7, None])
def test_a_changed_attribute_clears_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, value: int | None
) -> None:
    key = store(engine, memory_mb=512, topic="t", cidr="10.0.0.1/24")
    flavor = session.get_one(cloud.Flavor, key)
    flavor.foobars = flavor.prefix = value
    flavor.queue = None
    session.commit()

    assert held(engine, key, *MEMORY) == (None, value)
    assert held(engine, key, *QUEUE) == ("t", None, 1)
    assert held(engine, key, *CIDR) == (None, "10.0.0.1", value)
    assert (flavor.foobars, flavor.queue, flavor.prefix) == (value, None, value)


def test_the_old_name_writes_the_new_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, memory_mb=512, cidr="10.0.0.1/24", root_mb=1)
    flavor = session.get_one(cloud.Flavor, key)
    flavor.memory_mb, flavor.cidr, flavor.root_mb = 0, "b/9", None
    session.commit()

    assert held(engine, key, *MEMORY, *CIDR) == (None, 0, None, "b", 9)
    assert held(engine, key, "root_mb", "root_gb") == (None, None)


def test_an_equal_value_writes_nothing(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, memory_mb=512)
    flavor = session.get_one(cloud.Flavor, key)
    flavor.foobars = 512
    change(engine, key, memory_mb=1024)
    session.commit()

    assert held(engine, key, *MEMORY) == (1024, None)
    assert flavor.foobars == 1024


def test_an_unrelated_change_takes_the_conversion_along(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, memory_mb=0, topic="", root_mb=1500, cidr="10.0.0.1/24", host_name="no")
    session.get_one(cloud.Flavor, key).name = "new"
    session.commit()

    assert held(engine, key, *MEMORY, *QUEUE) == (None, 0, "", "", 1)
    assert held(engine, key, "root_mb", "root_gb") == (None, Decimal("1.500"))
    assert held(engine, key, *CIDR) == (None, "10.0.0.1", 24)
    assert held(engine, key, "locked", "host_name", "host_id") == (False, "no", None)


def test_stale_values_do_not_move(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, memory_mb=512, cidr="10.0.0.1/24", topic="t")
    flavor = session.get_one(cloud.Flavor, key)
    assert (flavor.foobars, flavor.prefix, flavor.queue) == (512, 24, "t")
    session.commit()
    flavor.name = "new"
    change(engine, key, memory_mb=1024, cidr="10.0.0.2/25", topic="late")
    session.commit()

    assert held(engine, key, *MEMORY, *CIDR) == (None, 1024, None, "10.0.0.2", 25)
    assert held(engine, key, *QUEUE) == ("late", "late", 1)
    assert (flavor.foobars, flavor.prefix, flavor.queue) == (1024, 25, "late")


def test_half_of_a_split_takes_the_other_half_as_it_is_now(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, cidr="10.0.0.1/24")
    flavor = session.get_one(cloud.Flavor, key)
    flavor.prefix = 8
    change(engine, key, cidr="10.0.0.2/25")
    session.commit()

    assert held(engine, key, *CIDR) == (None, "10.0.0.2", 8)


def test_a_late_write_of_old_code_counts(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, foobars=1)
    change(engine, key, memory_mb=0)

    assert session.get_one(cloud.Flavor, key).foobars == 0


def test_loaded_values_are_kept_when_they_move_along(
    engine: sa.Engine, cloud: SimpleNamespace
) -> None:
    expand(engine)
    key = store(engine, memory_mb=512)
    with Session(engine, expire_on_commit=False) as session:
        flavor = session.get_one(cloud.Flavor, key)
        flavor.name = "new"
        session.commit()
        assert flavor.__dict__["foobars"] == 512
        flavor.foobars = cloud.Flavor.foobars + 1
        session.commit()
        assert flavor.foobars == 513


# Rows that stay: what cannot be converted, and what is in a transitional state.

number = retype(
    "flavors",
    "title",
    to="ram",
    up=lambda row: sa.case((row.title != "much", sa.cast(row.title, sa.Integer))),
    types={"title": sa.String(50)},
)


def test_a_value_that_would_be_lost_stays(engine: sa.Engine, session: Session) -> None:
    flavor = kilo(number).Flavor
    key = store(engine, title="much", ram=3)
    loaded = session.get_one(flavor, key)
    assert loaded.ram == 3
    loaded.name = "new"
    session.commit()
    assert held(engine, key, "title", "ram") == ("much", 3)

    loaded.ram = 5
    session.commit()
    assert held(engine, key, "title", "ram") == (None, 5)


def test_null_ok_lets_it_go(engine: sa.Engine, session: Session) -> None:
    flavor = kilo(replace(number, null_ok=True)).Flavor
    key = store(engine, title="much", ram=3)
    loaded = session.get_one(flavor, key)
    assert loaded.ram is None
    loaded.name = "new"
    session.commit()
    assert held(engine, key, "title", "ram") == (None, None)


def test_with_a_marker_a_value_that_would_be_lost_stays(
    engine: sa.Engine, session: Session
) -> None:
    marked = retype(
        "flavors",
        "topic",
        to="ram",
        up=lambda row: sa.case((row.topic != "much", sa.cast(row.topic, sa.Integer))),
        marker="queue_counts",
        types={"topic": sa.String(50)},
    )
    flavor = kilo(marked).Flavor
    key, other = store(engine, topic="much"), store(engine, topic="7")
    for each in session.scalars(sa.select(flavor)):
        each.name = "new"
    session.commit()

    assert held(engine, key, "topic", "ram", "queue_counts") == ("much", None, 0)
    assert held(engine, other, "topic", "ram", "queue_counts") == ("7", 7, 1)


def test_rows_that_are_skipped_are_left_by_unrelated_changes(
    engine: sa.Engine, session: Session
) -> None:
    busy = rename("flavors", "memory_mb", to="foobars", skip=lambda row: row.full_name == "busy")
    flavor = kilo(busy).Flavor
    key = store(engine, memory_mb=512, full_name="busy")
    loaded = session.get_one(flavor, key)
    loaded.name = "new"
    session.commit()
    assert (loaded.foobars, held(engine, key, *MEMORY)) == (512, (512, None))

    loaded.foobars = 1
    session.commit()
    assert held(engine, key, *MEMORY) == (None, 1)


def test_what_ends_the_transitional_state_loses_nothing(
    engine: sa.Engine, session: Session
) -> None:
    """MySQL would decide to keep the value, change the state, and then clear it."""
    busy = rename("flavors", "memory_mb", to="foobars", skip=lambda row: row.name == "busy")
    flavor = kilo(busy).Flavor
    key = store(engine, memory_mb=512, name="busy")
    loaded = session.get_one(flavor, key)
    loaded.name = "idle"
    session.commit()

    assert loaded.foobars == 512
    assert sorted(map(str, held(engine, key, *MEMORY))) == ["512", "None"]


@pytest.mark.parametrize("null_ok", [False, True])
def test_several_sources_are_cleared_together_or_not_at_all(
    engine: sa.Engine, session: Session, *, null_ok: bool
) -> None:
    """MySQL cannot tell, once the first is cleared, whether the second one is needed."""
    strict = merge(
        "flavors",
        ("given", "family"),
        to="full_name",
        up=lambda row: row.given + " " + row.family,
        types={"given": sa.String(50), "family": sa.String(50)},
        null_ok=null_ok,
    )
    flavor = kilo(strict).Flavor
    whole = store(engine, given="Ada", family="Lovelace")
    half = store(engine, given="Ada")
    for each in session.scalars(sa.select(flavor)):
        each.name = "new"
    session.commit()

    names = ("given", "family", "full_name")
    moved, kept = (None, None, "Ada Lovelace"), ("Ada", "Lovelace", None)
    assert held(engine, whole, *names) in (moved, kept)
    assert held(engine, half, *names) == ((None,) * 3 if null_ok else ("Ada", None, None))
    assert session.get_one(flavor, whole).full_name == "Ada Lovelace"


# Statements of many rows.

INSERTS: dict[str, Callable[[Session, Any], Any]] = {
    "in bulk": lambda session, flavor: session.execute(
        sa.insert(flavor), [{"foobars": 0, "queue": "q"}, {"foobars": 1, "queue": "r"}]
    ),
    "with values": lambda session, flavor: session.execute(
        sa.insert(flavor).values([{"foobars": 0, "queue": "q"}, {"foobars": 1, "queue": "r"}])
    ),
    "one by one": lambda session, flavor: [
        session.execute(sa.insert(flavor).values(foobars=0, queue="q")),
        session.execute(sa.insert(flavor).values({flavor.foobars: 1, flavor.queue: "r"})),
    ],
    "from a query": lambda session, flavor: session.execute(
        sa.insert(flavor).from_select(
            ["foobars", "queue"],
            sa.select(
                sa.select(sa.literal(0), sa.literal("q"))
                .union_all(sa.select(sa.literal(1), sa.literal("r")))
                .subquery()
            ),
        )
    ),
    "through the table": lambda session, flavor: session.execute(
        flavor.__table__.insert(), [{"foobars": 0, "queue": "q"}, {"foobars": 1, "queue": "r"}]
    ),
    "as mappings": lambda session, flavor: session.bulk_insert_mappings(
        flavor, [{"foobars": 0, "queue": "q"}, {"foobars": 1, "queue": "r"}]
    ),
    "as objects": lambda session, flavor: session.bulk_save_objects(
        [flavor(foobars=0, queue="q"), flavor(foobars=1, queue="r")]
    ),
}


@pytest.mark.parametrize("way", INSERTS)
def test_every_insert_writes_the_new_format(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, way: str
) -> None:
    INSERTS[way](session, cloud.Flavor)
    session.commit()

    query = sa.select(cloud.Flavor.foobars, cloud.Flavor.queue).order_by(cloud.Flavor.id)
    assert session.execute(query).all() == [(0, "q"), (1, "r")]
    for key, value in ((1, 0), (2, 1)):
        assert held(engine, key, *MEMORY) == (None, value)
        assert held(engine, key, "queue_counts") == (1,)


def test_what_an_insert_returns_is_what_was_inserted(
    session: Session, cloud: SimpleNamespace
) -> None:
    rows: list[dict[str, Any]] = [{"foobars": 0, "slug": "s", "ram": 1, "vcpus": 2}, {"foobars": 1}]
    made = session.scalars(sa.insert(cloud.Flavor).returning(cloud.Flavor), rows[:1]).one()
    values = session.execute(
        sa.insert(cloud.Flavor).values(rows[1]).returning(cloud.Flavor.foobars, cloud.Flavor.prefix)
    ).one()

    assert (made.foobars, made.slug, made.ram, made.vcpus) == (0, "s", 1, 2)
    assert values == (1, None)


def test_an_insert_that_names_the_old_side_is_in_the_old_format(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    session.execute(cloud.Flavor.__table__.insert().values(memory_mb=5, topic="t"))
    session.commit()

    assert held(engine, 1, *MEMORY, *QUEUE) == (5, None, "t", None, 0)
    assert session.execute(sa.select(cloud.Flavor.foobars, cloud.Flavor.queue)).one() == (5, "t")


UPDATES: dict[str, Callable[[Session, Any, int], Any]] = {
    "by a filter": lambda session, flavor, _key: session.execute(
        sa.update(flavor).where(flavor.foobars == 512).values(foobars=1, queue="new", prefix=8)
    ),
    "by attributes": lambda session, flavor, _key: session.execute(
        sa.update(flavor).values({flavor.foobars: 1, flavor.queue: "new", flavor.prefix: 8})
    ),
    "by key": lambda session, flavor, key: session.execute(
        sa.update(flavor), [{"id": key, "foobars": 1, "queue": "new", "prefix": 8}]
    ),
    "as mappings": lambda session, flavor, key: session.bulk_update_mappings(
        flavor, [{"id": key, "foobars": 1, "queue": "new", "prefix": 8}]
    ),
    "through the table": lambda session, flavor, _key: session.execute(
        flavor.__table__.update().values(foobars=1, queue="new", prefix=8)
    ),
    "with parameters": lambda session, flavor, key: session.connection().execute(
        sa.update(flavor.__table__).where(flavor.__table__.c.id == sa.bindparam("key")),
        [{"key": key, "foobars": 1, "queue": "new", "prefix": 8}],
    ),
    "of an expression": lambda session, flavor, _key: session.execute(
        sa.update(flavor).values(foobars=flavor.foobars - 511, queue="new", prefix=8)
    ),
    "by the legacy query": lambda session, flavor, _key: session.query(flavor).update(
        {"foobars": 1, "queue": "new", "prefix": 8}
    ),
}


@pytest.mark.parametrize("way", UPDATES)
@pytest.mark.parametrize("row", [{"memory_mb": 512, "topic": "t"}, {"foobars": 512}])
def test_every_update_clears_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, way: str, row: dict[str, Any]
) -> None:
    key = store(engine, cidr="10.0.0.1/24", **row)
    flavor = session.get_one(cloud.Flavor, key)
    UPDATES[way](session, cloud.Flavor, key)
    session.commit()

    assert held(engine, key, *MEMORY) == (None, 1)
    assert held(engine, key, "queue", "queue_counts") == ("new", 1)
    assert held(engine, key, *CIDR) == (None, "10.0.0.1", 8)
    assert (flavor.foobars, flavor.queue, flavor.prefix) == (1, "new", 8)


@pytest.mark.parametrize("name", ["foobars", "memory_mb"])
def test_a_relative_update_sees_the_value(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, name: str
) -> None:
    pending, moved = store(engine, memory_mb=512), store(engine, foobars=100)
    attribute = getattr(cloud.Flavor, name)
    session.execute(sa.update(cloud.Flavor).where(attribute > 0).values({name: attribute + 1}))
    session.commit()

    assert held(engine, pending, *MEMORY) == (None, 513)
    assert held(engine, moved, *MEMORY) == (None, 101)


@pytest.mark.parametrize("old", [{"memory_mb": 0}, {"root_mb": 500}, {"cidr": "a/8"}])
def test_bulk_statements_know_the_old_names(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, old: dict[str, Any]
) -> None:
    session.execute(sa.insert(cloud.Flavor), [old, old | {"name": "new"}])
    session.execute(sa.update(cloud.Flavor), [{"id": 1} | dict.fromkeys(old)])
    session.commit()

    ((name, value),) = old.items()
    first, second = session.scalars(sa.select(cloud.Flavor).order_by(cloud.Flavor.id)).all()
    assert (getattr(first, name), getattr(second, name)) == (None, value)
    assert held(engine, 2, name) == (None,)


@pytest.mark.parametrize("old", [{"memory_mb": 0}, {"root_mb": 500}, {"cidr": "a/8"}])
def test_the_legacy_bulk_methods_know_the_old_names(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, old: dict[str, Any]
) -> None:
    key = store(engine, **old)
    session.bulk_update_mappings(cloud.Flavor, [{"id": key} | dict.fromkeys(old)])
    session.bulk_insert_mappings(cloud.Flavor, [{"id": key + 1} | old], return_defaults=True)
    session.commit()

    ((name, value),) = old.items()
    assert getattr(session.get(cloud.Flavor, key), name) is None
    assert getattr(session.get(cloud.Flavor, key + 1), name) == value
    assert held(engine, key + 1, name) == (None,)


def test_bulk_statements_refuse_one_old_name_of_several(
    session: Session, cloud: SimpleNamespace
) -> None:
    with pytest.raises(ConverterError, match=r"flavors\.given alone does not say"):
        session.execute(sa.insert(cloud.Flavor), [{"given": "Ada"}, {"given": "Grace"}])


def test_the_old_name_of_a_conversion_can_be_updated(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, root_mb=1500, cidr="10.0.0.1/24")
    flavor = cloud.Flavor
    found = sa.update(flavor).where(flavor.root_mb > 1000, flavor.cidr == "10.0.0.1/24")
    session.execute(found.values({flavor.root_mb: flavor.root_mb * 2, flavor.cidr: "b/9"}))
    session.commit()

    assert held(engine, key, "root_mb", "root_gb") == (None, Decimal("3.000"))
    assert held(engine, key, *CIDR) == (None, "b", 9)


def test_what_an_update_returns_is_what_it_wrote(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    if not engine.dialect.update_returning:
        pytest.skip(f"{engine.dialect.name} has no UPDATE … RETURNING")
    store(engine, HOSTS, name="alpha")
    store(engine, memory_mb=512, title="Hello", spec="2x4", host_name="alpha", root_mb=1500)
    flavor = cloud.Flavor
    made = session.scalars(sa.update(flavor).values(name="new").returning(flavor)).one()
    values = session.execute(
        sa.update(flavor).values(foobars=flavor.foobars + 1).returning(flavor.foobars)
    ).one()

    assert (made.slug, made.ram, made.host_id, made.root_gb) == ("hello", 4, 1, Decimal("1.5"))
    assert values == (513,)


def test_an_update_of_the_old_side_says_what_it_says(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    moved, pending = store(engine, foobars=1, queue_counts=1), store(engine, memory_mb=2, given="A")
    session.execute(
        cloud.Flavor.__table__.update().values(memory_mb=9, topic="late", family="Lovelace")
    )
    session.commit()

    assert held(engine, moved, *MEMORY, *QUEUE) == (9, 1, "late", None, 0)
    assert held(engine, pending, *MEMORY, "given", "family") == (9, None, "A", "Lovelace")
    shown = sa.select(cloud.Flavor.foobars, cloud.Flavor.queue, cloud.Flavor.full_name)
    assert session.execute(shown.order_by(cloud.Flavor.id)).all() == [
        (9, "late", " Lovelace"),
        (9, "late", "A Lovelace"),
    ]


def test_an_update_of_the_old_side_can_be_relative(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    moved, pending = store(engine, foobars=1), store(engine, memory_mb=2)
    table = cloud.Flavor.__table__
    session.execute(table.update().values(memory_mb=table.c.memory_mb + 1))
    session.commit()

    assert (held(engine, moved, "memory_mb"), held(engine, pending, "memory_mb")) == ((2,), (3,))


def test_delete_finds_what_objects_show(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    store(engine, memory_mb=512)
    store(engine, foobars=512)
    store(engine, memory_mb=1, foobars=512)
    session.execute(sa.delete(cloud.Flavor).where(cloud.Flavor.foobars == 512))

    assert session.scalars(sa.select(cloud.Flavor.id)).all() == [3]
    session.delete(session.get_one(cloud.Flavor, 3))
    session.flush()
    assert session.scalars(sa.select(FLAVORS.c.id)).all() == []


def test_an_update_in_a_cte_clears_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    if engine.dialect.name != "postgresql":
        pytest.skip("only PostgreSQL writes in a CTE")
    key = store(engine, memory_mb=512)
    done = sa.update(cloud.Flavor).values(foobars=1).returning(cloud.Flavor.id).cte("done")
    session.execute(sa.select(done.c.id)).all()
    session.commit()

    assert held(engine, key, *MEMORY) == (None, 1)


# Upserts.


def into(engine: sa.Engine, target: Any) -> Any:
    """Return the INSERT of this database."""
    name = "mysql" if engine.dialect.name == "mariadb" else engine.dialect.name
    return import_module(f"sqlalchemy.dialects.{name}").insert(target)


def or_update(statement: Any, **said: Any) -> Any:
    """Return *statement* with an UPDATE of the row that has its id already."""
    if hasattr(statement, "on_duplicate_key_update"):
        return statement.on_duplicate_key_update(**said)
    return statement.on_conflict_do_update(index_elements=["id"], set_=said)


def new_row(statement: Any) -> Any:
    """Return the row that could not be inserted."""
    return statement.inserted if hasattr(statement, "inserted") else statement.excluded


def test_an_upsert_clears_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, memory_mb=512, topic="t", cidr="10.0.0.1/24")
    said = {"foobars": cloud.Flavor.foobars + 1, "queue": "q", "prefix": 8}
    for values in ({"id": key, "foobars": 0, "queue": "r"}, {"id": 99, "foobars": 0}):
        session.execute(or_update(into(engine, cloud.Flavor).values(values), **said))
    session.commit()

    assert held(engine, key, *MEMORY, *QUEUE) == (None, 513, "t", "q", 1)
    assert held(engine, key, *CIDR) == (None, "10.0.0.1", 8)
    assert held(engine, 99, *MEMORY) == (None, 0)


def test_an_upsert_of_something_else_leaves_the_row_pending(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, memory_mb=512)
    statement = into(engine, cloud.Flavor).values(id=key, foobars=0)
    session.execute(or_update(statement, name="new"))
    session.commit()

    assert held(engine, key, "name", *MEMORY) == ("new", 512, None)


@pytest.mark.parametrize("name", ["foobars", "memory_mb", "root_gb"])
@pytest.mark.parametrize("core", [False, True])
def test_an_upsert_takes_what_could_not_be_inserted(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, name: str, *, core: bool
) -> None:
    """By the new name or the old one, where the old one was inserted as well."""
    keys = [store(engine, memory_mb=512, root_mb=1), store(engine, foobars=512)]
    statement = into(engine, cloud.Flavor.__table__ if core else cloud.Flavor)
    said = or_update(statement, **{name: new_row(statement)[name]})
    session.execute(said.values([{"id": key, name: 3} for key in keys]))
    session.commit()

    shown = sa.select(getattr(cloud.Flavor, name)).order_by(cloud.Flavor.id)
    assert session.scalars(shown).all() == [3, 3]


def test_an_upsert_by_a_key_that_moves_is_refused(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    statement = into(engine, cloud.Flavor).values(foobars=3)
    if not hasattr(statement, "on_conflict_do_nothing"):
        pytest.skip("an upsert names no key")
    for made in (
        statement.on_conflict_do_nothing(index_elements=["foobars"]),
        statement.on_conflict_do_update(index_elements=[cloud.Flavor.foobars], set_={"name": "x"}),
    ):
        with pytest.raises(ConverterError, match=r"flavors\.foobars before all have moved"):
            session.execute(made)
