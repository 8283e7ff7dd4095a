"""What migrator prints with `--json`, as far as the walk asks for it."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - msgspec reads the annotations

import msgspec
from typing_extensions import override

from ci.drivers.base import Batch, Began, Ended, Reason, Refused
from ci.drivers.lines import Count, Moment, Seconds, Statement, Told
from ci.timing import Kind, Step

_REASONS = {"GuardError": Reason.GUARD, "HistoryDivergedError": Reason.HISTORY}


class Pending(msgspec.Struct, frozen=True, kw_only=True):
    """A migration in `status --json`."""

    number: int
    name: str
    phase: Kind
    files: Sequence[str] = ()

    @property
    def step(self) -> Step:
        """The migration as a step."""
        return Step(
            version=str(self.number),
            name=self.name,
            kind=self.phase,
            path=next(iter(self.files), None),
        )


class Transition(msgspec.Struct, frozen=True, kw_only=True):
    """A transition in `status --json`."""

    name: str
    declared_in: int
    completed_by: int | None = None


class Status(msgspec.Struct, frozen=True, kw_only=True):
    """What `status --json` prints."""

    version: int
    pending: Sequence[Pending]
    transitions: Sequence[Transition]


class Blocker(msgspec.Struct, frozen=True, kw_only=True):
    """What blocks a contract."""

    table: str
    transition: str | None = None


class Error(Told, frozen=True, kw_only=True, tag="error"):
    """The last object when not all could be done."""

    error: str
    exit_code: int
    blockers: Sequence[Blocker] = ()

    @property
    @override
    def event(self) -> Refused:
        reason = _REASONS.get(self.error, Reason.ERROR)
        names = [name for each in self.blockers for name in (each.table, each.transition) if name]
        return Refused(reason=reason, error=self.error, names=tuple(dict.fromkeys(names)))


class Started(Told, frozen=True, kw_only=True, tag="started"):
    """A migration, or a transition, begins."""

    at: Moment
    version: int | None = None
    transition: str | None = None

    @property
    @override
    def event(self) -> Began:
        return Began(version=str(self.version or self.transition or ""), at=self.at)


class Moved(Told, frozen=True, kw_only=True, tag="batch"):
    """A batch ended."""

    at: Moment
    transition: str
    completed: Count
    seconds: Seconds

    @property
    @override
    def event(self) -> Batch:
        return Batch(
            transition=self.transition,
            rows=self.completed,
            seconds=self.seconds,
            at=self.at,
        )


class Finished(Told, frozen=True, kw_only=True, tag="finished"):
    """A migration is applied."""

    at: Moment
    version: int
    seconds: Seconds

    @property
    @override
    def event(self) -> Ended:
        return Ended(version=str(self.version), seconds=self.seconds, at=self.at)


class Outcome(Told, frozen=True, kw_only=True, tag="outcome"):
    """A transition has moved what it could."""

    at: Moment
    transition: str
    seconds: Seconds

    @property
    @override
    def event(self) -> Ended:
        return Ended(version=self.transition, seconds=self.seconds, at=self.at)


TOLD: msgspec.json.Decoder[Told] = msgspec.json.Decoder(
    Error | Started | Statement | Moved | Finished | Outcome
)
STATUS = msgspec.json.Decoder(Status)
ERROR = msgspec.json.Decoder(Error)
