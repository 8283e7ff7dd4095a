"""A column's type as it is written in a migration, and values that a test may give it."""

from __future__ import annotations

import ast
import re
from dataclasses import dataclass
from decimal import Decimal
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from migrator.errors import ConfigurationError
from migrator.recipes.source import quoted

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

_FAMILIES: Mapping[str, type[TypeEngine[Any]]] = {
    "boolean": sa.Boolean,
    "integer": sa.Integer,
    "float": sa.Float,
    "numeric": sa.Numeric,
    "datetime": sa.DateTime,
    "date": sa.Date,
    "time": sa.Time,
    "binary": sa.LargeBinary,
    "json": sa.JSON,
    "enum": sa.Enum,
    "string": sa.String,
}
"""Family → the class whose subclasses belong to it, the more special first."""

_VALUES: Mapping[str, tuple[str, ...]] = {
    "boolean": ("True", "False"),
    "integer": ("512", "0"),
    "float": ("1.5", "0.0"),
    "numeric": ("Decimal(2)", "Decimal(0)"),
    "datetime": ("datetime(2015, 4, 30, 12, 0)", "datetime(1970, 1, 1)"),
    "date": ("date(2015, 4, 30)", "date(1970, 1, 1)"),
    "time": ("time(12, 0)", "time(0, 0)"),
    "binary": ('b"a"', 'b""'),
    "json": ('{"a": 1}', "{}"),
    "string": ('"a"', '""'),
}
"""Family → two values: an ordinary one, and one that is easily taken for nothing."""

IMPORTS = {
    "Decimal": "from decimal import Decimal",
    "datetime": "from datetime import datetime",
    "date": "from datetime import date",
    "time": "from datetime import time",
}
"""What makes a value → what has to be imported for it."""

GUESS = "sa.Integer()"
"""What a column is taken for when no migration says what it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Type:
    """A type of SQLAlchemy: as text, and the family of values that it holds."""

    text: str
    family: str | None = None
    """None for one whose values are not known here."""
    values: tuple[str, ...] = ()
    """Values for a test, as Python spells them."""

    @property
    def nothing(self) -> str | None:
        """The value that a new column of this type is filled with, when there is a plain one."""
        if self.family in ("datetime", "date", "time", "enum", "json", None):
            return None
        return self.values[-1]


def read_type(text: str, option: str) -> Type:
    """Return the type that *text* names on the command line: String(36) or sa.String(36)."""
    known = [name for name in dir(sa) if _is_type(name)]
    try:
        call = _call(ast.parse(text.strip(), mode="eval").body)
    except (SyntaxError, ValueError) as error:
        raise ConfigurationError(
            f"{option}: {text!r} is not a type",
            hint="expected a type of SQLAlchemy, as Integer, String(36) or Numeric(13, 3)",
        ) from error
    found = type_of(call)
    if found is None:
        by_name = {name.lower(): name for name in known}
        name = _name(call).rpartition(".")[2]
        near = get_close_matches(name.lower(), by_name, n=1, cutoff=0.5)
        raise ConfigurationError(
            f"{option}: SQLAlchemy has no type {name!r}",
            hint=f"did you mean {by_name[near[0]]}?" if near else "as Integer, String(36), Text",
        )
    return found


def read_value(text: str, type_: Type, option: str) -> str:
    """Return the value of *type_* that *text* stands for, as Python spells it."""
    try:
        return _READERS[type_.family or ""](text.strip())
    except (KeyError, ValueError, ArithmeticError) as error:
        raise ConfigurationError(
            f"{option}: {text!r} cannot be read as a value of {type_.text}",
            hint="leave the value out, or write the migration by hand",
        ) from error


def _truth(text: str) -> str:
    """Return the truth value that *text* names."""
    return repr({"true": True, "false": False}[text.lower()])


_READERS: Mapping[str, Callable[[str], str]] = {
    "boolean": _truth,
    "integer": lambda text: repr(int(text)),
    "float": lambda text: repr(float(text)),
    "numeric": lambda text: f'Decimal("{Decimal(text)}")',
    "string": quoted,
    "enum": quoted,
}
"""Family → how a value of it is read from the command line."""


def type_of(node: ast.expr) -> Type | None:
    """Return the type that an expression of a migration stands for, None when it cannot be told."""
    try:
        call = _call(node)
    except ValueError:
        return None
    name = _name(call)
    if name.rpartition(".")[0] not in ("", "sa", "sqlalchemy") or not _is_type(bare := _bare(name)):
        return None
    call.func = ast.Attribute(value=ast.Name(id="sa"), attr=bare)
    family = _family(bare)
    values = _VALUES.get(family or "", ())
    if family == "enum":
        words = [each.value for each in call.args if isinstance(each, ast.Constant)]
        values = tuple(quoted(each) for each in words if isinstance(each, str))[:2]
    return Type(text=_spelt(ast.unparse(call)), family=family, values=values)


def imports_for(*values: str) -> tuple[str, ...]:
    """Return the imports that *values*, as Python spells them, need."""
    return tuple(
        line
        for made, line in IMPORTS.items()
        if any(re.search(rf"\b{made}\(", value) for value in values)
    )


def guessed() -> Type:
    """Return the type that a column is taken for when nothing says what it is."""
    found = type_of(ast.parse(GUESS, mode="eval").body)
    assert found is not None  # noqa: S101 - it is a type of SQLAlchemy
    return found


def _call(node: ast.expr) -> ast.Call:
    """Return `String` and `String(36)` both as a call; raise ValueError for anything else."""
    call = node if isinstance(node, ast.Call) else ast.Call(func=node, args=[], keywords=[])
    arguments = [*call.args, *(each.value for each in call.keywords)]
    for each in arguments:
        ast.literal_eval(each)
    if not isinstance(call.func, ast.Name | ast.Attribute):
        raise ValueError("not the name of a type")  # noqa: TRY004 - one error for one mistake
    return ast.Call(func=call.func, args=call.args, keywords=call.keywords)


def _name(call: ast.Call) -> str:
    """Return the name of what is called, with its module."""
    return ast.unparse(call.func)


def _bare(name: str) -> str:
    """Return *name* without its module."""
    return name.rpartition(".")[2]


def _is_type(name: str) -> bool:
    """Return whether SQLAlchemy has a type called *name*."""
    found = getattr(sa, name, None)
    return isinstance(found, type) and issubclass(found, TypeEngine)


def _family(name: str) -> str | None:
    """Return the family of the type called *name*."""
    made = getattr(sa, name)
    return next((family for family, base in _FAMILIES.items() if issubclass(made, base)), None)


def _spelt(text: str) -> str:
    """Return *text* with the quotes that formatters put."""
    return text.replace("'", '"') if '"' not in text else text
