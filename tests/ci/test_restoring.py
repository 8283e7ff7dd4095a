"""What is left out of scripts, and what compressions are read: no server is needed."""

from __future__ import annotations

import io
import subprocess
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.databases.restoring import mariadb, postgresql, script
from ci.databases.restoring.compression import PROGRAMS, content
from ci.errors import SetupError
from ci.programs import find_program

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = frozenset({b"standard_conforming_strings", b"default_tablespace"})


def postgresql_script(text: str) -> str:
    editor = postgresql.Plain(SETTINGS)
    lines = script.edited(io.BytesIO(text.encode()), script.POSTGRESQL, editor)
    return b"".join(lines).decode()


def mariadb_script(text: str) -> str:
    lines = script.edited(io.BytesIO(text.encode()), script.MARIADB, mariadb.Sql())
    return b"".join(lines).decode()


@pytest.mark.parametrize(
    "line",
    [
        "ALTER TABLE public.orders OWNER TO somebody;",
        "GRANT ALL ON orders TO somebody;",
        "REVOKE ALL ON orders\nFROM somebody;",
        "CREATE DATABASE shop WITH TEMPLATE = template0;",
        "SET default_tablespace = fast;",
        "SET transaction_timeout = 0;",
        "COMMENT ON EXTENSION hstore IS 'x; y';",
        "\\restrict abc",
        "\\connect shop",
        "\\c shop;",
    ],
)
def test_what_is_of_another_machine_is_left_out(line: str) -> None:
    empty = "\n" * (line.count("\n") + 1)
    assert postgresql_script(f"SELECT 1;\n{line}\nSELECT 2;\n") == f"SELECT 1;\n{empty}SELECT 2;\n"


@pytest.mark.parametrize(
    "text",
    [
        "INSERT INTO t VALUES ('a\nGRANT x TO y;\n\\! never\n');\n",
        "INSERT INTO t VALUES (E'it\\'s\nGRANT x TO y;\n');\n",
        "CREATE FUNCTION f() AS $x$\nGRANT x TO y; '\n$x$;\nSELECT 'date'';';\n",
        "/* a /* b */\nGRANT x TO y;\n*/\n",
        "CREATE TABLE \"a\nGRANT x TO y;\n\" (e''text);\n",
        "COPY t (a) FROM stdin;\nGRANT x TO y;\n\\N\n'\n\\.\nSELECT 1;\n",
        "SET standard_conforming_strings = on;\nSET default_tablespace = '';\n",
        "SELECT 1 -- it's\n;\n",
        "SELECT price::text, type'x' FROM t;\n",
    ],
)
def test_what_only_looks_like_a_statement_stays(text: str) -> None:
    assert postgresql_script(text) == text


@pytest.mark.parametrize(
    "line", ["\\! touch /tmp/x", "\\copy t from program 'id'", "\\i /etc/passwd", "\\o |id", "\\"]
)
def test_commands_of_psql_are_refused(line: str) -> None:
    with pytest.raises(SetupError, match="command of psql"):
        postgresql_script(f"SELECT 1;\n{line}\n")


def test_one_database_is_restored() -> None:
    assert postgresql_script("\\connect template1\n\\connect shop\n\\connect postgres\n")
    with pytest.raises(SetupError, match="several databases"):
        postgresql_script("\\connect shop\n\\connect other\n")
    with pytest.raises(SetupError, match="several databases"):
        mariadb_script("USE `a`;\nUSE `b`;\n")


@pytest.mark.parametrize(
    "text", ["COPY t FROM stdin;\n1\n", "INSERT INTO t VALUES ('x\n", "DO $$ BEGIN\n"]
)
def test_a_script_that_ends_in_the_middle_is_refused(text: str) -> None:
    with pytest.raises(SetupError, match="ends in the middle"):
        postgresql_script(text)


@given(
    st.lists(st.sampled_from(["'", '"', "$$", "$a$", "/*", "*/", "--", "\n", ";", "e", "\\", "x"]))
)
def test_reading_changes_no_row_and_no_number_of_lines(parts: list[str]) -> None:
    text = "SELECT " + "".join(parts)
    try:
        assert postgresql_script(text).count("\n") == text.count("\n")
        assert mariadb_script(text).count("\n") == text.count("\n")
    except SetupError:
        pass


def test_definers_have_no_power_here() -> None:
    text = "/*!50003 CREATE*/ /*!50017 DEFINER=`root`@`localhost`*/ /*!50003 TRIGGER t x */;;\n"
    assert "DEFINER=CURRENT_USER" in mariadb_script(f"DELIMITER ;;\n{text}DELIMITER ;\n")
    text = "/*!50013 DEFINER=`a b`@`%` SQL SECURITY DEFINER */\n;\n"
    assert mariadb_script(text) == "/*!50013 DEFINER=CURRENT_USER SQL SECURITY DEFINER */\n;\n"
    row = "INSERT INTO t VALUES ('a\\'\nCREATE DEFINER=root@localhost x\n');\n"
    assert mariadb_script(row) == row


@pytest.mark.parametrize(
    "line",
    [
        "CREATE DATABASE x;",
        "DROP DATABASE IF EXISTS `x`;",
        "USE x;",
        "/*!40000 DROP DATABASE IF EXISTS `x`*/;",
        "SET @@SESSION.SQL_LOG_BIN= 0;",
        "CREATE DATABASE /*!32312 IF NOT EXISTS*/ `x` /*!40100 DEFAULT CHARACTER SET x */;",
    ],
)
def test_databases_of_mariadb_are_left_out(line: str) -> None:
    assert mariadb_script(f"{line}\nSELECT 1;\n") == "\nSELECT 1;\n"


@pytest.mark.parametrize("line", ["\\! id", "system id", "source /etc/passwd", "\\. x"])
def test_commands_of_the_client_are_refused(line: str) -> None:
    with pytest.raises(SetupError, match="command of the client"):
        mariadb_script(f"{line}\n")


@pytest.mark.parametrize(("name", "package"), [each[1:] for each in PROGRAMS])
def test_compressions_are_read_and_a_cut_is_seen(name: str, package: str, tmp_path: Path) -> None:
    text = b"".join(b"%d\n" % (number * 7919) for number in range(100_000))
    program = find_program(name, package=package)
    packed = subprocess.run([program, "-c"], input=text, capture_output=True, check=True).stdout
    path, log = tmp_path / "dump", tmp_path / "log"
    path.write_bytes(text)
    with content(path, log=log) as stream:
        assert stream.read() == text
    path.write_bytes(packed)
    with content(path, log=log) as stream:
        assert stream.read() == text

    path.write_bytes(packed[: len(packed) // 2])
    with pytest.raises(SetupError, match="cut off"), content(path, log=log) as stream:
        stream.read()
