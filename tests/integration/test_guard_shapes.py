"""Contracts of every shape: many transitions, many tables, odd names, odd kinds of table."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator import move, rename
from migrator.apply import Options, sync
from migrator.errors import GuardError, StepError
from tests.guarded import (
    DROP,
    FILLED,
    MOVED,
    PENDING,
    RENAMED,
    blocked_by,
    columns,
    contract,
    expanded,
    fences,
    raise_fence,
    send,
)
from tests.projects import CLOUD, expand, project
from tests.projects import contract as contract_text

if TYPE_CHECKING:
    from pathlib import Path

    from migrator.transitions import Transition
    from tests.databases import Database


def test_one_contract_completes_many_transitions_of_many_tables(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(
        engine,
        "CREATE TABLE zones (id INTEGER PRIMARY KEY, old INTEGER, new INTEGER)",
        "INSERT INTO zones VALUES (3, 1, NULL)",
    )
    filled = replace(FILLED, name="filled")
    zones = replace(rename("zones", "old", to="new"), name="zones_new")
    work = (DROP, "ALTER TABLE zones DROP COLUMN old")
    (blocker,) = blocked_by(engine, RENAMED, filled, zones, work=work)
    assert (blocker.table, blocker.sample) == ("zones", ("id=3",))

    send(engine, "UPDATE zones SET new = old, old = NULL")
    said = [
        line for line in contract(engine, RENAMED, filled, zones, work=work) if "fenced" in line
    ]
    assert len(said) == (0 if database.name == "sqlite" else 3)
    assert (columns(engine, "zones"), fences(engine)) == ({"id", "new"}, [])


def test_a_value_that_moves_to_another_table_is_looked_at(database: Database) -> None:
    engine = expanded(database, PENDING)
    send(engine, "CREATE TABLE sizes (flavor_id INTEGER PRIMARY KEY, mb INTEGER)")
    moved: Transition = replace(
        move("flavors", "memory_mb", to="sizes.mb", on={"id": "flavor_id"}), name="flavor_size"
    )
    assert blocked_by(engine, moved)[0].sample == ("id=2",)

    send(engine, "INSERT INTO sizes VALUES (2, 512)", "UPDATE flavors SET memory_mb = NULL")
    contract(engine, moved)
    assert "memory_mb" not in columns(engine)


@pytest.mark.parametrize("name", ["order", "Select", "i" * 63, "ä" * 31])
def test_reserved_and_very_long_names_are_guarded(database: Database, name: str) -> None:
    engine = expanded(database)
    table = sa.Table(
        name,
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column(name, sa.Integer),
        sa.Column("new", sa.Integer),
        sa.Column("other", sa.Integer),
    )
    table.create(engine)
    quoted = engine.dialect.identifier_preparer.quote(name)
    drop = f"ALTER TABLE {quoted} DROP COLUMN {quoted}"
    # Two transitions of one table, whose names begin alike and are cut in the fence's name.
    both = [
        replace(made, name=f"{'n' * 60}_{number}")
        for number, made in enumerate(
            (rename(name, name, to="new"), rename(name, name, to="other"))
        )
    ]
    with engine.begin() as connection:
        connection.execute(table.insert().values({"id": 1, name: 0}))
    assert len(blocked_by(engine, *both, work=(drop,))) == 2

    with engine.begin() as connection:
        connection.execute(table.update().values({name: None}))
    stood = [raise_fence(engine, each) for each in both]
    assert len(fences(engine)) == stood.count(True) * (2 if database.name == "mariadb" else 1)
    contract(engine, *both, work=(drop,))
    assert (columns(engine, name), fences(engine)) == ({"id", "new", "other"}, [])


PARTED = {
    "inherited": (
        "CREATE TABLE parted (id INTEGER PRIMARY KEY, memory_mb INTEGER, foobars INTEGER)",
        "CREATE TABLE part (CHECK (id > 5)) INHERITS (parted)",
        "INSERT INTO part (id, memory_mb) VALUES (7, 0)",
    ),
    "partitioned": (
        "CREATE TABLE parted (id INTEGER PRIMARY KEY, memory_mb INTEGER, foobars INTEGER) "
        "PARTITION BY RANGE (id)",
        "CREATE TABLE part PARTITION OF parted FOR VALUES FROM (0) TO (10)",
        "INSERT INTO parted (id, memory_mb) VALUES (7, 0)",
    ),
    "mariadb": (
        "CREATE TABLE parted (id INTEGER PRIMARY KEY, memory_mb INTEGER, foobars INTEGER) "
        "PARTITION BY HASH (id) PARTITIONS 3",
        "INSERT INTO parted (id, memory_mb) VALUES (7, 0)",
    ),
}


@pytest.mark.parametrize("how", PARTED)
def test_a_row_of_a_part_of_the_table_counts(database: Database, how: str) -> None:
    if database.name != ("mariadb" if how == "mariadb" else "postgresql"):
        pytest.skip("another database parts its tables in another way")
    engine = expanded(database)
    send(engine, *PARTED[how])
    parted = replace(rename("parted", "memory_mb", to="foobars"), name="parted_foobars")
    work = ("ALTER TABLE parted DROP COLUMN memory_mb",)
    assert blocked_by(engine, parted, work=work)[0].sample == ("id=7",)
    assert raise_fence(engine, parted)
    part = sa.table(
        "parted" if how == "mariadb" else "part", sa.column("id"), sa.column("memory_mb")
    )
    with pytest.raises(sa.exc.DBAPIError), engine.begin() as connection:
        connection.execute(part.insert(), {"id": 8, "memory_mb": 0})

    send(engine, "UPDATE parted SET foobars = memory_mb, memory_mb = NULL")
    contract(engine, parted, work=work)
    assert (columns(engine, "parted"), fences(engine)) == ({"id", "foobars"}, [])


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_the_history_of_a_versioned_table_is_not_dropped_by_the_way(database: Database) -> None:
    engine = expanded(database, PENDING)
    send(engine, "ALTER TABLE flavors ADD SYSTEM VERSIONING")
    send(engine, "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL")
    with pytest.raises(StepError, match="4119"):
        contract(engine, RENAMED)
    assert ("memory_mb" in columns(engine), fences(engine)) == (True, [])


def test_of_two_contracts_none_runs_when_the_second_is_blocked(
    database: Database, tmp_path: Path
) -> None:
    engine = expanded(database)
    send(engine, "DROP TABLE flavors")
    files = CLOUD | {
        "fill.py": expand(
            'op.add_column("flavors", sa.Column("size", sa.Integer))',
            head='from migrator import fill\nsizes = fill("flavors", "size", value=1)',
        ),
        "drop_disk.py": contract_text(
            'op.drop_column("flavors", "disk")',
            head='completes = ["sizes"]\nabandons = {"flavors.disk": "nobody reads it"}',
        ),
    }
    manifest = project(tmp_path, files, juno=2, kilo=5)
    sync(engine, manifest, Options(expand_only=True))
    send(engine, "INSERT INTO flavors (id) VALUES (7)")
    with pytest.raises(GuardError, match="contract 6 drop_disk is blocked, nothing was changed"):
        sync(engine, manifest)
    assert {"memory_mb", "disk"} <= columns(engine)

    send(engine, "UPDATE flavors SET size = 1")
    sync(engine, manifest)
    assert columns(engine) == {"id", "foobars", "vcpus", "size"}


def test_what_depends_on_the_column_is_said_and_stays(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(engine, "CREATE VIEW shown AS SELECT id, memory_mb FROM flavors")
    if database.name == "mariadb":  # it would let the view name what is not there
        (blocker,) = blocked_by(engine, RENAMED)
        assert blocker.reason.startswith("view shown names memory_mb")
        return
    with pytest.raises(StepError, match="was refused") as refused:
        contract(engine, RENAMED)
    assert "a view" in str(refused.value.hint)
    assert ("memory_mb" in columns(engine), fences(engine)) == (True, [])


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_a_view_of_another_column_is_not_in_the_way(database: Database) -> None:
    engine = expanded(database, MOVED)
    send(
        engine,
        "CREATE TABLE other (id INTEGER, memory_mb INTEGER)",
        "CREATE VIEW a AS SELECT o.memory_mb, f.id FROM flavors f JOIN other o ON o.id = f.id",
        "CREATE VIEW b AS SELECT 'flavors.memory_mb' AS text FROM flavors",
        "CREATE VIEW c AS SELECT max(x.memory_mb) FROM flavors AS x",
    )
    (blocker,) = blocked_by(engine, RENAMED)
    assert blocker.command == "DROP VIEW c, in this contract or before it"
    contract(engine, RENAMED, work=("DROP VIEW c", DROP))


DEPENDENT = {
    "policy": "CREATE POLICY few ON flavors USING (memory_mb IS NULL)",
    "generated": "ALTER TABLE flavors ADD twice INTEGER GENERATED ALWAYS AS (memory_mb * 2) STORED",
    "matview": "CREATE MATERIALIZED VIEW kept AS SELECT memory_mb FROM flavors",
    "rule": "CREATE RULE quiet AS ON DELETE TO flavors WHERE OLD.memory_mb > 5 DO INSTEAD NOTHING",
}


@pytest.mark.parametrize("what", DEPENDENT)
@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_what_postgresql_keeps_for_the_column_is_not_dropped(database: Database, what: str) -> None:
    engine = expanded(database, MOVED)
    send(engine, DEPENDENT[what])
    with pytest.raises(StepError, match="2BP01"):
        contract(engine, RENAMED)
    assert ("memory_mb" in columns(engine), fences(engine)) == (True, [])
