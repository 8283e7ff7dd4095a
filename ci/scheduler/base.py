"""What carries out orders."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.order import Order
    from ci.scheduler.answer import Answer


class Executor(Protocol):
    """Carries out orders; a context, at whose end nothing of them runs any more."""

    def __enter__(self) -> Self: ...

    def __exit__(self, *_: object) -> None: ...

    def answers(self, orders: Sequence[Order]) -> Iterator[tuple[Order, Answer]]:
        """Yield each order with its answer, as they come."""
