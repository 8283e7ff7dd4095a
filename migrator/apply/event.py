"""An event: something that a run tells while it goes on."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

if TYPE_CHECKING:
    from migrator.lock import Session
    from migrator.patience import Again


@dataclass(frozen=True, slots=True, kw_only=True)
class Accepted:
    """The files of an applied migration are taken as they are now."""

    version: int
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Started:
    """A migration begins, or goes on after statement *resumed_at* that was done before."""

    version: int
    name: str
    phase: str
    resumed_at: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Retried:
    """Something failed that may pass, and is tried again after a pause."""

    version: int | None
    reason: str
    attempt: int
    wait_seconds: float
    blockers: tuple[Session, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Waiting:
    """A statement without a time limit waits for other sessions."""

    version: int
    blockers: tuple[Session, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Noted:
    """Something worth a line: what the guard does, an index that is built again."""

    version: int
    text: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Finished:
    """A migration is applied."""

    version: int
    name: str
    phase: str
    seconds: float


Event: TypeAlias = Accepted | Started | Retried | Waiting | Noted | Finished
Listener: TypeAlias = Callable[[Event], None]


def retried(again: Again) -> Retried:
    """Return the event that tells of *again*."""
    return Retried(
        version=again.task.number,
        reason=again.reason,
        attempt=again.attempt,
        wait_seconds=again.wait_seconds,
        blockers=again.blockers,
    )


def ignore(_event: Event) -> None:
    """Listen to nothing."""
