"""What the guard speaks of: blockers, the work of a contract, its record in the history."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol, TypeAlias

from typing_extensions import override

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sqlalchemy.engine import Connection

Work: TypeAlias = "Sequence[str] | Callable[[Connection], None]"
"""A contract's rendered statements, or its function when it needs a live connection."""


class Place(NamedTuple):
    """A column, or a whole table when *column* is None, that a contract drops or narrows."""

    schema: str | None
    table: str
    column: str | None = None

    @override
    def __str__(self) -> str:
        return ".".join(part for part in self if part)


@dataclass(frozen=True, slots=True, kw_only=True)
class Blocker:
    """One reason why a contract is not let through, and the command that leads on."""

    table: str
    reason: str
    command: str
    transition: str | None = None
    pending: int = 0
    """Rows of the whole table, soft-deleted ones included, that still need the transition."""
    quarantined: int = 0
    skipped: int = 0
    sample: tuple[str, ...] = ()
    """Up to five primary keys of pending rows, as 'id=3'."""

    @override
    def __str__(self) -> str:
        return f"{self.table}: {self.reason}"

    def as_json(self) -> dict[str, Any]:
        """Return the blocker as `--json` shows it."""
        return asdict(self)


class Record(Protocol):
    """The history's row of the contract that runs; `apply` writes it, the guard says when.

    Every method gets a connection inside a transaction that the guard commits. What runs
    in one transaction is noted in that transaction. Any other statement stands between
    `intend` and `did` or `stopped`, written over a second connection, because LOCK TABLES
    holds the first to the tables it locks.
    """

    def done(self, connection: Connection) -> int | None:
        """Return how many statements an earlier run finished, None when it never began."""

    def intend(self, connection: Connection, index: int, statement: str) -> None:
        """Note that statement *index*, counted from 0, is about to be sent."""

    def did(self, connection: Connection, index: int) -> None:
        """Note that statement *index* is done."""

    def stopped(self, connection: Connection, index: int) -> None:
        """Note that statement *index* was refused and did nothing."""

    def applied(self, connection: Connection, note: str | None = None) -> None:
        """Note that the contract is done; *note* says what was abandoned or overridden."""
