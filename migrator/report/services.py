"""The report of `migrator services`."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.services import LiveService

WIDTHS = {"Service": 18, "Host": 18, "Process": 7, "Release": 9, "Seen": 7, "Id": 8}
SHORT_ID = 8


def lines(services: Sequence[LiveService]) -> Iterator[str]:
    """Yield the lines of *services* for people, at most 80 columns wide."""
    if not services:
        yield "no process has registered itself"
        return
    yield _line(list(WIDTHS), "")
    for each in services:
        cells = [each.name, each.host, str(each.pid), each.release or "", _ago(each.age)]
        yield _line([*cells, each.id[:SHORT_ID]], "" if each.alive else " over")


def as_json(services: Sequence[LiveService]) -> dict[str, Any]:
    """Return *services* as `--json` shows them, moments in UTC."""
    return {"services": [_shown(each) for each in services]}


def _shown(service: LiveService) -> dict[str, Any]:
    return {
        **asdict(service),
        "columns": None if service.columns is None else sorted(service.columns),
        "started_at": _moment(service.started_at),
        "last_seen": _moment(service.last_seen),
        "age": round(service.age, 1),
        "alive": service.alive,
    }


def _line(cells: Sequence[str], note: str) -> str:
    """Return the *cells* in their columns, those that are too long cut short."""
    fitted = (
        f"{cell if len(cell) <= width else cell[: width - 1] + '…':<{width}}"
        for cell, width in zip(cells, WIDTHS.values(), strict=True)
    )
    return ("  ".join(fitted) + note).rstrip()


def _ago(seconds: float) -> str:
    """Return how long ago, in the largest unit that leaves more than one of it."""
    for unit, length in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds / length:.0f} {unit}"
    return f"{max(seconds, 0):.0f} s"


def _moment(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds")
