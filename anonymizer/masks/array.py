"""Replace the elements of PostgreSQL's arrays."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.errors import PolicyError
from anonymizer.masks.inner import Inner, decision_of, masked
from anonymizer.masks.quoted import BACKSLASH, QUOTE, quotes, spliced, within
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, any_in, compact, gathered, numbered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anonymizer.cells import Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Distinct, Replace, Setting

_OPEN, _CLOSE = b"{}"
_STRUCTURE = numbered(b"{},") != OTHER
_SPECIAL = numbered(b'{},"\\ \t\n\r\v\f') != OTHER
"""What makes an element be quoted."""
_BOUNDS = re.compile(rb"(?:\[-?\d+:-?\d+\])+=")
_ESCAPE = re.compile(rb"\\(.)", re.DOTALL)
_TO_ESCAPE = re.compile(rb'(["\\])')
_NULL = b"NULL"
_HINT = "is the column an array of PostgreSQL? if not, use another mask"


@dataclass(frozen=True, slots=True, kw_only=True)
class Array:
    """Mask each element as *of* says; bounds, nesting and NULLs stay."""

    name: ClassVar[str] = "array"

    of: Any

    def __post_init__(self) -> None:
        if decision_of(self.of).mask == "null":
            raise ValueError("an array of nothing: use mask.null() for the column")

    @property
    def _inner(self) -> Inner:
        return Inner(place="[]", decision=decision_of(self.of))

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that the mask of the elements needs."""
        return self._inner.mask.needs

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: its values, or the elements, are no such ones."""
        if column.kind not in (Kind.ARRAY, Kind.TEXT):
            return f"values of {column.kind.value} are no arrays"
        try:
            self._inner.column(column)
        except PolicyError as error:
            return error.message
        return None

    def distinct(self, column: Column) -> Distinct:
        """Return what becomes of distinct arrays: what becomes of distinct elements."""
        return self._inner.distinct(column)

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the elements in one column."""
        inner = self._inner.bind(setting)

        def replace(values: Cells, others: Mapping[str, Cells]) -> Cells:
            text = compact(values)
            starts, ends = _elements(text)
            elements = Cells(data=text.data, starts=starts, ends=ends)
            chosen = np.flatnonzero(~_is_null(elements))
            rows = np.searchsorted(text.ends, starts[chosen], side="right")
            new = masked(_meant(elements.take(chosen)), rows, inner, others)
            return spliced(text, starts[chosen], ends[chosen], _written(new))

        return replace


def _elements(text: Cells) -> tuple[Places, Places]:
    """Return where the elements begin and end, with their quotes.

    Raises LeakError for a text that is no array.
    """
    quoted = quotes(text.data)
    outside = ~within(text.data.size, quoted)
    odd = np.diff(np.searchsorted(quoted, np.append(text.starts[:1], text.ends))) % 2 == 1
    refuse(odd, "arrays as PostgreSQL writes them", hint=_HINT)
    structure = _STRUCTURE[text.data] & outside
    depth = np.cumsum(structure & (text.data == _OPEN), dtype=np.int32)
    depth -= np.cumsum(structure & (text.data == _CLOSE), dtype=np.int32)
    content = ~structure
    _check(text, depth)
    content &= depth > 0
    edges = np.diff(content.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)


def _check(text: Cells, depth: NDArray[np.int32]) -> None:
    """Refuse values of *text* that end before or after they are closed, or begin with data."""
    filled = np.flatnonzero(text.lengths > 0)
    lasts = text.ends[filled] - 1
    odd = np.zeros(len(text), bool)
    odd[filled] = (depth[lasts] != 0) | (text.data[lasts] != _CLOSE)
    at_end = np.zeros(len(depth), bool)
    at_end[lasts] = True
    heads = np.flatnonzero((depth == 0) & ~at_end)
    for place in np.unique(np.searchsorted(text.ends, heads, side="right")).tolist():
        at = slice(int(text.starts[place]), int(text.ends[place]))
        said = text.data[at][(depth[at] == 0) & ~at_end[at]].tobytes()
        odd[place] |= _BOUNDS.fullmatch(said) is None
    refuse(odd, "arrays as PostgreSQL writes them", hint=_HINT)


def _is_null(elements: Cells) -> NDArray[np.bool_]:
    upper = elements.heads(4) & np.uint8(0xDF)
    found: NDArray[np.bool_] = elements.lengths == len(_NULL)
    found &= (upper == [*_NULL]).all(axis=1)
    return found


def _meant(elements: Cells) -> Cells:
    """Return *elements* without quotes and escapes."""
    count = len(elements)
    if not count:
        return elements
    quoted = elements.heads(1)[:, 0] == QUOTE
    bare = Cells(data=elements.data, starts=elements.starts + quoted, ends=elements.ends - quoted)
    bare = compact(bare)
    escaped = np.flatnonzero(any_in(bare, bare.data == BACKSLASH))
    if not len(escaped):
        return bare
    texts = [_ESCAPE.sub(rb"\1", each) for each in bare.take(escaped).to_list()]
    return gathered(bare, [(escaped, Cells.of(texts))])


def _written(elements: Cells) -> Cells:
    """Return *elements* with quotes and escapes where they need them."""
    text = compact(elements)
    special = any_in(text, _SPECIAL[text.data]) | (text.lengths == 0) | _is_null(text)
    which = np.flatnonzero(special)
    if not len(which):
        return text
    texts = [b'"' + _TO_ESCAPE.sub(rb"\\\1", each) + b'"' for each in text.take(which).to_list()]
    return gathered(text, [(which, Cells.of(texts))])
