"""A place: the table and column that a recipe is carried out on, as far as they are known."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError
from migrator.recipes.types import Type, guessed

if TYPE_CHECKING:
    from collections.abc import Collection

    from migrator.recipes.known import Column, Known, Table
    from migrator.recipes.spec import Recipe


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Where a recipe is carried out."""

    migration: str
    recipe: Recipe
    table: Table
    name: str
    """Variable of the transition."""
    column: Column | None = None
    """The column that is there, when a migration says what it is."""

    @property
    def source(self) -> str:
        """Name of the column that is there."""
        return self.recipe.source or ""

    @property
    def nullable(self) -> bool:
        """Whether the column that is there may be NULL, as far as it is known."""
        return self.column is None or self.column.nullable

    @property
    def type(self) -> Type:
        """Type of the column that is there: as a migration says, else as asked, else a guess."""
        asked = self.recipe.targets[0][1]
        known = self.column.type if self.column is not None else None
        return known or asked or guessed()

    @property
    def guessed(self) -> bool:
        """Whether nobody says what type the column has."""
        return self.recipe.targets[0][1] is None and (
            self.column is None or self.column.type is None
        )

    @property
    def where(self) -> str:
        """The column that is there, with its table."""
        return f"{self.recipe.table}.{self.source}"

    @property
    def marker(self) -> str | None:
        """Column that says which side counts, where the old one may not be NULL."""
        return None if self.nullable else f"{self.recipe.targets[0][0]}_counts"


def variable_for(recipe: Recipe, taken: Collection[str]) -> str:
    """Return a name for the transition, as flavor_foobars, that no other one has."""
    one = recipe.table
    if one.endswith("ies"):
        one = one[:-3] + "y"
    elif one.endswith(("sses", "xes", "ches", "shes")):
        one = one[:-2]
    elif one.endswith("s") and not one.endswith("ss"):
        one = one[:-1]
    what = recipe.source if recipe.kind == "split" else recipe.targets[0][0]
    name, number = f"{one}_{what}", 2
    while name in taken:
        name, number = f"{one}_{what}_{number}", number + 1
    return name


def source_of(recipe: Recipe, known: Known) -> Column | None:
    """Return the column that is there, as a migration made it; raise if it cannot be moved."""
    if recipe.source is None:
        return None
    table = known.table(recipe.table)
    column = table.columns.get(recipe.source)
    if column is None and table.created and table.columns:
        near = get_close_matches(recipe.source, table.columns, n=1)
        raise ConfigurationError(
            f"{recipe.option}: no migration adds a column {recipe.source!r} to {recipe.table}",
            hint=f"did you mean {near[0]}?" if near else f"columns: {', '.join(table.columns)}",
        )
    for each in known.transitions.values():
        if each.table == recipe.table and recipe.source in each.sources:
            raise ConfigurationError(
                f"{recipe.option}: {each.name} of {each.migration} moves it already"
            )
    if column is not None and column.primary:
        raise ConfigurationError(
            f"{recipe.option}: it is of the primary key, by which rows are found while they move"
        )
    return column
