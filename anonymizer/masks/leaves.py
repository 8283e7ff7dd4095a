"""Find the values in JSON texts: where each one stands, and in what state of an automaton.

All texts are read at once, with array operations: what depth a byte has is a running sum, what
a value is a member of is the last name before it at its depth. It is only right for valid
JSON, which is looked at first.
"""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass
from itertools import pairwise
from json.encoder import encode_basestring
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from anonymizer.cells import Cells
from anonymizer.masks.quoted import BACKSLASH, QUOTE, quotes, within
from anonymizer.masks.refuse import refuse
from anonymizer.masks.symbols import OTHER, any_in, compact, gathered, numbered

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.masks.paths import Automaton

_STRUCTURE = numbered(b"{}[]:,") != OTHER
_SPACE = numbered(b" \t\n\r") != OTHER
_SPECIAL = numbered(bytes(range(32)) + b'"\\') != OTHER
_COLON = ord(":")
OBJECT, ARRAY, CLOSE, NAME, STRING, SCALAR = range(1, 7)
_BRACKETS = np.zeros(256, np.uint8)
_BRACKETS[[*b"{[}]"]] = [OBJECT, ARRAY, CLOSE, CLOSE]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Leaves:
    """Values in texts, and the objects and arrays too, in their order."""

    starts: Places
    ends: Places
    kinds: Bytes
    states: NDArray[np.int64]


def check(text: Cells) -> None:
    """Refuse values of *text* that are not JSON; empty ones are let through."""
    texts = [each for each in text.to_list() if each]
    if not texts or _are_json(texts):
        return
    bad = np.array([bool(each) and not _are_json([each]) for each in text.to_list()], bool)
    refuse(bad, "JSON", hint="use mask.text() for this column, or mend the value")


def _are_json(texts: list[bytes]) -> bool:
    """Return whether each of *texts* is JSON, read as one array, which is thrice as fast.

    Between each two stands a mark that none of them can know: so none goes on in the next.
    """
    mark = secrets.token_hex()
    joined = f',"{mark}",'.encode().join(texts).decode("utf-8", "surrogateescape")
    try:
        found = _DECODER.decode(f"[{joined}]")
    except (ValueError, RecursionError):
        return False
    return len(found) == 2 * len(texts) - 1 and found[1::2].count(mark) == len(texts) - 1


def _refuse_constant(name: str) -> object:
    raise ValueError(f"{name}, which JSON does not have")


_DECODER = json.JSONDecoder(parse_int=str, parse_float=str, parse_constant=_refuse_constant)


def find(text: Cells, automaton: Automaton) -> Leaves:
    """Return the values in *text*, which is compact and valid."""
    at, kinds, ends = _tokens(text)
    opened, closed = kinds <= ARRAY, kinds == CLOSE
    inner = np.cumsum(opened) - np.cumsum(closed)
    ends[opened] = at[_partners(inner, opened, closed)] + 1
    symbols = _symbols(text, at, ends, kinds, automaton)
    states = _states(kinds, inner - opened, symbols, automaton)
    values = (kinds != CLOSE) & (kinds != NAME)
    return Leaves(starts=at[values], ends=ends[values], kinds=kinds[values], states=states[values])


def _tokens(text: Cells) -> tuple[Places, Bytes, Places]:
    """Return where brackets, names and values begin, what they are, and where they end."""
    data = text.data
    at_quotes = quotes(data)
    inside = within(data.size, at_quotes)
    structure = _STRUCTURE[data] & ~inside
    places = np.flatnonzero(structure)
    kinds = np.where(structure, _BRACKETS[data], np.uint8(0))
    firsts, lasts = at_quotes[0::2], at_quotes[1::2]
    colons = np.append(data[places] == _COLON, False)
    kinds[firsts] = np.where(colons[np.searchsorted(places, lasts)], NAME, STRING)
    bare = ~(structure | inside | _SPACE[data] | (data == QUOTE))
    before = np.zeros_like(bare)
    before[1:] = bare[:-1]
    before[text.starts[text.lengths > 0]] = False
    begun = bare & ~before
    kinds[begun] = SCALAR
    at = np.flatnonzero(kinds)
    found = kinds[at]
    ends = np.zeros(len(at), np.int64)
    ends[(found == NAME) | (found == STRING)] = lasts + 1
    last = bare.copy()
    last[:-1] &= ~bare[1:] | begun[1:]
    ends[found == SCALAR] = np.flatnonzero(last) + 1
    return at, found, ends


def _partners(
    inner: NDArray[np.int64], opened: NDArray[np.bool_], closed: NDArray[np.bool_]
) -> Places:
    """Return the number of the closing bracket of each opening one."""
    opens, closes = np.flatnonzero(opened), np.flatnonzero(closed)
    first = np.argsort(inner[opens], kind="stable")
    second = np.argsort(inner[closes], kind="stable")
    partners = np.empty(len(opens), np.int64)
    partners[first] = closes[second]
    return partners


def _symbols(
    text: Cells, at: Places, ends: Places, kinds: Bytes, automaton: Automaton
) -> NDArray[np.int64]:
    """Return the symbol of each name; what is none has that of an unknown name."""
    symbols = np.full(len(at), len(automaton.names), np.int64)
    named = np.flatnonzero(kinds == NAME)
    names = unquoted(Cells(data=text.data, starts=at[named], ends=ends[named]))
    known = pa.array([each.encode() for each in automaton.names], pa.large_binary())
    found = pc.index_in(names.to_arrow(), known).fill_null(len(automaton.names))
    symbols[named] = found.to_numpy(zero_copy_only=False)
    return symbols


def _states(
    kinds: Bytes, levels: NDArray[np.int64], symbols: NDArray[np.int64], automaton: Automaton
) -> NDArray[np.int64]:
    """Return the state of each token, level by level from the outermost in."""
    states = np.zeros(len(kinds), np.int64)
    order = np.argsort(levels, kind="stable")
    bounds = np.searchsorted(levels[order], np.arange(1, int(levels.max(initial=0)) + 2))
    item = automaton.table.shape[1] - 1
    holders = order[: bounds[0]] if len(order) else order
    for low, high in pairwise(bounds):
        level = order[low:high]
        parents = holders[kinds[holders] <= ARRAY]
        held = parents[np.searchsorted(parents, level) - 1]
        names = level[kinds[level] == NAME]
        last = names[np.searchsorted(names, level, side="right") - 1] if len(names) else level
        symbol = np.where(kinds[held] == ARRAY, item, symbols[last])
        states[level] = automaton.table[states[held], symbol]
        holders = level
    return states


def unquoted(strings: Cells) -> Cells:
    """Return what *strings*, with their quotes, mean."""
    bare = Cells(data=strings.data, starts=strings.starts + 1, ends=strings.ends - 1)
    escaped = np.flatnonzero(any_in(bare, bare.data == BACKSLASH))
    if not len(escaped):
        return bare
    joined = b'","'.join(bare.take(escaped).to_list()).decode("utf-8", "surrogateescape")
    texts = [_encoded(each) for each in json.loads(f'["{joined}"]')]
    return gathered(bare, [(escaped, Cells.of(texts))])


def _encoded(text: str) -> bytes:
    """Return *text* in UTF-8, or as it was where it is none; half a pair by itself stays so."""
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")


def quoted(texts: Cells) -> Cells:
    """Return *texts* as JSON writes strings."""
    bare = compact(texts)
    count = len(bare)
    bounds = np.arange(count, dtype=np.int64) * 2
    data = np.full(bare.data.size + 2 * count, QUOTE, np.uint8)
    inside = np.ones(data.size, bool)
    starts, ends = bare.starts + bounds, bare.ends + bounds + 2
    inside[starts] = inside[ends - 1] = False
    data[inside] = bare.data
    written = Cells(data=data, starts=starts, ends=ends)
    special = np.flatnonzero(any_in(bare, _SPECIAL[bare.data]))
    if not len(special):
        return written
    escaped = [_written(each) for each in bare.take(special).to_list()]
    return gathered(written, [(special, Cells.of(escaped))])


def _written(text: bytes) -> bytes:
    decoded = text.decode("utf-8", "surrogateescape")
    return encode_basestring(decoded).encode("utf-8", "surrogateescape")
