"""Mask of URLs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonymizer.cells import Cells
from anonymizer.masks.base import Distinct
from anonymizer.masks.draw import choose, joined, quarters, subkey
from anonymizer.masks.host_name import LEAST as LEAST_HOST
from anonymizer.masks.host_name import Hosts
from anonymizer.masks.tag import LENGTH, tokens
from anonymizer.masks.tape import pools_of_tape, tape_of_digits, tape_of_words
from anonymizer.masks.textual import TextMask
from anonymizer.masks.uri import PORT, SCHEME, Parts, Segments, overwrite
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray

    from anonymizer.cells import Bytes, Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.pool import Pool

_LOCALE = "en_US"
_AROUND = SCHEME + len("://") + LENGTH + len("@") + len(":") + PORT + len("/") + LENGTH
"""Most characters that have to be beside the host, so that what is distinct stays so."""
LEAST = _AROUND + LEAST_HOST


@dataclass(frozen=True, slots=True, kw_only=True)
class Url(TextMask):
    """Keeps scheme, port and structure; masks the host as `host_name` does, and each segment.

    The first segment of path, query and fragment becomes a token of them all, so that distinct
    URLs stay distinct; each other becomes words, or digits where it was digits, of its length. A
    user and password become a token. What is no URL is one long path. What the column has no
    room for is cut off behind the token.
    """

    name: ClassVar[str] = "url"
    keeps: ClassVar[Distinct] = Distinct.LIKELY
    least: ClassVar[int] = LEAST

    def pools(self, column: Column) -> tuple[Pool, ...]:  # noqa: ARG002 - the same for all
        """Return the pools whose words *column* gets."""
        return pools_of_tape(_LOCALE)

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        return _Bound(
            hosts=Hosts.of(setting.key),
            user=Prf(subkey(setting.key, "url user")),
            rest=Prf(subkey(setting.key, "url rest")),
            segment=Prf(subkey(setting.key, "url segment")),
            length=setting.column.length,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bound:
    hosts: Hosts
    user: Prf
    rest: Prf
    segment: Prf
    length: int | None

    def __call__(self, values: Cells, _others: Mapping[str, Cells]) -> Cells:
        values = values.packed()
        parts = Parts.of(values)
        rest = Cells(data=values.data, starts=parts.ends, ends=values.ends)
        segments = Segments.of(values, parts.ends)
        first = segments.firsts(values, parts.ends)
        marks = Cells(data=values.data, starts=parts.ends, ends=first.starts)
        tail = Cells(data=self._masked(segments), starts=first.ends, ends=values.ends)
        token = _tokens(self.rest, rest, first.lengths > 0)
        authority = self._authority(parts)
        if self.length is not None:
            room = self.length - authority.lengths - token.lengths
            marks = _cut(marks, room)
            tail = _cut(tail, room - marks.lengths)
        return joined(*(each.to_arrow() for each in (authority, marks, token, tail)))

    def _authority(self, parts: Parts) -> Cells:
        """Return scheme, user, host and port, masked."""
        room = None if self.length is None else self.length - _AROUND
        user, host = parts.user, self.hosts.masked(parts.host, room)
        has_user = user.lengths > 0
        at = Cells(data=user.data, starts=user.ends - has_user, ends=user.ends)
        token = _tokens(self.user, user, has_user)
        return joined(*(each.to_arrow() for each in (parts.scheme, token, at, host, parts.port)))

    def _masked(self, segments: Segments) -> Bytes:
        """Return the URLs with words, or digits for digits, written over each segment."""
        data = segments.cells.data.copy()
        drawn = quarters(self.segment.words(segments.cells))[:, 0]
        are_digits = segments.are_digits
        for tape, which in (
            (tape_of_words(_LOCALE, separator="-"), ~are_digits),
            (tape_of_digits(), are_digits),
        ):
            begins = tape.begins[choose(drawn, len(tape.begins))]
            overwrite(data, segments, which, tape.data, begins)
        return data


def _tokens(prf: Prf, values: Cells, has: NDArray[np.bool_]) -> Cells:
    """Return the token of those *values* that have one, empty ones for others."""
    which = np.flatnonzero(has)
    written = np.zeros((len(values), LENGTH), np.uint8)
    written[which] = tokens(prf.words(values.take(which))[:, 0])
    return Cells.of_matrix(written, np.where(has, LENGTH, 0))


def _cut(values: Cells, room: Places) -> Cells:
    """Return as much of each value as there is room for."""
    ends = values.starts + np.minimum(values.lengths, np.maximum(room, 0))
    return Cells(data=values.data, starts=values.starts, ends=ends)
