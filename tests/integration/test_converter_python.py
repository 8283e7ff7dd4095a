"""Converters of what only Python can compute: loaded in one statement, refused in queries."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import DeclarativeBase, Session, mapped_column

from migrator import attach_converters, expression, fill, retype
from migrator.errors import ConverterError, TransitionError
from migrator.online import migrate
from tests.converted import HOSTS, change, expand, foobars, held, kilo, slug, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import SimpleNamespace

SLUG = ("title", "slug")
SPEC = ("spec", "vcpus", "ram")


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    expand(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def cloud() -> SimpleNamespace:
    return kilo()


def test_objects_show_both_formats(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    for values in ({"title": "A"}, {"slug": "b"}, {"title": "", "slug": "x"}, {}):
        store(engine, **values)
    store(engine, spec="4x8")
    store(engine, vcpus=1, ram=2)
    flavors = session.scalars(sa.select(cloud.Flavor).order_by(cloud.Flavor.id)).all()

    assert [flavor.slug for flavor in flavors] == ["a", "b", "", None, None, None]
    assert [(flavor.vcpus, flavor.ram) for flavor in flavors[4:]] == [(4, 8), (1, 2)]
    assert [flavor.title for flavor in flavors[:2]] == ["A", "B"]


WAYS: dict[str, Callable[[Session, Any], Any]] = {
    "whole": lambda session, flavor: session.scalars(sa.select(flavor)).one(),
    "by key": lambda session, flavor: session.get_one(flavor, 1),
    "only": lambda session, flavor: session.scalars(
        sa.select(flavor).options(orm.load_only(flavor.slug, flavor.ram))
    ).one(),
    "others only": lambda session, flavor: session.scalars(
        sa.select(flavor).options(orm.load_only(flavor.name))
    ).one(),
    "deferred": lambda session, flavor: session.scalars(
        sa.select(flavor).options(orm.defer(flavor.slug), orm.defer(flavor.vcpus))
    ).one(),
    "alias": lambda session, flavor: session.scalars(sa.select(orm.aliased(flavor))).one(),
    "subquery": lambda session, flavor: session.scalars(
        sa.select(orm.aliased(flavor, sa.select(flavor).subquery()))
    ).one(),
    "union": lambda session, flavor: session.scalars(
        sa.select(flavor).from_statement(sa.union(sa.select(flavor), sa.select(flavor)))
    ).one(),
    "text": lambda session, flavor: session.scalars(
        sa.select(flavor).from_statement(sa.text("SELECT id, slug FROM flavors"))
    ).one(),
    "legacy": lambda session, flavor: session.query(flavor).one(),
    "limited": lambda session, flavor: session.scalars(
        sa.select(flavor).options(orm.joinedload(flavor.host)).limit(1)
    ).one(),
}


@pytest.mark.parametrize("way", WAYS)
def test_every_way_of_loading_converts(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, way: str
) -> None:
    store(engine, title="Hello", spec="4x8")
    flavor = WAYS[way](session, cloud.Flavor)

    assert (flavor.slug, flavor.vcpus, flavor.ram) == ("hello", 4, 8)


def test_a_row_is_loaded_in_one_statement(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    """Between two of them, a batch could empty one place after the other was read."""
    store(engine, title="Hello")
    flavor = WAYS["others only"](session, cloud.Flavor)
    sent: list[str] = []
    sa.event.listen(engine, "before_cursor_execute", lambda *said: sent.append(said[2]))

    assert flavor.slug == "hello"
    assert len(sent) == 1


def test_attributes_can_be_expired_and_refreshed(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, title="Hello", spec="4x8")
    flavor = session.get_one(cloud.Flavor, key)
    session.commit()
    change(engine, key, title="Late", spec="5x9")
    session.refresh(flavor, ["slug"])
    assert (flavor.slug, flavor.ram) == ("late", 9)
    session.commit()
    change(engine, key, title=None, slug="moved")
    session.expire(flavor, ["slug"])
    assert (flavor.slug, flavor.vcpus) == ("moved", 5)


def test_relationships_load_it(engine: sa.Engine, session: Session, cloud: SimpleNamespace) -> None:
    host = store(engine, HOSTS, name="alpha")
    store(engine, host_id=host, title="A")
    store(engine, host_name="alpha", slug="b")
    for option in (orm.joinedload, orm.selectinload, orm.subqueryload):
        query = sa.select(cloud.Host).options(option(cloud.Host.flavors)).limit(1)
        (found,) = session.scalars(query).unique()
        assert sorted(flavor.slug for flavor in found.flavors) == ["a", "b"]
        session.expunge_all()


REFUSED: dict[str, Callable[[Any], Any]] = {
    "filter": lambda flavor: sa.select(flavor).where(flavor.slug == "a"),
    "order": lambda flavor: sa.select(flavor).order_by(flavor.slug),
    "column": lambda flavor: sa.select(flavor.slug),
    "function": lambda flavor: sa.select(sa.func.max(flavor.slug)),
    "table": lambda flavor: sa.select(flavor.__table__.c.slug),
    "alias": lambda flavor: sa.select(orm.aliased(flavor).slug),
    "subquery": lambda flavor: sa.select(sa.select(flavor).subquery().c.slug),
    "cte": lambda flavor: sa.select(sa.select(flavor).cte("c").c.slug),
    "old name": lambda flavor: sa.select(flavor.id).where(flavor.title == "A"),
    "update": lambda flavor: sa.update(flavor).where(flavor.slug == "a").values(name="new"),
    "expression": lambda flavor: sa.update(flavor).values(name=flavor.slug),
    "delete": lambda flavor: sa.delete(flavor).where(flavor.slug == "a"),
}


@pytest.mark.parametrize("what", REFUSED)
def test_no_query_can_name_it(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, what: str
) -> None:
    key = store(engine, title="A")
    with pytest.raises(ConverterError, match="is converted in Python, so that a query cannot"):
        session.execute(REFUSED[what](cloud.Flavor))
    session.rollback()

    assert held(engine, key, *SLUG) == ("A", None)


def test_queries_of_the_rest_go_on(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    store(engine, title="A", name="n")
    inner = sa.select(cloud.Flavor).where(cloud.Flavor.name == "n").subquery()

    assert session.scalar(sa.select(sa.func.count()).select_from(inner)) == 1
    assert session.scalar(sa.select(inner.c.name)) == "n"


# Writing.


@pytest.mark.parametrize("value", ["", "new", None])
def test_a_changed_attribute_clears_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, value: str | None
) -> None:
    key = store(engine, title="Hello")
    flavor = session.get_one(cloud.Flavor, key)
    flavor.slug = value
    session.commit()

    assert held(engine, key, *SLUG) == (None, value)
    assert flavor.slug == value


def test_the_old_name_writes_the_new_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, title="Hello")
    session.get_one(cloud.Flavor, key).title = "World"
    session.commit()

    assert held(engine, key, *SLUG) == (None, "world")


def test_an_old_name_that_cannot_be_computed_can_be_set(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, spec="1x2")
    loaded = session.get_one(cloud.Flavor, key)
    loaded.spec = "3x4"
    session.commit()

    assert held(engine, key, *SPEC) == (None, 3, 4)
    with pytest.raises(AttributeError, match=r"flavors\.spec cannot be computed without down="):
        loaded.spec  # noqa: B018 - reading it is what is tested
    with pytest.raises(ConverterError, match=r"flavors\.given alone does not say"):
        loaded.given = "Ada"


def test_an_unrelated_or_equal_change_moves_nothing(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, title="Hello", spec="4x8")
    flavor = session.get_one(cloud.Flavor, key)
    flavor.name, flavor.slug, flavor.ram = "new", "hello", 8
    change(engine, key, title="Late", spec="5x9")
    session.commit()

    assert held(engine, key, *SLUG, *SPEC) == ("Late", None, "5x9", None, None)
    assert (flavor.slug, flavor.vcpus, flavor.ram) == ("late", 5, 9)


def test_half_of_a_split_takes_the_other_half_as_it_is_now(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, spec="4x8")
    flavor = session.get_one(cloud.Flavor, key)
    assert flavor.vcpus == 4
    session.commit()
    flavor.ram = 1
    change(engine, key, spec="5x9")
    session.commit()

    assert held(engine, key, *SPEC) == (None, 5, 1)
    assert (flavor.vcpus, flavor.ram) == (5, 1)


def test_an_equal_half_is_taken_as_it_is_now(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, spec="4x8")
    flavor = session.get_one(cloud.Flavor, key)
    flavor.vcpus, flavor.ram = 4, 1
    change(engine, key, spec="5x9")
    session.commit()

    assert held(engine, key, *SPEC) == (None, 5, 1)


def test_half_of_a_moved_split_leaves_the_other_half(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, vcpus=4, ram=8)
    flavor = session.get_one(cloud.Flavor, key)
    flavor.ram = None
    change(engine, key, vcpus=5)
    session.commit()

    assert held(engine, key, *SPEC) == (None, 5, None)


def test_new_objects_are_in_the_new_format(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    session.add(cloud.Flavor(slug="a", vcpus=1, ram=2))
    session.flush()
    session.execute(sa.insert(cloud.Flavor), [{"slug": "b"}, {"title": "C"}])
    session.commit()

    assert held(engine, 1, *SLUG, *SPEC) == (None, "a", None, 1, 2)
    assert [held(engine, key, *SLUG) for key in (2, 3)] == [(None, "b"), (None, "c")]


UPDATES: dict[str, Callable[[Session, Any], Any]] = {
    "values": lambda session, flavor: session.execute(
        sa.update(flavor).values(slug="new", vcpus=1, ram=2)
    ),
    "old name": lambda session, flavor: session.execute(
        sa.update(flavor).values({flavor.title: "New", flavor.vcpus: 1, flavor.ram: 2})
    ),
    "by key": lambda session, flavor: session.execute(
        sa.update(flavor), [{"id": 1, "slug": "new", "vcpus": 1, "ram": 2}]
    ),
    "mappings": lambda session, flavor: session.bulk_update_mappings(
        flavor, [{"id": 1, "slug": "new", "vcpus": 1, "ram": 2}]
    ),
    "table": lambda session, flavor: session.execute(
        flavor.__table__.update().values(slug="new", vcpus=1, ram=2)
    ),
}


@pytest.mark.parametrize("way", UPDATES)
def test_every_update_clears_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, way: str
) -> None:
    key = store(engine, title="Hello", spec="4x8")
    flavor = session.get_one(cloud.Flavor, key)
    UPDATES[way](session, cloud.Flavor)
    session.commit()

    assert held(engine, key, *SLUG, *SPEC) == (None, "new", None, 1, 2)
    assert (flavor.slug, flavor.vcpus, flavor.ram) == ("new", 1, 2)


def test_an_update_of_something_else_leaves_the_old_side(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, title="Hello", spec="4x8")
    session.execute(sa.update(cloud.Flavor).values(name="new", foobars=3))
    session.execute(sa.update(cloud.Flavor), [{"id": key, "name": "newer"}])
    session.commit()

    assert held(engine, key, "name", *SLUG, *SPEC) == ("newer", "Hello", None, "4x8", None, None)


def test_a_statement_that_sets_half_of_a_split_is_refused(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    key = store(engine, spec="4x8")
    for statement, rows in (
        (sa.update(cloud.Flavor).values(ram=1), None),
        (sa.update(cloud.Flavor), [{"id": key, "ram": 1}]),
    ):
        with pytest.raises(ConverterError, match="has to set vcpus, ram together"):
            session.execute(statement, rows)
        session.rollback()

    assert held(engine, key, *SPEC) == ("4x8", None, None)


# Rows that cannot be converted, markers, filling.


@pytest.mark.parametrize("broken", ["much", "x", ""])
def test_a_row_that_cannot_be_converted_hides_no_other(
    session: Session,
    cloud: SimpleNamespace,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    broken: str,
) -> None:
    monkeypatch.setattr("migrator.transitions.converter.load._said", set())
    engine: Any = session.get_bind()
    key = store(engine, spec=broken, ram=7)
    store(engine, spec="4x8")
    first, second = session.scalars(sa.select(cloud.Flavor).order_by(cloud.Flavor.id))
    assert [(flavor.vcpus, flavor.ram) for flavor in (first, second)] == [(None, 7), (4, 8)]
    warned = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert warned == ["flavors.vcpus of a row could not be converted: ValueError"]

    first.vcpus = 1
    session.commit()
    assert held(engine, key, *SPEC) == (None, 1, 7)


def test_a_mistake_in_an_expression_is_no_failure_of_a_row(
    engine: sa.Engine, session: Session
) -> None:
    key = store(engine, title="Hello")
    mistaken = replace(slug, name="mistaken", up={"slug": expression(python=lambda row: row.name)})
    flavor = kilo(mistaken).Flavor
    with pytest.raises(TransitionError, match="there is no column 'name' to read"):
        session.get(flavor, key)
    with pytest.raises(TransitionError, match="there is no column 'name' to read"):
        migrate(engine, [mistaken])

    assert held(engine, key, "title", "slug") == ("Hello", None)


def test_a_value_that_would_be_lost_is_not_shown_as_none(
    engine: sa.Engine, session: Session
) -> None:
    known = retype(
        "flavors",
        "title",
        to="slug",
        up=expression(python=lambda row: {"A": "a"}.get(row.title)),
        types={"title": sa.String(50)},
    )
    flavor = kilo(known).Flavor
    store(engine, title="A")
    store(engine, title="?", slug="kept")

    assert [each.slug for each in session.scalars(sa.select(flavor).order_by(flavor.id))] == [
        "a",
        "kept",
    ]


def test_a_marker_says_which_side_counts(engine: sa.Engine, session: Session) -> None:
    marked = retype(
        "flavors",
        "topic",
        to="queue",
        up=expression(python=lambda row: row.topic.lower()),
        marker="queue_counts",
        types={"topic": sa.String(50)},
    )
    flavor = kilo(marked).Flavor
    old, new = store(engine, topic="OLD"), store(engine, topic="X", queue="new", queue_counts=1)
    shown = session.scalars(sa.select(flavor).order_by(flavor.id)).all()
    assert [each.queue for each in shown] == ["old", "new"]
    shown[0].queue, shown[1].name = None, "n"
    session.add(flavor(queue="q"))
    session.commit()

    assert held(engine, old, "queue", "queue_counts") == (None, 1)
    assert held(engine, new, "queue", "queue_counts") == ("new", 1)
    assert held(engine, 3, "topic", "queue", "queue_counts") == ("", "q", 1)
    assert shown[0].queue is None


def test_a_new_column_is_filled_from_others(engine: sa.Engine, session: Session) -> None:
    filled = fill(
        "flavors",
        "slug",
        value=expression(python=lambda row: row.name.lower()),
        also_reads=("name",),
    )
    flavor = kilo(filled).Flavor
    store(engine, name="A")
    key = store(engine, name="B", slug="")
    shown = session.scalars(sa.select(flavor).order_by(flavor.id)).all()
    assert [each.slug for each in shown] == ["a", ""]
    shown[1].slug = "c"
    session.commit()

    assert held(engine, key, "slug") == ("c",)


@pytest.mark.parametrize("eager", [True, False, "auto"])
def test_defaults_of_the_server_are_fetched(
    engine: sa.Engine, session: Session, *, eager: bool | str
) -> None:
    class Base(DeclarativeBase):
        pass

    class Flavor(Base):
        __tablename__ = "flavors"
        __mapper_args__ = {"eager_defaults": eager}  # noqa: RUF012 - as SQLAlchemy asks for it

        id = mapped_column(sa.Integer, primary_key=True)
        name = mapped_column(sa.String(50))
        queue = mapped_column(sa.String(50), server_default=sa.text("''"), deferred=True)
        foobars = mapped_column(sa.Integer, server_default=sa.text("7"))

    lower = retype(
        "flavors",
        "title",
        to="queue",
        up=expression(python=lambda row: row.title.lower()),
        types={"title": sa.String(50)},
    )
    attach_converters(Base, lower, foobars)
    store(engine, title="A", memory_mb=512)
    new = Flavor(name="new")
    session.add(new)
    session.flush()
    old = session.get_one(Flavor, 1)
    old.name = "changed"
    session.flush()

    assert (old.queue, old.foobars) == ("a", 512)
    assert new.foobars is None or new.foobars == 7
