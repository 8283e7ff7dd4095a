"""edited: what a database has applied is what the manifest says."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.errors import HistoryDivergedError, MigrationError
from migrator.lint.violation import Violation
from migrator.migration import hash_files
from migrator.plan import edited

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from migrator.errors import MigratorError
    from migrator.manifest import Manifest
    from migrator.plan import Applied

RULE = "edited"


def check(manifest: Manifest, applied: Sequence[Applied]) -> Iterator[Violation]:
    """Yield the migrations that were edited, removed or renumbered since they were applied."""
    try:
        found = edited(manifest, applied, _hashes(manifest, applied))
    except HistoryDivergedError as error:
        yield Violation(
            rule=RULE, severity="error", migration="", message=error.message, hint=error.hint
        )
        return
    for each in found:
        yield Violation(
            rule=RULE,
            severity="error",
            migration=each.entry.name,
            message=f"was edited since it was applied as version {each.applied.version}",
            hint="put it back as it was and write a new migration, or take it as it is: "
            f"migrator sync --accept-edited {each.entry.number}",
            path=manifest.folder / each.entry.main,
        )


def not_compared(error: MigratorError) -> Violation:
    """Return that the database could not be asked what it has applied."""
    return Violation(
        rule=RULE,
        severity="warning",
        migration="",
        message=f"what is applied was not compared: {error.message}",
        hint=error.hint,
    )


def _hashes(manifest: Manifest, applied: Sequence[Applied]) -> Mapping[int, str]:
    """Return the digest of the files of each entry that is applied; '' of what cannot be read."""
    known = {each.version for each in applied}
    return {
        entry.number: _hash(manifest, entry.number)
        for entry in manifest.entries
        if entry.number in known
    }


def _hash(manifest: Manifest, number: int) -> str:
    """Return the digest of the files of entry *number*."""
    try:
        return hash_files(manifest.entries[number - 1], manifest.folder)
    except MigrationError:
        return ""
