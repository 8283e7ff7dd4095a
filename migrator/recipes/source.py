"""Source: text of Python, written the way formatters leave it."""

from __future__ import annotations

import json
from textwrap import indent
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

WIDTH = 88


def quoted(text: str) -> str:
    """Return *text* as a literal in double quotes."""
    return json.dumps(text, ensure_ascii=False)


def call(head: str, arguments: Sequence[str], *, before: int = 0) -> str:
    """Return a call, on one line when it fits after *before* columns, else one argument a line."""
    return enclosed(f"{head}(", arguments, ")", before=before)


def enclosed(opening: str, parts: Sequence[str], closing: str, *, before: int = 0) -> str:
    """Return *parts* between brackets, on one line when they fit, else one a line."""
    line = f"{opening}{', '.join(parts)}{closing}"
    if "\n" not in line and before + len(line) <= WIDTH:
        return line
    return "\n".join([opening, *(indent(f"{part},", "    ") for part in parts), closing])


def mapping(items: Iterable[tuple[str, str]], *, before: int = 0) -> str:
    """Return a dict whose keys are texts and whose values are source."""
    return enclosed("{", [f"{quoted(key)}: {value}" for key, value in items], "}", before=before)


def module(doc: str, imports: Iterable[str], parts: Iterable[str]) -> str:
    """Return a module: its docstring, its imports sorted in their groups, its parts."""
    blocks = [f'"""{doc}"""']
    lines = sorted(set(imports))
    for group in (_standard(lines), _third(lines), _own(lines)):
        if group:
            blocks.append("\n".join(group))
    body = "\n\n".join(blocks)
    for part in parts:
        beside_function = part.startswith("def ") or blocks[-1].startswith("def ")
        body += ("\n\n\n" if beside_function else "\n\n") + part
        blocks.append(part)
    return body + "\n"


def _standard(lines: Iterable[str]) -> list[str]:
    """Return the imports of the standard library."""
    return [line for line in lines if not _of(line, "sqlalchemy", "pytest", "migrator")]


def _third(lines: Iterable[str]) -> list[str]:
    """Return the imports of what is installed beside us."""
    return [line for line in lines if _of(line, "sqlalchemy", "pytest")]


def _of(line: str, *packages: str) -> bool:
    """Return whether an import is of one of *packages*."""
    return line.split()[1].partition(".")[0] in packages


def _own(lines: Iterable[str]) -> list[str]:
    """Return the imports of migrator, those of one module on one line."""
    names: dict[str, set[str]] = {}
    for line in lines:
        if _of(line, "migrator"):
            head, _, name = line.partition(" import ")
            names.setdefault(head, set()).add(name)
    return [f"{head} import {', '.join(sorted(found))}" for head, found in sorted(names.items())]
