"""A mutant: a function of migrator with one piece of its text replaced."""

from __future__ import annotations
import __future__

import inspect
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from tests.databases import Database


@dataclass(frozen=True, slots=True, kw_only=True)
class Mutant:
    """A mistake that one could make, and the *schedule* under which it loses something."""

    name: str
    function: Callable[..., Any]
    old: str
    new: str
    schedule: Callable[[Database], list[str]]
    needs: str | None = None
    """Capability without which the mistake is none."""

    def apply(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Put the mutant in the place of the function, wherever that is known."""
        source = inspect.getsource(self.function)
        assert source.count(self.old) == 1, f"the text of {self.name!r} is not in its function"
        home = vars(sys.modules[self.function.__module__])
        made: dict[str, Any] = {}
        lazily = __future__.annotations.compiler_flag  # as the file says itself
        changed = f"if True:\n{source}" if source[0].isspace() else source
        changed = changed.replace(self.old, self.new)
        exec(compile(changed, f"<{self.name}>", "exec", flags=lazily), home, made)  # noqa: S102
        name = self.function.__name__
        for owner in self._owners(home):
            monkeypatch.setattr(owner, name, made[name])

    def _owners(self, home: dict[str, Any]) -> list[Any]:
        """Return the class that has the function, or the modules that know it."""
        outer, _, name = self.function.__qualname__.rpartition(".")
        if outer:
            return [home[outer]]
        known = [each for key, each in sys.modules.items() if key.startswith("migrator")]
        return [each for each in known if vars(each).get(name) is self.function]
