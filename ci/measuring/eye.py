"""An eye: what can be seen of one engine. The watch says when it looks."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from ci.timing import Access, Counters, Statement


@dataclass(frozen=True, slots=True, kw_only=True)
class Probe:
    """What an application would do to a table, over a session of its own."""

    table: str
    access: Access
    ask: Callable[[], bool]
    """Reads, or locks a row to write it, and lets go at once; says whether it was let in.

    It gives up soon: what it holds meanwhile could be what a migration waits for. Raises
    SQLAlchemyError when the table is gone.
    """
    close: Callable[[], None]
    """Ends the session."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """A lock of the code under test, at one moment."""

    table: str
    mode: str
    waited: bool
    blocks: Access | None


class Eye(Protocol):
    """What can be asked of one engine while the code under test works in it."""

    def begin(self) -> None:
        """Open its sessions, remember how far counters are, forget statements so far."""

    def probes(self, tables: Sequence[str]) -> Sequence[Probe]:
        """Return what probes *tables*: reads and writes of each, as far as it can be done."""

    def locks(self) -> Iterable[Held] | None:
        """Return the locks that the code under test holds or waits for at this moment.

        None where the engine does not tell.
        """

    def account(self) -> tuple[Counters, tuple[Statement, ...]]:
        """Return what was done since `begin`, and the slowest statements, as far as it knows.

        What probes have read is not in it, nor by how much tables have grown.
        """

    def cut(self) -> None:
        """End the sessions of probes: a function of the code under test can sit out a timeout."""

    def close(self) -> None:
        """End its sessions, until it begins again: the server may be another one by then."""
