"""What a mask is: options, what it can serve and keeps, and how it replaces values."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, ClassVar, Protocol, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anonymizer.cells import Cells
    from anonymizer.column import Column

Replace: TypeAlias = "Callable[[Cells, Mapping[str, Cells]], Cells]"
"""Takes values of a column, none of them NULL, and those of the columns that the mask needs,
in the same rows; returns as many new values. A NULL among the needed ones is an empty value."""


class Distinct(Enum):
    """What becomes of values that are distinct."""

    KEPT = "kept"
    """They stay so: the mask is a permutation of what the column can hold."""
    LIKELY = "likely"
    """They stay so but for a collision of 64 random bits or more."""
    LOST = "lost"
    """Several of them may become one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Setting:
    """What a mask is bound to."""

    column: Column
    key: bytes
    """32 bytes, derived from the secret for the column's domain."""
    keys: Mapping[str, bytes] = field(default_factory=dict)
    """The same for the domain of each column that the mask needs, by its name."""
    domains: Callable[[str], bytes] | None = None
    """Gives the key of another domain, for what is masked inside a value."""


class Mask(Protocol):
    """A way to replace values: a frozen dataclass whose fields are the options of its word."""

    name: ClassVar[str]
    """The word in the markup: mask.NAME(…)."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Other columns of the row that it looks at."""

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*, None when it can."""

    def distinct(self, column: Column) -> Distinct:
        """Return what becomes of distinct values of *column*."""

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
