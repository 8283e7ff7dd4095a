"""Keep: orders carried out, each result in a history as soon as it is there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import CiError
from ci.resume import keep

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.history import History
    from ci.order import Order
    from ci.result import Result
    from ci.scheduler.base import Executor
    from ci.state import State


def kept(
    executor: Executor, orders: Sequence[Order], history: History, state: State
) -> Iterator[tuple[Order, Result | CiError]]:
    """Yield each of *orders* with its result, or why there is none, as they come."""
    for order, answer in executor.answers(orders):
        try:
            result = answer.found()
        except CiError as error:
            yield order, error
        else:
            keep(result, order, history, state)
            yield order, result
