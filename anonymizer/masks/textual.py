"""What masks of text share, and those of people."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from typing_extensions import override

from anonymizer.column import Kind
from anonymizer.masks.base import Distinct
from anonymizer.pool import find_pool, has_pool

if TYPE_CHECKING:
    from anonymizer.column import Column
    from anonymizer.pool import Pool

NAMES = ("first_name", "last_name")
"""The kinds of words that a person's names are."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TextMask:
    """A mask of text columns that looks at nothing but the value."""

    name: ClassVar[str]
    kinds: ClassVar[tuple[str, ...]] = ()
    """The kinds of words that it takes from pools."""
    keeps: ClassVar[Distinct] = Distinct.LOST
    least: ClassVar[int] = 0
    """Characters that a column has to take."""

    @property
    def needs(self) -> tuple[str, ...]:
        """Other columns of the row that it looks at."""
        return ()

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*, None when it can."""
        if column.kind is not Kind.TEXT:
            return f"it gives text, and this is {column.kind.value}"
        if column.length is not None and column.length < self.least:
            return f"it needs {self.least} characters, and this takes {column.length}"
        return None

    def distinct(self, column: Column) -> Distinct:  # noqa: ARG002 - it is so for all
        """Return what becomes of distinct values of *column*."""
        return self.keeps


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalMask(TextMask):
    """A mask that takes words from pools of a locale."""

    locale: str = "en_US"
    """As in en_US, or the path of a folder of pools."""

    @override
    def refuses(self, column: Column) -> str | None:
        lacking = (has_pool(self.locale, kind) for kind in self.kinds_for(column))
        # Named, for the class that `super` finds is not the one that slots make of this.
        return TextMask.refuses(self, column) or next((each for each in lacking if each), None)

    def kinds_for(self, column: Column) -> tuple[str, ...]:  # noqa: ARG002 - the same for most
        """Return the kinds of words that *column* gets."""
        return self.kinds

    def pools(self, column: Column) -> tuple[Pool, ...]:
        """Return the pools whose words *column* gets."""
        return tuple(find_pool(self.locale, kind) for kind in self.kinds_for(column))


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonMask(LocalMask):
    """A mask of what a person is called; all of one *subject*, another column, agree."""

    subject: str | None = None

    @property
    @override
    def needs(self) -> tuple[str, ...]:
        return () if self.subject is None else (self.subject,)
