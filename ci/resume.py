"""Resume: what a run that was cut short has done already, and what is too old to be kept."""

from __future__ import annotations

import hashlib
import time
from typing import TYPE_CHECKING

from ci.order import encode as encode_order
from ci.programs import remove
from ci.result import encode as encode_result

if TYPE_CHECKING:
    from pathlib import Path

    from ci.history import History
    from ci.order import Order
    from ci.result import Result
    from ci.state import State

DAY = 86400


def keep(result: Result, order: Order, history: History, state: State) -> None:
    """Add *result* to the history, as that of *order*."""
    # The mark first: it counts from the moment on at which its result is in the history.
    half = _mark(order, state).with_suffix(".half")
    half.write_text(_said(order, result))
    half.replace(_mark(order, state))
    history.add(result)


def done(order: Order, history: History, state: State) -> Result | None:
    """Return what an earlier try of the run has found for the same *order*; None for nothing.

    What could not be set up is no result: it is tried again.
    """
    mark = _mark(order, state)
    if not mark.is_file():
        return None
    said = mark.read_text()
    found = (each for each in history.results(order.run) if each.dataset == order.dataset)
    return next((each for each in found if said == _said(order, each) and not each.failures), None)


def forget_private(state: State, *, days: int) -> None:
    """Remove what was said in runs, in private, where nothing was added for so many *days*."""
    for folder in (state.folder / "private").glob("*"):
        if time.time() - folder.stat().st_mtime > days * DAY:
            remove(folder)


def _mark(order: Order, state: State) -> Path:
    return state.private(order.run) / f"{order.dataset}.done"


def _said(order: Order, result: Result) -> str:
    """Return what tells an order and its result from all others."""
    documents = (encode_order(order), encode_result(result))
    return " ".join(hashlib.sha256(each).hexdigest() for each in documents)
