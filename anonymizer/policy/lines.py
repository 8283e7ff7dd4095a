"""Lines: where in a TOML file a key stands, which tomllib does not say."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_HEADER = re.compile(r"\s*\[{1,2}([^\[\]]+)\]{1,2}\s*(?:#.*)?")
_KEY = re.compile(
    r"""\s*((?:"(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+)(?:\s*\.\s*(?:"(?:[^"\\]|\\.)*"|'[^']*'|[\w-]+))*)\s*="""
)


@dataclass(frozen=True, slots=True)
class Lines:
    """Keys from the top of a file down to a value → its line, counted from 1."""

    known: Mapping[tuple[str, ...], int] = field(default_factory=dict)

    @classmethod
    def of(cls, text: str) -> Lines:
        """Return the lines of *text*; a key in a text of many lines may mislead it."""
        known: dict[tuple[str, ...], int] = {}
        header: tuple[str, ...] = ()
        for number, line in enumerate(text.splitlines(), 1):
            table, key = _HEADER.fullmatch(line), _KEY.match(line)
            if table is not None:
                header = tuple(_parts(table[1]))
                for length in range(1, len(header) + 1):
                    known.setdefault(header[:length], number)
            elif key is not None:
                known.setdefault((*header, *_parts(key[1])), number)
        return cls(known)

    def find(self, path: tuple[Any, ...]) -> int | None:
        """Return the line of *path*, or of what holds it."""
        for length in range(len(path), 0, -1):
            if path[:length] in self.known:
                return self.known[path[:length]]
        return None


def _parts(key: str) -> Iterator[str]:
    """Yield the parts of a dotted key."""
    try:
        found: Any = tomllib.loads(f"{key} = 0")
    except tomllib.TOMLDecodeError:
        return
    while isinstance(found, dict):
        name, found = next(iter(found.items()))
        yield name
