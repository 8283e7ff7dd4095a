"""Triggers: what an event asks for. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from ci.gerrit.events import Type

if TYPE_CHECKING:
    from ci.gerrit.events import Event

SAME_CODE = {"NO_CHANGE", "NO_CODE_CHANGE"}
"""Kinds of patch sets whose tree and parent are those of the one before; any other may differ."""

GONE = {Type.ABANDONED, Type.MERGED, Type.DELETED}

_LABEL = r"[A-Za-z][\w-]{0,60}"
_PREFIX = re.compile(
    rf"\s*Patch Set \d{{1,6}}:(?:\s+(?:-{_LABEL}|{_LABEL}[+-]\d{{1,2}})(?=\s|\Z))*", re.ASCII
)
"""What Gerrit puts before a comment: the patch set, and the votes that come with it."""
_COUNTED = re.compile(r"\s*\(\d{1,6} comments?\)", re.ASCII)
"""What stands there instead of, or before, comments that are elsewhere."""


class Act(StrEnum):
    """What is to be done about a change."""

    NOTHING = "nothing"
    RUN = "run"
    """Once for each patch set."""
    AGAIN = "again"
    """Of the current patch set, also if it was run before."""
    FOLLOW = "follow"
    """Only if a run of an older patch set ends because of this one."""
    ASK = "ask"
    """The text of the comment is not in the event: the server knows it."""
    CANCEL = "cancel"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """Which events are for us."""

    project: str
    user: str
    """Our own account."""
    recheck: str = "recheck"


def act_on(event: Event, rules: Rules) -> Act:
    """Return what *event* asks for."""
    change = event.change
    if change is None or change.project != rules.project or change.branch.startswith("refs/"):
        return Act.NOTHING
    if event.type in GONE or change.private:
        return Act.CANCEL
    if event.type is Type.COMMENT:
        return _comment(event, rules)
    return _code(event, wip=change.wip)


def _code(event: Event, *, wip: bool) -> Act:
    """Return what there is to do about the code, which is new, or may be looked at now."""
    new = event.type is Type.PATCH_SET
    if wip:
        return Act.CANCEL if new else Act.NOTHING
    if event.patch_set is None:
        # Old servers do not say which patch set it is that is no longer in progress.
        return Act.ASK
    return Act.FOLLOW if new and event.patch_set.kind in SAME_CODE else Act.RUN


def _comment(event: Event, rules: Rules) -> Act:
    if event.author == rules.user or (event.change and not event.change.open):
        return Act.NOTHING
    if any(asks(each, rules.recheck) for each in (event.comment, *(event.remarks or ()))):
        return Act.AGAIN
    hidden = event.remarks is None and _COUNTED.match(_PREFIX.sub("", event.comment, 1))
    return Act.ASK if hidden else Act.NOTHING


def asks(comment: str, recheck: str) -> bool:
    """Return whether *comment* begins with *recheck*, behind what Gerrit puts before it."""
    said = comment
    for before in (_PREFIX, _COUNTED):
        found = before.match(said)
        said = said[found.end() :] if found else said
    return bool(re.match(rf"\s*{re.escape(recheck)}(?![\w-])", said, re.IGNORECASE))
