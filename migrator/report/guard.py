"""The report of `migrator guard`."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.guard.explain import Explained

WIDTH = 80
LABEL = 12
INDENT = 2
FENCED = "a fence will refuse late writers"
LOCKED = "a lock will keep writers out"


def lines(contracts: Sequence[Explained]) -> Iterator[str]:
    """Yield the lines of *contracts* for people, at most 80 columns wide where names allow."""
    if not contracts:
        yield "no contract is pending"
    for place, contract in enumerate(contracts):
        if place:
            yield ""
        yield from _contract(contract)


def _contract(contract: Explained) -> Iterator[str]:
    yield from _wrapped(f"Contract {contract.number} {contract.name}", "")
    if contract.doc:
        yield from _wrapped(contract.doc, " " * INDENT)
    yield from _labelled("drops", ", ".join(contract.drops))
    yield from _labelled("takes more", "; ".join(contract.takes))
    yield from _labelled("completes", ", ".join(contract.completes))
    yield from _labelled("abandons", ", ".join(contract.abandons))
    yield from _labelled("left over", ", ".join(contract.fences))
    if not contract.blockers:
        yield from _labelled("open", f"nothing blocks it{_way(contract)}")
        yield from _labelled("", "run: migrator sync")
    for blocker in contract.blockers:
        yield from _labelled("blocked", str(blocker))
        if blocker.sample:
            yield from _labelled("", f"rows {'; '.join(blocker.sample)}")
        yield from _labelled("", f"run: {blocker.command}")


def _way(contract: Explained) -> str:
    """Return how late writers are kept out while it runs."""
    if not contract.completes:
        return ""
    fenced = set(contract.completes) <= set(contract.fenced)
    return f"; {FENCED if fenced else LOCKED}"


def _labelled(label: str, text: str) -> Iterator[str]:
    if text:
        first = f"{'':{INDENT}}{label:<{LABEL}}"
        yield from _wrapped(text, first)


def _wrapped(text: str, first: str) -> Iterator[str]:
    yield from wrap(
        text,
        WIDTH,
        initial_indent=first,
        subsequent_indent=" " * max(len(first), INDENT),
        break_long_words=False,
        break_on_hyphens=False,
    )
