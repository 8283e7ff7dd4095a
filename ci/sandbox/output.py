"""Output: what a confined program says, heard only as far as it may speak."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.settings import Limits

_OBEYED = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]")
"""What a terminal, or an editor, obeys instead of showing it."""


class Quota:
    """How much the streams of a program may still say together."""

    def __init__(self, limits: Limits) -> None:
        self.line_bytes = limits.line_bytes
        self.bytes = limits.output_mib << 20
        self.lines = limits.lines
        self.dropped = 0

    def take(self, data: bytes) -> bytes:
        """Return as much of *data* as may still be said."""
        taken = data[: self.bytes]
        self.bytes -= len(taken)
        self.dropped += len(data) - len(taken)
        return taken

    def take_line(self, line: bytes) -> bool:
        """Return whether one more *line* may be said."""
        if self.lines <= 0:
            self.dropped += len(line)
            return False
        self.lines -= 1
        return True


class Lines:
    """Cuts one stream into lines; those that are too long or too many are left out."""

    def __init__(self, quota: Quota) -> None:
        self._quota = quota
        self._rest = bytearray()
        self._too_long = False

    def feed(self, data: bytes) -> Iterator[bytes]:
        """Yield the lines that *data* ends, without their ends."""
        *ended, rest = self._quota.take(data).split(b"\n")
        for part in ended:
            self._add(part)
            if (line := self._line()) is not None:
                yield line
        self._add(rest)

    def end(self) -> Iterator[bytes]:
        """Yield the last line, if it was not ended."""
        if self._rest and (line := self._line()) is not None:
            yield line

    def _add(self, part: bytes) -> None:
        if self._too_long or len(self._rest) + len(part) > self._quota.line_bytes:
            self._quota.dropped += len(self._rest) + len(part)
            self._rest.clear()
            self._too_long = True
        else:
            self._rest += part

    def _line(self) -> bytes | None:
        """Return the line that ends here, None for one that is left out."""
        line, too_long = bytes(self._rest), self._too_long
        self._rest.clear()
        self._too_long = False
        return None if too_long or not self._quota.take_line(line) else line


def shown(line: bytes) -> str:
    """Return *line* for people: what a terminal would obey is spelt out."""
    text = line.decode("utf-8", "backslashreplace")
    return _OBEYED.sub(lambda found: found.group().encode("unicode_escape").decode(), text)
