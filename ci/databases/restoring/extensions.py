"""Extensions that a dump wants: only those that are installed on this machine, by name."""

from __future__ import annotations

import re
from dataclasses import dataclass

EXTENSION = re.compile(
    rb"CREATE\s+EXTENSION\s+(?:IF\s+NOT\s+EXISTS\s+)?(?P<name>[\w-]+|\"[^\"]+\")"
    rb"(?:\s+WITH)?(?:\s+SCHEMA\s+(?P<schema>\w+|\"[^\"]+\"))?",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Extension:
    """An extension, and the schema that it is put into."""

    name: str
    schema: str | None = None


def extension_in(line: bytes) -> Extension | None:
    """Return the extension that a line of SQL makes, if it makes one."""
    match = EXTENSION.match(line)
    return (
        Extension(name=_name(match["name"]), schema=_name(match["schema"]) or None)
        if match
        else None
    )


def _name(word: bytes | None) -> str:
    return str(word or b"", "utf-8", "replace").strip('"')
