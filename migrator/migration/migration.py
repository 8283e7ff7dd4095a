"""A migration as a value: its phase, what it declares, and where its statements come from."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path

    from migrator.dialects import Dialect
    from migrator.transitions import Transition


class Phase(Enum):
    """What a migration may do: its value is the name of its function."""

    EXPAND = "expand"
    CONTRACT = "contract"


@dataclass(frozen=True, slots=True, kw_only=True)
class SqlSource:
    """A file of SQL, for one database."""

    text: str
    path: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class PythonSource:
    """A phase function, called with alembic's Operations."""

    function: Callable[[Any], object]
    path: Path


Source = SqlSource | PythonSource


@dataclass(frozen=True, slots=True, kw_only=True)
class Migration:
    """What one version of the manifest does, read from its files and not yet done."""

    number: int
    name: str
    phase: Phase
    doc: str = ""
    """What it does, in one line."""
    files: tuple[Path, ...] = ()
    hash: str = ""
    """SHA-256 of the files, in hexadecimal digits."""
    transitions: tuple[Transition, ...] = ()
    """Transitions that it declares, named after their variables."""
    completes: tuple[str, ...] = ()
    """Names of the transitions whose old columns it drops."""
    abandons: Mapping[str, str] = field(default_factory=dict)
    """Table or table.column that it drops with its data → why that may be."""
    allow: tuple[str, ...] = ()
    """Labels of statements that cannot be judged and may pass nevertheless."""
    reason: str | None = None
    """Why they may."""
    sources: Mapping[str | None, Source] = field(default_factory=dict, compare=False, repr=False)
    """Database → what replaces the phase there; None → what holds everywhere else."""

    def source(self, dialect: Dialect) -> Source:
        """Return where the statements for *dialect* come from: the most specific of its files."""
        for family in dialect.families:
            if family in self.sources:
                return self.sources[family]
        return self.sources[None]
