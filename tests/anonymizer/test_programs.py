"""Programs: how they are called, what they may say, and that none is left."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from anonymizer.errors import AnonymizerError, DumpError, ToolError
from anonymizer.live import mariadb, postgresql, read_url
from anonymizer.live.mariadb import MariaDB
from anonymizer.live.postgresql import PostgreSQL
from anonymizer.programs import Program, answer, find_program, reading, writing
from tests.servers import processes

if TYPE_CHECKING:
    from collections.abc import Iterator


def python(code: str) -> Program:
    """Return a program that runs *code* and may say all that it writes."""
    return Program(path=sys.executable, arguments=("-c", code), explain=str.strip)


@pytest.fixture(autouse=True)
def _none_is_left() -> Iterator[None]:
    before = set(processes.children(os.getpid()))
    yield
    assert set(processes.children(os.getpid())) <= before


def test_a_program_that_is_missing_is_named() -> None:
    with pytest.raises(ToolError, match="nowhere is not installed") as error:
        find_program("nowhere", "absent", package="some-package")
    assert error.value.hint == "install some-package"


def test_it_answers() -> None:
    assert answer(python("print(input()[::-1])"), b"abc") == "cba\n"


def test_its_words_are_in_the_error() -> None:
    with pytest.raises(ToolError, match=r"python.*: what is wrong"):
        answer(python("import sys; sys.exit('what is wrong')"))
    with pytest.raises(ToolError, match="exit 3"):
        answer(python("import sys; sys.exit(3)"))
    with pytest.raises(ToolError, match="cannot be run"):
        answer(Program(path="/dev/null", explain=str))


def test_a_source_that_fails_at_its_end_is_an_error() -> None:
    failing = python("import sys; print('all of it'); sys.exit('not all')")
    with pytest.raises(ToolError, match="not all"), reading(failing) as stream:
        assert stream.read() == b"all of it\n"


def read_and_fail(program: Program, count: int) -> None:
    """Read some of what *program* writes, and fail as a mask does."""
    with reading(program) as stream:
        stream.read(count)
        raise DumpError("the dump is cut off")


def test_the_reason_of_a_cut_is_what_the_program_says() -> None:
    failing = python("import sys; print('a pa'); sys.exit('lost the server')")
    with pytest.raises(ToolError, match="lost the server"):
        read_and_fail(failing, -1)


def test_a_source_is_ended_when_the_body_fails() -> None:
    endless = python("while True: print('x' * 1000)")
    with pytest.raises(DumpError, match="the dump is cut off"):
        read_and_fail(endless, 10)


def write(program: Program, rows: bytes, error: BaseException | None = None) -> None:
    """Write *rows* to *program*, and fail with *error*."""
    with writing(program, first=b"BEGIN ", last=b"COMMIT") as stream:
        stream.write(rows)
        if error is not None:
            raise error


WRITES = "import sys; text = sys.stdin.read(); open({!r}, 'w').write(text)"


def test_the_last_is_only_written_when_all_went_well(tmp_path: Path) -> None:
    path = tmp_path / "read"
    write(python(WRITES.format(str(path))), b"rows ")
    assert path.read_text() == "BEGIN rows COMMIT"
    path.unlink()
    with pytest.raises(KeyboardInterrupt):
        write(python(WRITES.format(str(path))), b"rows ", KeyboardInterrupt())
    assert not path.exists()


def test_a_target_that_dies_says_why() -> None:
    dying = python("import sys; sys.stdin.read(10); sys.exit('no more room')")
    with pytest.raises(ToolError, match="no more room"):
        write(dying, b"x" * 10_000_000)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            'ERROR:  23505: duplicate key value violates unique constraint "k"\n'
            "DETAIL:  Key (a)=(secret) already exists.\nCONTEXT:  COPY t, line 7\n"
            "SCHEMA NAME:  public\n",
            'duplicate key value violates unique constraint "k", at row 7 of table t',
        ),
        (
            'psql:<stdin>:9: ERROR:  22P02: invalid input syntax for type integer: "secret"\n'
            'CONTEXT:  COPY t, line 7, column id: "secret"\n',
            "SQLSTATE 22P02, at row 7 of table t, column id",
        ),
        ('ERROR:  42601: syntax error at or near "secret"\nLINE 1: secret', "SQLSTATE 42601"),
        (
            "pg_dump: error: connection to server failed\npg_dump: detail: of a secret",
            "connection to server failed",
        ),
    ],
)
def test_psql_says_no_value(text: str, said: str) -> None:
    assert postgresql._explain(text) == said


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "ERROR 1062 (23000) at line 5: Duplicate entry 'a 'secret'' for key 'mail'\n",
            "error 1062 (23000) at line 5 of the dump: Duplicate entry '…' for key 'mail'",
        ),
        (
            "ERROR 1064 (42000) at line 5: You have an error near 'secret\n' at line 1\n",
            "error 1064 (42000) at line 5 of the dump: You have an error near '…'",
        ),
        (
            "ERROR 1045 (28000): Access denied for user 'me'@'localhost'\n",
            "error 1045 (28000): Access denied for user 'me'@'localhost'",
        ),
        (
            'mariadb-dump: Got error: 2002: "Can\'t connect" when trying to connect\n',
            'Got error: 2002: "Can\'t connect" when trying to connect',
        ),
    ],
)
def test_mariadb_says_no_value(text: str, said: str) -> None:
    assert mariadb._explain(text) == said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        (
            "postgresql+asyncpg://u:p%40@h:1/d?ssl=true&timeout=5",
            {
                "PGHOST": "h",
                "PGPORT": "1",
                "PGUSER": "u",
                "PGPASSWORD": "p@",
                "PGSSLMODE": "require",
            },
        ),
        (
            "postgresql+psycopg://u@/d?host=a:1&host=b:2&sslmode=verify-full&sslrootcert=/c",
            {"PGHOST": "a,b", "PGPORT": "1,2", "PGSSLMODE": "verify-full", "PGSSLROOTCERT": "/c"},
        ),
        ("postgresql+pg8000://u@/d?unix_sock=/run/s", {"PGHOST": "/run/s"}),
        ("postgresql://?service=main", {"PGSERVICE": "main"}),
    ],
)
def test_what_a_url_says_is_said_to_postgresql(url: str, said: dict[str, str]) -> None:
    with PostgreSQL().login(read_url(url)) as login:
        assert said.items() <= login.environment.items()
        assert not login.arguments


@pytest.mark.parametrize(
    ("query", "lines"),
    [
        ("unix_socket=/s&charset=utf8", ['socket="/s"']),
        ("ssl_ca=/c&ssl_verify_identity=true", ['ssl-ca="/c"', "ssl-verify-server-cert"]),
        ("ssl_mode=REQUIRED", ['ssl="1"']),
        ("ssl_disabled=true", ['skip-ssl="1"']),
    ],
)
def test_what_a_url_says_is_in_a_file_of_ours_alone(query: str, lines: list[str]) -> None:
    with MariaDB().login(read_url(f"mysql+pymysql://u:p%23@h:1/d?{query}")) as login:
        path = Path(login.arguments[0].partition("=")[2])
        text = path.read_text()
        assert path.stat().st_mode & 0o077 == 0
    assert all(each in text for each in [*lines, 'password="p#"', 'host="h"', 'port="1"'])
    assert not path.exists()


def test_an_unknown_mode_is_refused() -> None:
    with (
        pytest.raises(AnonymizerError, match="ssl_mode in the URL is 'SOMETIMES'"),
        MariaDB().login(read_url("mysql://h/d?ssl_mode=SOMETIMES")),
    ):
        pass
