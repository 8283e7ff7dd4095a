"""Trying: orders carried out, each kept as it comes, and published at the end."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.environment import prune
from ci.errors import CiError
from ci.history import open_history
from ci.pages import publish, retire, view_of
from ci.resume import done, forget_private
from ci.scheduler import kept
from ci.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ci.commands.screen import Screen
    from ci.history import History
    from ci.order import Order
    from ci.report.view import View
    from ci.scheduler import Executor
    from ci.settings import Settings
    from ci.state import State


@dataclass(frozen=True, slots=True, kw_only=True)
class Trying:
    """One run: who carries it out, and where what is found goes."""

    run: str
    executor: Executor
    state: State
    settings: Settings
    screen: Screen
    pages: Path | None = None
    again: bool = False


def tried(trying: Trying, orders: Sequence[Order]) -> View:
    """Carry out *orders* and return the run, which is in the history then.

    What was found is kept also when the run is cut short. Raises the error of an order that
    could not be carried out, once all others are.
    """
    with open_history(trying.state.history) as history:
        try:
            refused = _carry_out(trying, orders, history)
        except KeyboardInterrupt:
            trying.screen.say(f"to go on where it was: the same command with --run {trying.run}")
            raise
        contact = trying.settings.contact
        seen = view_of(history, trying.run, contact=contact)
        days = trying.settings.retention_days
        retire(history, trying.pages or trying.state.pages, days=days)
        forget_private(trying.state, days=days)
        prune(trying.state.environments, days=days)
        if trying.pages is not None and seen is not None:
            publish(history, trying.run, trying.pages, contact=contact)
    if refused:
        raise refused[0]
    assert seen is not None  # noqa: S101 - all were carried out
    return seen


def _carry_out(trying: Trying, orders: Sequence[Order], history: History) -> list[CiError]:
    """Carry out what is not done; return the errors of what could not be."""
    say = trying.screen.say
    say(f"run {trying.run}: {', '.join(each.dataset for each in orders)}")
    todo = []
    for each in orders:
        if trying.again or done(each, history, trying.state) is None:
            todo.append(each)
        else:
            say(f"{each.dataset}: done before")
    refused = []
    for order, found in kept(trying.executor, todo, history, trying.state):
        trying.screen.done(order)
        if isinstance(found, CiError):
            say(f"{order.dataset}: {found.message}")
            refused.append(found)
        else:
            say(f"{order.dataset}: {found.colour} in {duration(found.seconds)}")
    return refused
