"""Plan: what is left to do, the manifest less the history, up to a target. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.errors import HistoryDivergedError, PlanError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime

    from migrator.manifest import Entry, Manifest
    from migrator.migration import Migration
    from migrator.transitions import Transition

APPLYING = "applying"
APPLIED = "applied"


@dataclass(frozen=True, slots=True, kw_only=True)
class Applied:
    """What the history says of one migration; half applied while *state* is 'applying'."""

    version: int
    name: str
    hash: str
    phase: str
    state: str
    started_at: datetime
    applied_at: datetime | None = None
    duration_ms: int | None = None
    statement: int = 0
    """How many of its statements are done."""
    digest: str | None = None
    """Digest of the statements that are done."""
    intent: str | None = None
    """Digest of the statement that was about to be sent when the history was last written."""
    note: str | None = None

    @property
    def complete(self) -> bool:
        """Whether all of it is applied."""
        return self.state == APPLIED


@dataclass(frozen=True, slots=True, kw_only=True)
class Step:
    """One migration to apply."""

    migration: Migration
    resumes: Applied | None = None
    """What an earlier run left half applied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """What leads from the history to the target, in the order in which it runs."""

    target: int
    steps: tuple[Step, ...] = ()
    left: tuple[Migration, ...] = ()
    """Contracts up to the target that are left pending, because only expands were asked for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Edited:
    """An applied migration whose files are no longer what was applied."""

    applied: Applied
    entry: Entry
    hash: str
    """Digest of the files as they are now."""


def target_of(manifest: Manifest, applied: Iterable[Applied], wanted: str | None) -> int:
    """Return the number that *wanted*, a number or a release, stands for; the latest if None.

    Raises PlanError when the database is beyond it and nothing up to it is pending.
    """
    target = manifest.latest if wanted is None else manifest.number_of(wanted)
    at = max((each.version for each in applied if each.complete), default=0)
    if at > target and not pending(manifest, applied, target):
        raise PlanError(
            f"the database is at version {at}, beyond the target {target}",
            hint="there are no downgrades; undo a change with a new migration",
        )
    return target


def pending(manifest: Manifest, applied: Iterable[Applied], target: int) -> tuple[Entry, ...]:
    """Return the entries up to *target* that are not applied, or not wholly."""
    complete = {each.version for each in applied if each.complete}
    return tuple(entry for entry in manifest.up_to(target) if entry.number not in complete)


def edited(
    manifest: Manifest, applied: Iterable[Applied], hashes: Mapping[int, str]
) -> tuple[Edited, ...]:
    """Return the applied migrations whose name or files have changed since.

    *hashes* holds the digest of each applied entry's files. Raises HistoryDivergedError for
    what no operator can accept: a database ahead of the manifest and a renumbered migration.
    """
    entries = {entry.number: entry for entry in manifest.entries}
    numbers = {entry.name: entry for entry in manifest.entries}
    found = []
    for each in applied:
        if each.version not in entries:
            raise _ahead(manifest, each, numbers.get(each.name))
        entry = entries[each.version]
        if entry.name != each.name and (each.name in numbers or not each.complete):
            raise _moved(each, entry, numbers.get(each.name))
        if each.complete and (entry.name, hashes[each.version]) != (each.name, each.hash):
            found.append(Edited(applied=each, entry=entry, hash=hashes[each.version]))
    return tuple(found)


def refuse_edited(found: Collection[Edited], accepted: Collection[int] = ()) -> None:
    """Raise HistoryDivergedError for the first of *found* that is not among *accepted*."""
    for number in sorted(set(accepted) - {each.entry.number for each in found}):
        raise PlanError(f"migration {number} is not an applied migration that was edited since")
    for each in found:
        if each.entry.number not in accepted:
            raise _edited(each)


def plan(
    migrations: Iterable[Migration],
    applied: Iterable[Applied],
    *,
    target: int,
    expand_only: bool = False,
) -> Plan:
    """Plan the way over *migrations*, those that are pending, up to *target*.

    What an earlier run left half applied comes first. Raises PlanError when that lies
    beyond the target.
    """
    half = {each.version: each for each in applied if not each.complete}
    for number in half:
        if number > target:
            raise PlanError(
                f"migration {number} is half applied and lies beyond the target {target}",
                hint=f"finish it first: migrator sync --version {number}",
            )
    steps, left = [], []
    for migration in sorted(migrations, key=lambda each: (each.number not in half, each.number)):
        if expand_only and migration.phase.value == "contract" and migration.number not in half:
            left.append(migration)
        else:
            steps.append(Step(migration=migration, resumes=half.get(migration.number)))
    return Plan(target=target, steps=tuple(steps), left=tuple(left))


def transitions_due(
    migrations: Iterable[Migration], applied: Iterable[Applied]
) -> Iterator[tuple[Migration, Transition]]:
    """Yield the transitions that an applied expand declares and no applied contract completes."""
    done = {each.version for each in applied if each.complete}
    known = [each for each in migrations if each.number in done]
    completed = {name for each in known for name in each.completes}
    for migration in known:
        for transition in migration.transitions:
            if transition.name not in completed:
                yield migration, transition


def _ahead(manifest: Manifest, each: Applied, entry: Entry | None) -> HistoryDivergedError:
    if entry is not None:
        return _moved(each, entry, entry)
    line = "" if manifest.end is None else f"line {manifest.end}: "
    return HistoryDivergedError(
        f"{line}the database is ahead of the manifest: migration {each.version} {each.name!r} is "
        f"applied, {manifest.path.name} ends at {manifest.latest}",
        hint="run the release of the code that has it, or restore its entry and its files",
    )


def _moved(each: Applied, entry: Entry, elsewhere: Entry | None) -> HistoryDivergedError:
    if elsewhere is None:
        return HistoryDivergedError(
            f"line {entry.line}: migration {each.version} {each.name!r} is half applied, "
            f"the manifest has {entry.name!r} in its place",
            hint=f"give {each.name!r} its name back and run migrator sync",
        )
    return HistoryDivergedError(
        f"line {elsewhere.line}: migration {each.name!r} is numbered {elsewhere.number}, "
        f"but it is applied as {each.version}",
        hint=f"give it its number {each.version} back; number what is not yet applied after it",
    )


def _edited(each: Edited) -> HistoryDivergedError:
    number, was, line = each.applied.version, each.applied.name, each.entry.line
    way = f"when its effect is the same, migrator sync --accept-edited {number}"
    if each.entry.name != was:
        return HistoryDivergedError(
            f"line {line}: migration {number} is {each.entry.name!r}, but {was!r} is applied "
            "under this number and is in the manifest no more",
            hint=f"restore {was!r} and number the new one after it; or, {way}",
        )
    return HistoryDivergedError(
        f"line {line}: migration {number} {was!r} was edited after it was applied",
        hint=f"undo the edit and put the change in a new migration; or, {way}",
    )
