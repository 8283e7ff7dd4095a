"""The rows of the reference application: the same each time, and with what is easily lost."""

from __future__ import annotations

import importlib
from collections import Counter
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cloud import juno, kilo, liberty, mitaka
from cloud.generate import copy_text, is_moved, main
from cloud.rows import COLUMNS, LARGEST, MAKERS, SMALLEST
from migrator.manifest import Manifest
from migrator.migration import load_all

ROOT = Path(__file__).parent.parent.parent

RELEASES = (juno, kilo, liberty, mitaka)

NEW = {
    "flavors": ("foobars",),
    "instances": ("root_gb", "locked"),
    "instance_extra": ("flavor",),
    "services": ("queue",),
    "fixed_ips": ("address", "prefix"),
}
OLD = {
    "flavors": ("memory_mb",),
    "instances": ("root_mb",),
    "services": ("topic",),
    "fixed_ips": ("cidr",),
}


def values(table: str, column: str, *, moved: bool) -> list[Any]:
    place = COLUMNS[table].index(column)
    rows = (row for number in range(1, 400) for row in MAKERS[table](number, moved=moved))
    return [row[place] for row in rows]


@pytest.mark.parametrize("table", MAKERS)
@pytest.mark.parametrize("moved", [False, True])
def test_rows_are_the_same_each_time_and_complete(table: str, *, moved: bool) -> None:
    first, again = (
        [row for number in range(50) for row in MAKERS[table](number, moved=moved)] for _ in "12"
    )
    assert first == again
    assert {len(row) for row in first} == {len(COLUMNS[table])}


@pytest.mark.parametrize(("table", "columns"), NEW.items())
def test_old_rows_have_nothing_in_new_columns(table: str, columns: tuple[str, ...]) -> None:
    for column in columns:
        assert set(values(table, column, moved=False)) == {None}
        assert set(values(table, column, moved=True)) - {None}


@pytest.mark.parametrize(
    ("table", "column", "special"),
    [
        ("flavors", "memory_mb", {None, 0, LARGEST, SMALLEST}),
        ("instances", "root_mb", {None, 0, LARGEST, SMALLEST}),
        ("instances", "task_state", {None, "", "spawning"}),
        ("services", "topic", {"", "0", "x" * 255}),
        ("fixed_ips", "cidr", {None, "", "0.0.0.0/0", "10.0.0.1"}),
    ],
)
def test_what_is_easily_lost_is_there(table: str, column: str, special: set[Any]) -> None:
    assert special <= set(values(table, column, moved=False))


def test_metadata_holds_zero_nothing_and_no_text_at_all() -> None:
    rows = [
        row
        for number in range(1, 400)
        for row in MAKERS["instance_system_metadata"](number, moved=False)
    ]
    assert {None, "", "0", "0.0", "🚀 rocket"} <= {value for _uuid, _key, value in rows}
    assert Counter(key.startswith("image_") for _uuid, key, _value in rows)[True] == 2 * 399


def test_some_instances_are_deleted_and_some_have_no_flavor() -> None:
    assert 0 < sum(map(bool, values("instances", "deleted", moved=False))) < 100
    with_flavor = {
        row[0]
        for number in range(1, 400)
        for row in MAKERS["instance_system_metadata"](number, moved=False)
        if row[1].startswith("instance_type_")
    }
    assert 0 < len(with_flavor) < 399


def test_a_share_is_moved() -> None:
    moved = sum(is_moved(number, 0.3) for number in range(10_000))
    assert moved == pytest.approx(3_000, rel=0.05)


def test_text_for_copy_is_escaped() -> None:
    row = (None, "", "a\\b\tc\nd\r", 0, 0.0, False, Decimal("0.001"))
    assert copy_text([row]) == "\\N\t\ta\\\\b\\tc\\nd\\r\t0\t0.0\tFalse\t0.001\n"


@pytest.mark.parametrize("release", RELEASES, ids=lambda each: each.RELEASE)
def test_models_of_a_release_fit_together(release: Any) -> None:
    sa.orm.configure_mappers()
    mapped = {mapper.local_table.name for mapper in release.Base.registry.mappers}
    assert mapped == set(MAKERS)


@pytest.mark.parametrize("release", ["kilo", "mitaka"])
def test_a_release_attaches_every_transition_of_its_expands(release: str) -> None:
    manifest = Manifest.load(ROOT / "versions.json")
    declared = {
        (transition.table, transition.sources, transition.targets)
        for migration in load_all(manifest)
        if manifest.release_of(migration.number) == release
        for transition in migration.transitions
    }
    attached = importlib.import_module(f"cloud.{release}").TRANSITIONS
    assert {(each.table, each.sources, each.targets) for each in attached} == declared


@pytest.mark.parametrize("release", [liberty, mitaka], ids=lambda each: each.RELEASE)
def test_later_releases_map_nothing_that_liberty_drops(release: Any) -> None:
    for table, columns in OLD.items():
        assert not set(columns) & set(release.Base.metadata.tables[table].c.keys())


def test_a_database_without_the_cloud_is_not_filled(tmp_path: Path) -> None:
    result = CliRunner().invoke(main, ["--database", f"sqlite:///{tmp_path / 'empty.db'}"])
    assert (result.exit_code, "run migrator sync first" in result.output) == (2, True)
