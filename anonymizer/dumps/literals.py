"""Literals: values as SQL writes them, taken apart and put together, a column at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.dumps import charsets, forms
from anonymizer.dumps.dialect import Blobs
from anonymizer.dumps.quotes import BACKSLASH, QUOTE, escapes
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.dumps.dialect import Dialect

_ZERO, _NINE, _DOT, _MINUS = b"09.-"
_HEX = np.frombuffer(b"xX", np.uint8)
_NUMBER = re.compile(rb"-?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d+)?")
_TRUTH = (b"true", b"false")

_FIRST = np.zeros(256, np.bool_)
_FIRST[list(b"0123456789-.")] = True
"""What a number begins with."""
_MEANT = np.arange(256, dtype=np.uint8)
"""What a byte behind a backslash stands for in MySQL."""
_MEANT[list(b"0bnrtZ")] = list(b"\0\b\n\r\t\x1a")
_WILD = b"%_"
"""These keep their backslash, which only LIKE takes away."""
_WRITTEN = dict(zip(b"\0\n\r\x1a'\"\\", b"0nrZ'\"\\", strict=True))
"""Bytes that MySQL escapes, and what stands behind their backslash."""
_LONE_QUOTE = "a string with a quote in it that is neither escaped nor doubled"
_DOUBLED = {QUOTE: QUOTE}


def cells(data: Bytes, starts: Places, ends: Places) -> Cells:
    """Return the stretches of *data* from *starts* to *ends*."""
    return Cells(data=data, starts=starts, ends=ends)


def is_literal(fields: Cells, dialect: Dialect) -> NDArray[np.bool_]:
    """Return which of *fields* are written in a way that the dialect has."""
    first, last = fields.data[fields.starts], fields.data[fields.ends - 1]
    good: NDArray[np.bool_] = _FIRST[first]
    good |= (first == QUOTE) & (last == QUOTE) & (fields.lengths > 1)
    rest = np.flatnonzero(~good)
    if len(rest):
        good[rest] = _is_form(fields.take(rest), dialect)
    return good


def _is_form(fields: Cells, dialect: Dialect) -> NDArray[np.bool_]:
    """Return which of *fields* are words or forms of the dialect."""
    known = is_word(fields, *dialect.words)
    for begin, end in dialect.forms:
        which = np.flatnonzero(~known & (fields.lengths >= len(begin) + len(end)))
        maybe = fields.take(which)
        ends = cells(maybe.data, maybe.ends - len(end), maybe.ends)
        known[which] = _begins(maybe, begin) & _begins(ends, end)
    if dialect.exact:
        which = np.flatnonzero(known & ~is_word(fields, *dialect.words))
        exact = re.compile(dialect.exact, re.DOTALL)
        texts = fields.take(which).to_list()
        known[which] = [exact.fullmatch(each) is not None for each in texts]
    return known


def is_word(fields: Cells, *words: bytes) -> NDArray[np.bool_]:
    """Return which of *fields* are one of *words*."""
    found = np.zeros(len(fields), np.bool_)
    for word in words:
        which = np.flatnonzero(fields.lengths == len(word))
        found[which] |= _begins(fields.take(which), word)
    return found


def _begins(fields: Cells, text: bytes) -> NDArray[np.bool_]:
    """Return which of *fields*, all of them as long or longer, begin with *text*."""
    begins: NDArray[np.bool_] = (fields.heads(len(text)) == np.frombuffer(text, np.uint8)).all(
        axis=1
    )
    return begins


def decode(fields: Cells, kind: Kind, dialect: Dialect, charset: str | None) -> Cells:
    """Return the values of *fields*, none of them NULL: without quotes and escapes, in UTF-8."""
    quoted = fields.data[fields.starts] == QUOTE
    which = np.flatnonzero(~quoted)
    if len(which):
        which = which[~_is_bare(fields.take(which))]
    starts, ends = fields.starts + quoted, fields.ends - quoted
    ends[which] = starts[which]
    if (ends < starts).any():
        raise DumpError("a string that is only a quote")
    values = _unescaped(_joined(cells(fields.data, starts, ends)), backslash=dialect.backslash)
    if len(which):
        texts = fields.take(which).to_list()
        values = values.replaced(which, [forms.meaning(each, kind, dialect) for each in texts])
    if kind is Kind.BINARY:
        return _bytea(values) if dialect.blobs is Blobs.BYTEA else values
    return charsets.to_utf8(values, charset)


def _is_bare(fields: Cells) -> NDArray[np.bool_]:
    """Return which of *fields* are numbers as they stand."""
    heads = fields.heads(2)
    hexadecimal = (heads[:, 0] == _ZERO) & np.isin(heads[:, 1], _HEX)
    bare: NDArray[np.bool_] = _FIRST[heads[:, 0]] & ~hexadecimal
    return bare


def _bytea(values: Cells) -> Cells:
    return Cells.of(forms.bytea(each) for each in values.to_list())


def encode(values: Cells, kind: Kind, dialect: Dialect, charset: str | None) -> Cells:
    """Return *values* as literals of the dialect: numbers bare, all else in quotes."""
    if kind is Kind.BINARY:
        return Cells.of(forms.blob(each, dialect) for each in values.to_list())
    if kind in forms.BARE:
        return _numbers(values, dialect)
    return _text(_joined(charsets.from_utf8(values, charset)), dialect)


def _numbers(values: Cells, dialect: Dialect) -> Cells:
    """Return numbers as they are, and what else is among them in quotes."""
    joined = _joined(values)
    unsure = np.flatnonzero(~_is_plain(joined))
    texts = joined.take(unsure).to_list()
    which = [not _is_number(each, dialect) for each in texts]
    places = unsure[which]
    if not len(places):
        return joined
    quoted = _text(_joined(joined.take(places)), dialect).to_list()
    return joined.replaced(places, quoted)


def _is_plain(values: Cells) -> NDArray[np.bool_]:
    """Return which of *values*, joined, are digits with a dot at most, and a minus before them."""
    at = np.flatnonzero((values.data - _ZERO) > _NINE - _ZERO)
    which = np.searchsorted(values.ends, at, "right")
    is_dot = values.data[at] == _DOT
    is_other = ~is_dot & ((values.data[at] != _MINUS) | (at != values.starts[which]))
    is_other[1:] |= is_dot[1:] & is_dot[:-1] & (which[1:] == which[:-1])
    plain: NDArray[np.bool_] = values.lengths > np.bincount(which, minlength=len(values))
    plain[which[is_other]] = False
    return plain


def _is_number(text: bytes, dialect: Dialect) -> bool:
    """Return whether *text* is a number, or a word that stands for a boolean."""
    return bool(_NUMBER.fullmatch(text)) or (text in _TRUTH and text in dialect.words)


def _text(values: Cells, dialect: Dialect) -> Cells:
    """Return *values*, which lie one behind the other, in quotes."""
    if dialect.backslash:
        return _quoted(_escaped(values, _WRITTEN, BACKSLASH))
    text = _quoted(_escaped(values, _DOUBLED, QUOTE))
    if not dialect.special:
        return text
    special = values.containing(*dialect.special)
    written = [forms.text(each, dialect) for each in values.take(special).to_list()]
    return text.replaced(special, written)


def _joined(values: Cells) -> Cells:
    """Return *values* one behind the other, and nothing else in their buffer."""
    found = Cells.of_arrow(values.to_arrow())
    if not len(found):
        return found
    begin, end = int(found.starts[0]), int(found.ends[-1])
    return cells(found.data[begin:end], found.starts - begin, found.ends - begin)


def _unescaped(values: Cells, *, backslash: bool) -> Cells:
    """Return *values*, which lie one behind the other, without escapes and doubled quotes."""
    text = values.data
    lead = escapes(text) if backslash else np.zeros(0, np.int64)
    lone = text == QUOTE
    if len(lead):
        _check_within(lead, values)
        lone[lead + 1] = False
    dropped = doubled = _doubled(np.flatnonzero(lone), values)
    if len(lead):
        text = text.copy()
        behind = text[lead + 1]
        text[lead + 1] = _MEANT[behind]
        lead = lead[(behind != _WILD[0]) & (behind != _WILD[1])]
        dropped = np.sort(np.concatenate([lead, doubled])) if len(doubled) else lead
    if not len(dropped):
        return values
    kept = np.ones(len(text), np.bool_)
    kept[dropped] = False
    starts = values.starts - np.searchsorted(dropped, values.starts)
    ends = values.ends - np.searchsorted(dropped, values.ends)
    return cells(text[kept], starts, ends)


def _doubled(quotes: Places, values: Cells) -> Places:
    """Return the first of each two of *quotes*, all of which stand side by side in a value."""
    if not len(quotes):
        return quotes
    first, second = quotes[::2], quotes[1::2]
    if len(first) != len(second) or not (second == first + 1).all():
        raise DumpError(_LONE_QUOTE)
    _check_within(first, values)
    return first


def _check_within(places: Places, values: Cells) -> None:
    """Refuse a backslash, or a quote, at one of *places* that ends one of *values*."""
    ends = values.ends
    next_end = ends[np.searchsorted(ends, places, side="right")]
    if (next_end == places + 1).any():
        raise DumpError(_LONE_QUOTE)


def _escaped(values: Cells, written: Mapping[int, int], escape: int) -> Cells:
    """Return *values*, which lie one behind the other, with *escape* before what needs it."""
    special = values.data == escape
    for byte in written:
        if byte != escape:
            special |= values.data == byte
    at = np.flatnonzero(special)
    if not len(at):
        return values
    added = at + np.arange(len(at))
    old = np.ones(len(special) + len(at), np.bool_)
    old[added] = False
    text = np.full(len(old), escape, np.uint8)
    text[old] = values.data
    for byte, instead in written.items():
        text[added[values.data[at] == byte] + 1] = instead
    starts = values.starts + np.searchsorted(at, values.starts)
    ends = values.ends + np.searchsorted(at, values.ends)
    return cells(text, starts, ends)


def _quoted(values: Cells) -> Cells:
    """Return *values*, which lie one behind the other, each between quotes."""
    starts = values.starts + 2 * np.arange(len(values))
    ends = starts + values.lengths + 2
    inner = np.ones(len(values.data) + 2 * len(values), np.bool_)
    inner[starts] = inner[ends - 1] = False
    text = np.full(len(inner), QUOTE, np.uint8)
    text[inner] = values.data
    return cells(text, starts, ends)
