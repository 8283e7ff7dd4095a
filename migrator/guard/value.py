"""What the guard speaks of: blockers, the work of a contract, its record in the history."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, TypeAlias

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection

Work: TypeAlias = "Sequence[str] | Callable[[Connection], None]"
"""A contract's rendered statements, or its function when it needs a live connection."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason why a contract is not let through, and the command that removes it."""

    table: str
    reason: str
    command: str
    transition: str | None = None
    pending: int = 0
    """Rows of the whole table, soft-deleted ones included, that still need the transition."""
    quarantined: int = 0
    skipped: int = 0
    sample: tuple[str, ...] = ()
    """Up to five primary keys of pending rows."""


class Record(Protocol):
    """The history's row of the contract that runs; `apply` writes it, the guard says when.

    Every method gets a connection inside a transaction that the guard commits. Where DDL
    is transactional only :meth:`applied` is called, in the transaction of the drop. Where
    it is not, each statement stands between :meth:`intend` and :meth:`did`, written over a
    second connection, because LOCK TABLES holds the first to the tables it locks.
    """

    def done(self, connection: Connection) -> int | None:
        """Return how many statements an earlier run finished, None when it never began."""

    def intend(self, connection: Connection, index: int, statement: str) -> None:
        """Note that statement *index*, counted from 0, is about to be sent."""

    def did(self, connection: Connection, index: int) -> None:
        """Note that statement *index* is done."""

    def applied(self, connection: Connection, note: str | None) -> None:
        """Note that the contract is done; *note* says what was abandoned or overridden."""
