"""Converters in sessions: objects that leave and come back, async sessions, every driver."""

from __future__ import annotations

import asyncio
import pickle
from copy import copy
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.asyncio import AsyncSession, create_async_engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool

from migrator import attach_converters
from tests.converted import (
    FLAVORS,
    HOSTS,
    change,
    expand,
    foobars,
    held,
    kilo,
    model,
    slug,
    spec,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

INTEGER, TEXT = sa.Integer(), sa.String(50)
NAMES = ("memory_mb", "foobars", "title", "slug")

Flavor = model("flavors", name=TEXT, foobars=INTEGER, slug=TEXT)
Flavor.__qualname__ = Flavor.__name__ = "Flavor"
Flavor.__module__ = __name__
attach_converters([Flavor], foobars, slug)


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    with Session(engine) as session:
        yield session


@pytest.fixture
def key(engine: sa.Engine) -> int:
    """A row in the old format."""
    expand(engine)
    return store(engine, name="n", memory_mb=512, title="Hello")


def test_merge_writes_what_was_loaded(engine: sa.Engine, session: Session, key: int) -> None:
    detached = session.get_one(Flavor, key)
    session.expunge(detached)
    session.rollback()
    change(engine, key, memory_mb=None, foobars=1, title=None, slug="moved")
    detached.name = "merged"
    session.merge(detached)
    session.commit()

    assert held(engine, key, *NAMES) == (None, 512, None, "hello")


def test_merge_of_an_equal_object_writes_nothing(
    engine: sa.Engine, session: Session, key: int
) -> None:
    detached = session.get_one(Flavor, key)
    session.expunge(detached)
    session.merge(detached)
    session.commit()

    assert held(engine, key, *NAMES) == (512, None, "Hello", None)


def test_a_transient_object_is_inserted_in_the_new_format(
    engine: sa.Engine, session: Session, key: int
) -> None:
    flavor = session.get_one(Flavor, key)
    orm.make_transient(flavor)
    flavor.id = None
    session.add(flavor)
    session.commit()

    assert held(engine, flavor.id, *NAMES) == (None, 512, None, "hello")
    assert held(engine, key, *NAMES) == (512, None, "Hello", None)


def test_pickles_and_copies_keep_the_values(engine: sa.Engine, session: Session, key: int) -> None:
    again = pickle.loads(pickle.dumps(session.get_one(Flavor, key)))  # noqa: S301 - our own
    assert (again.foobars, again.slug, again.memory_mb) == (512, "hello", 512)
    shallow = copy(again)
    assert (shallow.foobars, shallow.slug) == (512, "hello")
    session.expunge_all()
    again.foobars, again.slug = 1, "new"
    session.add(again)
    session.commit()

    assert held(engine, key, *NAMES) == (None, 1, None, "new")


def test_a_batch_after_loading_leaves_nothing_to_do(
    engine: sa.Engine, session: Session, key: int
) -> None:
    flavor = session.get_one(Flavor, key)
    assert flavor.foobars == 512
    session.rollback()
    change(engine, key, memory_mb=None, foobars=512, title=None, slug="hello")
    flavor.name = "new"
    session.commit()

    assert held(engine, key, *NAMES) == (None, 512, None, "hello")


def test_a_rollback_takes_everything_back(engine: sa.Engine, session: Session, key: int) -> None:
    flavor = session.get_one(Flavor, key)
    flavor.foobars, flavor.slug = 1, "new"
    session.flush()
    session.rollback()

    assert (flavor.foobars, flavor.slug) == (512, "hello")
    assert held(engine, key, *NAMES) == (512, None, "Hello", None)
    with session.begin_nested() as savepoint:
        flavor.foobars = 2
        session.flush()
        savepoint.rollback()
    assert flavor.foobars == 512


# Async sessions.


async def use(url: str, key: int) -> None:
    """Load, change and insert through an async session, and never await an attribute."""
    cloud = kilo(foobars, slug, spec)
    engine = create_async_engine(url, poolclass=NullPool)
    async with AsyncSession(engine, expire_on_commit=False) as session:
        query = sa.select(cloud.Flavor).where(cloud.Flavor.foobars == 512)
        flavor = (await session.scalars(query)).one()
        assert (flavor.foobars, flavor.slug, flavor.vcpus, flavor.ram) == (512, "hello", 4, 8)
        flavor.name = "new"
        await session.commit()
        assert (flavor.foobars, flavor.slug) == (512, "hello")
        flavor.ram = 9
        session.add(cloud.Flavor(id=key + 1, foobars=0, slug="s", vcpus=1, ram=2))
        await session.commit()
        assert (flavor.vcpus, flavor.ram) == (4, 9)
        groups = sa.select(cloud.Flavor.foobars, sa.func.count()).group_by(cloud.Flavor.foobars)
        counted = (await session.execute(groups.order_by(cloud.Flavor.foobars))).all()
        assert [tuple(row) for row in counted] == [(0, 1), (512, 1)]
        await session.execute(sa.update(cloud.Flavor).values(foobars=cloud.Flavor.foobars + 1))
        await session.commit()
    await engine.dispose()


@pytest.mark.parametrize(
    ("database", "drivername"),
    [
        ("sqlite", "sqlite+aiosqlite"),
        ("postgresql", "postgresql+asyncpg"),
        ("postgresql", "postgresql+psycopg"),
    ],
    indirect=["database"],
)
def test_async_sessions(database: Database, drivername: str) -> None:
    engine = database.engine()
    expand(engine)
    key = store(engine, memory_mb=512, title="Hello", spec="4x8")
    asyncio.run(use(database.through(drivername).url, key))

    names = ("memory_mb", "foobars", "spec", "vcpus", "ram", "title")
    assert held(engine, key, *names) == (None, 513, None, 4, 9, "Hello")
    assert held(engine, key + 1, *names) == (None, 1, None, 1, 2, None)


# Drivers.


def test_every_driver(driver: Database) -> None:
    engine = driver.engine()
    expand(engine)
    store(engine, HOSTS, id=1, name="alpha")
    key = store(
        engine,
        memory_mb=512,
        topic="t",
        root_mb=1500,
        cidr="10.0.0.1/24",
        given="Ada",
        host_name="alpha",
        title="Hello",
        spec="4x8",
    )
    flavor: Any = kilo().Flavor
    with Session(engine) as session:
        loaded = session.scalars(
            sa.select(flavor).where(flavor.root_gb > 1, flavor.prefix == 24, flavor.host_id == 1)
        ).one()
        assert (loaded.foobars, loaded.queue, loaded.slug, loaded.ram) == (512, "t", "hello", 8)
        assert (loaded.full_name, loaded.locked, loaded.address) == ("Ada ", False, "10.0.0.1")
        groups = sa.select(flavor.root_gb, sa.func.count()).group_by(flavor.root_gb)
        assert tuple(session.execute(groups).one()) == (Decimal("1.500"), 1)
        loaded.name = "new"
        loaded.ram = 9
        session.execute(sa.insert(flavor), [{"foobars": 1}, {"foobars": 2}])
        session.commit()
        session.execute(sa.update(flavor).values(foobars=flavor.foobars + 1))
        session.commit()

    names = ("memory_mb", "foobars", "topic", "queue", "queue_counts", "cidr", "spec", "ram")
    assert held(engine, key, *names) == (None, 513, "t", "t", 1, None, None, 9)
    query = sa.select(FLAVORS.c.foobars).order_by(FLAVORS.c.foobars)
    with engine.connect() as connection:
        assert connection.scalars(query).all() == [2, 3, 513]
