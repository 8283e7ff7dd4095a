"""Report: what drifted, and with all figures what did not, on lines of 80 columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.column import TableName
    from anonymizer.fidelity.compare import Fidelity
    from anonymizer.fidelity.drift import Drift
    from anonymizer.fidelity.profile import FanOut, Figures, TableFigures

WIDTH = 80
_NAME = 18
_SHARES = frozenset({"nulls", "top", "lengths", "order"})
"""Figures whose limit is a difference."""
_WHOLE = frozenset({"rows", "distinct", "fan-out most"})


def lines(fidelity: Fidelity, *, figures: bool = False) -> Iterator[str]:
    """Yield the report; with *figures* each column has a line of its own."""
    for name in sorted({*fidelity.before, *fidelity.after}):
        yield from _table(fidelity, name, figures=figures)
    count = len(fidelity.drifts) + len(fidelity.missing)
    tables = {each.table for each in fidelity.drifts} | set(map(str, fidelity.missing))
    what = "1 figure" if count == 1 else f"{count} figures"
    yield f"{what} drifted, in {len(tables)} of {len(fidelity.before)} tables"


def _table(fidelity: Fidelity, name: TableName, *, figures: bool) -> Iterator[str]:
    before, after = fidelity.before.get(name), fidelity.after.get(name)
    if before is None or after is None:
        yield f"{_cut(str(name), WIDTH - 23)}: only in {'the output' if after else 'the original'}"
        return
    rows = f"{before.rows:,} -> {after.rows:,} rows"
    widths = f"{_width(before):,.1f} -> {_width(after):,.1f} bytes a row"
    yield f"{_cut(str(name), WIDTH - len(rows) - len(widths) - 4)}: {rows}, {widths}"
    if figures:
        yield from _figures(before, after)
    for drift in fidelity.drifts:
        if drift.table == str(name):
            yield from _drift(drift)


def _figures(before: TableFigures, after: TableFigures) -> Iterator[str]:
    """Yield the figures of each column, before and after."""
    heads = (("bytes", 13), ("distinct", 19), ("null %", 7), ("top %", 7), ("order", 9))
    yield f"  {'':{_NAME}}" + "".join(f" {head:>{width}}" for head, width in heads)
    for name, old in before.columns.items():
        new = after.columns.get(name)
        yield f"  {_cut(name, _NAME):{_NAME}}" + (_row(old, new) if new else " is not there")
    for name, fan_out in before.references.items():
        now = after.references.get(name)
        yield f"  {_cut(name, _NAME):{_NAME}} refer to one:" + (
            _fan_out(fan_out, now) if now else ""
        )


def _row(old: Figures, new: Figures) -> str:
    return (
        f" {old.bytes:6.1f} {new.bytes:6.1f} {old.distinct:9,} {new.distinct:9,}"
        f" {100 * old.nulls:3.0f} {100 * new.nulls:3.0f} {100 * old.top:3.0f} {100 * new.top:3.0f}"
        f" {old.order:4.1f} {new.order:4.1f}"
    )


def _fan_out(old: FanOut, new: FanOut) -> str:
    return f" mean {old.mean:.1f} {new.mean:.1f}, most {old.most:,} {new.most:,}"


def _drift(drift: Drift) -> Iterator[str]:
    """Yield a figure that drifted."""
    of = f"{drift.of} " if drift.of else ""
    said = f"{_number(drift, drift.before)} -> {_number(drift, drift.after)}"
    limit = f"{drift.limit:.2f}" if drift.figure in _SHARES else f"{100 * drift.limit:.0f} %"
    text = f"{drift.figure} {said}, may differ by {limit}"
    yield f"  ! {_cut(of, WIDTH - len(text) - 4)}{text}"


def _number(drift: Drift, value: float) -> str:
    return f"{value:,.0f}" if drift.figure in _WHOLE else f"{value:,.2f}"


def _width(figures: TableFigures) -> float:
    return sum(each.bytes * (1 - each.nulls) for each in figures.columns.values())


def _cut(text: str, width: int) -> str:
    """Return *text*, its middle left out where it is too long."""
    if len(text) <= width:
        return text
    half = max(1, (width - 1) // 2)
    return f"{text[:half]}…{text[-half:]}"
