"""What the script in the sandbox tells of alembic."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - msgspec reads the annotations

import msgspec
from typing_extensions import override

from ci.drivers.base import Began, Ended, Reason, Refused
from ci.drivers.lines import Moment, Seconds, Statement, Told
from ci.timing import Kind, Step

_HISTORY = ("RangeNotAncestorError", "ResolutionError", "RevisionError")
"""What alembic raises for a revision in the database that the tree does not have."""


class Revision(msgspec.Struct, frozen=True, kw_only=True):
    """A revision that is not applied."""

    revision: str
    name: str
    path: str

    @property
    def step(self) -> Step:
        """The revision as a step."""
        return Step(version=self.revision, name=self.name, kind=Kind.UPGRADE, path=self.path)


class Found(Told, frozen=True, kw_only=True, tag="state"):
    """Where the database is."""

    current: Sequence[str]
    pending: Sequence[Revision]


class Error(Told, frozen=True, kw_only=True, tag="error"):
    """It could not be done."""

    error: str
    sqlstate: str | None = None

    @property
    @override
    def event(self) -> Refused:
        reason = Reason.HISTORY if self.error in _HISTORY else Reason.ERROR
        return Refused(reason=reason, error=self.error, sqlstate=self.sqlstate)


class Begun(Told, frozen=True, kw_only=True, tag="began"):
    """A revision begins."""

    at: Moment
    revision: str

    @property
    @override
    def event(self) -> Began:
        return Began(version=self.revision, at=self.at)


class Done(Told, frozen=True, kw_only=True, tag="ended"):
    """A revision is applied and committed."""

    at: Moment
    revision: str
    seconds: Seconds

    @property
    @override
    def event(self) -> Ended:
        return Ended(version=self.revision, seconds=self.seconds, at=self.at)


TOLD: msgspec.json.Decoder[Told] = msgspec.json.Decoder(Error | Begun | Statement | Done)
STATE: msgspec.json.Decoder[Found | Error] = msgspec.json.Decoder(Found | Error)
