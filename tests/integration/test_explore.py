"""What one migration does, in a scratch database and in real ones."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.apply import Options, sync
from migrator.cli import run
from migrator.database import open_engine
from migrator.errors import PlanError
from migrator.explore import explore
from migrator.manifest import Manifest
from tests.projects import contract, expand, project

if TYPE_CHECKING:
    from tests.databases import Database

MANIFEST = Path(__file__).parents[2] / "versions.json"
ADD_FOOBARS = 5


@pytest.fixture(scope="module")
def manifest() -> Manifest:
    return Manifest.load(MANIFEST)


def test_diff_shows_what_an_expand_adds(manifest: Manifest) -> None:
    found = explore(manifest, ADD_FOOBARS)

    changed = [line for line in found.diff[2:] if line[0] in "+-"]
    assert changed == ["+    foobars INTEGER,"]
    assert found.sql["mariadb"] == ("ALTER TABLE flavors ADD COLUMN foobars INTEGER",)


def test_schema_can_be_that_of_one_table(manifest: Manifest) -> None:
    found = explore(manifest, ADD_FOOBARS, table="instances")

    assert found.diff == ()
    assert found.before[0].startswith("CREATE TABLE instances")


def test_trigger_is_seen(manifest: Manifest) -> None:
    entry = manifest.entry_named("require_instance_locked")
    assert entry is not None

    found = explore(manifest, entry.number)

    assert "+-- trigger instances.instances_locked_inserted" in found.diff


def test_empty_database_is_walked(database: Database, manifest: Manifest) -> None:
    open_engine(database.url).connect().close()

    found = explore(manifest, ADD_FOOBARS, url=database.url)

    assert any("foobars" in line for line in found.diff)


def test_database_at_the_version_before_is_not_changed(
    database: Database, manifest: Manifest
) -> None:
    engine = open_engine(database.url)
    sync(engine, manifest, Options(target=str(ADD_FOOBARS - 1)))

    found = explore(manifest, ADD_FOOBARS, url=database.url)

    assert found.after is None
    assert "foobars" not in [each["name"] for each in sa.inspect(engine).get_columns("flavors")]
    engine.dispose()


def test_database_that_is_anything_else_is_refused(database: Database, manifest: Manifest) -> None:
    engine = open_engine(database.url)
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE theirs (id INTEGER)")

    with pytest.raises(PlanError, match="not empty"):
        explore(manifest, ADD_FOOBARS, url=database.url)

    assert sa.inspect(engine).get_table_names() == ["theirs"]
    engine.dispose()


def test_command_takes_number_and_name(capsys: pytest.CaptureFixture[str]) -> None:
    options = ["--manifest", str(MANIFEST), "explore"]

    assert run([*options, str(ADD_FOOBARS), "--table", "flavors"]) == 0
    by_number = capsys.readouterr().out
    assert run([*options, "add_flavor_foobars", "--table", "flavors"]) == 0
    assert capsys.readouterr().out == by_number
    assert run([*options, "5", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["name"] == "add_flavor_foobars"
    assert run([*options, "99"]) == 2


@pytest.fixture
def elsewhere(tmp_path: Path) -> Manifest:
    """Two migrations; only PostgreSQL can run the second."""
    table = (
        'op.create_table("zones", sa.Column("id", sa.Integer, primary_key=True),',
        '    sa.Column("name", sa.Text, nullable=False))',
    )
    relax = 'op.alter_column("zones", "name", nullable=True)'
    return project(
        tmp_path,
        {
            "create_zones.py": expand(*table),
            "relax_name.py": contract(relax, head='abandons = {"zones.name": "it may be NULL"}'),
        },
    )


def test_what_the_scratch_database_cannot_run_is_shown_as_sql(
    elsewhere: Manifest, capsys: pytest.CaptureFixture[str]
) -> None:
    found = explore(elsewhere, 2)
    assert found.sql["postgresql"] == ("ALTER TABLE zones ALTER COLUMN name DROP NOT NULL",)
    assert found.sql["mysql"][0].startswith("-- relax_name: ")
    assert (found.before, found.after) == ((), None)
    assert "relax_name was refused" in (found.problem or "")

    assert run(["--manifest", str(elsewhere.path), "explore", "2"]) == 0
    assert "--in-database" in capsys.readouterr().out


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_it_is_shown_whole_in_a_database_that_can_run_it(
    database: Database, elsewhere: Manifest
) -> None:
    diff = explore(elsewhere, 2, url=database.url).diff

    assert [line for line in diff[2:] if line[0] in "+-"] == [
        "-    name TEXT NOT NULL,",
        "+    name TEXT,",
    ]


def test_table_that_is_mistyped_is_refused(manifest: Manifest) -> None:
    with pytest.raises(PlanError, match="no table 'flavor'") as caught:
        explore(manifest, ADD_FOOBARS, table="flavor")

    assert caught.value.hint == "did you mean flavors?"


def test_name_that_is_mistyped_is_known(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--manifest", str(MANIFEST), "explore", "add_flavor_foobar"]) == 2
    assert "did you mean add_flavor_foobars?" in capsys.readouterr().err
