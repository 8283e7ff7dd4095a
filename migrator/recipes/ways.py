"""Ways from one type to another that mean the same in Python and on every database."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrator.recipes.types import Type


@dataclass(frozen=True, slots=True, kw_only=True)
class Way:
    """How a value is converted, as source, and values with what they become."""

    sql: str | None
    """None where only Python can convert it the same way everywhere."""
    python: str
    values: tuple[tuple[str, str], ...]

    def source(self, column: str) -> str:
        """Return the expression of a transition that converts *column*."""
        value = f"row.{column}"
        python = f"lambda row: {self.python.format(value)}"
        if self.sql is None:
            return f"expression(python={python})"
        sql = f"lambda row: {self.sql.format(value)}"
        return sql if sql == python else f"expression(sql={sql}, python={python})"


# What is no number is an error in one database and 0 in another: there Python decides.
_WAYS: Mapping[tuple[str, str], Way] = {
    ("integer", "float"): Way(sql="{}", python="float({})", values=(("2", "2.0"), ("0", "0.0"))),
    ("integer", "numeric"): Way(
        sql="{}", python="Decimal({})", values=(("2", "Decimal(2)"), ("0", "Decimal(0)"))
    ),
    ("numeric", "float"): Way(
        sql="{}", python="float({})", values=(("Decimal(2)", "2.0"), ("Decimal(0)", "0.0"))
    ),
    ("integer", "string"): Way(
        sql="sa.cast({}, TYPE)", python="str({})", values=(("512", '"512"'), ("0", '"0"'))
    ),
    ("string", "integer"): Way(sql=None, python="int({})", values=(('"512"', "512"), ('"0"', "0"))),
    ("string", "float"): Way(
        sql=None, python="float({})", values=(('"1.5"', "1.5"), ('"0"', "0.0"))
    ),
    ("string", "numeric"): Way(
        sql=None, python="Decimal({})", values=(('"2"', "Decimal(2)"), ('"0"', "Decimal(0)"))
    ),
    ("boolean", "integer"): Way(
        sql="sa.case(({}, 1), else_=0)",
        python="int({})",
        values=(("True", "1"), ("False", "0")),
    ),
    ("integer", "boolean"): Way(
        sql="sa.case(({} == 0, sa.false()), else_=sa.true())",
        python="bool({})",
        values=(("512", "True"), ("0", "False")),
    ),
}


def way(before: Type, after: Type) -> Way | None:
    """Return the way from *before* to *after*, None when there is none for all databases."""
    if before.family is not None and before.family == after.family:
        return Way(sql="{}", python="{}", values=tuple((each, each) for each in after.values))
    found = _WAYS.get((before.family or "", after.family or ""))
    if found is None or found.sql is None:
        return found
    return replace(found, sql=found.sql.replace("TYPE", after.text))


def way_or_error(before: Type, after: Type, option: str) -> Way:
    """Return the way from *before* to *after*, or raise ConfigurationError."""
    found = way(before, after)
    if found is None:
        raise ConfigurationError(
            f"{option}: no recipe turns {before.text} into {after.text}",
            hint="add the column with --add and declare retype(…, up=expression(sql=…, python=…))",
        )
    return found
