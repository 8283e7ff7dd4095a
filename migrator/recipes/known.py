"""What earlier migrations say of tables and transitions: their files are read, never run."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from migrator.recipes.types import Type, type_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from migrator.manifest import Manifest

MAX_BYTES = 1024 * 1024

KINDS = ("rename", "retype", "convert", "split", "merge", "fill", "repoint", "move", "python")


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """A column as a migration adds it."""

    name: str
    type: Type | None = None
    nullable: bool = True
    default: bool = False
    unique: bool = False
    primary: bool = False


@dataclass(slots=True, kw_only=True)
class Table:
    """A table as the migrations so far leave it."""

    created: bool = False
    """A migration creates it; otherwise it was there before."""
    columns: dict[str, Column] = field(default_factory=dict)
    before: dict[str, None] = field(default_factory=dict)
    """Names of the columns that migrations use and none adds."""

    def use(self, name: object) -> None:
        """Note that a migration uses a column."""
        if isinstance(name, str) and name not in self.columns and not self.created:
            self.before[name] = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Declared:
    """A transition that a migration declares; sources and targets as far as they can be read."""

    name: str
    kind: str
    migration: str
    table: str = ""
    sources: tuple[str, ...] = ()
    targets: tuple[str, ...] = ()
    marker: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """Tables and transitions by name."""

    tables: Mapping[str, Table] = field(default_factory=dict)
    transitions: Mapping[str, Declared] = field(default_factory=dict)

    def table(self, name: str) -> Table:
        """Return the table called *name*; one that was there before when none is known."""
        return self.tables.get(name, Table())


def read(manifest: Manifest) -> Known:
    """Return what the migrations of *manifest* say, as far as it can be read from their text."""
    tables: dict[str, Table] = {}
    transitions: dict[str, Declared] = {}
    for entry in manifest.entries:
        for file in entry.files:
            _note_sql(_text(manifest.folder / file), tables)
        tree = _tree(manifest.folder / entry.main)
        for node in ast.walk(tree):
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
                for declared in _declared(node, node.value, entry.name):
                    transitions[declared.name] = declared
                    for source in declared.sources:
                        tables.setdefault(declared.table, Table()).use(source)
            elif isinstance(node, ast.Call):
                _note(node, tables)
    return Known(tables=tables, transitions=transitions)


def _text(path: Path) -> str:
    """Return the beginning of a file, or nothing when it cannot be read."""
    with path.open("rb") as file:
        return file.read(MAX_BYTES).decode(errors="replace")


def _tree(path: Path) -> ast.Module:
    """Return the syntax of a module; an empty one where there is none to read."""
    try:
        return ast.parse(_text(path))
    except (SyntaxError, ValueError):
        return ast.Module(body=[], type_ignores=[])


_CREATE = re.compile(
    r"\bcreate\s+table\s+(?:if\s+not\s+exists\s+)?(?:\w+\.)?[\"`]?(\w+)", re.IGNORECASE
)


def _note_sql(text: str, tables: dict[str, Table]) -> None:
    """Note the tables that *text* creates in SQL."""
    for name in _CREATE.findall(text):
        tables.setdefault(name, Table()).created = True


def _note(call: ast.Call, tables: dict[str, Table]) -> None:
    """Note what a call of an operation does to a table."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
    first, *rest = call.args or [ast.Constant(value=None)]
    table = _constant(first)
    if not isinstance(table, str):
        return
    if name == "create_table":
        tables[table] = _created(rest)
    elif name == "drop_table":
        tables.pop(table, None)
    elif name in ("create_index", "create_unique_constraint") and len(rest) > 1:
        for column in _names(rest[1]):
            tables.setdefault(str(_constant(rest[0])), Table()).use(column)
    elif name in ("add_column", "drop_column", "alter_column") and rest:
        _note_column(name, tables.setdefault(table, Table()), rest[0], call)


def _note_column(operation: str, table: Table, node: ast.expr, call: ast.Call) -> None:
    """Note what an operation does to a column of *table*."""
    if operation == "add_column":
        for column in _column(node):
            table.columns[column.name] = column
        return
    name = str(_constant(node))
    table.use(name)
    if operation == "drop_column":
        table.columns.pop(name, None)
        return
    options = {each.arg: _constant(each.value) for each in call.keywords}
    if options.get("nullable") is False and name in table.columns:
        table.columns[name] = replace(table.columns[name], nullable=False)


def _created(arguments: list[ast.expr]) -> Table:
    """Return the table that is created of columns and constraints."""
    table = Table(created=True)
    for argument in arguments:
        for column in _column(argument):
            table.columns[column.name] = column
    for argument in arguments:
        for name, primary in _constrained(argument):
            found = table.columns.get(name)
            if found is not None and primary:
                table.columns[name] = replace(found, primary=True, nullable=False)
            elif found is not None:
                table.columns[name] = replace(found, unique=True)
    return table


def _column(node: ast.expr) -> Iterator[Column]:
    """Yield the column that an expression makes, if it does."""
    if not isinstance(node, ast.Call) or _called(node) != "Column" or not node.args:
        return
    name = _constant(node.args[0])
    if not isinstance(name, str):
        return
    options = {each.arg: _constant(each.value) for each in node.keywords if each.arg}
    primary = options.get("primary_key") is True
    yield Column(
        name=name,
        type=type_of(node.args[1]) if len(node.args) > 1 else None,
        nullable=options.get("nullable", not primary) is not False,
        default="server_default" in options,
        unique=options.get("unique") is True,
        primary=primary,
    )


def _constrained(node: ast.expr) -> Iterator[tuple[str, bool]]:
    """Yield the columns of a primary key or a unique constraint, and whether it is the key."""
    if not isinstance(node, ast.Call):
        return
    if _called(node) in ("PrimaryKeyConstraint", "UniqueConstraint"):
        for argument in node.args:
            yield str(_constant(argument)), _called(node) == "PrimaryKeyConstraint"


def _declared(node: ast.Assign, call: ast.Call, migration: str) -> Iterator[Declared]:
    """Yield the transitions that an assignment declares."""
    kind = _called(call)
    names = [each.id for each in node.targets if isinstance(each, ast.Name)]
    if kind not in KINDS:
        return
    options = {each.arg: each.value for each in call.keywords if each.arg}
    marker = _constant(options["marker"]) if "marker" in options else None
    second = _names(call.args[1]) if len(call.args) > 1 else ()
    targets = _names(options["to"]) if "to" in options else ()
    for name in names:
        yield Declared(
            name=name,
            kind=kind,
            migration=migration,
            table="".join(_names(call.args[0]) if call.args else ()),
            sources=() if kind in ("fill", "python") else second,
            targets=second if kind == "fill" else targets,
            marker=marker if isinstance(marker, str) else None,
        )


def _called(call: ast.Call) -> str:
    """Return the bare name of what is called."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def _names(node: ast.expr) -> tuple[str, ...]:
    """Return the texts that an expression holds: itself, those of a list, a mapping's keys."""
    if isinstance(node, ast.Dict):
        parts = [key for key in node.keys if key is not None]
    else:
        parts = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
    found = [_constant(part) for part in parts]
    return tuple(each for each in found if isinstance(each, str))


def _constant(node: ast.expr) -> object:
    """Return the constant that an expression is, None when it is none."""
    return node.value if isinstance(node, ast.Constant) else None
