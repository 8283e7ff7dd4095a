"""How a manifest is mended: every entry kept, numbered anew, its releases with it."""

from __future__ import annotations

import difflib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.database import read_only
from migrator.errors import HistoryDivergedError, ManifestError
from migrator.manifest import Entry, Manifest
from migrator.manifest.folder import check_folder
from migrator.manifest.manifest import RELEASES, entry_of, read_text, release_number, releases_in
from migrator.manifest.text import parse
from migrator.renumber.conflict import Side, sides
from migrator.renumber.git import Keeps, Order, order_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Move:
    """One entry that gets another number."""

    name: str
    before: int
    after: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Mended:
    """A manifest as it shall be, and what that changes."""

    manifest: Manifest
    before: str
    """The text as it was."""
    moves: tuple[Move, ...] = ()
    releases: tuple[Move, ...] = ()
    order: Order | None = None
    """Which side of a conflict keeps its numbers; None where there was no conflict."""
    label: str = ""
    """What git calls that side."""

    @property
    def diff(self) -> str:
        """What changes in the text, as a unified diff."""
        name = self.manifest.path.name
        lines = (
            self.before.splitlines(keepends=True),
            self.manifest.text.splitlines(keepends=True),
        )
        return "".join(difflib.unified_diff(*lines, fromfile=f"a/{name}", tofile=f"b/{name}"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """Entries and releases as one side has them; numbers may be wrong."""

    entries: tuple[Entry, ...] = ()
    releases: Mapping[str, int] = field(default_factory=dict)

    def first_with(self) -> Mapping[int, str]:
        """Return number → name, the first where a number is used twice."""
        return {entry.number: entry.name for entry in reversed(self.entries)}


def mend(path: Path, keeps: Keeps | None = None) -> Mended | None:
    """Return the manifest at *path* mended, or None when there is nothing to mend.

    In a conflict of git the entries of the side that *keeps* its numbers come first, those
    that only the other side has come after them; without *keeps*, git's state decides.
    Without conflict, entries are numbered as they stand. Raises ManifestError for what only
    a person can decide.
    """
    text = read_text(path)
    conflict = sides(text)
    if conflict is None:
        return _close_up(path, text, keeps)
    ours, theirs = conflict
    order = order_of(path, theirs)
    if keeps is not None:
        order = Order(keeps=keeps, why="as asked")
    first, second = (ours, theirs) if order.keeps is Keeps.OURS else (theirs, ours)
    return _mended(
        path, text, (_draft_of(first), _draft_of(second)), order=order, label=first.label
    )


def applied_numbers(url: str) -> Mapping[str, int]:
    """Return name → number of what the database at *url* has applied; raise DatabaseError."""
    with read_only(url) as connection:
        if not sa.inspect(connection).has_table("migrator_history"):
            return {}
        rows = connection.execute(sa.text("SELECT name, version FROM migrator_history"))
        return {row.name: row.version for row in rows}


def refuse_applied(mended: Mended, applied: Mapping[str, int], where: str) -> None:
    """Raise HistoryDivergedError when an entry would leave the number it is applied under."""
    for move in mended.moves:
        if applied.get(move.name, move.after) == move.after:
            continue
        other = {Keeps.OURS: "--theirs-first", Keeps.THEIRS: "--ours-first"}
        raise HistoryDivergedError(
            f"{move.name} is applied as {applied[move.name]} in {where}, "
            f"it cannot become {move.after}",
            hint=f"let the other side move: migrator renumber {other[mended.order.keeps]}"
            if mended.order
            else f"put its line where version {applied[move.name]} belongs",
        )


def _close_up(path: Path, text: str, keeps: Keeps | None) -> Mended | None:
    """Return the manifest without gaps and numbers used twice, None when it has none."""
    draft = read_draft(text)
    numbers = [entry.number for entry in draft.entries]
    if numbers == list(range(1, len(numbers) + 1)):
        return None
    if keeps is not None:
        raise ManifestError(
            "there is no conflict of git in the manifest, so it has no sides",
            hint="leave the option out: the line that stands first keeps its number",
        )
    if len(set(numbers)) == len(numbers):
        ordered = sorted(draft.entries, key=lambda entry: entry.number)
        draft = Draft(entries=tuple(ordered), releases=draft.releases)
    return _mended(path, text, (draft,))


def _mended(
    path: Path,
    text: str,
    drafts: Sequence[Draft],
    *,
    order: Order | None = None,
    label: str = "",
) -> Mended:
    """Return *drafts* as one manifest: the entries of the first, then those of the second."""
    files: dict[str, tuple[str, ...]] = {}
    for entry in (entry for draft in drafts for entry in draft.entries):
        known = files.get(entry.name, ())
        files[entry.name] = known + tuple(file for file in entry.files if file not in known)
    numbers = {name: number for number, name in enumerate(files, start=1)}
    manifest = Manifest.parse(
        Manifest(
            path=path,
            entries=tuple(Entry(number=numbers[name], files=files[name]) for name in files),
            releases=_join(drafts, numbers),
        ).text,
        path,
    )
    check_folder(manifest)
    return Mended(
        manifest=manifest,
        before=text,
        moves=tuple(_moves(drafts, numbers)),
        releases=tuple(_moved_releases(drafts, manifest.releases)),
        order=order,
        label=label,
    )


def _join(drafts: Sequence[Draft], numbers: Mapping[str, int]) -> Mapping[str, int]:
    """Return the releases of all *drafts*, each ending with the entry it ended with."""
    joined: dict[str, int] = {}
    for draft in drafts:
        first = draft.first_with()
        for release, last in draft.releases.items():
            within = [numbers[name] for number, name in first.items() if number <= last]
            ends = max(within, default=0)
            if joined.setdefault(release, ends) != ends:
                raise ManifestError(
                    f"release {release!r} would end with version {joined[release]} for one side "
                    f"and with {ends} for the other",
                    hint="keep the lines of both, delete the markers, say where the release "
                    "ends, and run migrator renumber again",
                )
    return dict(sorted(joined.items(), key=lambda item: item[1]))


def _moves(drafts: Sequence[Draft], numbers: Mapping[str, int]) -> Iterator[Move]:
    """Yield the entries that are numbered otherwise than before, each once."""
    seen = set()
    for entry in (entry for draft in drafts for entry in draft.entries):
        after = numbers[entry.name]
        if entry.number != after and (entry.name, entry.number) not in seen:
            seen.add((entry.name, entry.number))
            yield Move(name=entry.name, before=entry.number, after=after)


def _moved_releases(drafts: Sequence[Draft], releases: Mapping[str, int]) -> Iterator[Move]:
    """Yield the releases that end with another number than before."""
    for draft in drafts:
        for name, before in draft.releases.items():
            if releases[name] != before:
                yield Move(name=name, before=before, after=releases[name])


def _draft_of(side: Side) -> Draft:
    """Return what *side* of a conflict says; errors name the line of the file with markers."""
    try:
        return read_draft(side.text)
    except ManifestError as error:
        line = error.line and side.lines[min(error.line, len(side.lines)) - 1]
        message = error.message.removeprefix(f"line {error.line}: ")
        raise ManifestError(
            f"{message} (on the side of {side.label or 'the conflict'})", line=line, hint=error.hint
        ) from error


def read_draft(text: str) -> Draft:
    """Return the entries and releases of *text*, whatever their numbers."""
    found = parse(text)
    twice = [each.line for each in found if each.key == RELEASES][1:]
    if twice:
        raise ManifestError(f"'{RELEASES}' is used twice", line=twice[0], hint="make them one")
    return Draft(
        entries=tuple(entry_of(each) for each in found if each.key != RELEASES),
        releases={each.key: release_number(each) for each in releases_in(text, found)},
    )
