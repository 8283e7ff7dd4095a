"""Server: what a code review server is asked, and what it answers, over HTTP or over ssh."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol, TypeAlias

from ci.errors import ReviewError
from ci.gerrit.events import Event, Type

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from datetime import datetime

    from ci.gerrit.events import Change, PatchSet

MOST_PAGES = 100
PAGE = 100
"""Changes that are asked for at once."""
ANSWER_BYTES = 32 << 20
"""A larger answer is none."""

Review: TypeAlias = "Mapping[str, Any]"
"""A ReviewInput, as Gerrit's documentation has it."""


class RefusedError(ReviewError):
    """The server understood, and will not: the same request is not sent again.

    *status* is HTTP's; 400 where there is none.
    """

    def __init__(self, message: str, *, status: int = 400, hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.status = status


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """What was said of a change as a whole."""

    author: str
    """User name; empty where the server does not say."""
    text: str
    at: int
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """A change as it is now."""

    change: Change
    patch_set: PatchSet
    """The current one."""
    messages: tuple[Message, ...] = ()
    updated: int = 0

    def events(self, since: int) -> Iterator[Event]:
        """Yield what stream-events may have said of it *since* a moment."""
        gone = {"MERGED": Type.MERGED, "ABANDONED": Type.ABANDONED}.get(self.change.status)
        yield self._event(gone or Type.PATCH_SET, self.updated)
        for each in self.messages if gone is None else ():
            if each.at >= since:
                yield self._event(Type.COMMENT, each.at, author=each.author, comment=each.text)

    def _event(self, kind: Type, at: int, *, author: str = "", comment: str = "") -> Event:
        return Event(
            type=kind,
            at=at,
            change=self.change,
            patch_set=self.patch_set,
            author=author,
            comment=comment,
        )


class Server(Protocol):
    """Gerrit, as we use it. Each of these raises ReviewError when it cannot be reached."""

    def updated(self, project: str, since: datetime) -> Iterator[Known]:
        """Yield the changes of *project* of which something is new, the newest first."""

    def look(self, project: str, change: int) -> Known | None:
        """Return a change with its messages; None where there is none that we may see."""

    def remarks(self, project: str, change: int, patch_set: int) -> tuple[Message, ...]:
        """Return the comments on a patch set as a whole."""

    def post(self, project: str, change: int, patch_set: PatchSet, review: Review) -> None:
        """Post *review* on a patch set. Raises RefusedError where that is not allowed."""
