"""The report of `migrator status`."""

from __future__ import annotations

from textwrap import wrap
from typing import TYPE_CHECKING

from migrator.config import show_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.guard import Blocker
    from migrator.status import Pending, Progress, Status

WIDTH = 80


def lines(status: Status, url: str) -> Iterator[str]:
    """Yield the lines of *status* for people, at most 80 columns wide where names allow."""
    at = f"version {status.version} of {status.latest}"
    at += f", release {status.release}" if status.release else ""
    before = sum(each.number < status.version for each in status.pending)
    yield f"Database    {show_url(url)}"
    yield f"Applied     {at}" + (f"; {before} before it pending" if before else "")
    yield ""
    yield from _pending(status)
    if status.transitions:
        yield ""
        yield from _transitions(status)
    if status.contract is not None:
        yield ""
        yield from _contract(status.contract, status.blockers)


def _pending(status: Status) -> Iterator[str]:
    if not status.pending:
        yield "Pending     nothing"
        return
    yield "Pending"
    for each in status.pending:
        half = " (half applied)" if each.half_applied else ""
        yield f"  {each.number:>5}  {each.phase:<8}  {each.name}{half}"


def _transitions(status: Status) -> Iterator[str]:
    name = max(10, *(len(each.name) for each in status.transitions))
    yield f"{'Transition':<{name}}  {'Done':>6}  {'Rows':>11}  {'Pending':>11}  Contract"
    for each in status.transitions:
        contract = "none yet" if each.completed_by is None else f"{each.completed_by}"
        done = "?" if each.percent is None else f"{each.percent:.1f}%"
        rows, pending = (
            "?" if count is None else f"{count:,}" for count in (each.rows, each.pending)
        )
        yield f"{each.name:<{name}}  {done:>6}  {rows:>11}  {pending:>11}  {contract}"
        yield from _details(each)


def _details(each: Progress) -> Iterator[str]:
    if each.problem is not None:
        yield from wrap(each.problem, WIDTH, initial_indent="  ", subsequent_indent="    ")
    if each.left and each.left.skipped:
        yield f"  {each.left.skipped:,} in a transitional state, left for later"
    if each.left and each.left.failed:
        yield f"  {each.left.failed:,} in quarantine; after mending: --retry-failed"
        for reason, count in sorted(each.reasons.items()):
            yield from wrap(
                f"{count:,} x {reason}", WIDTH, initial_indent="    ", subsequent_indent="      "
            )
    for owner in each.workers:
        yield f"  being moved by {owner}"


def _contract(contract: Pending, blockers: tuple[Blocker, ...] | None) -> Iterator[str]:
    title = f"Contract {contract.number} {contract.name}"
    if blockers is None:
        yield f"{title}: what blocks it says migrator guard"
        return
    if not blockers:
        yield f"{title}: nothing blocks it; migrator sync"
        return
    yield f"{title} is blocked:"
    for blocker in blockers:
        yield from wrap(str(blocker), WIDTH, initial_indent="  ", subsequent_indent="    ")
        yield f"    run: {blocker.command}"
