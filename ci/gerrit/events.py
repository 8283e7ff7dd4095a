"""Events: what `gerrit stream-events` says, a line of JSON each, as values that may be trusted.

Any field may be absent, of another kind, or hostile: what is not as it should be counts as
absent. Subjects, commit messages and topics are not even read.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, TypeAlias

import msgspec

if TYPE_CHECKING:
    from collections.abc import Iterator

LINE_BYTES = 1 << 20
"""A longer line is no event."""
COMMENT_LENGTH = 16_384
NAME_LENGTH = 255
MOST_ENTRIES = 1000
"""Of a list, the last."""
LARGEST = (1 << 31) - 1
"""Of numbers of changes and of patch sets, as Gerrit has them."""
PATCH_SET_LEVEL = "/PATCHSET_LEVEL"
"""The file that comments on a whole patch set are on."""

Table: TypeAlias = "Mapping[str, object]"

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_NUMBER = re.compile(r"[1-9][0-9]{0,9}")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


class Type(StrEnum):
    """The events that mean something to us."""

    PATCH_SET = "patchset-created"
    COMMENT = "comment-added"
    ABANDONED = "change-abandoned"
    RESTORED = "change-restored"
    DELETED = "change-deleted"
    MERGED = "change-merged"
    WIP = "wip-state-changed"
    PRIVATE = "private-state-changed"
    DROPPED = "dropped-output"
    """The server has thrown away events that we were too slow for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A change, whatever its patch sets."""

    project: str
    branch: str
    """Without refs/heads/."""
    number: int
    wip: bool = False
    private: bool = False
    status: str = "NEW"

    @property
    def open(self) -> bool:
        """Whether it may still be merged."""
        return self.status not in {"MERGED", "ABANDONED"}


@dataclass(frozen=True, slots=True, kw_only=True)
class PatchSet:
    """One version of a change."""

    number: int
    revision: str
    """Its commit."""
    kind: str = "REWORK"
    """What is different from the patch set before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened."""

    type: Type
    at: int | None = None
    """Seconds since 1970 on the server's clock."""
    change: Change | None = None
    patch_set: PatchSet | None = None
    author: str = ""
    """User name of who commented."""
    comment: str = ""
    remarks: tuple[str, ...] | None = None
    """Comments on the whole patch set, where the event brings them."""


def read_event(line: bytes) -> Event | None:
    """Return the event in *line*; None where it is none that means something to us."""
    table = read_table(line)
    said = table.get("type")
    if not isinstance(said, str) or said not in set(Type):
        return None
    change = read_change(table.get("change"))
    return Event(
        type=Type(said),
        at=number(table, "eventCreatedOn"),
        change=change,
        patch_set=read_patch_set(table.get("patchSet") or table.get("patchset"), change),
        author=text(inner(table, "author"), "username"),
        comment=prose(table, "comment"),
        remarks=_remarks(inner(table, "patchSetComments")),
    )


def read_table(line: bytes) -> Table:
    """Return the object in *line*, an empty one for anything else."""
    if len(line) > LINE_BYTES:
        return {}
    try:
        found = msgspec.json.decode(line)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def read_change(said: object) -> Change | None:
    """Return the change that an event or a query describes."""
    table = said if isinstance(said, Mapping) else {}
    project, branch = text(table, "project"), text(table, "branch")
    found = number(table, "number") or number(table, "_number")
    if not project or not branch or not found:
        return None
    return Change(
        project=project,
        branch=branch.removeprefix("refs/heads/"),
        number=found,
        wip=table.get("wip") is True or table.get("work_in_progress") is True,
        private=table.get("private") is True or table.get("is_private") is True,
        status=text(table, "status") or "NEW",
    )


def read_patch_set(said: object, change: Change | None) -> PatchSet | None:
    """Return the patch set that is described; None where its ref is not that of *change*."""
    table = said if isinstance(said, Mapping) else {}
    found, sha = number(table, "number") or number(table, "_number"), text(table, "revision")
    if change is None or not found or not _SHA.fullmatch(sha):
        return None
    if table.get("ref") not in (None, "", ref_of(change.number, found)):
        return None
    return PatchSet(number=found, revision=sha, kind=text(table, "kind") or "REWORK")


def ref_of(change: int, patch_set: int) -> str:
    """Return where a patch set can be fetched: refs/changes/34/1234/5."""
    return f"refs/changes/{change % 100:02}/{change}/{patch_set}"


def number(table: Table, key: str) -> int | None:
    """Return a positive number, which old servers write as a string."""
    found = table.get(key)
    if isinstance(found, str) and _NUMBER.fullmatch(found):
        found = int(found)
    right = isinstance(found, int) and not isinstance(found, bool) and 0 < found <= LARGEST
    return found if right else None  # type: ignore[return-value]  # it is an int then


def text(table: Table, key: str) -> str:
    """Return a name of one line; an empty one where it is none."""
    found = table.get(key)
    right = isinstance(found, str) and len(found) <= NAME_LENGTH and not _UNSEEN.search(found)
    return str(found) if right else ""


def prose(table: Table, key: str) -> str:
    """Return the beginning of a text of many lines."""
    found = table.get(key)
    return found[:COMMENT_LENGTH] if isinstance(found, str) else ""


def inner(table: Table, key: str) -> Table:
    """Return the object at *key*, an empty one where there is none."""
    found = table.get(key)
    return found if isinstance(found, Mapping) else {}


def tables(said: object) -> Iterator[Table]:
    """Yield the objects in a list, the last of a long one."""
    if isinstance(said, list):
        yield from (each for each in said[-MOST_ENTRIES:] if isinstance(each, Mapping))


def plain(said: str) -> str:
    """Return *said* on one line, with nothing in it that a terminal acts on."""
    return _UNSEEN.sub("\N{REPLACEMENT CHARACTER}", " ".join(said.split()))


def _remarks(table: Table) -> tuple[str, ...] | None:
    if PATCH_SET_LEVEL not in table:
        return None
    return tuple(prose(each, "message") for each in tables(table[PATCH_SET_LEVEL]))
