"""Replace values inside of JSON texts, by their paths; all else stays byte by byte."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.errors import LeakError, PolicyError
from anonymizer.masks.base import Distinct
from anonymizer.masks.inner import Inner, decision_of, masked
from anonymizer.masks.leaves import ARRAY, SCALAR, STRING, check, find, quoted, unquoted
from anonymizer.masks.paths import Action, Automaton, steps_of
from anonymizer.masks.quoted import spliced
from anonymizer.masks.symbols import compact, gathered

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anonymizer.cells import Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.masks.leaves import Leaves

_OTHERS = {"refuse": Action.REFUSE, "keep": Action.KEEP, "null": Action.CLEAR}
_RAW = re.compile(rb"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?|true|false")
_NULL = b"null"


@dataclass(frozen=True, slots=True, kw_only=True)
class Json:
    """Mask the values at *paths*; *other* says what becomes of all else: refuse, keep or null.

    A path goes through members and items: '$.user.email', '$.tags[*]', '$.*', '$["a b"]'. One
    that is public keeps, and one that is null clears, all that is under it. Names of members,
    numbers, their order and the spaces between stay as they are written; a null stays one.
    """

    name: ClassVar[str] = "json"

    paths: Mapping[str, Any]
    other: str = "refuse"

    def __post_init__(self) -> None:
        if self.other not in _OTHERS:
            raise ValueError(f"other is {self.other!r}, expected one of {', '.join(_OTHERS)}")
        if not self.paths:
            raise ValueError("say paths, or decide on the whole column: public(…), mask.null()")
        for path, markup in self.paths.items():
            steps_of(path)
            decision_of(markup)

    @property
    def _inner(self) -> list[Inner]:
        return [Inner(place=path, decision=decision_of(each)) for path, each in self.paths.items()]

    @property
    def needs(self) -> tuple[str, ...]:
        """The columns that the masks of the paths need."""
        return tuple(dict.fromkeys(name for each in self._inner for name in each.mask.needs))

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*, or the mask of a path what is there."""
        if column.kind not in (Kind.JSON, Kind.TEXT):
            return f"values of {column.kind.value} are no JSON"
        try:
            for each in self._inner:
                each.column(column)
        except PolicyError as error:
            return error.message
        return None

    def distinct(self, column: Column) -> Distinct:
        """Return that several texts may become one."""
        del column
        return Distinct.LOST

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values in one column."""
        masks = {each.place: each.decision.mask for each in self._inner}
        automaton = Automaton.of(masks, _OTHERS[self.other])
        bound = [
            None
            if each.decision.mask in ("keep", "null")
            else (each.bind(setting), each.bind(setting, numbers=True))
            for each in self._inner
        ]

        def replace(values: Cells, others: Mapping[str, Cells]) -> Cells:
            text = compact(values)
            check(text)
            leaves = find(text, automaton)
            actions = automaton.actions[leaves.states]
            actions[_is_null(text, leaves) & (actions != Action.REFUSE)] = Action.SKIP
            actions = _settled(leaves, actions, _OTHERS[self.other])
            _refuse(text, leaves, actions)
            chosen = np.flatnonzero((actions >= 0) | (actions == Action.CLEAR))
            new = Cells.of([_NULL]).take(np.zeros(len(chosen), np.int64))
            parts = []
            for number, masks in enumerate(bound):
                for mask, is_string in zip(masks or (), (True, False), strict=False):
                    at_path = (actions == number) & ((leaves.kinds == STRING) == is_string)
                    which = np.flatnonzero(at_path[chosen])
                    if len(which):
                        new_ones = _masked(text, leaves, chosen[which], mask, others)
                        parts.append((which, new_ones))
            starts, ends = leaves.starts[chosen], leaves.ends[chosen]
            return spliced(text, starts, ends, gathered(new, parts))

        return replace


def _settled(leaves: Leaves, actions: NDArray[np.int64], other: Action) -> NDArray[np.int64]:
    """Return *actions* as the kinds of the values settle them.

    A scalar where a path goes on is one of the others; a mask is for scalars.
    """
    nested = leaves.kinds <= ARRAY
    settled = np.where(~nested & (actions == Action.PASS), int(other), actions)
    return np.where(nested & (actions >= 0), int(Action.PASS), settled)


def _is_null(text: Cells, leaves: Leaves) -> NDArray[np.bool_]:
    first = text.data[np.minimum(leaves.starts, text.data.size - 1)]
    found: NDArray[np.bool_] = (leaves.kinds == SCALAR) & (first == _NULL[0])
    return found


def _refuse(text: Cells, leaves: Leaves, actions: NDArray[np.int64]) -> None:
    """Raise LeakError when there is a value on which nothing is decided."""
    bad = np.flatnonzero(actions == Action.REFUSE)
    if len(bad):
        rows = _rows(text, leaves.starts[bad])
        raise LeakError(
            f"{len(np.unique(rows))} of {len(text)} values have something at no path",
            value=int(rows[0]),
            hint='add paths to mask.json(paths={…}), or say other="null" or other="keep"',
        )


def _rows(text: Cells, places: Places) -> Places:
    return np.searchsorted(text.ends, places, side="right")


def _masked(
    text: Cells, leaves: Leaves, which: Places, mask: Replace, others: Mapping[str, Cells]
) -> Cells:
    """Return how the values *which*, all strings or none, are written when they are masked."""
    spans = Cells(data=text.data, starts=leaves.starts[which], ends=leaves.ends[which])
    strings = leaves.kinds[which[0]] == STRING
    meant = unquoted(spans) if strings else spans
    new = masked(meant, _rows(text, spans.starts), mask, others)
    written = quoted(new)
    if strings:
        return written
    texts = new.to_list()
    raw = [place for place, each in enumerate(texts) if _RAW.fullmatch(each)]
    return gathered(written, [(np.array(raw, np.int64), Cells.of(texts[at] for at in raw))])
