"""Marks: the locks and stalls of a step as they are drawn on its time. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.timing import Access, Lock
from ci.units import duration

if TYPE_CHECKING:
    from ci.timing import Observation, Stall, Timing

MOST_SPANS = 60
"""Locks and stalls of a step that are drawn, the longest."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A lock or a stall in a timeline; *left* and *width* are shares of the step's time."""

    row: str
    left: float
    width: float
    seconds: str
    kind: str
    """read or write, whom it keeps out; gentle; waited; stall."""


def marks_of(timing: Timing) -> tuple[Mark, ...]:
    """Return the locks and stalls of *timing* that are worth drawing, by what they are of."""
    seen = timing.observation
    spans: list[Lock | Stall] = [*_worth_drawing(seen), *seen.stalls]
    longest = sorted(spans, key=lambda each: -each.seconds)[:MOST_SPANS]
    whole = max(timing.seconds, 1e-9)
    return tuple(_mark(each, whole) for each in sorted(longest, key=_place))


def _worth_drawing(seen: Observation) -> list[Lock]:
    """Return the locks that keep somebody out, or that were waited for."""
    return [each for each in seen.locks or () if each.blocks is not None or each.waited]


def _place(span: Lock | Stall) -> tuple[str, float]:
    return _label(span), span.began


def _label(span: Lock | Stall) -> str:
    if isinstance(span, Lock):
        return f"{span.table} {span.mode}{' (waited)' if span.waited else ''}"
    table = span.table or "database"
    return f"{table} {'read' if span.access is Access.READ else 'write'} stalled"


def _mark(span: Lock | Stall, whole: float) -> Mark:
    left = min(span.began / whole, 1.0)
    kind = "stall"
    if isinstance(span, Lock):
        kind = "waited" if span.waited else str(span.blocks)
    return Mark(
        row=_label(span),
        left=left,
        width=max(min(span.seconds / whole, 1 - left), 0.003),
        seconds=duration(span.seconds),
        kind=kind,
    )
