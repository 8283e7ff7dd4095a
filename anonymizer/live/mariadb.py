"""MariaDB and MySQL: their programs, told of the server by a file that only we may read."""

from __future__ import annotations

import os
import re
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from anonymizer.errors import AnonymizerError, ToolError
from anonymizer.live.base import Login, arguments_of
from anonymizer.programs import Program, answer, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import sqlalchemy as sa

    from anonymizer.live.base import Note

ARGUMENTS = {
    "unix_socket": "socket",
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "passwd": "password",
    "database": "database",
    "db": "database",
    "connect_timeout": "connect-timeout",
    "ssl_ca": "ssl-ca",
    "ssl_capath": "ssl-capath",
    "ssl_cert": "ssl-cert",
    "ssl_cipher": "ssl-cipher",
    "ssl_key": "ssl-key",
    "ssl_mode": "ssl-mode",
}
"""Argument of a URL, of any driver → option that says the same to the programs."""
UNHEEDED = frozenset(
    {
        "autocommit",
        "binary_prefix",
        "charset",
        "collation",
        "local_infile",
        "read_timeout",
        "sql_mode",
        "use_unicode",
        "write_timeout",
    }
)
MODES = {
    "ssl_disabled": "DISABLED",
    "ssl_check_hostname": "VERIFY_IDENTITY",
    "ssl_verify_identity": "VERIFY_IDENTITY",
    "ssl_verify_cert": "VERIFY_CA",
    "ssl": "REQUIRED",
}
"""Argument that is on or off → what it means where it is on; the first one counts."""
OF_MARIADB: Mapping[str, tuple[str, ...]] = {
    "DISABLED": ("skip-ssl",),
    "PREFERRED": (),
    "REQUIRED": ("ssl",),
    "VERIFY_CA": ("ssl", "ssl-verify-server-cert"),
    "VERIFY_IDENTITY": ("ssl", "ssl-verify-server-cert"),
}
"""Value of ssl-mode, which is MySQL's → the switches of MariaDB's programs."""
_ON = frozenset({"1", "true", "yes", "on"})

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

    So a table stands in the target while it is loaded, and goes with the last statement.
    """

    names: tuple[str, ...] = ("mariadb", "mysql")
    first = f"CREATE TABLE {MARKER} (since TIMESTAMP DEFAULT CURRENT_TIMESTAMP);\n".encode()
    last = f"\nDROP TABLE {MARKER};\n".encode()
    hint_to_empty = "make a new one: CREATE DATABASE …"

    def place(self, url: sa.URL) -> tuple[object, ...]:
        """Return server and database of *url*."""
        said = _options(url)
        return tuple(said.get(name) for name in ("host", "port", "socket", "database"))

    @contextmanager
    def login(self, url: sa.URL) -> Iterator[Login]:
        """Give the programs an option file, which is removed afterwards."""
        options = _options(url)
        database = options.pop("database", None)
        if not database:
            raise AnonymizerError("the URL names no database")
        names = _programs(url.get_backend_name())
        options = _spelled(options, find_program(names[1], package="mariadb-client"))
        with tempfile.TemporaryDirectory(prefix="anonymizer.") as folder:
            path = Path(folder) / "options.cnf"
            with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
                file.write(_file(client=options, mysqldump=DUMP_OPTIONS))
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

    @contextmanager
    def half_loaded(self) -> Iterator[None]:
        """Say in an error that the target has to go; nothing is dropped, as nothing is sure."""
        try:
            yield
        except AnonymizerError as error:
            said = f"the target is half loaded, and has table {MARKER}: drop that database"
            error.hint = f"{error.hint}; {said}" if error.hint else said
            raise


def _client(login: Login) -> Program:
    return Program(
        path=find_program(login.names[1], package="mariadb-client"),
        arguments=(*login.arguments, *LOAD, "--skip-column-names", login.database),
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


def _options(url: sa.URL) -> dict[str, str]:
    """Return what *url* says, as options of the programs."""
    parts = {
        "host": url.host,
        "port": None if url.port is None else str(url.port),
        "user": url.username,
        "password": None if url.password is None else str(url.password),
        "database": url.database,
    }
    said = {name: value for name, value in parts.items() if value is not None}
    said |= arguments_of(url, ARGUMENTS, UNHEEDED | MODES.keys())
    switched = [name for name in MODES if str(url.query.get(name, "")).lower() in _ON]
    if switched:
        said.setdefault("ssl-mode", MODES[switched[0]])
    if said.get("ssl-mode", "PREFERRED").upper() not in OF_MARIADB:
        raise AnonymizerError(
            f"the argument ssl_mode in the URL is {said['ssl-mode']!r}",
            hint=f"there are {', '.join(OF_MARIADB)}",
        )
    return said


def _spelled(options: dict[str, str], program: str) -> dict[str, str]:
    """Return *options* as *program* spells them: MariaDB's know no ssl-mode."""
    if "ssl-mode" not in options or not Path(program).resolve().name.startswith("mariadb"):
        return options
    switches = OF_MARIADB[options.pop("ssl-mode").upper()]
    return {**options, **dict.fromkeys(switches, "1")}


def _file(**groups: Mapping[str, str]) -> str:
    """Return the text of an option file."""
    lines = []
    for name, options in groups.items():
        lines.append(f"[{name}]")
        lines += [f"{option}={_quoted(value)}" for option, value in options.items()]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    r"""Return *value* in quotes, without which # would begin a comment."""
    for letter, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(letter, written)
    return f'"{value}"'


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
