"""`anonymizer scale`: each container, restored by its own programs, smaller and larger."""

from __future__ import annotations

import gzip
import json
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer import sidecar
from anonymizer.cli import run
from tests import dumped
from tests.anonymizer import firm
from tests.anonymizer.test_mysql_dump import dump as dump_mariadb
from tests.anonymizer.test_mysql_dump import load as load_mariadb
from tests.databases import Database, Servers, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

FACTORS = pytest.mark.parametrize("factor", [0.3, 2, 2.5])
ROOT = Path(__file__).parent.parent.parent


def of(name: str, servers: Servers, folder: Path) -> Iterator[Database]:
    folder.mkdir(exist_ok=True)
    yield from fresh(name, servers, folder)


def filled(name: str, servers: Servers, folders: pytest.TempPathFactory) -> Iterator[Database]:
    """Give a database that has the firm, which no test changes."""
    for database in of(name, servers, folders.mktemp(name)):
        firm.fill(database.engine())
        yield database


@pytest.fixture(scope="module")
def postgresql(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    yield from filled("postgresql", servers, tmp_path_factory)


@pytest.fixture(scope="module")
def mariadb(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Database]:
    yield from filled("mariadb", servers, tmp_path_factory)


@pytest.fixture(scope="module")
def sqlite(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    for database in filled("sqlite", servers, tmp_path_factory):
        yield Path(str(sa.make_url(database.url).database))


@pytest.fixture
def empty_postgresql(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from of("postgresql", servers, tmp_path / "other")


@pytest.fixture
def empty_mariadb(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from of("mariadb", servers, tmp_path / "other")


def scaled(source: Path, target: Path | str, factor: float, *more: str) -> int:
    return run(["scale", str(source), str(target), "--factor", str(factor), "--seed", "1", *more])


PLAIN: tuple[list[str], ...] = (
    [],
    ["--inserts"],
    ["--column-inserts", "--rows-per-insert=7", "--on-conflict-do-nothing"],
)


@FACTORS
@pytest.mark.parametrize("options", PLAIN, ids=str)
def test_a_plain_dump(
    postgresql: Database,
    empty_postgresql: Database,
    tmp_path: Path,
    options: list[str],
    factor: float,
) -> None:
    (tmp_path / "in.sql.gz").write_bytes(gzip.compress(dumped.dump(postgresql, *options)))
    assert scaled(tmp_path / "in.sql.gz", tmp_path / "out.sql", factor) == 0
    dumped.restore(empty_postgresql, (tmp_path / "out.sql").read_bytes())
    firm.check(empty_postgresql.engine(), factor)


@FACTORS
@pytest.mark.parametrize("option", ["-Fc", "-Fd"])
def test_an_archive(
    postgresql: Database, empty_postgresql: Database, tmp_path: Path, option: str, factor: float
) -> None:
    dumped.dump(postgresql, option, "--file", tmp_path / "in")
    assert scaled(tmp_path / "in", tmp_path / "out", factor) == 0
    url = dumped.libpq_url(empty_postgresql)
    dumped.run("pg_restore", "--exit-on-error", "-j", "2", "-d", url, tmp_path / "out")
    firm.check(empty_postgresql.engine(), factor)


MYSQL: tuple[list[str], ...] = (
    [],
    ["--skip-extended-insert", "--complete-insert"],
    ["--net-buffer-length=16384"],
)


@FACTORS
@pytest.mark.parametrize("options", MYSQL, ids=str)
def test_a_dump_of_mariadb(
    mariadb: Database, empty_mariadb: Database, tmp_path: Path, options: list[str], factor: float
) -> None:
    (tmp_path / "in.sql").write_bytes(dump_mariadb(mariadb, *options))
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql.zst", factor) == 0
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", factor) == 0
    load_mariadb(empty_mariadb, (tmp_path / "out.sql").read_bytes())
    firm.check(empty_mariadb.engine(), factor)


@FACTORS
def test_a_sqlite_file(sqlite: Path, tmp_path: Path, factor: float) -> None:
    target = tmp_path / "out.db"
    assert scaled(sqlite, target, factor) == 0
    assert sidecar.read(sidecar.path_of(target, sidecar.SCALED)).scale == factor
    with closing(sqlite3.connect(target)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA freelist_count").fetchone() == (0,)
    firm.check(sa.create_engine(f"sqlite:///{target}", poolclass=sa.NullPool), factor)


@FACTORS
def test_the_text_of_sqlite_has_the_rows_of_the_file(
    sqlite: Path, tmp_path: Path, factor: float
) -> None:
    (tmp_path / "in.sql").write_bytes(_dump(sqlite))
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", factor) == 0
    assert scaled(sqlite, tmp_path / "out.db", factor) == 0
    with closing(sqlite3.connect(tmp_path / "text.db")) as connection:
        connection.executescript((tmp_path / "out.sql").read_text())
    for each in firm.TABLES:
        assert _rows(tmp_path / "text.db", each) == _rows(tmp_path / "out.db", each)


def _dump(path: Path) -> bytes:
    return subprocess.run(["sqlite3", path, ".dump"], check=True, capture_output=True).stdout


def _rows(path: Path, table: sa.Table) -> list[tuple[object, ...]]:
    columns = ", ".join(f'"{each.name}"' for each in table.columns)
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(f'SELECT {columns} FROM "{table.name}"')  # noqa: S608
        return sorted(rows, key=repr)


def test_a_dump_goes_into_a_live_database(
    postgresql: Database, empty_postgresql: Database, tmp_path: Path
) -> None:
    (tmp_path / "in.sql").write_bytes(dumped.dump(postgresql, "--no-owner"))
    assert scaled(tmp_path / "in.sql", empty_postgresql.url, 2) == 0
    firm.check(empty_postgresql.engine(), 2)


def test_factor_one_gives_the_dump_again(sqlite: Path, tmp_path: Path) -> None:
    (tmp_path / "in.sql").write_bytes(_dump(sqlite))
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", 1) == 0
    assert (tmp_path / "out.sql").read_bytes() == _dump(sqlite)


def test_a_smaller_share_is_of_the_larger_one(sqlite: Path, tmp_path: Path) -> None:
    for factor in (0.1, 0.5):
        assert scaled(sqlite, tmp_path / f"{factor}.db", factor) == 0
    few, more = (set(_rows(tmp_path / f"{each}.db", firm.LOGS)) for each in (0.1, 0.5))
    assert 0 < len(few) < len(more)
    assert few <= more


def test_keys_of_text_are_told_apart_too(sqlite: Path, tmp_path: Path) -> None:
    assert scaled(sqlite, tmp_path / "out.db", 2, "--small", "0") == 0
    ids = [row[0] for row in _rows(tmp_path / "out.db", firm.TENANTS)]
    assert len(set(ids)) == 40
    assert {len(str(each)) for each in ids} == {36}
    assert (
        firm.orphans(sa.create_engine(f"sqlite:///{tmp_path / 'out.db'}", poolclass=sa.NullPool))
        == []
    )


def test_a_dry_run_counts_and_writes_nothing(
    postgresql: Database, sqlite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    sources = [sqlite]
    for option in ("-Fp", "-Fc", "-Fd"):
        dumped.dump(postgresql, option, "--file", tmp_path / option)
        sources.append(tmp_path / option)
    before = sorted(tmp_path.iterdir())
    for each in sources:
        assert run(["scale", str(each), "--dry-run", "--factor", "2", "--seed", "1", "--json"]) == 0
        tables = json.loads(capsys.readouterr().out)["tables"]
        name = "people" if each is sqlite else "public.people"
        assert tables[name] == {"before": 600, "after": 1200, "role": ""}
    assert sorted(tmp_path.iterdir()) == before


def test_a_cut_off_dump_leaves_nothing(postgresql: Database, tmp_path: Path) -> None:
    (tmp_path / "in.sql").write_bytes(dumped.dump(postgresql)[:-2000])
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", 0.5) == 2
    assert not list(tmp_path.glob("*out*"))


def test_a_pipe_is_written_and_not_read(sqlite: Path, tmp_path: Path) -> None:
    (tmp_path / "in.sql").write_bytes(_dump(sqlite))
    command = [sys.executable, "-m", "anonymizer", "scale", "--factor", "0.5", "--seed", "1"]
    done = subprocess.run(
        [*command, tmp_path / "in.sql", "-"], cwd=ROOT, capture_output=True, check=True
    )
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", 0.5) == 0
    assert done.stdout == (tmp_path / "out.sql").read_bytes()
    refused = subprocess.run([*command, "-", "-"], cwd=ROOT, capture_output=True, check=False)
    assert refused.returncode == 2
    assert b"more than one reading" in refused.stderr


ODD = """
PRAGMA page_size = 1024; PRAGMA encoding = 'UTF-16le'; PRAGMA user_version = 7;
CREATE TABLE "We ird" ("a b" INTEGER PRIMARY KEY AUTOINCREMENT, t TEXT UNIQUE, up AS (upper(t)));
CREATE TABLE pairs (k TEXT, n, PRIMARY KEY (k, n)) WITHOUT ROWID;
CREATE TABLE docs (title TEXT, body);
CREATE VIRTUAL TABLE words USING fts5(title, body, content='docs');
CREATE TRIGGER stop BEFORE DELETE ON docs BEGIN SELECT RAISE(ABORT, 'no'); END;
CREATE VIEW seen AS SELECT k FROM pairs;
CREATE INDEX half ON docs (title) WHERE body > 3;
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
  INSERT INTO docs SELECT 'title ' || i, CASE i % 4 WHEN 0 THEN i WHEN 1 THEN x'00ff' END FROM n;
INSERT INTO "We ird" SELECT rowid * 3, title || char(10) FROM docs;
INSERT INTO pairs SELECT title, rowid / 2.0 FROM docs;
INSERT INTO words (words) VALUES ('rebuild');
ANALYZE;
"""


@FACTORS
def test_a_sqlite_file_with_all_that_there_is(tmp_path: Path, factor: float) -> None:
    source, target = tmp_path / "in.db", tmp_path / "out.db"
    with closing(sqlite3.connect(source)) as connection:
        connection.executescript(ODD)
    assert scaled(source, target, factor, "--small", "0") == 0
    with closing(sqlite3.connect(target)) as connection:
        connection.execute("INSERT INTO words (words, rank) VALUES ('integrity-check', 1)")
        for question, answer in (
            ("PRAGMA integrity_check", "ok"),
            ("PRAGMA encoding", "UTF-16le"),
            ("PRAGMA user_version", 7),
            ("SELECT count(DISTINCT typeof(body)) FROM docs", 3),
            ("SELECT count(*) FROM sqlite_stat1 WHERE tbl = 'pairs'", 1),
        ):
            assert connection.execute(question).fetchone() == (answer,)
        counts = "SELECT (SELECT count(*) FROM docs), (SELECT count(*) FROM seen), last.seq"
        docs, pairs, last = connection.execute(f"{counts} FROM sqlite_sequence last").fetchone()
        assert 0.75 * factor < docs / 900 < 1.25 * factor
        assert 0.75 * factor < pairs / 900 < 1.25 * factor
        assert last >= connection.execute('SELECT max("a b") FROM "We ird"').fetchone()[0]
        connection.execute("ATTACH ? AS original", (str(source),))
        entries = "SELECT type, name, sql FROM {}.sqlite_master"
        new, old = (set(connection.execute(entries.format(each))) for each in ("main", "original"))
        assert new == old


PARTED = """
CREATE TABLE events (id int PRIMARY KEY, at date) PARTITION BY RANGE (id);
CREATE TABLE events_a PARTITION OF events FOR VALUES FROM (0) TO (10);
INSERT INTO events VALUES (1, '2026-11-27')
"""
DATED = PARTED.replace("PRIMARY KEY, at date)", ", at date, PRIMARY KEY (id, at))").replace(
    "RANGE (id)", "RANGE (at)"
)


def test_rows_of_parts_stay_in_them(
    servers: Servers, empty_postgresql: Database, tmp_path: Path
) -> None:
    dated = DATED.replace("FROM (0) TO (10)", "FROM ('2026-01-01') TO ('2027-01-01')")
    for database in of("postgresql", servers, tmp_path / "parts"):
        with database.engine().begin() as connection:
            connection.exec_driver_sql(dated)
        (tmp_path / "in.sql").write_bytes(dumped.dump(database))
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", 3, "--small", "0") == 0
    dumped.restore(empty_postgresql, (tmp_path / "out.sql").read_bytes())
    with empty_postgresql.engine().connect() as connection:
        assert connection.exec_driver_sql("SELECT count(*) FROM events_a").scalar() == 3


def test_rows_that_would_be_in_no_part_are_refused(
    servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for database in of("postgresql", servers, tmp_path / "parts"):
        with database.engine().begin() as connection:
            connection.exec_driver_sql(PARTED)
        (tmp_path / "in.sql").write_bytes(dumped.dump(database))
    assert scaled(tmp_path / "in.sql", tmp_path / "out.sql", 3, "--small", "0") == 1
    assert "in parts by id" in capsys.readouterr().err


WITH_PASSWORD = (
    b"-- PostgreSQL database dump\n\nCREATE ROLE app PASSWORD 'md5aa';\n"
    b"CREATE TABLE public.t (\n    a integer NOT NULL\n);\n"
    b"COPY public.t (a) FROM stdin;\n1\n2\n\\.\n\n"
    b"ALTER TABLE ONLY public.t\n    ADD CONSTRAINT t_pkey PRIMARY KEY (a);\n\n"
    b"-- PostgreSQL database dump complete\n"
)


def test_what_holds_data_beside_rows_is_kept_for_a_reason(tmp_path: Path) -> None:
    source, target, policy = (tmp_path / name for name in ("in.sql", "out.sql", "p.toml"))
    source.write_bytes(WITH_PASSWORD)
    policy.write_text('[keep]\npasswords = "of a test"\n')
    assert scaled(source, target, 2) == 2
    assert scaled(source, target, 2, "--policy", str(policy)) == 0
    text = target.read_bytes()
    assert b"PASSWORD 'md5aa'" in text
    assert b"stdin;\n1\n2\n3\n4\n\\.\n" in text
    assert run(["fidelity", str(source), str(target)]) == 0


def test_a_dump_of_another_kind_is_not_loaded(
    empty_mariadb: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.sql").write_bytes(WITH_PASSWORD.replace(b"CREATE ROLE", b"-- "))
    assert scaled(tmp_path / "in.sql", empty_mariadb.url, 2) == 2
    said = capsys.readouterr().err
    assert "the dump is of postgresql, and the target of mariadb" in said
    assert "half loaded" not in said


def test_what_an_operator_mistypes(
    sqlite: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = str(sqlite), str(tmp_path / "out.db")
    (tmp_path / "one").mkdir()
    seed = ["--seed", "1"]
    for arguments, code, said in (
        ([source, target, "--factor", "0.5"], 2, "neither a secret nor a seed"),
        ([source, target, "--factor", "0", *seed], 1, "expected more than 0"),
        ([source, target, "--factor", "nan", *seed], 1, "expected more than 0"),
        ([source, target, "--factor", "5000", *seed], 1, "up to 1000"),
        ([source, "--factor", "0.5", *seed], 2, "give a TARGET, or --dry-run"),
        ([source, source, "--factor", "0.5", *seed, "--force"], 2, "are one file"),
        ([source, str(tmp_path / "one"), "--factor", "2", *seed], 2, "something already"),
        ([source, target, "--factor", "0.5", *seed, "--root", "peple"], 1, "did you mean"),
        ([source, target, "--factor", "0.5", *seed, "--cut", "people"], 1, "TABLE.COLUMN"),
        ([source, target, "--factor", "0.5", *seed, "--cut", "people.bos"], 1, "did you mean"),
        ([source, target, "--factor", "2", *seed, "--rule", "people.id=up"], 1, "is no rule"),
        (["postgresql://u:pw@h/x", target, "--factor", "2", *seed], 2, "dump it first"),
        ([source, "-", "--factor", "2", *seed], 2, "needs a path"),
    ):
        assert run(["scale", *arguments]) == code, arguments
        error = capsys.readouterr().err
        assert said in error
        assert "pw" not in error
    assert not Path(target).exists()
