"""Mask of e-mail addresses."""

from __future__ import annotations

import re
from dataclasses import dataclass
from string import ascii_letters, digits
from typing import TYPE_CHECKING, ClassVar

import numpy as np
import pyarrow as pa
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.masks.base import Distinct
from anonymizer.masks.draw import choose, strung
from anonymizer.masks.handle import Handles
from anonymizer.masks.tag import LENGTH
from anonymizer.masks.textual import NAMES, PersonMask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.cells import Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting
    from anonymizer.masks.draw import Numbers, Part

RESERVED = ("example.com", "example.net", "example.org")
"""Domains that belong to nobody (RFC 2606), so that no mail to them arrives."""
_DOMAIN = re.compile(r"(?!-)[A-Za-z0-9-]{1,63}(\.[A-Za-z0-9-]{1,63})*", re.ASCII)
_AT, _DOT = ord("@"), ord(".")
_IN_DOMAIN = np.isin(np.arange(256), np.frombuffer(f"{ascii_letters}{digits}-.".encode(), np.uint8))


@dataclass(frozen=True, slots=True, kw_only=True)
class Email(PersonMask):
    """Gives the name of *subject*, another column, or one by the value, and a token of the value.

    It looks like maria.lopez.4k2hq7zab3xwe@example.org; see `handle` on upper case. The domain says
    nothing of the one that was, unless *keep_domain*: then it stays, unless it is so long that
    no token fits before it. An empty value stays.
    """

    keep_domain: bool = False
    domains: Sequence[str] = ()
    """The domains to give; the reserved ones unless there are some."""

    name: ClassVar[str] = "email"
    kinds: ClassVar[tuple[str, ...]] = NAMES
    keeps: ClassVar[Distinct] = Distinct.LIKELY

    def __post_init__(self) -> None:
        if isinstance(self.domains, str):
            raise TypeError("domains are a list, even if there is one")
        object.__setattr__(self, "domains", tuple(self.domains) or RESERVED)
        for each in self.domains:
            if not _DOMAIN.fullmatch(each):
                raise ValueError(f"{each!r} is no domain")

    @override
    def refuses(self, column: Column) -> str | None:
        unfit = PersonMask.refuses(self, column)
        least = LENGTH + 1 + max(map(len, self.domains))
        if unfit is not None or column.length is None or column.length >= least:
            return unfit
        return f"it needs {least} characters, and this takes {column.length}"

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column."""
        handles = Handles.of(setting, locale=self.locale, subject=self.subject, separator=".")
        return _Bound(
            handles=handles,
            domains=tuple(f"@{each}".encode() for each in self.domains),
            keep_domain=self.keep_domain,
            length=setting.column.length,
        )


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class _Bound:
    handles: Handles
    domains: tuple[bytes, ...]
    """Each with its @."""
    keep_domain: bool
    length: int | None

    def __call__(self, values: Cells, others: Mapping[str, Cells]) -> Cells:
        values = values.packed()
        kept = self._kept(values) if self.keep_domain else None
        parts, numbers = self.handles.parts(values, others, self._room(kept))
        return strung(*parts, *self._domains(values, kept, numbers))

    def _kept(self, values: Cells) -> Cells:
        """Return the domains of *values*, each with its @; empty where none can be kept."""
        at = np.flatnonzero(values.data == _AT)
        places = np.append(at, -1)[np.searchsorted(at, values.ends) - 1]
        starts = np.where(places > values.starts, places, values.ends)
        # What is no domain may be anything: @maria.
        odd = np.append(0, np.cumsum(~_IN_DOMAIN[values.data]))
        dots = np.append(0, np.cumsum(values.data == _DOT))
        behind = np.minimum(starts + 1, values.ends)
        keep = (odd[values.ends] == odd[behind]) & (dots[values.ends] > dots[behind])
        if self.length is not None:
            keep &= values.ends - starts <= self.length - LENGTH
        return Cells(data=values.data, starts=np.where(keep, starts, values.ends), ends=values.ends)

    def _room(self, kept: Cells | None) -> Places | int | None:
        """Return how many characters the handle of each value may have."""
        if self.length is None:
            return None
        # The longest, so that the same person has the same names whatever domain is drawn.
        ours = max(map(len, self.domains))
        if kept is None:
            return self.length - ours
        return self.length - np.where(kept.lengths > 0, kept.lengths, ours)

    def _domains(self, values: Cells, kept: Cells | None, numbers: Numbers) -> Iterator[Part]:
        choices = pa.array([*self.domains, b""], pa.large_binary())
        chosen = choose(numbers, len(self.domains))
        chosen[values.lengths == 0] = len(self.domains)
        if kept is not None:
            chosen[kept.lengths > 0] = len(self.domains)
            yield kept.to_arrow(), np.arange(len(kept))
        yield choices, chosen
