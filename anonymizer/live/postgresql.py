"""PostgreSQL: pg_dump and psql, told of the server through their environment."""

from __future__ import annotations

import re
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.errors import AnonymizerError, ToolError
from anonymizer.live.base import Login, arguments_of
from anonymizer.programs import Program, answer, find_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    from anonymizer.live.base import Note, Sink

ARGUMENTS = {
    "host": "PGHOST",
    "hostaddr": "PGHOSTADDR",
    "port": "PGPORT",
    "user": "PGUSER",
    "password": "PGPASSWORD",
    "dbname": "PGDATABASE",
    "application_name": "PGAPPNAME",
    "channel_binding": "PGCHANNELBINDING",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "gssencmode": "PGGSSENCMODE",
    "krbsrvname": "PGKRBSRVNAME",
    "options": "PGOPTIONS",
    "passfile": "PGPASSFILE",
    "require_auth": "PGREQUIREAUTH",
    "service": "PGSERVICE",
    "ssl": "PGSSLMODE",
    "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION",
    "ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION",
    "sslcert": "PGSSLCERT",
    "sslcrl": "PGSSLCRL",
    "sslkey": "PGSSLKEY",
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "unix_sock": "PGHOST",
}
"""Argument of a URL, of any driver → variable that says the same to the programs."""
UNHEEDED = frozenset(
    {
        "async_fallback",
        "client_encoding",
        "command_timeout",
        "keepalives",
        "keepalives_count",
        "keepalives_idle",
        "keepalives_interval",
        "prepared_statement_cache_size",
        "prepared_statement_name_func",
        "statement_cache_size",
        "timeout",
    }
)
_TRUE = {"true": "require", "True": "require", "1": "require"}

DUMP = ("--format=plain", "--no-password", "--encoding=UTF8", "--no-blobs", "--no-subscriptions")
"""Large objects are bytes on which nothing is decided; subscriptions hold passwords."""
PORTABLE = ("--no-owner", "--no-privileges", "--no-publications", "--no-tablespaces")
LOAD = (
    "--no-psqlrc",
    "--no-password",
    "--quiet",
    "--set=ON_ERROR_STOP=1",
    "--set=VERBOSITY=verbose",
)
ASK = ("--tuples-only", "--no-align")

LARGE_OBJECTS = b"SELECT count(*) FROM pg_catalog.pg_largeobject_metadata;"
CONTENTS = rb"""
SELECT kind || ' ' || name FROM (
    SELECT 'relation' AS kind, oid::regclass::text AS name, oid, 'pg_class'::regclass AS class
    FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p', 'v', 'm', 'S', 'f', 'c')
    AND relpersistence <> 't'
    UNION ALL
    SELECT 'routine', oid::regproc::text, oid, 'pg_proc'::regclass FROM pg_catalog.pg_proc
    UNION ALL
    SELECT 'schema', quote_ident(nspname), oid, 'pg_namespace'::regclass
    FROM pg_catalog.pg_namespace WHERE nspname NOT LIKE 'pg\_%'
    UNION ALL
    SELECT 'type', oid::regtype::text, oid, 'pg_type'::regclass
    FROM pg_catalog.pg_type WHERE typtype IN ('d', 'e', 'r')
) found
WHERE oid >= 16384 AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_depend depend
    WHERE classid = found.class AND objid = found.oid AND depend.deptype = 'e'
)
ORDER BY kind, name;
"""
"""Everything that was made in a database, but for what belongs to an extension."""

KEYS = b"""
SELECT convalidated, conrelid::regclass || ', key ' || quote_ident(conname)
FROM pg_catalog.pg_constraint WHERE contype = 'f' AND conparentid = 0 ORDER BY 2;
"""
"""The foreign keys, but for those of partitions, and whether PostgreSQL has looked at all rows."""

_ERROR = re.compile(r"^(?:psql:.*?: )?(?:ERROR|FATAL|PANIC):  ([0-9A-Z]{5}): (.*)", re.MULTILINE)
_WHERE = re.compile(r"^CONTEXT:  COPY (.+?), line (\d+)(?:, column (.+?))?(?::|$)", re.MULTILINE)
_OF_ROWS = ("22", "42601", "P0", "XX")
"""Begins of states whose messages may hold a value of a row or the text of a statement."""
_OURS = re.compile(r"^(?:pg_dump|psql): error: (.*)", re.MULTILINE)


class PostgreSQL:
    """PostgreSQL: what is loaded is one transaction."""

    names: tuple[str, ...] = ("postgresql", "postgres")
    first = b"BEGIN;\n"
    last = b"\nCOMMIT;\n"
    hint_to_empty = "make a new one: CREATE DATABASE … TEMPLATE template0"

    def place(self, url: sa.URL) -> tuple[object, ...]:
        """Return server and database of *url*."""
        said = _environment(url)
        return tuple(said.get(name) for name in ("PGHOST", "PGPORT", "PGSERVICE", "PGDATABASE"))

    @contextmanager
    def login(self, url: sa.URL) -> Iterator[Login]:
        """Give the environment of the programs."""
        said = _environment(url)
        names = ("pg_dump", "psql")
        yield Login(database=said.get("PGDATABASE", ""), environment=said, names=names)

    def look_at_source(self, login: Login, note: Note) -> None:
        """Tell of large objects: they are bytes without a column, and are left out."""
        count = int(answer(_psql(login, *ASK), LARGE_OBJECTS))
        if count:
            note(f"{count} large objects are left out: to keep them, mask a dump of pg_dump")

    def contents(self, login: Login) -> Sequence[str]:
        """Return what was made in the database, but for what belongs to extensions."""
        return answer(_psql(login, *ASK), CONTENTS).splitlines()

    def dump(self, login: Login, *, portable: bool) -> Program:
        """Return pg_dump, which reads one snapshot."""
        return Program(
            path=find_program(login.names[0], package="postgresql-client"),
            arguments=(*DUMP, *(PORTABLE if portable else ())),
            environment=login.environment,
            explain=_explain,
        )

    def load(self, login: Login) -> Program:
        """Return psql; without our COMMIT nothing of what it did stays."""
        return _psql(login)

    def sink(self, stream: BinaryIO) -> Sink:
        """Return *stream*: PostgreSQL cuts nothing."""
        return stream

    def explained(self, sink: Sink, error: ToolError) -> ToolError:  # noqa: ARG002
        """Return *error*, which says the table."""
        return error

    def finish(self, login: Login, original: Login | None, note: Note) -> None:  # noqa: ARG002
        """Say that foreign keys hold: a dump makes them last, and each looks at all rows."""
        found = [line.split("|", 1) for line in answer(_psql(login, *ASK), KEYS).splitlines()]
        for is_valid, key in found:
            if is_valid != "t":
                note(f"table {key}, is NOT VALID as in the original: its rows were not checked")
        if count := sum(is_valid == "t" for is_valid, _ in found):
            note(f"{count} foreign keys were checked: {count} hold")

    def half_loaded(self) -> AbstractContextManager[None]:
        """Say nothing: nothing is left."""
        return nullcontext()


def _psql(login: Login, *more: str) -> Program:
    return Program(
        path=find_program(login.names[1], package="postgresql-client"),
        arguments=(*LOAD, *more),
        environment=login.environment,
        explain=_explain,
    )


def _environment(url: sa.URL) -> dict[str, str]:
    """Return what *url* says, as variables of libpq."""
    parts = {
        "PGHOST": url.host,
        "PGPORT": None if url.port is None else str(url.port),
        "PGUSER": url.username,
        "PGPASSWORD": None if url.password is None else str(url.password),
        "PGDATABASE": url.database,
    }
    said = {name: value for name, value in parts.items() if value is not None}
    said |= arguments_of(url, ARGUMENTS, UNHEEDED)
    if "PGSSLMODE" in said:
        said["PGSSLMODE"] = _TRUE.get(said["PGSSLMODE"], said["PGSSLMODE"])
    if "host" in url.query:
        said |= _hosts(said["PGHOST"])
    if "PGDATABASE" not in said and "PGSERVICE" not in said:
        raise AnonymizerError("the URL names no database")
    return said


def _hosts(listed: str) -> dict[str, str]:
    """Return hosts that may have a port each, as HOST:PORT,HOST:PORT."""
    pairs = [each.partition(":") for each in listed.split(",")]
    hosts = {"PGHOST": ",".join(host for host, _, _ in pairs)}
    ports = [port for _, _, port in pairs]
    return {**hosts, "PGPORT": ",".join(ports)} if any(ports) else hosts


def _explain(text: str) -> str:
    """Return what *text* of stderr says, without what may be of a row."""
    error = _ERROR.search(text)
    if error is None:
        return "; ".join(each[1] for each in _OURS.finditer(text))
    state, message = error.groups()
    said = f"SQLSTATE {state}" if state.startswith(_OF_ROWS) else message
    where = _WHERE.search(text)
    if where is None:
        return said
    table, line, column = where.groups()
    return f"{said}, at row {line} of table {table}" + (f", column {column}" if column else "")
