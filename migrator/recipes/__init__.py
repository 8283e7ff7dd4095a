"""Recipes: common changes, written out as a migration, its transition and its test."""

from __future__ import annotations

from migrator.recipes.spec import FORMS, Recipe, read_recipe
from migrator.recipes.write import Written, write_contract, write_expand

__all__ = ["FORMS", "Recipe", "Written", "read_recipe", "write_contract", "write_expand"]
