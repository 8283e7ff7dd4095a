"""A conflict of git: one text with markers, read as the two texts it was made of."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum, auto

from migrator.errors import ManifestError

_MARKER = re.compile(r"(?P<sign><{7,}|\|{7,}|={7,}|>{7,})(?: (?P<label>.*?))?\s*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Side:
    """One of the two texts."""

    label: str
    """What git calls it: HEAD, a branch or a commit."""
    text: str
    lines: tuple[int, ...]
    """Line of the text → line of the file with the markers, both counted from 1."""


class _Part(Enum):
    """Where in the file the reading is."""

    BOTH = auto()
    OURS = auto()
    BASE = auto()
    THEIRS = auto()


_NEXT = {
    (_Part.BOTH, "<"): _Part.OURS,
    (_Part.OURS, "|"): _Part.BASE,
    (_Part.OURS, "="): _Part.THEIRS,
    (_Part.BASE, "="): _Part.THEIRS,
    (_Part.THEIRS, ">"): _Part.BOTH,
}
_OF_OURS = (_Part.BOTH, _Part.OURS)
_OF_THEIRS = (_Part.BOTH, _Part.THEIRS)


def sides(text: str) -> tuple[Side, Side] | None:
    """Return the two sides of the conflicts in *text*, ours and theirs as git says, or None.

    Ours is the upper one, which is called HEAD; a base between them (diff3, zdiff3) is left
    out, with the longer markers of the conflict that it may be itself. Raises ManifestError
    when a marker is without its partners.
    """
    part, labels = _Part.BOTH, {"<": "", ">": ""}
    ours: list[tuple[int, str]] = []
    theirs: list[tuple[int, str]] = []
    number = size = 0
    for number, line in enumerate(text.splitlines(keepends=True), start=1):
        marker = _MARKER.fullmatch(line)
        if marker is None or len(marker["sign"]) != (size or len(marker["sign"])):
            ours += [(number, line)] if part in _OF_OURS else []
            theirs += [(number, line)] if part in _OF_THEIRS else []
            continue
        size, part = len(marker["sign"]), _after(part, marker["sign"][0], number)
        labels[marker["sign"][0]] = marker["label"] or labels.get(marker["sign"][0], "")
    if part is not _Part.BOTH:
        raise _half(number)
    return (_side(labels["<"], ours), _side(labels[">"], theirs)) if size else None


def _after(part: _Part, sign: str, line: int) -> _Part:
    """Return the part that begins with a marker; raise ManifestError if it cannot be here."""
    if (part, sign) not in _NEXT:
        raise _half(line)
    return _NEXT[part, sign]


def _half(line: int) -> ManifestError:
    """Return the error for a conflict that somebody began to resolve."""
    return ManifestError(
        "a conflict marker of git is without its partners",
        line=line,
        hint="git checkout --merge versions.json brings the whole conflict back",
    )


def _side(label: str, lines: list[tuple[int, str]]) -> Side:
    """Return the side that *lines* with their numbers are."""
    return Side(
        label=label,
        text="".join(line for _, line in lines),
        lines=tuple(number for number, _ in lines),
    )
