"""Dumps of PostgreSQL in all forms, honest and hostile, cut off and damaged."""

from __future__ import annotations

import os
import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.databases.postgresql import PostgreSQL
from ci.errors import DatasetError, SetupError
from ci.programs import find_program
from ci.timing import Engine
from tests.ci import served

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from ci.databases import Places

CANARY = "canary-4711"


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with served.places(jobs=2) as made:
        yield made


@pytest.fixture(scope="module")
def source(places: Places, tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgreSQL]:
    """A server with the shop in it, in a schema of somebody else's, too, to dump from."""
    data = served.shop(Engine.POSTGRESQL, tmp_path_factory.mktemp("source"))
    with PostgreSQL(places, data.digest) as server:
        server.restore(data)
        with server.asking("test") as connection:
            for statement in (
                "CREATE ROLE stranger",
                "CREATE SCHEMA extra AUTHORIZATION stranger",
                "CREATE EXTENSION pageinspect SCHEMA extra",
                "CREATE EXTENSION hstore SCHEMA public",
                "CREATE TABLE extra.things (id int, h public.hstore)",
                "ALTER TABLE extra.things OWNER TO stranger",
                "GRANT SELECT ON extra.things TO app",
                "ALTER DATABASE app SET work_mem = '8MB'",
            ):
                connection.exec_driver_sql(statement)
        yield server


@pytest.fixture(scope="module")
def target(places: Places) -> Iterator[PostgreSQL]:
    with PostgreSQL(places, "target") as server:
        yield server


def environment(server: PostgreSQL) -> Mapping[str, str]:
    said = {"PGUSER": "ci", "PGPASSWORD": server.password("ci")}
    return {**os.environ, **server._environment(), **said}


def dump(server: PostgreSQL, path: Path, *options: str) -> Path:
    pg_dump = find_program("pg_dump", package="postgresql-client")
    arguments = [pg_dump, *options, f"--file={path}", "app"]
    subprocess.run(arguments, env=environment(server), check=True)
    return path


TABLES = ("public.customers", "public.orders", "extra.things")
EXTENSIONS = "SELECT count(*) FROM pg_extension WHERE extname IN ('hstore', 'pageinspect')"


def counts(server: PostgreSQL) -> list[int]:
    """Return the number of rows of each table, and of the extensions that the source has."""
    selects = [*(f"SELECT count(*) FROM {name}" for name in TABLES), EXTENSIONS]  # noqa: S608
    with server.asking("test") as connection:
        return [connection.exec_driver_sql(each).scalar_one() for each in selects]


FORMS = {
    "plain": ["--create", "--clean"],
    "custom": ["--format=custom"],
    "directory": ["--format=directory"],
    "tar": ["--format=tar"],
    "inserts": ["--inserts"],
}


@pytest.mark.parametrize("form", served.some_slow(FORMS, each_time=2))
def test_every_form_is_restored(
    form: str, source: PostgreSQL, target: PostgreSQL, tmp_path: Path
) -> None:
    made = dump(source, tmp_path / "dump", *FORMS[form])
    target.restore(served.dataset(Engine.POSTGRESQL, made))
    assert counts(target) == [1000, 1000, 0, 2]
    assert target.schema() == source.schema()


HOSTILE = [
    "COPY orders FROM PROGRAM 'touch {place}';",
    "SELECT 1 \\! touch {place}\n;",
    "SELECT pg_read_file('/etc/passwd');",
    "CREATE FUNCTION f() RETURNS int LANGUAGE c AS '/lib/x.so';",
    "SET ROLE ci;\nSET SESSION AUTHORIZATION ci;\nALTER SYSTEM SET port = 1;",
    "COPY (SELECT 1) TO '{place}';",
    "SELECT 1 \\g |touch {place}\n",
    "SELECT 'x' \\gset \\setenv A `touch {place}`\n",
]


# Each is restored into a server of its own; two are enough for every day.
@pytest.mark.parametrize("text", served.some_slow(HOSTILE, each_time=2))
def test_a_hostile_dump_gets_nowhere(text: str, target: PostgreSQL, tmp_path: Path) -> None:
    place = tmp_path / "place"
    script = f"CREATE TABLE orders (id int);\n{text.format(place=place)}\n"
    with pytest.raises(SetupError, match="psql failed"):
        target.restore(served.shop(Engine.POSTGRESQL, tmp_path, script))
    assert not place.exists()


def test_an_error_names_its_line_and_repeats_no_row(target: PostgreSQL, tmp_path: Path) -> None:
    rows = f"COPY t FROM stdin;\n{CANARY}\n{CANARY}\n\\.\n"
    script = f"CREATE TABLE t (name text UNIQUE);\nGRANT ALL ON t TO me;\n{rows}"
    with pytest.raises(SetupError, match="at line 6 of the dump: SQLSTATE 23505") as caught:
        target.restore(served.shop(Engine.POSTGRESQL, tmp_path, script))
    assert CANARY not in f"{caught.value} {caught.value.hint}"
    assert CANARY in target.folder.log.read_text()
    assert target.kept() == frozenset()


def test_a_dump_that_is_cut_off_is_refused(
    source: PostgreSQL, target: PostgreSQL, tmp_path: Path
) -> None:
    made = dump(source, tmp_path / "dump", "--format=custom")
    os.truncate(made, made.stat().st_size * 3 // 4)
    with pytest.raises(SetupError, match="pg_restore"):
        target.restore(served.dataset(Engine.POSTGRESQL, made))

    made = dump(source, tmp_path / "dump")
    lines = made.read_bytes().splitlines(keepends=True)
    made.write_bytes(b"".join(lines[:-8]))
    with pytest.raises(SetupError, match="ends in the middle"):
        target.restore(served.dataset(Engine.POSTGRESQL, made))


def test_what_is_no_dump_is_refused(target: PostgreSQL, tmp_path: Path) -> None:
    with pytest.raises(SetupError, match="has no table"):
        target.restore(served.shop(Engine.POSTGRESQL, tmp_path, "SELECT 1;\n"))
    with pytest.raises(DatasetError, match=r"without toc\.dat"):
        target.restore(served.dataset(Engine.POSTGRESQL, tmp_path))
    with pytest.raises(SetupError, match="extension never is not installed"):
        target.restore(served.shop(Engine.POSTGRESQL, tmp_path, "CREATE EXTENSION never;\n"))


def test_a_compressed_archive_is_restored(
    source: PostgreSQL, target: PostgreSQL, tmp_path: Path
) -> None:
    made = dump(source, tmp_path / "dump", "--format=custom")
    subprocess.run([find_program("zstd", package="zstd"), "--quiet", made], check=True)
    target.restore(served.dataset(Engine.POSTGRESQL, made.with_suffix(".zst")))
    assert counts(target) == [1000, 1000, 0, 2]


def test_functions_of_the_code_under_test_do_not_run_as_superuser(
    target: PostgreSQL, tmp_path: Path
) -> None:
    plpgsql = "CREATE EXTENSION IF NOT EXISTS plpgsql WITH SCHEMA pg_catalog;"
    trap = "AS $$ BEGIN RAISE 'caught'; END $$"
    script = (
        f"{plpgsql}\nCREATE TABLE t (id int);\n"
        f"CREATE FUNCTION public.quote_ident(name) RETURNS text LANGUAGE plpgsql {trap};\n"
        f"CREATE FUNCTION public.pg_table_size(oid) RETURNS bigint LANGUAGE plpgsql {trap};\n"
    )
    target.restore(served.shop(Engine.POSTGRESQL, tmp_path, script))
    assert target.schema() == {"t": ("id integer",)}
    assert target.sizes().keys() == {"t"}


def test_the_code_under_test_has_no_power(source: PostgreSQL) -> None:
    url = source.migrating().url
    engine = sa.create_engine(url, poolclass=sa.NullPool, isolation_level="AUTOCOMMIT")
    for statement in (
        "COPY orders TO PROGRAM 'id'",
        "SELECT pg_ls_dir('.')",
        "CREATE ROLE more",
        "SET ROLE ci",
        "CREATE EXTENSION file_fdw",
        "ALTER SYSTEM SET fsync = on",
    ):
        with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError) as caught:
            connection.exec_driver_sql(statement)
        assert getattr(caught.value.orig, "pgcode", None) == "42501", statement
    wrong = sa.make_url(source.watching().url).set(password=CANARY)
    with pytest.raises(sa.exc.OperationalError, match="password"):
        sa.create_engine(wrong, poolclass=sa.NullPool).connect()
