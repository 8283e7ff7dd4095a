"""Dumps of MariaDB, honest and hostile."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.databases.mariadb import SOCKET, MariaDB
from ci.errors import SetupError
from ci.programs import find_program
from ci.timing import Engine
from tests.ci import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "canary-4711"


@pytest.fixture(scope="module")
def server() -> Iterator[MariaDB]:
    with served.places() as places, MariaDB(places, "none") as opened:
        yield opened


def load(server: MariaDB, folder: Path, text: str) -> None:
    server.restore(served.shop(Engine.MARIADB, folder, text))


def dump(server: MariaDB, *options: str) -> bytes:
    arguments = [
        find_program("mariadb-dump", "mysqldump", package="mariadb-client"),
        "--no-defaults",
        f"--socket={server.folder.socket / SOCKET}",
        "--user=ci",
        f"--password={server.password('ci')}",
        "--routines",
        *options,
    ]
    return subprocess.run(arguments, capture_output=True, check=True).stdout


def test_a_dump_is_restored_with_definers_without_power(server: MariaDB, tmp_path: Path) -> None:
    load(server, tmp_path, served.SHOP[Engine.MARIADB])
    schema = server.schema()
    text = dump(server, "--databases", "app").replace(b"`app`@`localhost`", b"`root`@`%`")
    assert b"DEFINER=`root`" in text

    path = tmp_path / "dump.gz"
    packed = subprocess.run(["gzip", "-c"], input=text, capture_output=True, check=True).stdout
    path.write_bytes(packed)
    server.restore(served.dataset(Engine.MARIADB, path))
    assert server.schema() == schema
    with server.asking("test") as connection:
        definers = (
            "SELECT definer FROM information_schema.views WHERE table_schema = 'app'"
            " UNION ALL SELECT definer FROM information_schema.triggers"
            " WHERE trigger_schema = 'app' UNION ALL SELECT definer FROM"
            " information_schema.routines WHERE routine_schema = 'app'"
        )
        assert connection.exec_driver_sql(definers).scalars().all() == ["app@localhost"] * 3

    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SetupError, match=r"ends in the middle|cut off"):
        server.restore(served.dataset(Engine.MARIADB, path))
    path.write_bytes(text[:-100])
    with pytest.raises(SetupError, match="ends in the middle"):
        server.restore(served.dataset(Engine.MARIADB, path))


HOSTILE = [
    "SELECT 1 \\! touch {place}\n;",
    "SELECT 1;\\! touch {place}\n",
    "SELECT 1 INTO OUTFILE '{place}';",
    "LOAD DATA LOCAL INFILE '/etc/passwd' INTO TABLE t;",
    "LOAD DATA INFILE '/etc/passwd' INTO TABLE t;",
    "CREATE /* x */ DEFINER = ci@localhost PROCEDURE p() SELECT 1;\nSELECT * FROM mysql.user;",
    "INSERT INTO t VALUES ('{canary}');\nINSERT INTO t VALUES ('{canary}');",
]


# Each is restored into a server of its own; two are enough for every day.
@pytest.mark.parametrize("text", served.some_slow(HOSTILE, each_time=2))
def test_a_hostile_dump_gets_nowhere(text: str, server: MariaDB, tmp_path: Path) -> None:
    place = tmp_path / "place"
    said = text.format(place=place, canary=CANARY)
    with pytest.raises(SetupError, match=r"(mariadb|mysql) failed") as caught:
        load(server, tmp_path, f"CREATE TABLE t (name varchar(99) UNIQUE);\n{said}\n")
    assert not place.exists()
    assert CANARY not in f"{caught.value} {caught.value.hint}"


def test_the_code_under_test_has_no_power(server: MariaDB, tmp_path: Path) -> None:
    load(server, tmp_path, "CREATE TABLE t (id int);\n")
    engine = sa.create_engine(server.migrating().url, poolclass=sa.NullPool)
    with engine.connect() as connection:
        for statement in (
            "SELECT 1 INTO OUTFILE '/tmp/x'",
            "SET GLOBAL max_connections = 1",
            "SELECT * FROM mysql.user",
            "CREATE USER more",
            "CREATE DATABASE other",
            "CREATE DEFINER=ci@localhost PROCEDURE p() SELECT 1",
        ):
            with pytest.raises(sa.exc.DBAPIError) as caught:
                connection.exec_driver_sql(statement)
            assert getattr(caught.value.orig, "args", (0,))[0] in {1044, 1045, 1142, 1227}, (
                statement
            )


def test_a_prepared_transaction_does_not_outlive_its_session(
    server: MariaDB, tmp_path: Path
) -> None:
    load(server, tmp_path, "CREATE TABLE t (id int PRIMARY KEY);\nINSERT INTO t VALUES (1);\n")
    engine = sa.create_engine(server.migrating().url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        for each in ("START 'it''s'", "END 'it''s'", "PREPARE 'it''s'"):
            connection.exec_driver_sql(f"XA {each}")
            if each.startswith("START"):
                connection.exec_driver_sql("UPDATE t SET id = 2")
        server.end_sessions()
        connection.invalidate()
    engine.dispose()
    with server.asking("test") as connection:
        assert not connection.exec_driver_sql("XA RECOVER").all()
        assert connection.exec_driver_sql("SELECT id FROM t").scalar_one() == 1
