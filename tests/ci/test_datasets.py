from __future__ import annotations

import gzip
import json
import os
import sqlite3
import tempfile
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import pytest

from ci.datasets import Measure, find_datasets
from ci.errors import CiError, DatasetError
from ci.timing import Engine, Kind, Step

POSTGRESQL = b"--\n-- PostgreSQL database dump\n--\n"
MYSQL = b"-- MySQL dump 10.13  Distrib 5.5\n"


def dataset(folder: Path, toml: str = "", *, dump: bytes = POSTGRESQL, name: str = "a.sql") -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_bytes(dump)
    (folder / "dataset.toml").write_text(toml)
    return folder


def step(version: str, name: str = "a") -> Step:
    return Step(version=version, name=name, kind=Kind.EXPAND)


def test_a_folder_with_a_dump_needs_nothing_said(tmp_path: Path) -> None:
    (found,) = find_datasets([dataset(tmp_path / "small")])

    assert (found.name, found.engine, found.scale) == ("small", Engine.POSTGRESQL, 1.0)
    assert found.dump.name == "a.sql"
    assert not found.budgets.of(step("1"))


def test_all_that_can_be_said(tmp_path: Path) -> None:
    said = """
    engine = "mariadb"
    dump = "b.sql"
    project = "cloud"
    release = "juno"
    scale = 100
    runs = 3
    notes = ["given by an operator"]
    [budgets]
    seconds = 60
    rows-written = 100_000
    [budgets.12]
    seconds = 333
    reason = "rewrites all instances"
    [budgets.add_disk]
    stall = 1.5
    reason = "an index of everything"
    """
    dataset(tmp_path / "all", said)
    (tmp_path / "all" / "b.sql").write_bytes(MYSQL)
    (found,) = find_datasets([tmp_path])

    assert (found.engine, found.release, found.scale, found.runs) == (
        Engine.MARIADB,
        "juno",
        100,
        3,
    )
    assert {m: b.limit for m, b in found.budgets.of(step("12")).items()} == {
        Measure.SECONDS: 333,
        Measure.ROWS_WRITTEN: 100_000,
    }
    assert found.budgets.of(step("13", "add_disk"))[Measure.STALL].reason


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("sclae = 2", "did you mean 'scale'?"),
        ("scale = 0", "expected `float` > 0"),
        ("scale = '2'", "expected `float`, got `str`"),
        ("engine = 'oracle'", "there are postgresql, mariadb, sqlite"),
        ("engine = 'postgres'", "did you mean 'postgresql'?"),
        ("engine = 'sqlite'", "looks like a dump of postgresql, and dataset.toml says sqlite"),
        ("[budgets]\nsecnds = 3", "no measure is called 'secnds' did you mean 'seconds'?"),
        ("[budgets]\nseconds = -3", "budget seconds is -3, expected a number of seconds"),
        ("[budgets]\nstall = '50 ms'", "stall is '50 ms', expected a number of seconds"),
        ("[budgets]\nproduction = '3 h'", "is '3 h', expected a number of seconds"),
        ("[budgets]\ngrowth = '1 GB'", "expected a number of bytes"),
        ("[budgets.a]\nreason = 'x'\nlock = true", "lock is true, expected a number of seconds"),
        ("[budgets.12]\nseconds = 3", "the budget of '12' has no reason"),
        ("dump = 'b.sql'", "there is no dump 'b.sql' did you mean 'a.sql'?"),
        ("[[[", "cannot be read"),
    ],
)
def test_what_means_nothing_is_told(tmp_path: Path, said: str, problem: str) -> None:
    with pytest.raises(CiError) as caught:
        find_datasets([dataset(tmp_path / "wrong", said)])

    assert problem in f"{caught.value.message} {caught.value.hint}".lower().replace(
        problem.lower(), problem
    )


def test_the_engine_is_told_from_the_dump(tmp_path: Path) -> None:
    dataset(tmp_path / "custom", dump=b"PGDMP\x01\x0e", name="a.dump")
    dataset(tmp_path / "mysql", dump=gzip.compress(MYSQL), name="a.sql.gz")
    dataset(tmp_path / "text", dump=b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n")
    dataset(tmp_path / "directory", name="x")
    (tmp_path / "directory" / "x").unlink()
    (tmp_path / "directory" / "dump").mkdir()
    (tmp_path / "directory" / "dump" / "toc.dat").write_bytes(b"PGDMP")
    dataset(tmp_path / "file", name="x.db")
    (tmp_path / "file" / "x.db").unlink()
    with closing(sqlite3.connect(tmp_path / "file" / "x.db")) as connection:
        connection.execute("CREATE TABLE t (a)")

    assert {each.name: each.engine for each in find_datasets([tmp_path])} == {
        "custom": Engine.POSTGRESQL,
        "directory": Engine.POSTGRESQL,
        "mysql": Engine.MARIADB,
        "text": Engine.SQLITE,
        "file": Engine.SQLITE,
    }


def test_what_is_no_dump_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="looks like a dump of no database"):
        find_datasets([dataset(tmp_path / "wrong", dump=b"hello")])


def test_a_dump_that_is_damaged_is_told(tmp_path: Path) -> None:
    damaged = gzip.compress(MYSQL)[:10] + b"no deflate at all" * 9
    with pytest.raises(DatasetError, match="looks like a dump of no database"):
        find_datasets([dataset(tmp_path / "damaged", dump=damaged)])


def test_runners_that_digest_the_same_are_not_in_each_others_way(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "a", dump=b"PGDMP" + b"x" * 1_000_000, name="a.dump")
    with ThreadPoolExecutor(8) as runners:
        for _ in range(20):
            cache = Path(tempfile.mkdtemp(dir=tmp_path))
            read = [runners.submit(find_datasets, [folder], cache=cache) for _ in range(8)]
            assert len({each.result()[0].digest for each in read}) == 1


def test_an_empty_dump_is_told(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match=r"a\.sql is empty"):
        find_datasets([dataset(tmp_path / "empty", "engine = 'sqlite'", dump=b"")])


def test_a_mistyped_folder_is_told_what_it_may_have_meant(tmp_path: Path) -> None:
    dataset(tmp_path / "small")
    with pytest.raises(DatasetError, match="smal is no folder") as caught:
        find_datasets([tmp_path / "smal"])
    assert caught.value.hint == "did you mean 'small'?"


def test_two_dumps_have_to_be_told_apart(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "two")
    (folder / "b.sql").write_bytes(POSTGRESQL)
    with pytest.raises(DatasetError, match=r"holds a\.sql, b\.sql, expected one dump"):
        find_datasets([folder])


def test_only_datasets_of_the_project_are_taken(tmp_path: Path) -> None:
    dataset(tmp_path / "ours", "project = 'cloud'")
    dataset(tmp_path / "theirs", "project = 'other'")
    dataset(tmp_path / "any")

    assert [each.name for each in find_datasets([tmp_path], project="cloud")] == ["any", "ours"]
    with pytest.raises(DatasetError, match="no dataset of nothing was found"):
        find_datasets([tmp_path / "theirs"], project="nothing")


def test_names_are_unique(tmp_path: Path) -> None:
    folders = [dataset(tmp_path / "a" / "same"), dataset(tmp_path / "b" / "same")]
    with pytest.raises(DatasetError, match="two datasets are called 'same'"):
        find_datasets(folders)


def test_a_digest_is_kept_until_the_dump_changes(tmp_path: Path) -> None:
    folder, cache = dataset(tmp_path / "kept"), tmp_path / "cache"
    (before,) = find_datasets([folder], cache=cache)
    (again,) = find_datasets([folder], cache=cache)
    (folder / "a.sql").write_bytes(POSTGRESQL + b"x")
    (after,) = find_datasets([folder], cache=cache)

    assert before.digest == again.digest != after.digest
    assert len(list(cache.iterdir())) == 2
    (plain,) = find_datasets([folder])
    assert plain.digest == after.digest


def test_a_digest_does_not_depend_on_time(tmp_path: Path) -> None:
    folder = dataset(tmp_path / "kept")
    (before,) = find_datasets([folder])
    os.utime(folder / "a.sql", (1, 1))
    (after,) = find_datasets([folder])

    assert before.digest == after.digest


def test_turbo_hipsters_datasets_are_read(tmp_path: Path) -> None:
    folder = tmp_path / "user_001"
    folder.mkdir()
    (folder / "seed.sql.gz").write_bytes(gzip.compress(MYSQL))
    config = {
        "project": "openstack/nova",
        "type": "mysql",
        "db_user": "nova",
        "db_pass": "not ours",
        "database": "nova_user_001",
        "seed_data": "seed.sql.gz",
        "logging_conf": "logging.conf",
        "_138_bugs": [1263835],
        "maximum_migration_times": {"default": 60, "151->152": 333, "186->185": 569},
        "XInnodb_rows_changed": {"default": 100_000, "151->152": 3_200_000},
        "Innodb_rows_read": {"default": 100_000},
    }
    (folder / "config.json").write_text(json.dumps(config))
    (found,) = find_datasets([tmp_path], project="openstack/nova")

    assert found.engine is Engine.MARIADB
    assert {m.value: b.limit for m, b in found.budgets.of(step("152")).items()} == {
        "seconds": 333,
        "rows_written": 3_200_000,
        "rows_read": 100_000,
    }
    assert found.budgets.of(step("185"))[Measure.SECONDS].limit == 60
    assert found.notes == ("_138_bugs: [1263835]",)
    assert "not ours" not in repr(found)


@pytest.mark.parametrize(
    "config", ["[]", "{", '{"type": "oracle"}', '{"seed_data": "a.sql", "Innodb_rows_read": 3}']
)
def test_a_config_that_means_nothing_is_told(tmp_path: Path, config: str) -> None:
    (tmp_path / "a.sql").write_bytes(MYSQL)
    (tmp_path / "config.json").write_text(config)
    with pytest.raises(DatasetError):
        find_datasets([tmp_path])
