"""Generated columns: what dump tools write of them, and that NULL in their place is right."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

METADATA = sa.MetaData()
USERS = sa.Table(
    "users",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("name", sa.String(40)),
    sa.Column("loud", sa.String(40), sa.Computed("upper(name)", persisted=True)),
    sa.Column("last", sa.Integer),
)


def dump(database: Database) -> str:
    """Return a dump of a database with one row."""
    with database.engine().begin() as connection:
        METADATA.create_all(connection)
        connection.execute(USERS.insert(), {"id": 1, "name": "ada", "last": 7})
    return ran(database, "sqlite3 pg_dump mariadb-dump", ".dump")


def ran(database: Database, programs: str, order: str | None = None, text: str = "") -> str:
    """Run the program of *database* among *programs*, those of SQLite, PostgreSQL, MariaDB."""
    url = sa.make_url(database.url)
    socket, user, name = str(url.query.get("unix_socket")), url.username or "", url.database or ""
    host = str(url.query.get("host") or url.host)
    sqlite, postgresql, mariadb = programs.split()
    command = {
        "sqlite": [sqlite, name, *([order] if order else [])],
        "postgresql": [postgresql, "-h", host, "-U", user, name],
        "mariadb": [mariadb, "-u", user, f"--socket={socket}", name],
    }[database.name]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("database", ["sqlite", "postgresql"], indirect=True)
def test_dumps_leave_them_out(database: Database) -> None:
    text = dump(database)

    assert "ada" in text
    assert "ADA" not in text


@pytest.mark.parametrize("database", ["mariadb"], indirect=True)
def test_mariadb_dump_writes_them_and_mariadb_computes_them_again(database: Database) -> None:
    text = dump(database)
    assert "(1,'ada','ADA',7)" in text
    ran(database, "- - mariadb", text=text.replace("'ada','ADA'", "'bob',NULL"))

    with database.engine().connect() as connection:
        assert connection.execute(sa.select(USERS)).all() == [(1, "bob", "BOB", 7)]
