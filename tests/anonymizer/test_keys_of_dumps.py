"""Keys that only a dump knows: what refers to a masked key is masked as it is."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from anonymizer.cli import run
from anonymizer.container import container
from anonymizer.live import dumped, read_url
from anonymizer.plan.kinds import facts_of_name
from anonymizer.schema import read_schema
from tests.anonymizer.test_sqlite_text import shell
from tests.databases import fresh
from tests.dumped import libpq_url
from tests.dumped import run as run_program

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.schema import Schema
    from tests.databases import Database, Servers

ROOT = Path(__file__).parent.parent.parent
TABLES = """
CREATE TABLE clients (id INTEGER NOT NULL PRIMARY KEY, code VARCHAR(20) NOT NULL UNIQUE,
    state VARCHAR(10) DEFAULT 'open', price NUMERIC(10, 2), kind CHAR(3));
CREATE TABLE visits (id BIGINT NOT NULL PRIMARY KEY, who INTEGER, friend INTEGER, seen DATE,
    FOREIGN KEY (who) REFERENCES clients (id), FOREIGN KEY (friend) REFERENCES clients (id));
"""
POLICY = """
[tables.clients.columns]
id = "integer"
code = "token"
state = {public = "open or closed"}
price = "noise"
kind = {public = "three letters"}
[tables.visits.columns]
id = {public = "a number"}
seen = "date"
"""


@pytest.fixture
def full(database: Database) -> Database:
    """Two tables, with keys that no model says."""
    with database.engine().begin() as connection:
        for each in filter(str.strip, TABLES.split(";")):
            connection.exec_driver_sql(each)
        for number in range(1, 60):
            connection.exec_driver_sql(
                f"INSERT INTO clients VALUES ({number}, 'client-{number}', 'open', 7.5, 'abc')"  # noqa: S608
            )
        for number in range(1, 60):
            connection.exec_driver_sql(
                f"INSERT INTO visits VALUES ({number}, {number}, {60 - number}, '2020-01-02')"  # noqa: S608
            )
    return database


@pytest.fixture
def dump(full: Database, tmp_path: Path) -> Path:
    """What the database's own program writes."""
    path = tmp_path / "dump.sql"
    url = read_url(full.url)
    if full.name == "sqlite":
        with closing(sqlite3.connect(str(url.database))) as connection:
            path.write_text("PRAGMA foreign_keys=OFF;\n" + "\n".join(connection.iterdump()) + "\n")
    else:
        with dumped(url, note=print) as stream:
            path.write_bytes(stream.read())
    (tmp_path / "policy.toml").write_text(POLICY)
    return path


def facts(schema: Schema) -> dict[tuple[str, str], object]:
    return {
        (table.name, column): facts_of_name(written)
        for table, columns in schema.tables.items()
        for column, written in columns.items()
        if written is not None
    }


def shape(schema: Schema) -> tuple[set[Any], set[Any]]:
    keys = {(table.name, key) for table, each in schema.keys.items() for key in each}
    references = {
        (table.name, each.columns, each.table.name, each.to)
        for table, listed in schema.references.items()
        for each in listed
    }
    return keys, references


def test_a_dump_says_what_its_database_does(full: Database, dump: Path) -> None:
    with full.engine().connect() as connection:
        live = read_schema(connection)
    found = container(str(dump)).schema()
    assert facts(found) == facts(live)
    assert shape(found) == shape(live)
    assert len(facts(found)) == 9
    assert {each for _, each, _, _ in shape(found)[1]} == {("who",), ("friend",)}


@pytest.fixture
def masks(tmp_path: Path) -> list[str]:
    assert run(["key", str(tmp_path / "secret")]) == 0
    return ["--policy", str(tmp_path / "policy.toml"), "--secret", str(tmp_path / "secret")]


def columns(text: str, name: str) -> list[list[str]]:
    """Return the rows of the table *name* in a dump of any kind, as lists of texts."""
    if copied := re.search(rf"COPY \S*{name} .*?stdin;\n(.*?)\n\\\.", text, re.DOTALL):
        return [line.split("\t") for line in copied[1].splitlines()]
    inserts = re.findall(rf"INSERT INTO [`\"]?{name}[`\"]?[^;]*?VALUES\s*(.*?);\n", text, re.DOTALL)
    rows = [row for each in inserts for row in re.findall(r"\(([^()]*)\)", each)]
    return [[part.strip().strip("'") for part in row.split(",")] for row in rows]


def test_what_refers_to_a_masked_key_follows_it(dump: Path, masks: list[str]) -> None:
    target = dump.with_name("masked.sql")
    assert run(["mask", str(dump), str(target), *masks]) == 0

    text = target.read_text()
    clients, visits = columns(text, "clients"), columns(text, "visits")
    ids = {each[0] for each in clients}
    assert len(clients) == len(visits) == 59
    assert {each[1] for each in visits} == ids == {each[2] for each in visits}
    assert ids != {str(number) for number in range(1, 60)}
    assert all(0 < int(each) < 2**31 for each in ids)


def test_a_live_database_and_its_dump_become_the_same(
    full: Database, dump: Path, masks: list[str]
) -> None:
    if full.name == "sqlite":
        source, by_file = str(read_url(full.url).database), dump.with_name("masked.db")
        assert run(["mask", source, str(by_file), *masks]) == 0
        with closing(sqlite3.connect(by_file)) as connection:
            ids = {str(each) for (each,) in connection.execute("SELECT id FROM clients")}
    else:
        assert run(["mask", full.url, str(dump.with_name("live.sql")), *masks]) == 0
        ids = {each[0] for each in columns(dump.with_name("live.sql").read_text(), "clients")}
    assert run(["mask", str(dump), str(dump.with_name("masked.sql")), *masks]) == 0
    text = dump.with_name("masked.sql").read_text()
    assert ids == {each[0] for each in columns(text, "clients")}


def piped(dump: Path, *arguments: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", "anonymizer", "mask", "-", "-", *arguments],
        input=dump.read_bytes(),
        cwd=ROOT,
        capture_output=True,
        check=False,
    )


def test_a_pipe_needs_its_schema_and_is_masked_alike(dump: Path, masks: list[str]) -> None:
    assert run(["mask", str(dump), str(dump.with_name("masked.sql")), *masks]) == 0

    without, done = piped(dump, *masks), piped(dump, *masks, "--schema", str(dump))

    assert without.returncode == 1
    assert b"--schema" in without.stderr
    assert not without.stdout
    assert done.returncode == 0, done.stderr
    assert done.stdout == dump.with_name("masked.sql").read_bytes()


MODELS = """
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column
from anonymizer import mask, public


class Base(DeclarativeBase):
    pass


class Client(Base):
    __tablename__ = "clients"
    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    code: Mapped[str] = mapped_column(sa.String(20), info=mask.token())
    state: Mapped[str] = mapped_column(sa.String(10), info=public("open"))
    price: Mapped[float] = mapped_column(sa.Numeric(10, 2), info=mask.noise())
    kind: Mapped[str] = mapped_column(sa.String(3), info=public("a kind"))


class Visit(Base):
    __tablename__ = "visits"
    id: Mapped[int] = mapped_column(sa.BigInteger, primary_key=True, info=public("a number"))
    who: Mapped[int] = mapped_column(info=mask.integer())
    friend: Mapped[int] = mapped_column(info=mask.integer())
    seen: Mapped[str] = mapped_column(sa.Date, info=mask.date())
"""


def test_models_that_do_not_say_a_key_are_refused_for_a_text(
    dump: Path,
    masks: list[str],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """They are known when the dump is read to its end: nothing is left then."""
    name = f"models_{dump.parent.name}".replace("-", "_")
    (dump.parent / f"{name}.py").write_text(MODELS)
    monkeypatch.syspath_prepend(dump.parent)
    target = dump.with_name("masked.sql")

    code = run(["mask", str(dump), str(target), "--models", name, *masks[2:]])

    assert code == 1
    assert "foreign key of the data would not hold" in capsys.readouterr().err
    assert not target.exists()
    # With the tables of the dump known before, the key is followed.
    assert (
        run(["mask", str(dump), str(target), "--models", name, *masks[2:], "--schema", str(dump)])
        == 0
    )


@pytest.fixture
def postgresql(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from fresh("postgresql", servers, tmp_path)


@pytest.mark.parametrize("option", ["-Fc", "-Fd"])
def test_archives_know_their_keys(option: str, postgresql: Database, tmp_path: Path) -> None:
    with postgresql.engine().begin() as connection:
        connection.exec_driver_sql(TABLES)
    run_program("pg_dump", "--dbname", libpq_url(postgresql), option, "--file", tmp_path / "dump")
    with postgresql.engine().connect() as connection:
        assert shape(container(str(tmp_path / "dump")).schema()) == shape(read_schema(connection))


def test_a_part_of_a_dump_needs_no_other_tables(
    dump: Path, masks: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    policy = dump.with_name("policy.toml")
    policy.write_text(POLICY + '[tables.sessions.columns]\ntoken = "token"\n')
    target = dump.with_name("masked.sql")

    assert run(["mask", str(dump), str(target), *masks]) == 0
    assert "decided on and not in the data: sessions" in capsys.readouterr().err

    policy.write_text(POLICY.replace("[tables.visits.columns]", "[tables.visitors.columns]"))
    assert run(["mask", str(dump), str(target), "--force", *masks]) == 1
    assert "visits" in capsys.readouterr().err


def test_the_primary_key_comes_first(postgresql: Database, tmp_path: Path) -> None:
    with postgresql.engine().begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (z int PRIMARY KEY, a text UNIQUE)")
    place = tmp_path / "dump.sql"
    run_program("pg_dump", "--dbname", libpq_url(postgresql), "--file", place)
    assert list(container(str(place)).schema().keys.values()) == [(("z",), ("a",))]


def test_a_driver_that_is_missing_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["check", "--database", "postgresql+nowhere://h/d", "--models", "cloud.juno"]) == 2
    assert "the driver of postgresql+nowhere is not installed" in capsys.readouterr().err


def test_the_last_schema_is_no_default_of_a_dump(postgresql: Database, tmp_path: Path) -> None:
    with postgresql.engine().begin() as connection:
        connection.execute(sa.text("CREATE SCHEMA audit"))
        connection.execute(sa.text("CREATE TABLE audit.zz (id int PRIMARY KEY)"))
        connection.execute(sa.text("CREATE TABLE aa (id int PRIMARY KEY)"))
    place = tmp_path / "dump"
    run_program("pg_dump", "--dbname", libpq_url(postgresql), "-Fc", "--file", place)
    assert container(str(place)).schema().default is None


@pytest.mark.parametrize("module", ["fts5", "fts4"])
def test_an_index_of_masked_texts_does_not_stay(
    tmp_path: Path, masks: list[str], module: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path, target = tmp_path / "a.db", tmp_path / "b.sql"
    shell(path, f"CREATE VIRTUAL TABLE ft USING {module}(body)", "INSERT INTO ft VALUES ('words')")
    source = tmp_path / "a.sql"
    source.write_bytes(shell(path, ".dump"))
    found = container(str(source)).schema().tables
    lines = [
        f"[tables.{table.name}.columns]\n"
        + "".join(f'"{each}" = {{public = "of the index"}}\n' for each in names)
        for table, names in found.items()
    ]
    policy = "".join(lines)
    assert "ft_content" in policy
    (tmp_path / "policy.toml").write_text(policy)
    assert run(["mask", str(source), str(target), *masks]) == 0

    masked = re.sub(r'(\[tables.ft_content.columns]\n.*\n"\w+" = ).*', r'\1"text"', policy)
    assert masked != policy
    (tmp_path / "policy.toml").write_text(masked)
    capsys.readouterr()
    assert run(["mask", str(source), str(target), "--force", *masks]) == 1
    assert "a full-text index of what is masked in ft_content" in capsys.readouterr().err
