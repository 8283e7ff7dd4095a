"""Window: the stretch of a dump's plain text that is looked at; it slides from begin to end."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from typing import BinaryIO

CHUNK = 1 << 20
"""Bytes that are read at once: what lies in the caches of a core."""
LINE_END = ord("\n")
ENOUGH = 1 << 16
"""Bytes ahead, within which most statements end."""


class Window:
    """Text that is read and not yet taken; *line* and *byte* say where it begins."""

    def __init__(self, source: BinaryIO) -> None:
        self.data = b""
        self.line = 1
        self.byte = 0
        self.is_all = False
        """Whether *data* is all that is left of the source."""
        self._source = source
        self._at = 0

    def open(self) -> int:
        """Return the place in *data* where the text begins, with more of it behind if need be."""
        if len(self.data) - self._at < ENOUGH and not self.is_all:
            self.grow()
        return self._at

    def grow(self) -> None:
        """Read on, as much again as there is; the text then begins at another place in *data*."""
        wanted = max(CHUNK, len(self.data) - self._at)
        parts = [self.data[self._at :]]
        while wanted > 0 and (part := self._source.read(wanted)):
            parts.append(part)
            wanted -= len(part)
        self.is_all = wanted > 0
        self.data, self._at = b"".join(parts), 0

    def take(self, end: int) -> bytes:
        """Return the text up to *end* in *data*, and go there."""
        taken = self.data[self._at : end]
        self._at = end
        self.line += int(np.count_nonzero(np.frombuffer(taken, np.uint8) == LINE_END))
        self.byte += len(taken)
        return taken

    def error(
        self, message: str, *, table: str | None = None, hint: str | None = None
    ) -> DumpError:
        """Return an error at the place where the text begins."""
        return DumpError(message, table=table, line=self.line, byte=self.byte, hint=hint)
