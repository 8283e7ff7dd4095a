"""Schema: the tables and columns that a database or a dump turned out to have."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.engine.reflection import ObjectKind, ObjectScope

from anonymizer.column import Reference, TableName
from anonymizer.errors import AnonymizerError, DumpError, ToolError
from anonymizer.passed import COMMENT, DEFAULT, Passed, passed_in, passed_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sqlalchemy.engine import Connection
    from sqlalchemy.engine.reflection import Inspector

Keys: TypeAlias = "tuple[tuple[str, ...], ...]"

_OF_THE_SYSTEM = frozenset(
    {"information_schema", "mysql", "performance_schema", "pg_catalog", "pg_toast", "sys"}
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Schema:
    """What was found; a type is as the database writes it, None where it is not known."""

    tables: Mapping[TableName, Mapping[str, str | None]]
    generated: Mapping[TableName, frozenset[str]] = field(default_factory=dict)
    """Columns that the database computes."""
    keys: Mapping[TableName, Keys] = field(default_factory=dict)
    """Columns that are unique together."""
    references: Mapping[TableName, tuple[Reference, ...]] = field(default_factory=dict)
    """Foreign keys of each table."""
    partitions: Mapping[TableName, TableName] = field(default_factory=dict)
    """A part of a table → the table."""
    default: str | None = None
    """The schema that is meant where none is said."""
    passed: tuple[Passed, ...] = ()
    """What passes unchanged and may hold data."""


def read_schema(connection: Connection) -> Schema:
    """Return the schema of the database behind *connection*; no row is read."""
    inspector = sa.inspect(connection)
    tables: dict[TableName, Mapping[str, str | None]] = {}
    generated: dict[TableName, frozenset[str]] = {}
    keys: dict[TableName, Keys] = {}
    references: dict[TableName, tuple[Reference, ...]] = {}
    passed: list[Passed] = []
    for schema in _schemas(connection, inspector):
        found = inspector.get_multi_columns(
            schema=schema, kind=ObjectKind.TABLE, scope=ObjectScope.DEFAULT
        )
        passed += _passed(connection, inspector, schema)
        for (_, table), columns in found.items():
            name = TableName(schema, table)
            tables[name] = {each["name"]: _written(each["type"], connection) for each in columns}
            generated[name] = frozenset(each["name"] for each in columns if each.get("computed"))
        for name, each in _keys(inspector, schema):
            keys[name] = (*keys.get(name, ()), each)
        for name, reference in _references(inspector, schema):
            references[name] = (*references.get(name, ()), reference)
    return Schema(
        tables=tables,
        generated={name: each for name, each in generated.items() if each},
        keys={name: tuple(dict.fromkeys(each)) for name, each in keys.items()},
        references=references,
        partitions=dict(_partitions(connection)),
        default=_default(connection, inspector),
        passed=tuple(passed),
    )


def schema_at(url: sa.URL) -> Schema:
    """Return the schema of the database at *url*.

    Raises ToolError without its driver, AnonymizerError when it cannot be looked at, DumpError
    for names that cannot be read.
    """
    if url.drivername == "postgres":
        url = url.set(drivername="postgresql")
    try:
        engine = sa.create_engine(url, poolclass=sa.NullPool)
        with engine.connect() as connection:
            return read_schema(connection)
    except (ImportError, sa.exc.NoSuchModuleError) as error:
        raise ToolError(
            f"the driver of {url.drivername} is not installed: {error}",
            hint="install it, or name another: postgresql+psycopg://…, mysql+pymysql://…",
        ) from error
    except sa.exc.SQLAlchemyError as error:
        raise AnonymizerError(
            f"the database cannot be looked at: {type(error).__name__}",
            hint="look at the URL, and whether the database can be reached",
        ) from None
    except UnicodeDecodeError:  # SQLite's driver raises it as it is
        raise DumpError(
            "the schema of the database cannot be read: a name in it is not UTF-8",
            hint="it is damaged, as PRAGMA integrity_check may say; or the name has to be changed",
        ) from None


def schema_of_sqlite(statements: Iterable[str]) -> Schema:
    """Return the schema that *statements*, of SQLite, make: it reads its own SQL best."""
    engine = sa.create_engine("sqlite://", poolclass=sa.NullPool)
    with engine.connect() as connection:
        for each in statements:
            # One that needs what the application adds to SQLite says nothing more of itself.
            with suppress(sa.exc.DBAPIError):
                connection.exec_driver_sql(each)
        return read_schema(connection)


def _schemas(connection: Connection, inspector: Inspector) -> list[str | None]:
    """Return the schemas to look at: of PostgreSQL all, elsewhere the one of the URL."""
    if connection.dialect.name != "postgresql":
        return [None]
    names = inspector.get_schema_names()
    return [each for each in names if each not in _OF_THE_SYSTEM and each[:3] != "pg_"]


def _default(connection: Connection, inspector: Inspector) -> str | None:
    return inspector.default_schema_name if connection.dialect.name == "postgresql" else None


def _written(given: sa.types.TypeEngine[Any], connection: Connection) -> str | None:
    try:
        return given.compile(connection.dialect)
    except sa.exc.CompileError:
        return None


def _keys(inspector: Inspector, schema: str | None) -> Iterator[tuple[TableName, tuple[str, ...]]]:
    """Yield the columns of every primary key, unique constraint and unique index."""
    for (_, table), primary in inspector.get_multi_pk_constraint(schema=schema).items():
        if primary["constrained_columns"]:
            yield TableName(schema, table), tuple(primary["constrained_columns"])
    for (_, table), uniques in inspector.get_multi_unique_constraints(schema=schema).items():
        for unique in uniques:
            yield TableName(schema, table), tuple(unique["column_names"])
    for (_, table), indexes in inspector.get_multi_indexes(schema=schema).items():
        for index in indexes:
            names = [each for each in index["column_names"] if each is not None]
            if index["unique"] and len(names) == len(index["column_names"]):
                yield TableName(schema, table), tuple(names)


def _references(inspector: Inspector, schema: str | None) -> Iterator[tuple[TableName, Reference]]:
    """Yield every foreign key, with the table that has it."""
    for (_, table), found in inspector.get_multi_foreign_keys(schema=schema).items():
        for each in found:
            to = TableName(each["referred_schema"] or schema, each["referred_table"])
            columns = tuple(each["constrained_columns"])
            referred = tuple(each["referred_columns"]) or columns
            yield TableName(schema, table), Reference(columns=columns, table=to, to=referred)


def _passed(connection: Connection, inspector: Inspector, schema: str | None) -> Iterator[Passed]:
    """Yield comments, default values and constraints; of SQLite all that its schema says."""
    if connection.dialect.name == "sqlite":
        for (text,) in connection.execute(_STATEMENTS):
            yield from passed_in(text.encode())
        return
    for (_, table), said in inspector.get_multi_table_comment(schema=schema).items():
        yield from _comment(table, said["text"])
    for (_, table), columns in inspector.get_multi_columns(schema=schema).items():
        for each in columns:
            name = f"{table}.{each['name']}"
            yield from _comment(name, each.get("comment"))
            yield from passed_of(DEFAULT, name, each.get("default"))
    for (_, table), checks in inspector.get_multi_check_constraints(schema=schema).items():
        yield from (
            found for each in checks for found in passed_of(DEFAULT, table, each["sqltext"])
        )


def _comment(name: str, text: str | None) -> Iterator[Passed]:
    if text:
        yield Passed(what=COMMENT, name=name, text=text)


_STATEMENTS = sa.text("SELECT sql FROM sqlite_master WHERE sql IS NOT NULL ORDER BY rowid")
_PARTITIONS = sa.text(
    "SELECT part_of.nspname, part.relname, whole_of.nspname, whole.relname"
    " FROM pg_catalog.pg_class AS part"
    " JOIN pg_catalog.pg_inherits AS inherits ON inherits.inhrelid = part.oid"
    " JOIN pg_catalog.pg_class AS whole ON whole.oid = inherits.inhparent"
    " JOIN pg_catalog.pg_namespace AS part_of ON part_of.oid = part.relnamespace"
    " JOIN pg_catalog.pg_namespace AS whole_of ON whole_of.oid = whole.relnamespace"
    " WHERE part.relispartition AND part.relkind IN ('r', 'p')"
)


def _partitions(connection: Connection) -> Iterable[tuple[TableName, TableName]]:
    if connection.dialect.name != "postgresql":
        return
    for part_of, part, whole_of, whole in connection.execute(_PARTITIONS):
        yield TableName(part_of, part), TableName(whole_of, whole)
