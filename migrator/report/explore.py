"""The report of `migrator explore`."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.explore import Explored


def lines(found: Explored) -> Iterator[str]:
    """Yield what a migration does for people: SQL, which may be as wide as it is, and a diff."""
    yield f"{found.number} {found.name} ({found.phase}): {found.doc}"
    for names, statements in _alike(found):
        yield ""
        yield f"-- {', '.join(names)}"
        yield from (text if text.startswith("--") else f"{text};" for text in statements)
        if not statements:
            yield "-- nothing"
    yield ""
    yield f"-- schema of {found.database}"
    if found.problem is not None:
        yield f"-- cannot be shown: {found.problem}"
        yield "-- use an empty database of yours instead: --in-database"
        return
    if found.after is None:
        yield "-- as it is now; it is not changed"
        yield from found.before
        return
    yield from found.diff or ("-- no difference",)


def _alike(found: Explored) -> Iterator[tuple[list[str], tuple[str, ...]]]:
    """Yield databases that are sent the same together."""
    groups: dict[tuple[str, ...], list[str]] = {}
    for name, statements in found.sql.items():
        groups.setdefault(statements, []).append(name)
    yield from ((names, statements) for statements, names in groups.items())
