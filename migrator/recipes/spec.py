"""A recipe as it is asked for: --rename flavors.memory_mb:foobars and its like."""

from __future__ import annotations

import keyword
import re
from dataclasses import dataclass

from migrator.errors import ConfigurationError
from migrator.recipes.types import Type, read_type, read_value

FORMS = {
    "rename": "TABLE.COLUMN:NEW[:TYPE]",
    "retype": "TABLE.COLUMN:NEW:TYPE",
    "split": "TABLE.COLUMN:NEW[:TYPE],NEW[:TYPE]…",
    "fill": "TABLE.NEW:TYPE[=VALUE]",
    "add": "TABLE.NEW:TYPE",
}
"""Recipe → what its option is given."""

_PLACE = re.compile(r"(\w+)\.(\w+):(.+)", re.DOTALL)
_OUTSIDE_PARENTHESES = re.compile(r",(?![^(]*\))")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One change of a table."""

    kind: str
    table: str
    source: str | None = None
    """Column that is there; None where only a new one comes."""
    targets: tuple[tuple[str, Type | None], ...] = ()
    """New columns, each with its type where one was given."""
    value: str | None = None
    """What a new column is filled with, as Python spells it."""

    @property
    def option(self) -> str:
        """The option of the command line that asks for it."""
        return f"--{self.kind} {self.table}.{self.source or self.targets[0][0]}"


def read_recipe(kind: str, text: str) -> Recipe:
    """Return the recipe that *text* asks for; raise ConfigurationError if it is not its form."""
    found = _PLACE.fullmatch(text.strip())
    if found is None:
        raise _wrong(kind, text)
    table, column, rest = found.groups()
    if kind in ("fill", "add"):
        written, _, value = rest.partition("=") if kind == "fill" else (rest, "", "")
        made = read_type(written, f"--{kind}")
        recipe = Recipe(
            kind=kind,
            table=table,
            targets=((column, made),),
            value=read_value(value, made, f"--{kind}") if value else None,
        )
    else:
        targets = tuple(_target(each, kind, text) for each in _OUTSIDE_PARENTHESES.split(rest))
        recipe = Recipe(kind=kind, table=table, source=column, targets=targets)
    _check(recipe, text)
    return recipe


def _check(recipe: Recipe, text: str) -> None:
    """Raise ConfigurationError unless the recipe's names and number of columns fit its kind."""
    names = [recipe.table, *([recipe.source] if recipe.source else [])]
    names += [name for name, _ in recipe.targets]
    for name in names:
        if not (name.isidentifier() and name.isascii()) or keyword.iskeyword(name):
            raise ConfigurationError(
                f"--{recipe.kind}: {name!r} cannot be a name in a recipe",
                hint="write a migration without a recipe: migrator new NAME",
            )
    twice = len(set(names[1:])) < len(names[1:])
    few = (recipe.kind == "split") != (len(recipe.targets) > 1)
    untyped = recipe.kind == "retype" and recipe.targets[0][1] is None
    if twice or few or untyped:
        raise _wrong(recipe.kind, text)


def _target(text: str, kind: str, whole: str) -> tuple[str, Type | None]:
    """Return the name of a new column, and its type where *text* gives one."""
    name, colon, written = text.strip().partition(":")
    if not name or (colon and not written):
        raise _wrong(kind, whole)
    return name, read_type(written, f"--{kind}") if colon else None


def _wrong(kind: str, text: str) -> ConfigurationError:
    """Return the error for a recipe that is not written as it should be."""
    return ConfigurationError(f"--{kind} {text!r} cannot be read, expected {FORMS[kind]}")
