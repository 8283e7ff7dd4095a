"""Converters in queries: every one sees what the objects show, whichever format rows are in."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session

from migrator import repoint
from tests.converted import EXTRAS, FLAVORS, HOSTS, expand, foobars, kilo, store

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import SimpleNamespace

    from tests.databases import Database

MEMORY: tuple[dict[str, int], ...] = (
    {"memory_mb": 512},
    {"foobars": 512},
    {"memory_mb": 0},
    {"foobars": 0},
    {"memory_mb": 64, "foobars": 1},
    {},
)
"""Rows in both formats, an inbox that old code has filled again, and one with nothing."""

SHOWN = [512, 512, 0, 0, 64, None]


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    expand(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def cloud(engine: sa.Engine) -> SimpleNamespace:
    expand(engine)
    for number, values in enumerate(MEMORY):
        store(engine, name=f"n{number % 2}", **values)
    return kilo()


def test_objects_show_both_formats(session: Session, cloud: SimpleNamespace) -> None:
    flavors = session.scalars(sa.select(cloud.Flavor).order_by(cloud.Flavor.id)).all()

    assert [flavor.foobars for flavor in flavors] == SHOWN
    assert [flavor.memory_mb for flavor in flavors] == SHOWN


@pytest.mark.parametrize("name", ["foobars", "memory_mb"])
def test_filters_agree_with_objects(session: Session, cloud: SimpleNamespace, name: str) -> None:
    column = getattr(cloud.Flavor, name)
    for condition, keys in (
        (column == 512, [1, 2]),
        (column == 0, [3, 4]),
        (column.is_(None), [6]),
        (column.in_([0, 64]), [3, 4, 5]),
        (sa.not_(column > 1), [3, 4]),
        (column + 1 == 65, [5]),
        (sa.func.coalesce(column, 7) == 7, [6]),
    ):
        query = sa.select(cloud.Flavor.id).where(condition).order_by(cloud.Flavor.id)
        assert session.scalars(query).all() == keys, str(condition)


@pytest.mark.parametrize("name", ["foobars", "memory_mb"])
def test_order_and_groups_agree(session: Session, cloud: SimpleNamespace, name: str) -> None:
    column = getattr(cloud.Flavor, name)
    groups = sa.select(column, sa.func.count()).where(column.is_not(None)).group_by(column)

    assert session.execute(groups.order_by(column.desc())).all() == [(512, 2), (64, 1), (0, 2)]
    assert set(session.scalars(sa.select(column).distinct())) == {512, 64, 0, None}
    assert session.scalar(sa.select(sa.func.sum(column))) == 1088


def test_expressions_with_constants_can_be_grouped(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace
) -> None:
    store(engine, root_mb=1500)
    store(engine, root_gb=Decimal("1.5"))
    alias = orm.aliased(cloud.Flavor)
    for flavor in (cloud.Flavor, alias):
        query = sa.select(flavor.root_gb, sa.func.count()).group_by(flavor.root_gb)
        found = session.execute(query.where(flavor.root_gb > 0)).all()
        assert found == [(Decimal("1.500"), 2)]


def test_the_legacy_query_agrees(session: Session, cloud: SimpleNamespace) -> None:
    query = session.query(cloud.Flavor).filter(cloud.Flavor.foobars >= 64)

    assert query.count() == 3
    assert query.order_by(cloud.Flavor.foobars, cloud.Flavor.id).first().id == 5
    assert session.query(cloud.Flavor).filter_by(memory_mb=0).count() == 2


@pytest.mark.parametrize("name", ["foobars", "memory_mb"])
def test_groups_are_filtered_by_what_they_are_of(
    session: Session, cloud: SimpleNamespace, name: str
) -> None:
    column = getattr(cloud.Flavor, name)
    groups = sa.select(column, sa.func.count()).group_by(column).order_by(column)

    assert session.execute(groups.having(column >= 0)).all() == [(0, 2), (64, 1), (512, 2)]
    big = sa.and_(sa.func.sum(column) > 100, column > 0)
    assert session.execute(groups.having(big)).all() == [(512, 2)]


def test_the_old_name_of_a_conversion_can_be_grouped(driver: Database) -> None:
    """Also by drivers that send the values apart, each with a number."""
    engine = driver.engine()
    expand(engine)
    store(engine, root_mb=1500)
    store(engine, root_gb=Decimal("1.5"))
    flavor = kilo().Flavor
    alias: Any = orm.aliased(flavor)
    with Session(engine) as session:
        for each in (flavor, alias):
            old = each.root_mb
            groups = sa.select(old, sa.func.count()).group_by(each.root_mb).having(old > 2)
            assert tuple(session.execute(groups.order_by(each.root_mb)).one()) == (1500, 2)
            different = sa.select(old).distinct().order_by(each.root_mb.desc())
            assert session.scalars(different).all() == [1500]


def test_core_reads_the_old_columns_too(engine: sa.Engine, session: Session) -> None:
    store(engine, memory_mb=512, root_mb=1000)
    store(engine, foobars=64, root_gb=Decimal("0.5"))
    flavor = kilo().Flavor
    columns = flavor.__table__.c
    query = sa.select(columns.memory_mb, columns.root_mb).order_by(columns.memory_mb)

    assert [tuple(row) for row in session.execute(query)] == [(64, 500), (512, 1000)]
    assert session.scalars(query.where(columns.root_mb == 500)).all() == [64]
    named = sa.select(flavor.id).order_by("memory_mb")
    assert session.scalars(named).all() == [2, 1]


@pytest.mark.usefixtures("cloud")
def test_core_agrees_when_it_uses_the_table(session: Session) -> None:
    table = kilo(foobars).Flavor.__table__
    query = sa.select(table).where(table.c.foobars < 100).order_by(table.c.foobars, table.c.id)

    assert [row.foobars for row in session.execute(query)] == [0, 0, 64]


def test_aliases_and_subqueries_agree(session: Session, cloud: SimpleNamespace) -> None:
    small = sa.select(cloud.Flavor).where(cloud.Flavor.foobars < 100)
    for selectable in (small.subquery(), small.cte("small"), small.subquery().alias()):
        alias = orm.aliased(cloud.Flavor, selectable)
        found = session.scalars(sa.select(alias).order_by(alias.foobars, alias.id)).all()
        assert [flavor.foobars for flavor in found] == [0, 0, 64]
        assert session.scalar(sa.select(sa.func.max(selectable.c.foobars))) == 64
        session.expunge_all()


def test_a_join_with_itself_agrees(session: Session, cloud: SimpleNamespace) -> None:
    other = orm.aliased(cloud.Flavor)
    query = (
        sa.select(cloud.Flavor.id, other.id)
        .join(other, other.foobars == cloud.Flavor.foobars)
        .where(cloud.Flavor.id < other.id)
        .order_by(cloud.Flavor.id)
    )

    assert session.execute(query).all() == [(1, 2), (3, 4)]


def test_unions_agree(session: Session, cloud: SimpleNamespace) -> None:
    none = sa.select(cloud.Flavor).where(cloud.Flavor.foobars == 0)
    much = sa.select(cloud.Flavor).where(cloud.Flavor.foobars == 512)
    found = session.scalars(sa.select(cloud.Flavor).from_statement(none.union_all(much))).all()
    alias = orm.aliased(cloud.Flavor, none.union_all(much).subquery())

    assert sorted(flavor.foobars for flavor in found) == [0, 0, 512, 512]
    assert session.scalar(sa.select(sa.func.count()).where(alias.foobars == 512)) == 2


def test_correlated_subqueries_agree(session: Session, cloud: SimpleNamespace) -> None:
    other = orm.aliased(cloud.Flavor)
    more = sa.exists().where(other.foobars > cloud.Flavor.foobars)
    largest = sa.select(sa.func.max(other.foobars)).where(other.name == cloud.Flavor.name)

    assert session.scalars(
        sa.select(cloud.Flavor.id).where(~more, cloud.Flavor.foobars.is_not(None))
    ).all() == [1, 2]
    assert set(session.scalars(sa.select(largest.scalar_subquery()))) == {512}


def test_windows_and_limits_agree(session: Session, cloud: SimpleNamespace) -> None:
    rank = sa.func.row_number().over(order_by=(cloud.Flavor.foobars, cloud.Flavor.id))
    query = sa.select(cloud.Flavor.id).where(cloud.Flavor.foobars >= 0).order_by(rank)

    assert session.scalars(query.limit(2).offset(1)).all() == [4, 5]


def test_attributes_can_be_left_for_later(session: Session, cloud: SimpleNamespace) -> None:
    flavor = session.scalars(
        sa.select(cloud.Flavor)
        .options(orm.load_only(cloud.Flavor.name))
        .order_by(cloud.Flavor.id)
        .limit(1)
    ).one()
    assert "foobars" not in flavor.__dict__
    assert flavor.foobars == 512
    session.expire(flavor, ["foobars"])
    session.refresh(flavor, ["foobars"])
    assert flavor.__dict__["foobars"] == 512


def test_every_way_of_selecting_gives_the_type_of_the_column(
    engine: sa.Engine, session: Session
) -> None:
    store(engine, root_mb=1500, cidr="10.0.0.1/24")
    flavor = kilo().Flavor

    assert session.execute(sa.select(flavor.root_gb, flavor.prefix, flavor.address)).one() == (
        Decimal("1.500"),
        24,
        "10.0.0.1",
    )
    both: orm.Bundle[Any] = orm.Bundle("both", flavor.root_gb, flavor.prefix)
    assert tuple(session.execute(sa.select(both)).scalar_one()) == (Decimal("1.500"), 24)


# Relationships.


@pytest.fixture
def hosts(engine: sa.Engine) -> SimpleNamespace:
    expand(engine)
    alpha, beta = store(engine, HOSTS, name="alpha"), store(engine, HOSTS, name="beta")
    store(engine, host_name="alpha", name="a")
    store(engine, host_id=alpha, name="b")
    store(engine, host_name="beta", host_id=alpha, name="c")
    store(engine, host_id=beta, name="d")
    return kilo()


WAYS: dict[str, Any] = {
    "lazily": lambda _attribute: (),
    "joined": lambda attribute: (orm.joinedload(attribute),),
    "selectin": lambda attribute: (orm.selectinload(attribute),),
    "subquery": lambda attribute: (orm.subqueryload(attribute),),
}


@pytest.mark.parametrize("way", WAYS)
def test_relationships_follow_converted_keys(
    session: Session, hosts: SimpleNamespace, way: str
) -> None:
    up = sa.select(hosts.Flavor).order_by(hosts.Flavor.name).options(*WAYS[way](hosts.Flavor.host))
    down = sa.select(hosts.Host).order_by(hosts.Host.name).options(*WAYS[way](hosts.Host.flavors))

    owners = [flavor.host.name for flavor in session.scalars(up)]
    session.expunge_all()
    owned = [
        sorted(flavor.name for flavor in host.flavors) for host in session.scalars(down).unique()
    ]
    assert owners == ["alpha", "alpha", "beta", "beta"]
    assert owned == [["a", "b"], ["c", "d"]]


def test_joins_and_limits_over_relationships_agree(
    session: Session, hosts: SimpleNamespace
) -> None:
    joined = sa.select(hosts.Flavor.name).join(hosts.Flavor.host).where(hosts.Host.name == "beta")
    limited = (
        sa.select(hosts.Host)
        .options(orm.joinedload(hosts.Host.flavors))
        .order_by(hosts.Host.name)
        .limit(1)
    )
    (host,) = session.scalars(limited).unique()
    having = sa.select(hosts.Host.name).where(hosts.Host.flavors.any(hosts.Flavor.name == "c"))

    assert session.scalars(joined.order_by(hosts.Flavor.name)).all() == ["c", "d"]
    assert sorted(flavor.name for flavor in host.flavors) == ["a", "b"]
    assert session.scalars(having).all() == ["beta"]


def test_values_of_another_table_are_found(engine: sa.Engine, session: Session) -> None:
    for key, note, remark in ((1, "old", None), (2, None, "new"), (3, "late", "stale")):
        store(engine, id=key, note=note)
        store(engine, EXTRAS, flavor_id=key, remark=remark)
    cloud = kilo()
    query = sa.select(cloud.Extra).order_by(cloud.Extra.remark)

    assert [extra.remark for extra in session.scalars(query)] == ["late", "new", "old"]
    joined = sa.select(cloud.Flavor.id).join(cloud.Flavor.extra).where(cloud.Extra.remark == "late")
    assert session.scalars(joined).all() == [3]
    alias = orm.aliased(cloud.Extra)
    pairs = sa.select(alias.remark).join(cloud.Extra, alias.remark == cloud.Extra.remark)
    assert len(session.scalars(pairs).all()) == 3


def test_a_reference_within_one_table_is_found(engine: sa.Engine, session: Session) -> None:
    parent = repoint(
        "flavors",
        "host_name",
        to="host_id",
        through="flavors",
        match="name",
        take="id",
        types={"host_name": sa.String(50)},
    )
    store(engine, name="top")
    store(engine, name="leaf", host_name="top")
    flavor = kilo(parent).Flavor

    assert session.execute(sa.select(flavor.name, flavor.host_id).order_by(flavor.id)).all() == [
        ("top", None),
        ("leaf", 1),
    ]
    alias = orm.aliased(flavor)
    assert session.scalars(sa.select(alias.name).where(alias.host_id == 1)).all() == ["leaf"]


def test_a_query_says_nothing_of_the_rest(session: Session, cloud: SimpleNamespace) -> None:
    """A table of the same name in other models is none of the converter's business."""
    plain = session.scalars(sa.select(FLAVORS.c.foobars).order_by(FLAVORS.c.id)).all()

    assert plain == [None, 512, None, 0, 1, None]
    assert "CASE" not in str(sa.schema.CreateIndex(sa.Index("i", cloud.Flavor.__table__.c.foobars)))


@pytest.mark.parametrize("way", ["select", "columns", "query"])
def test_objects_loaded_by_text_do_not_trust_it(
    engine: sa.Engine, session: Session, way: str
) -> None:
    key = store(engine, memory_mb=512, title="Hello", note="n", name="name")
    store(engine, EXTRAS, flavor_id=key, remark="other")
    cloud = kilo()
    text: Any = sa.text("SELECT id, name, foobars, slug FROM flavors")
    if way == "columns":
        text = text.columns(cloud.Flavor.id, cloud.Flavor.name, cloud.Flavor.foobars)
    if way == "query":
        loaded = session.query(cloud.Flavor).from_statement(text).one()
    else:
        loaded = session.scalars(sa.select(cloud.Flavor).from_statement(text)).one()
    extras = sa.select(cloud.Extra).from_statement(sa.text("SELECT * FROM extras"))

    assert "name" in loaded.__dict__
    assert (loaded.foobars, loaded.slug, loaded.root_gb) == (512, "hello", None)
    assert session.scalars(extras).one().remark == "n"
