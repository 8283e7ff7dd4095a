"""The statements that a migration sends, written down without a database."""

from __future__ import annotations

import copy
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.engine.mock import MockConnection
from sqlalchemy.schema import ExecutableDDLElement
from sqlalchemy.sql import visitors
from typing_extensions import override

from migrator.errors import MigrationError, UnreadableError
from migrator.migration.migration import SqlSource
from migrator.migration.module import explain

if TYPE_CHECKING:
    from alembic.operations import Operations
    from alembic.runtime.migration import MigrationContext
    from sqlalchemy.engine import Dialect as SQLAlchemyDialect

    from migrator.dialects import Dialect
    from migrator.migration.migration import Migration, PythonSource

_OFFLINE = (
    "say it with op.create_table, op.add_column … or op.execute: what a migration sends "
    "is read before a database is there"
)


def render(
    migration: Migration, dialect: Dialect, sqlalchemy_dialect: SQLAlchemyDialect | None = None
) -> tuple[str, ...]:
    """Return the statements that *migration* sends to *dialect*, each without its terminator.

    Their text is what the database is to receive: a percent sign is one sign, a colon is a
    colon. Send it with `connection.exec_driver_sql(text, execution_options={"no_parameters":
    True})`: without that option drivers look for parameters and take `%` for one.
    *sqlalchemy_dialect*, of an engine, knows the server's version; without it the text is
    for the current one.

    Raises UnreadableError when the phase function asks the database something,
    MigrationError when it fails.
    """
    from migrator.sql import split

    texts = write(migration, dialect, sqlalchemy_dialect)
    return tuple(statement for text in texts for statement in split(text, dialect))


def write(
    migration: Migration, dialect: Dialect, sqlalchemy_dialect: SQLAlchemyDialect | None = None
) -> list[str]:
    """Return the text that `render` cuts into statements: a file, or what each operation sends."""
    source = migration.source(dialect)
    if isinstance(source, SqlSource):
        return [source.text]
    return _write(source, sqlalchemy_dialect or _plain(dialect))


def _write(source: PythonSource, dialect: SQLAlchemyDialect) -> list[str]:
    """Return what the phase function would send, in the order in which it would."""
    from alembic.operations import Operations

    context = _context(dialect)
    written: list[str] = []
    _collect(context, written)
    failed: Exception | None = None
    # alembic leaves its global `op` behind when the block is left by an exception.
    with Operations.context(context) as op:
        _take_away_database(op, context.dialect)
        try:
            source.function(op)
        except Exception as error:
            failed = error
    if failed is not None:
        raise explain(_readable(failed), source.path) from failed
    return written


@lru_cache(maxsize=8)
def _context(dialect: SQLAlchemyDialect) -> MigrationContext:
    """Return alembic's context for writing in *dialect*; to make one a migration takes time."""
    from alembic.runtime.migration import MigrationContext

    return MigrationContext.configure(dialect=_literal(dialect), opts={"as_sql": True})


def _collect(context: MigrationContext, written: list[str]) -> None:
    """Make *context* write statements to *written*, as they are.

    alembic's own way to write would turn tabs into spaces, inside texts as well, and
    write NULL for a parameter that nobody gave.
    """

    def execute(construct: Any, *_ignored: object, **options: Any) -> None:
        if options.get("multiparams") is not None or options.get("params"):
            raise UnreadableError(
                "parameters are given beside a statement", hint="give them to bindparams()"
            )
        clause = sa.text(construct) if isinstance(construct, str) else construct
        written.append(_compile(clause, context.dialect))

    def nothing() -> None:
        """Leave the transaction to the one who sends the statements."""

    context.impl._exec = execute  # type: ignore[method-assign]  # noqa: SLF001
    context.impl.static_output = written.append  # type: ignore[method-assign,assignment]
    context.impl.emit_begin = nothing  # type: ignore[method-assign]
    context.impl.emit_commit = nothing  # type: ignore[method-assign]


def _compile(clause: sa.ClauseElement, dialect: SQLAlchemyDialect) -> str:
    """Return the text of *clause* with its values in place."""
    if isinstance(clause, ExecutableDDLElement):
        return str(clause.compile(dialect=dialect)).strip()
    for each in visitors.iterate(clause):
        if isinstance(each, sa.BindParameter) and each.required:
            raise MigrationError(
                f"':{each.key}' is read as a parameter, and nobody gives its value",
                hint=rf"write '\:{each.key}' for a colon, or give it with text(…).bindparams()",
            )
    return str(clause.compile(dialect=dialect, compile_kwargs={"literal_binds": True})).strip()


class _NoDatabase(MockConnection):
    """What op.get_bind() is while statements are written: it knows its dialect, and nothing."""

    @override
    def execute(self, obj: Any, parameters: Any = None, execution_options: Any = None) -> Any:
        """Write DDL; refuse what would have a result."""
        if isinstance(obj, ExecutableDDLElement):
            return super().execute(obj)
        raise UnreadableError("op.get_bind().execute() needs a database", hint=_OFFLINE)

    def __getattr__(self, name: str) -> Any:
        if name.startswith("_"):
            raise AttributeError(name)
        raise UnreadableError(f"op.get_bind().{name} needs a database", hint=_OFFLINE)


def _take_away_database(op: Operations, dialect: SQLAlchemyDialect) -> None:
    """Make op.get_bind() and op.run_async() say that there is no database."""
    impl = op.get_context().impl
    bind = _NoDatabase(dialect, lambda construct, *_ignored: impl.execute(construct))

    def run_async(*_arguments: object, **_options: object) -> None:
        raise UnreadableError("op.run_async() needs a database", hint=_OFFLINE)

    op.get_bind = lambda: bind  # type: ignore[method-assign,assignment,return-value]
    op.run_async = run_async  # type: ignore[method-assign,assignment]


def _readable(error: Exception) -> Exception:
    """Return *error* as ours, at its place, when what it says is not how we would say it."""
    for kind, part, ours, message, hint in _SAID_BETTER:
        if type(error).__name__ == kind and part in str(error):
            return ours(message, hint=hint).with_traceback(error.__traceback__)
    return error


_SAID_BETTER: tuple[tuple[str, str, type[MigrationError], str, str], ...] = (
    (
        "NoInspectionAvailable",
        "",
        UnreadableError,
        "sa.inspect() needs a database",
        _OFFLINE,
    ),
    (
        "CommandError",
        "--sql mode",
        UnreadableError,
        "batch_alter_table() has to look at the table in a database",
        "give it copy_from=sa.Table(…), or write NAME.sqlite.sql",
    ),
    (
        "NotImplementedError",
        "ALTER of constraints",
        MigrationError,
        "this database adds a constraint only together with its column",
        "write it in NAME.sqlite.sql: ALTER TABLE … ADD COLUMN … REFERENCES …",
    ),
    (
        "CompileError",
        "literal value",
        MigrationError,
        "a value beside a column without a type cannot be written down",
        "say the type: sa.column(name, sa.Integer()); an expand may not write rows at all",
    ),
)
"""What alembic or SQLAlchemy raises, a part of what it says, and how we say it."""


@cache
def _plain(dialect: Dialect) -> SQLAlchemyDialect:
    """Return SQLAlchemy's dialect, of a server with the usual settings."""
    made: Any = sa.make_url(f"{dialect.sqlalchemy}://").get_dialect()
    plain: SQLAlchemyDialect = made(paramstyle="named")
    # SQLAlchemy 2.0 takes a server that it has not met for one before PostgreSQL 9.1, where
    # a backslash escaped without E'…'.
    escapes = dialect.syntax.backslashes and not dialect.syntax.escape_strings
    plain._backslash_escapes = escapes  # type: ignore[attr-defined]  # noqa: SLF001
    return plain


def _literal(dialect: SQLAlchemyDialect) -> SQLAlchemyDialect:
    """Return *dialect* as one that leaves percent signs alone: nobody will look for parameters."""
    if dialect.paramstyle == "named":
        return dialect
    literal = copy.copy(dialect)
    literal.__dict__.pop("_type_memos", None)  # how the other one doubles signs in texts
    literal.paramstyle = "named"
    literal.positional = False
    preparer = copy.copy(dialect.identifier_preparer)
    preparer.dialect = literal
    preparer._double_percents = False  # noqa: SLF001 - decided once, by the style of parameters
    preparer._strings = {}  # noqa: SLF001 - names quoted before, perhaps with a sign doubled
    literal.identifier_preparer = preparer
    return literal
