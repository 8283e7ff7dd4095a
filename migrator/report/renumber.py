"""The report of `migrator renumber`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.renumber import Mended


def lines(mended: Mended) -> Iterator[str]:
    """Yield what changes, for people."""
    if mended.order is not None:
        label = f" ({mended.label})" if mended.label else ""
        yield f"{mended.order.keeps.value.capitalize()}{label} keeps its numbers:"
        yield f"  {mended.order.why}."
    for move in mended.moves:
        yield f"  {move.before:>5} -> {move.after:<5} {move.name}"
    if not mended.moves:
        yield "  No entry gets another number."
    for release in mended.releases:
        yield f"  release {release.name} ends with {release.after}, was {release.before}"


def as_json(mended: Mended | None, *, looked: str | None, written: bool) -> dict[str, Any]:
    """Return the same as one object; *looked* is None where no database was looked at."""
    if mended is None:
        return {"changed": False, "written": False, "moves": [], "releases": []}
    order = mended.order
    return {
        "changed": True,
        "written": written,
        "keeps": order and order.keeps.value,
        "why": order and order.why,
        "moves": [
            {"name": move.name, "before": move.before, "after": move.after} for move in mended.moves
        ],
        "releases": [
            {"name": each.name, "before": each.before, "after": each.after}
            for each in mended.releases
        ],
        "database": looked,
    }
