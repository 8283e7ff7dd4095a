"""Mask of host names."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from anonymizer.cells import Cells
from anonymizer.masks.base import Distinct
from anonymizer.masks.draw import folded, joined, subkey
from anonymizer.masks.handle import uppers
from anonymizer.masks.tag import LENGTH, recased, tokens
from anonymizer.masks.textual import TextMask
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Places
    from anonymizer.masks.base import Replace, Setting

TOP = b"example"
"""A top-level domain that belongs to nobody (RFC 2606)."""
LEAST = LENGTH + 1 + len(TOP)
"""Least room of a host: one label and the top-level domain."""
LONGEST = 255
"""Bytes from which on a name has no labels, for it is none (RFC 1035)."""
_DOT = ord(".")


@dataclass(frozen=True, slots=True, kw_only=True)
class HostName(TextMask):
    """Gives a token for each label, and .example for the last one of several.

    A label's token is of all the domain that it begins, so hosts of one domain go on to be: only
    where the column is too short are domains left out. Case is kept as in `handle`. A URL of the
    same domain of values has the same host.
    """

    name: ClassVar[str] = "host_name"
    keeps: ClassVar[Distinct] = Distinct.LIKELY
    least: ClassVar[int] = LEAST

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        hosts = Hosts.of(setting.key)
        length = setting.column.length

        def replace(values: Cells, _others: Mapping[str, Cells]) -> Cells:
            return hosts.masked(values, length)

        return replace


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Hosts:
    """Masks hosts by a key."""

    label: Prf
    case: Prf

    @classmethod
    def of(cls, key: bytes) -> Hosts:
        """Return what masks the hosts of a domain of values, whose key is *key*."""
        return cls(label=Prf(subkey(key, "host label")), case=Prf(subkey(key, "host case")))

    def masked(self, values: Cells, length: int | None) -> Cells:
        """Return what *values* become, of *length* characters, LEAST or more, at the most."""
        values = values.packed()
        lower = folded(values)
        firsts, labels = _labels(lower)
        written = np.full((len(labels), LENGTH + 1), _DOT, np.uint8)
        written[:, :LENGTH] = tokens(self.label.words(labels)[:, 0])
        upper = uppers(values, lower)
        if len(upper):
            patterns = self.case.words(values.take(upper))[:, 0]
            written[firsts[upper], :LENGTH] = recased(written[firsts[upper], :LENGTH], patterns)
        counts = np.diff(np.append(firsts, len(labels)))
        several = counts > 1
        # The top-level domain is no token; what is one label has none.
        shown = counts - several
        if length is not None:
            shown = np.minimum(shown, (length - len(TOP)) // (LENGTH + 1))
        starts = firsts * (LENGTH + 1)
        ends = starts + shown * (LENGTH + 1) - (~several & (counts > 0))
        tops = Cells(
            data=np.frombuffer(TOP, np.uint8),
            starts=np.zeros(len(values), np.int64),
            ends=np.where(several, len(TOP), 0),
        )
        tokens_ = Cells(data=written.reshape(-1), starts=starts, ends=ends)
        return joined(tokens_.to_arrow(), tops.to_arrow())


def _labels(values: Cells) -> tuple[Places, Cells]:
    """Return the number of the first label of each value, and what each label begins.

    An empty value has none, one that is too long has one.
    """
    dots = np.flatnonzero(values.data == _DOT)
    rows = np.searchsorted(values.ends, dots, side="right")
    dots = dots[(values.lengths <= LONGEST)[rows]]
    full = np.flatnonzero(values.lengths)
    starts = np.sort(np.concatenate([values.starts[full], dots + 1]))
    # A dot at the very end begins an empty label, where the next value starts as well.
    rows = np.searchsorted(
        values.ends, np.sort(np.concatenate([values.starts[full], dots])), "right"
    )
    labels = Cells(data=values.data, starts=starts, ends=values.ends[rows])
    return np.searchsorted(rows, np.arange(len(values))), labels
