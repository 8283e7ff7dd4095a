"""MySQL session: what SET says in a dump that matters for how its rows are written."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace

from anonymizer.dumps.dialect import MYSQL, MYSQL_ANSI_NAMES, Dialect

_ASSIGNMENT = re.compile(
    rb"(?P<to>@?@?(?:\w+\s*\.\s*)?\w+)\s*:?=\s*(?P<value>'[^']*'|@?@?(?:\w+\.)?\w+|[^,\s]+)"
)
_NAMES = re.compile(rb"\bSET\s+NAMES\s+'?(\w+)'?", re.IGNORECASE)
_MODE, _CHARACTER_SET = b"sql_mode", b"character_set_client"
_ANSI = {b"ANSI", b"ANSI_QUOTES", b"DB2", b"MAXDB", b"MSSQL", b"ORACLE", b"POSTGRESQL"}
"""Modes in which "…" is a name."""


def _dialect(*, backslash: bool, ansi: bool) -> Dialect:
    names = MYSQL_ANSI_NAMES if ansi else MYSQL.names
    return replace(MYSQL, backslash=backslash, ansi=ansi, names=names)


_DIALECTS = {
    (backslash, ansi): _dialect(backslash=backslash, ansi=ansi)
    for backslash in (False, True)
    for ansi in (False, True)
}


@dataclass(slots=True)
class Session:
    """Variables as the statements so far have set them; None where that cannot be known."""

    _values: dict[bytes, bytes | None] = field(default_factory=dict)

    def assign(self, statement: bytes) -> None:
        """Take note of what *statement*, a SET, sets."""
        for names in _NAMES.finditer(statement):
            self._values[_CHARACTER_SET] = names[1].lower()
        for found in _ASSIGNMENT.finditer(statement):
            self._values[_key(found["to"])] = self._value(found["value"])

    @property
    def is_told(self) -> bool:
        """Whether it is known how strings are escaped."""
        return self._values.get(_MODE) is not None

    @property
    def dialect(self) -> Dialect:
        """The lexical rules of the SQL mode."""
        modes = set((self._values.get(_MODE) or b"").upper().split(b","))
        return _DIALECTS[b"NO_BACKSLASH_ESCAPES" not in modes, not modes.isdisjoint(_ANSI)]

    @property
    def character_set(self) -> str | None:
        """The character set of the text, None where nothing says it."""
        name = self._values.get(_CHARACTER_SET)
        return None if name is None else name.decode("ascii", "replace")

    def _value(self, written: bytes) -> bytes | None:
        if written.startswith(b"'"):
            return written[1:-1]
        if written.startswith(b"@"):
            return self._values.get(_key(written))
        return written if written.isalnum() else None


def _key(name: bytes) -> bytes:
    """Return what *name* stands for: @@SESSION.x and x are one, @x is another."""
    plain = name.lower().replace(b" ", b"")
    return plain.removeprefix(b"@@").removeprefix(b"session.").removeprefix(b"local.")
