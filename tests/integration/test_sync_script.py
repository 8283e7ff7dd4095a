"""The script of `migrator sync --sql`, run by each database's own client."""

from __future__ import annotations

import shutil
import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator import history
from migrator.apply import Options, sync, write_script
from migrator.catalogue import snapshot
from migrator.database import open_engine
from migrator.dialects import dialect_of
from migrator.errors import NotAdditiveError, PlanError
from migrator.lock import runner_lock
from tests.projects import CLOUD, cloud, expand, project

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from migrator.manifest import Manifest
    from tests.databases import Database

EXPANDS = Options(expand_only=True)
TRIGGER = {
    "sqlite": "CREATE TRIGGER stamp AFTER INSERT ON zones BEGIN SELECT 1; SELECT 2; END;",
    "mariadb": "CREATE TRIGGER stamp BEFORE INSERT ON zones FOR EACH ROW "
    "BEGIN SET NEW.id = 1; SET NEW.id = 2; END;",
    "postgresql": "CREATE FUNCTION one() RETURNS integer LANGUAGE sql AS $$SELECT 2; SELECT 1$$;",
}
"""A statement of each database with statements inside."""


def client_of(url: sa.URL) -> list[str]:
    """Return the command that runs a script from its standard input on the database *url*."""
    if url.get_backend_name() == "sqlite":
        return ["sqlite3", str(url.database)]
    if url.get_backend_name() == "postgresql":
        plain = url.set(drivername="postgresql").render_as_string(hide_password=False)
        return ["psql", "--no-psqlrc", "--quiet", plain]
    user = [f"--user={url.username}"] + [f"--password={url.password}"] * bool(url.password)
    socket = url.query.get("unix_socket")
    where = (
        [f"--socket={socket}"] if socket else [f"--host={url.host}", f"--port={url.port or 3306}"]
    )
    return ["mariadb", *where, *user, str(url.database)]


def run(engine: Engine, script: tuple[str, ...]) -> subprocess.CompletedProcess[str]:
    command = client_of(engine.url)
    if shutil.which(command[0]) is None:
        pytest.skip(f"the client {command[0]} is not installed")
    text = "\n".join(script)
    return subprocess.run(command, input=text, capture_output=True, text=True, check=False)


def held(engine: Engine) -> dict[str, str]:
    """Return what the catalogue holds."""
    with engine.connect() as connection:
        found = snapshot(connection, dialect_of(connection.dialect)).definitions
    return {str(key): each for key, each in found.items()}


@pytest.fixture
def engine(database: Database) -> Engine:
    return open_engine(database.url)


@pytest.fixture
def manifest(database: Database, tmp_path: Path) -> Manifest:
    index = 'op.create_index("ix", "flavors", ["disk"], postgresql_concurrently=True)'
    text = "sa.Column(\"100% :x 'q'\", sa.String(20), server_default=\"50% :y 'q' ;\")"
    files = {
        "create_zones.py": expand('op.create_table("zones", sa.Column("id", sa.Integer))'),
        "add_text.py": expand(f'op.add_column("zones", {text})'),
        "add_index.py": expand('op.add_column("zones", sa.Column("a", sa.Integer))', index),
        "add_trigger.py": expand(
            head='allow = ["CREATE FUNCTION", "CREATE TRIGGER"]\nreason = "x"'
        ),
        f"add_trigger.{database.name}.sql": TRIGGER[database.name],
    }
    return project(tmp_path, CLOUD | files, juno=2)


def test_the_script_does_what_sync_does(engine: Engine, manifest: Manifest) -> None:
    done = run(engine, write_script(engine, manifest, EXPANDS))
    assert (done.returncode, done.stderr) == (0, "")

    assert sync(engine, manifest, EXPANDS).finished == ()
    with engine.connect() as connection:
        rows = history.read(connection)
    assert [(each.version, each.complete) for each in rows] == [
        (number, True) for number in (1, 2, 4, 5, 6, 7, 8)
    ]


def test_what_the_script_leaves_equals_what_sync_leaves(
    engine: Engine, database: Database, manifest: Manifest
) -> None:
    script = write_script(engine, manifest, EXPANDS)
    sync(engine, manifest, EXPANDS)
    wanted = held(engine)
    for table in ("flavors", "zones", *history.METADATA.tables):
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP TABLE {table}"))
    if database.name == "postgresql":
        with engine.begin() as connection:
            connection.execute(sa.text("DROP FUNCTION one()"))

    assert run(engine, script).returncode == 0
    assert held(engine) == wanted


def test_a_script_begins_where_the_database_is(engine: Engine, manifest: Manifest) -> None:
    sync(engine, manifest, Options(target="juno"))

    script = write_script(engine, manifest, EXPANDS)

    assert not [line for line in script if "CREATE TABLE migrator_" in line]
    assert run(engine, script).returncode == 0
    assert sync(engine, manifest, EXPANDS).finished == ()


def test_a_script_that_is_run_twice_does_nothing_twice(engine: Engine, manifest: Manifest) -> None:
    sync(engine, manifest, Options(target="1"))
    script = write_script(engine, manifest, EXPANDS)
    assert run(engine, script).returncode == 0
    before = held(engine)

    assert run(engine, script).returncode != 0
    assert held(engine) == before
    assert sync(engine, manifest, EXPANDS).finished == ()


def test_a_script_does_nothing_in_a_database_that_lacks_what_it_begins_after(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(target="juno"))
    script = write_script(engine, manifest, EXPANDS)
    with engine.begin() as connection:
        connection.execute(history.HISTORY.delete().where(history.HISTORY.c.version == 2))
    before = held(engine)

    assert (
        "-- Fails unless exactly 1 to 2 are applied here: the script begins after that." in script
    )
    assert run(engine, script).returncode != 0
    assert held(engine) == before


def test_a_script_stops_at_the_first_error_and_sync_goes_on(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(target="juno"))
    script = write_script(engine, manifest, EXPANDS)
    with engine.begin() as connection:
        connection.execute(sa.text("CREATE TABLE zones (id INTEGER)"))

    assert run(engine, script).returncode != 0
    with engine.begin() as connection:
        connection.execute(sa.text("DROP TABLE zones"))
    sync(engine, manifest, EXPANDS)

    assert {"a", "100% :x 'q'"} <= {
        each["name"] for each in sa.inspect(engine).get_columns("zones")
    }


@pytest.mark.requires("advisory_locks")
def test_a_script_stops_while_a_runner_is_at_work(engine: Engine, manifest: Manifest) -> None:
    sync(engine, manifest, Options(target="juno"))
    before = held(engine)

    with engine.connect() as connection, runner_lock(connection):
        assert run(engine, write_script(engine, manifest, EXPANDS)).returncode != 0
    assert held(engine) == before


def test_writing_a_script_changes_nothing(engine: Engine, manifest: Manifest) -> None:
    before = held(engine)

    write_script(engine, manifest, EXPANDS)

    assert held(engine) == before


def test_contracts_are_not_written_down(engine: Engine, manifest: Manifest) -> None:
    with pytest.raises(PlanError, match="is a contract, which a script cannot guard"):
        write_script(engine, manifest)


def test_what_is_not_additive_is_not_written_down(engine: Engine, tmp_path: Path) -> None:
    manifest = cloud(tmp_path, drop_disk=expand('op.drop_column("flavors", "disk")'))

    with pytest.raises(NotAdditiveError):
        write_script(engine, manifest, EXPANDS)


def test_what_has_to_run_to_be_known_is_not_written_down(engine: Engine, tmp_path: Path) -> None:
    live = expand("sa.inspect(op.get_bind())", head='allow = ["python"]\nreason = "it looks"')

    with pytest.raises(PlanError, match="known only while it runs"):
        write_script(engine, cloud(tmp_path, live=live), EXPANDS)
