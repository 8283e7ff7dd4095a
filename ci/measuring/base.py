"""What watches a database: it begins, a step runs, it ends and says what it saw."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.timing import Observation


class Watch(Protocol):
    """Watches one step at a time, in threads of its own, with sessions of its own.

    What it does itself is not counted. Times of an observation count from *origin*.
    """

    def begin(self, tables: Sequence[str]) -> None:
        """Begin to watch; *tables* are those that are probed, as an application would use them."""

    def end(self, *, origin: float, until: float) -> Observation:
        """End, and return what was seen between two moments of the monotonic clock."""
