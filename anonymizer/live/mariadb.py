"""MariaDB and MySQL: their programs, told of the server by a file that only we may read."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.errors import AnonymizerError, ToolError
from anonymizer.live import strict
from anonymizer.live.base import Login
from anonymizer.live.options import file_of, options_of, spelled
from anonymizer.programs import Program, answer, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    import sqlalchemy as sa

    from anonymizer.live.base import Note, Sink

MARKER = "anonymizer_is_loading"
"""A table that stands in a target until all is loaded."""

DUMP = (
    "--single-transaction",
    "--quick",
    "--hex-blob",
    "--complete-insert",
    "--routines",
    "--events",
    "--triggers",
    "--no-tablespaces",
)
DUMP_OPTIONS = {"loose-column-statistics": "0", "loose-set-gtid-purged": "OFF"}
"""What MySQL's own program would do beside it, and not every server lets it."""
LOAD = ("--batch", "--binary-mode", "--max-allowed-packet=1G")

CONTENTS = b"""
SELECT CONCAT(LOWER(table_type), ' ', table_name) FROM information_schema.tables
WHERE table_schema = DATABASE()
UNION ALL
SELECT CONCAT(LOWER(routine_type), ' ', routine_name) FROM information_schema.routines
WHERE routine_schema = DATABASE()
UNION ALL
SELECT CONCAT('event ', event_name) FROM information_schema.events
WHERE event_schema = DATABASE();
"""
CHANGING = b"""
SELECT table_name FROM information_schema.tables
WHERE table_schema = DATABASE() AND table_type = 'BASE TABLE' AND engine <> 'InnoDB';
"""

_ERROR = re.compile(r"ERROR (\d+) \((\w+)\)(?: at line (\d+))?[^:]*: (.*)", re.DOTALL)
_TAIL = re.compile(r"'( for (?:key|column) .*)$", re.DOTALL)
_SAFE = frozenset(
    {
        1044,
        1045,
        1049,
        1050,
        1142,
        1143,
        1146,
        1227,
        1364,
        1406,
        2002,
        2003,
        2005,
        2006,
        2013,
        2026,
    }
)
"""Errors whose messages name what is in the schema, and nothing else."""


class MariaDB:
    """MariaDB and MySQL: a statement that changes the schema ends a transaction.

    So a table stands in the target while it is loaded, and goes when foreign keys were looked at.
    """

    names: tuple[str, ...] = ("mariadb", "mysql")
    first = f"CREATE TABLE {MARKER} (since TIMESTAMP DEFAULT CURRENT_TIMESTAMP);\n".encode()
    last = b""
    hint_to_empty = "make a new one: CREATE DATABASE …"

    def place(self, url: sa.URL) -> tuple[object, ...]:
        """Return server and database of *url*."""
        said = options_of(url)
        return tuple(said.get(name) for name in ("host", "port", "socket", "database"))

    @contextmanager
    def login(self, url: sa.URL) -> Iterator[Login]:
        """Give the programs an option file, which is removed afterwards."""
        options = options_of(url)
        database = options.pop("database", None)
        if not database:
            raise AnonymizerError("the URL names no database")
        names = _programs(url.get_backend_name())
        options = spelled(options, find_program(names[1], package="mariadb-client"))
        with tempfile.TemporaryDirectory(prefix="anonymizer.") as folder:
            path = Path(folder) / "options.cnf"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(file_of(client=options, mysqldump=DUMP_OPTIONS))
            yield Login(
                database=database,
                arguments=(f"--defaults-file={path}", "--default-character-set=utf8mb4"),
                names=names,
            )

    def look_at_source(self, login: Login, note: Note) -> None:
        """Tell of tables that know no snapshot."""
        for name in answer(_client(login), CHANGING).splitlines():
            note(f"table {name} is not InnoDB: what is read of it may be of another moment")

    def contents(self, login: Login) -> Sequence[str]:
        """Return what is in the database; what was half loaded is said first."""
        found = answer(_client(login), CONTENTS).splitlines()
        half = [each for each in found if each.endswith(f" {MARKER}")]
        return [f"{each}, as an earlier run did not end" for each in half] + [
            each for each in found if each not in half
        ]

    def dump(self, login: Login, *, portable: bool) -> Program:  # noqa: ARG002
        """Return mariadb-dump or mysqldump, which read one snapshot of InnoDB."""
        return Program(
            path=find_program(login.names[0], package="mariadb-client"),
            arguments=(*login.arguments, *DUMP, login.database),
            explain=_explain,
        )

    def load(self, login: Login) -> Program:
        """Return the client, which stops at the first error."""
        return _client(login)

    def sink(self, stream: BinaryIO) -> Sink:
        """Return what makes the SQL mode strict; the marker's line is before the dump's."""
        return strict.Sink(stream, line=1 + self.first.count(b"\n"))

    def explained(self, sink: Sink, error: ToolError) -> ToolError:
        """Return *error* with the table, which MariaDB does not say."""
        if not isinstance(sink, strict.Sink):
            return error
        return ToolError(sink.explain(error.message), hint=error.hint)

    def finish(self, login: Login, original: Login | None, note: Note) -> None:
        """Count the rows that refer to nothing; take the marker away when there are none."""
        broken, count = _broken(login)
        known = _broken(original)[0] if broken and original is not None else {}
        for key, rows in broken.items():
            said = f"table {key}: {rows} rows refer to no row"
            if rows > known.get(key, 0):
                hint = (
                    "let the columns of a key share one mask; look whether it holds in the original"
                )
                raise ToolError(f"a foreign key does not hold: {said}", hint=hint)
            note(f"{said}, as in the original")
        if count:
            note(f"{count} foreign keys were checked: {count - len(broken)} hold")
        answer(_client(login), f"DROP TABLE {MARKER};\n".encode())

    @contextmanager
    def half_loaded(self) -> Iterator[None]:
        """Say in an error that the target has to go; nothing is dropped, as nothing is sure."""
        try:
            yield
        except AnonymizerError as error:
            said = f"the target is half loaded, and has table {MARKER}: drop that database"
            error.hint = f"{error.hint}; {said}" if error.hint else said
            raise


def _broken(login: Login) -> tuple[dict[str, int], int]:
    """Return the keys that do not hold, with the number of rows; and how many keys there are."""
    client = _client(login, "--raw")
    questions = answer(client, strict.KEYS)
    counts = [line.split("\t", 1) for line in answer(client, questions.encode()).splitlines()]
    return {key: int(rows) for rows, key in counts if int(rows)}, len(counts)


def _client(login: Login, *more: str) -> Program:
    return Program(
        path=find_program(login.names[1], package="mariadb-client"),
        arguments=(*login.arguments, *LOAD, "--skip-column-names", *more, login.database),
        explain=_explain,
    )


def _programs(name: str) -> tuple[str, str]:
    """Return the programs of one family: each reads what the other writes."""
    families = (("mariadb-dump", "mariadb"), ("mysqldump", "mysql"))
    for family in families if name == "mariadb" else families[::-1]:
        try:
            for each in family:
                find_program(each, package="")
        except ToolError:
            continue
        return family
    return families[0]


def _explain(text: str) -> str:
    """Return what *text* of stderr says, without what may be of a row."""
    error = _ERROR.search(text)
    if error is None:
        said = [each for each in text.splitlines() if each and "Warning" not in each]
        return said[-1].partition(": ")[2] if said else ""
    code, state, line, message = error.groups()
    place = f" at line {line} of the dump" if line else ""
    return f"error {code} ({state}){place}: {_safe(int(code), message.strip())}"


def _safe(code: int, message: str) -> str:
    """Return *message* without what is in quotes, which may be a value."""
    if code in _SAFE or "'" not in message:
        return message
    tail = _TAIL.search(message)
    return message[: message.index("'")] + "'…'" + (tail[1] if tail else "")
