"""Services: who is alive, what it maps, and when its lease is over."""

from __future__ import annotations

import asyncio
import logging
import os
import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry

from migrator.errors import ConfigurationError, DatabaseError
from migrator.services import SERVICE, alive, forget, listed, mapped_columns, register

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

LONG = 3600.0
"""A lease that no test lives to see end."""


class Base(DeclarativeBase):
    pass


class Flavor(Base):
    __tablename__ = "flavors"
    id: Mapped[int] = mapped_column(primary_key=True)
    memory_mb: Mapped[int | None]


MAPPED = {"flavors.id", "flavors.memory_mb"}


def let_time_pass(engine: sa.Engine, seconds: float) -> None:
    """Make every service look as if it was last seen *seconds* earlier."""
    with engine.begin() as connection:
        connection.execute(sa.update(SERVICE).values(last_seen=SERVICE.c.last_seen - seconds))


def test_a_registered_process_is_alive_until_it_closes(engine: sa.Engine) -> None:
    with register(engine, name="api", models=Base, release="kilo", lease_seconds=LONG):
        with engine.connect() as connection:
            (service,) = alive(connection)
        assert (service.name, service.release, service.pid) == ("api", "kilo", os.getpid())
        assert set(service.columns or ()) == MAPPED

    with engine.connect() as connection:
        assert listed(connection) == ()


def test_there_is_nobody_where_the_table_is_missing(engine: sa.Engine) -> None:
    with engine.connect() as connection:
        assert alive(connection) == ()


def test_a_process_is_alive_until_its_lease_is_over(engine: sa.Engine) -> None:
    with register(engine, name="api", models=Base, lease_seconds=LONG):
        let_time_pass(engine, LONG - 60)
        with engine.connect() as connection:
            assert len(alive(connection)) == 1
        let_time_pass(engine, 61)
        with engine.connect() as connection:
            assert alive(connection) == ()
            assert [each.alive for each in listed(connection)] == [False]


def test_a_beat_renews_the_lease(engine: sa.Engine) -> None:
    with register(engine, name="api", models=Base, lease_seconds=LONG) as service:
        let_time_pass(engine, LONG - 60)
        assert service.beat()
        with engine.connect() as connection:
            (seen,) = alive(connection)
    assert seen.age < 60


def test_a_process_that_was_taken_for_dead_is_registered_anew(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    with register(engine, name="api", models=Base, lease_seconds=LONG) as service:
        before = service.id
        let_time_pass(engine, LONG + 1)
        with caplog.at_level(logging.WARNING):
            assert not service.beat()
        with engine.connect() as connection:
            assert [each.id for each in listed(connection)] == [service.id]

    assert service.id != before
    assert "registered anew" in caplog.text


def test_a_forgotten_process_that_lives_comes_back(engine: sa.Engine) -> None:
    with register(engine, name="api", models=Base, lease_seconds=LONG) as service:
        with engine.begin() as connection:
            forget(connection, listed(connection)[0])
        assert not service.beat()
        with engine.connect() as connection:
            assert len(alive(connection)) == 1


def test_the_heartbeat_beats_by_itself(engine: sa.Engine) -> None:
    beaten = threading.Event()
    with register(engine, name="api", models=Base, lease_seconds=LONG) as first:
        # A second one with a short lease, so that its thread has something to do at once.
        with register(engine, name="worker", models=Base, lease_seconds=2.0) as service:
            event = sa.event.listens_for(engine, "after_cursor_execute")
            event(lambda *sent: beaten.set() if "UPDATE" in str(sent[2]) else None)
            assert beaten.wait(60)
        assert first.id != service.id


def test_the_heartbeat_survives_a_database_that_fails(
    engine: sa.Engine, caplog: pytest.LogCaptureFixture
) -> None:
    fail, failed, beaten = threading.Event(), threading.Event(), threading.Event()

    def sent(*arguments: object) -> None:
        if "UPDATE" not in str(arguments[2]):
            return
        if fail.is_set() and not failed.is_set():
            failed.set()
            raise sa.exc.OperationalError("UPDATE", {}, Exception("secret value"))
        beaten.set()

    fail.set()
    sa.event.listen(engine, "before_cursor_execute", sent)
    with register(engine, name="api", models=Base, lease_seconds=3.0):
        assert failed.wait(60)
        assert beaten.wait(60)
    assert "could not be seen" in caplog.text
    assert "secret" not in caplog.text


def test_rows_of_the_long_dead_are_swept(engine: sa.Engine) -> None:
    with register(engine, name="old", models=Base, lease_seconds=1.0):
        let_time_pass(engine, 2 * 86_400)
        with (
            register(engine, name="api", models=Base, lease_seconds=LONG),
            engine.connect() as connection,
        ):
            assert "api" in {each.name for each in alive(connection)}
            assert len(listed(connection)) <= 2


def test_many_processes_may_register_at_once(database: Database) -> None:
    engine = database.engine(poolclass=sa.NullPool)
    barrier = threading.Barrier(4)
    errors: list[BaseException] = []

    def enter() -> None:
        barrier.wait()
        try:
            services.append(register(engine, name="api", models=Base, lease_seconds=LONG))
        except DatabaseError as error:
            errors.append(error)

    services: list[object] = []
    threads = [threading.Thread(target=enter) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with engine.connect() as connection:
        assert (len(alive(connection)), errors) == (4, [])


def test_an_asynchronous_engine_registers_too(tmp_path: object) -> None:
    async def serve() -> int:
        engine = create_async_engine(f"sqlite+aiosqlite:///{tmp_path}/services.db")
        with register(engine, name="api", models=Base, lease_seconds=LONG) as service:
            assert service.beat()
            async with engine.connect() as connection:
                found = await connection.run_sync(alive)
        await engine.dispose()
        return len(found)

    assert asyncio.run(serve()) == 1


def models() -> Iterator[object]:
    yield Base
    yield Flavor
    yield [Flavor]
    yield Base.registry
    known = registry()
    table = sa.Table(
        "flavors",
        known.metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("memory_mb", sa.Integer),
    )
    known.map_imperatively(type("Imperative", (), {}), table)
    yield known


@pytest.mark.parametrize("given", tuple(models()))
def test_mapped_columns_are_found_however_models_are_given(given: object) -> None:
    assert mapped_columns(given) == MAPPED  # type: ignore[arg-type]


def test_columns_out_of_sight_and_tables_without_a_model_are_mapped() -> None:
    class Own(DeclarativeBase):
        pass

    class Instance(Own):
        __tablename__ = "instances"
        id: Mapped[int] = mapped_column(primary_key=True)

    sa.Table("links", Own.metadata, sa.Column("left", sa.Integer), schema="other")
    Instance.__table__.append_column(sa.Column("memory_mb", sa.Integer))  # type: ignore[attr-defined]

    assert mapped_columns(Own) == {"instances.id", "instances.memory_mb", "other.links.left"}


def test_models_that_map_nothing_are_refused() -> None:
    with pytest.raises(ConfigurationError, match="map no table"):
        mapped_columns(registry())


def test_a_database_that_cannot_be_written_is_an_error_without_row_data(tmp_path: object) -> None:
    engine = sa.create_engine(f"sqlite:///{tmp_path}/missing/services.db")
    with pytest.raises(DatabaseError, match="registering a service failed"):
        register(engine, name="api", models=Base)


def test_applications_import_no_tool() -> None:
    code = "import sys, migrator.services; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    ).stdout.split()

    assert not {"alembic", "click", "rich", "tenacity"} & set(loaded)
