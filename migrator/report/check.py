"""The report of `migrator check`."""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from pathlib import Path
from textwrap import wrap
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migrator.lint import Violation

WIDTH = 80
INDENT = " " * 10


def lines(violations: Sequence[Violation], migrations: int) -> Iterator[str]:
    """Yield the violations by migration, then what they sum up to; at most 80 columns wide."""
    for name, group in groupby(violations, key=lambda each: each.migration):
        yield name or "versions.json"
        for violation in group:
            yield from _violation(violation)
        yield ""
    yield summary(violations, migrations)


def summary(violations: Sequence[Violation], migrations: int) -> str:
    """Return how many violations there are of each severity."""
    said = [
        f"{count} {word}{'' if count == 1 else 's'}"
        for word, count in (
            ("error", counted(violations)["error"]),
            ("warning", counted(violations)["warning"]),
            ("note", counted(violations)["info"]),
        )
        if count
    ]
    found = ", ".join(said) or "nothing to say"
    return f"{found} about {migrations} migration{'' if migrations == 1 else 's'}"


def counted(violations: Sequence[Violation]) -> Counter[str]:
    """Return the number of violations of each severity."""
    return Counter(violation.severity for violation in violations)


def as_json(violations: Sequence[Violation], migrations: int) -> Mapping[str, Any]:
    """Return the same as JSON has it."""
    found = counted(violations)
    return {
        "migrations": migrations,
        "errors": found["error"],
        "warnings": found["warning"],
        "notes": found["info"],
        "violations": [_as_json(violation) for violation in violations],
    }


def _as_json(violation: Violation) -> Mapping[str, Any]:
    return {
        "rule": violation.rule,
        "severity": violation.severity,
        "migration": violation.migration or None,
        "message": violation.message,
        "hint": violation.hint,
        "path": None if violation.path is None else str(violation.path),
        "line": violation.line,
        "databases": list(violation.dialects) or None,
    }


def _violation(violation: Violation) -> Iterator[str]:
    """Yield the lines of one violation."""
    word = "note" if violation.severity == "info" else violation.severity
    yield from wrap(
        f"{violation.rule}: {violation.message}",
        WIDTH,
        initial_indent=f"  {word:<8}",
        subsequent_indent=INDENT,
    )
    place = _place(violation)
    for more in (violation.hint and f"hint: {violation.hint}", place):
        if more:
            yield from wrap(more, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)


def _place(violation: Violation) -> str:
    """Return where it is, and on which databases, where that adds something."""
    said = []
    if violation.path is not None and (violation.line or violation.path.suffix == ".sql"):
        said.append(_shown(violation.path) + (f":{violation.line}" if violation.line else ""))
    if violation.dialects:
        said.append(f"on {', '.join(violation.dialects)}")
    return " ".join(said)


def _shown(path: Path) -> str:
    """Return *path* as seen from here, where that is shorter."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
