"""How a database cuts SQL into words, and which words do no harm."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True, kw_only=True)
class Syntax:
    """What a reader of SQL must know of a database; names of functions and words are in capitals.

    What is not listed is not known to be harmless, and is refused where that matters.
    """

    quotes: Mapping[str, str]
    """What opens a quoted name → what closes it."""
    strings: str = "'"
    """What may open a string."""
    backslashes: bool = False
    """A setting decides whether a backslash escapes the quote in a plain string."""
    escape_strings: bool = False
    """E'…' has backslash escapes whatever the setting; U&… has escapes of its own."""
    dollar_quotes: bool = False
    nested_comments: bool = False
    hash_comments: bool = False
    spaced_dashes: bool = False
    """`--` begins a comment only before a space; otherwise it is two minus signs."""
    executable_comments: bool = False
    """The server runs what stands in /*! … */."""
    line_ends: str = "\n"
    """What ends a comment that runs to the end of the line."""
    folds: bool = False
    """Names without quotes are kept in small letters."""
    name_bytes: int | None = None
    """Longer names are cut off silently."""
    domains: bool = False
    """A type that is not in *types* may carry constraints of its own."""
    types: frozenset[str] = frozenset()
    settings: frozenset[str] = frozenset()
    """What SET may set, to a literal, without changing what other statements mean."""
    pragmas: frozenset[str] = frozenset()
    """What PRAGMA may ask."""
    functions: frozenset[str] = frozenset()
    """Functions that only compute or read, beside those that every database has."""
    total: frozenset[str] = frozenset()
    """Functions and signs that never fail, whatever a row holds, beside those of every database."""
    extensions: frozenset[str] = frozenset()
    """Extensions, by their names, whose making only adds."""
    volatile: frozenset[str] = frozenset()
    """Functions whose value differs from row to row, so that a default of them fills each."""
    inline_indexes: bool = False
    """ALTER TABLE … ADD INDEX, and ALGORITHM = and LOCK = beside it."""
    implicit_timestamps: bool = False
    """A TIMESTAMP that does not say NULL may get a default by a setting."""
    widening: bool = False
    """ALTER COLUMN … TYPE leaves the rows alone when the type only takes more."""
    late_defaults: bool = False
    """Whether a default fits its column is found out only when a row is inserted."""
    blocking: Mapping[str, str] = field(default_factory=dict)
    """What may be added → why the table is locked for long when it is large."""
    recipes: Mapping[str, str] = field(default_factory=dict)
    """What may be added, or is refused → the safe way to the same end here."""

    def same_column(self, one: str | None, other: str | None) -> bool:
        """Return whether two names mean one column, where a column's case may not matter."""
        if self.folds or one is None or other is None:
            return one == other
        return one.casefold() == other.casefold()


def words(text: str) -> frozenset[str]:
    """Return the words of *text*, which are parted by space."""
    return frozenset(text.split())
