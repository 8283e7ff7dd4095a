"""The public names: `__all__` is complete, and in each package sorted and true."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

import migrator

ROOT = Path(__file__).parent.parent


def packages() -> list[str]:
    found = (path.parent.relative_to(ROOT) for path in (ROOT / "migrator").rglob("__init__.py"))
    return sorted(".".join(path.parts) for path in found)


def order(name: str) -> tuple[int, str]:
    """Sort as ruff does: constants, classes, functions."""
    return (0 if name.isupper() else 1 if name[0].isupper() else 2, name)


def offered(module: ModuleType) -> set[str]:
    """Return the public names that *module* or a part of it defines."""
    return {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not isinstance(value, ModuleType)
        and f"{getattr(value, '__module__', '')}.".startswith(f"{module.__name__}.")
    }


def test_all_is_complete() -> None:
    assert offered(migrator) <= set(migrator.__all__)


@pytest.mark.parametrize("name", packages())
def test_all_is_sorted(name: str) -> None:
    public = getattr(importlib.import_module(name), "__all__", [])

    assert list(public) == sorted(set(public), key=order)


@pytest.mark.parametrize("name", packages())
def test_all_is_true(name: str) -> None:
    module = importlib.import_module(name)

    assert not [each for each in getattr(module, "__all__", ()) if not hasattr(module, each)]
