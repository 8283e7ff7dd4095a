"""How a database is opened."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.database import open_engine, read_only
from migrator.errors import ConfigurationError, DatabaseError

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("url", ["nonsense", "", "postgresql+nodriver://x/y"])
def test_url_that_cannot_be_read_is_said_so(url: str) -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_engine(url)

    assert raised.value.hint


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("postgresql+asyncpg://me@host/cloud", "async code only"),
        ("sqlite+aiosqlite:///cloud.db", "async code only"),
        ("mariadb+aiomysql://me@host/cloud", "async code only"),
        ("mysql+pymysql://me@host", "names no database"),
        ("oracle9://me@host/cloud", "unknown database 'oracle9'"),
        ("postgresql+psycopg2://me:a@b@host/cloud", "more than one @"),
    ],
)
def test_url_that_leads_to_no_use_is_said_so(url: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        open_engine(url)


def test_a_name_that_is_nearly_right_is_known() -> None:
    with pytest.raises(ConfigurationError) as raised:
        open_engine("postgres://me@host/cloud")

    assert raised.value.hint == "did you mean postgresql?"


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [
        ("postgresql+psycopg2://x/y", "psycopg2", "postgresql"),
        ("postgresql+psycopg://x/y", "psycopg", "psycopg"),
        ("mariadb+pymysql://x/y", "pymysql", "mysql"),
        ("mysql+mysqldb://x/y", "MySQLdb", "mysqlclient"),
        ("postgresql+psycopg2cffi://x/y", "psycopg2cffi", "EXTRA"),
    ],
)
def test_a_missing_driver_names_its_extra(
    url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    with pytest.raises(ConfigurationError, match="is not installed") as raised:
        open_engine(url)

    assert str(raised.value.hint).startswith(f"pip install 'migrator[{extra}]'")


def test_a_parameter_that_the_driver_does_not_know_is_said() -> None:
    with (
        pytest.raises(ConfigurationError, match="'nonsense'"),
        read_only("mariadb+pymysql://me@127.0.0.1:1/none?nonsense=1"),
    ):
        pass


def test_sqlite_rolls_back_ddl(tmp_path: Path) -> None:
    engine = open_engine(f"sqlite:///{tmp_path / 'x.db'}")
    with engine.connect() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
        connection.rollback()

    assert sa.inspect(engine).get_table_names() == []
    engine.dispose()


def test_reading_makes_no_file(tmp_path: Path) -> None:
    with (
        pytest.raises(ConfigurationError, match="there is no database"),
        read_only(f"sqlite:///{tmp_path / 'mistyped.db'}"),
    ):
        pass

    assert not (tmp_path / "mistyped.db").exists()


def test_reader_does_not_keep_the_writer_out(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    writer = open_engine(url)
    with writer.begin() as connection:
        connection.exec_driver_sql("PRAGMA journal_mode = DELETE")
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
    with read_only(url) as reader:
        reader.begin()
        with writer.begin() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
    writer.dispose()


def test_error_while_reading_is_ours(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_bytes(b"this is no database" * 100)

    with (
        pytest.raises(DatabaseError, match="file is not a database"),
        read_only(f"sqlite:///{path}") as connection,
    ):
        connection.exec_driver_sql("SELECT * FROM sqlite_schema")


def test_each_look_is_a_transaction_of_its_own(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'x.db'}"
    writer = open_engine(url)
    with writer.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (id INTEGER)")
    with read_only(url) as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 0
        with writer.begin() as connection:
            connection.exec_driver_sql("INSERT INTO t VALUES (1)")
        assert reader.exec_driver_sql("SELECT count(*) FROM t").scalar_one() == 1
    writer.dispose()


def test_why_a_connection_is_refused_is_said() -> None:
    with (
        pytest.raises(DatabaseError, match="Connection refused"),
        read_only("postgresql+psycopg2://me:hunter2@127.0.0.1:1/none"),
    ):
        pass
