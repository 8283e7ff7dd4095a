"""The manifest as a value: entries in their order, and the releases that name them."""

from __future__ import annotations

import json
import re
import secrets
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from typing import TYPE_CHECKING, Self

from migrator.errors import ManifestError
from migrator.manifest.entry import Entry, shown, texts
from migrator.manifest.folder import check_folder
from migrator.manifest.text import MAX_BYTES, Member, Pairs, decode, kind_of, members, parse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

RELEASES = "releases"
RENUMBER = "run: migrator renumber"

_NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)
_LIKE_NUMBER = re.compile(r"\s*[-+]?\s*\d[\d_]*(\.\d*)?\s*")
_RELEASE = re.compile(r"(?=.*[A-Za-z._+-])[A-Za-z0-9][A-Za-z0-9._+-]{0,99}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """What versions.json says; checked where it is made."""

    path: Path
    entries: tuple[Entry, ...] = ()
    releases: Mapping[str, int] = field(default_factory=dict)
    """Release → its last version, oldest first."""
    lines: Mapping[str, int] = field(default_factory=dict, compare=False, repr=False)
    """Release → its line."""
    end: int | None = field(default=None, compare=False, repr=False)
    """Line before which the next entry belongs."""

    def __post_init__(self) -> None:
        _check_numbers(self.entries)
        _check_names(self.entries)
        self._check_releases()

    @classmethod
    def load(cls, path: Path) -> Self:
        """Return the manifest at *path*; raise ManifestError unless it and its folder are sound."""
        manifest = cls.parse(read_text(path), path)
        check_folder(manifest)
        return manifest

    @classmethod
    def parse(cls, text: str, path: Path) -> Self:
        """Return the manifest that *text* is, without a look at the folder beside *path*."""
        found = parse(text)
        _refuse_twice(found)
        named = releases_in(text, found)
        last = next((each.line for each in found if each.key == RELEASES), None)
        return cls(
            path=path,
            entries=tuple(entry_of(each) for each in found if each.key != RELEASES),
            releases={each.key: release_number(each) for each in named},
            lines={each.key: each.line for each in named},
            end=last or text.count("\n") or 1,
        )

    @property
    def folder(self) -> Path:
        """Folder of the migrations: versions/ beside versions.json."""
        return self.path.parent / self.path.stem

    @property
    def latest(self) -> int:
        """Number of the last version, 0 when there is none."""
        return len(self.entries)

    @property
    def text(self) -> str:
        """The manifest as it is written: a line an entry, each with its comma, then the releases.

        "releases" stays the last key, also when it is empty: a new entry is one line more.
        """
        entries = "".join(f"{entry.text}\n" for entry in self.entries)
        releases = json.dumps(dict(self.releases))
        return f'{{\n{entries}  "{RELEASES}": {releases}\n}}\n'

    def up_to(self, number: int) -> tuple[Entry, ...]:
        """Return the entries numbered *number* or less."""
        return self.entries[: max(number, 0)]

    def entry_named(self, name: str) -> Entry | None:
        """Return the entry of the migration *name*."""
        return next((entry for entry in self.entries if entry.name == name), None)

    def number_of(self, text: str) -> int:
        """Return the version that *text* means: a number, or the name of a release."""
        if text in self.releases:
            return self.releases[text]
        if not _NUMBER.fullmatch(text):
            near = get_close_matches(text, self.releases, n=1)
            known = ", ".join(self.releases) or "none is named"
            expected = f"expected a number from 1 to {self.latest}, or a release: {known}"
            raise ManifestError(
                f"unknown release {shown(text)}",
                hint=f"did you mean {near[0]}?" if near else expected,
            )
        if int(text) > self.latest:
            raise ManifestError(f"there is no version {text}, the latest is {self.latest}")
        return int(text)

    def release_of(self, number: int) -> str | None:
        """Return the first release that contains version *number*, None before any does."""
        return next((name for name, last in self.releases.items() if last >= number), None)

    def append(self, files: Sequence[str]) -> Self:
        """Return the manifest with one version more."""
        number = self.latest + 1
        return replace(
            self, entries=(*self.entries, Entry(number=number, files=tuple(files))), end=number + 2
        )

    def write(self) -> None:
        """Write the file, all of it or nothing."""
        write_text(self.path, self.text)

    def _check_releases(self) -> None:
        """Raise ManifestError unless each release ends with a version, in their order."""
        before, last = "", 0
        for name, number in self.releases.items():
            line = self.lines.get(name)
            if not _RELEASE.fullmatch(name):
                raise ManifestError(
                    f"{shown(name)} cannot be the name of a release",
                    line=line,
                    hint="use letters, digits, '.', '_', '+' and '-', and not a bare number",
                )
            if not 1 <= number <= self.latest:
                raise ManifestError(
                    f"release {name!r} ends with version {number}, the latest is {self.latest}",
                    line=line,
                )
            if number < last:
                raise ManifestError(
                    f"release {name!r} ends with version {number}, "
                    f"before {before!r} that stands ahead of it with {last}",
                    line=line,
                    hint="releases are in their order, oldest first",
                )
            before, last = name, number


def read_text(path: Path) -> str:
    """Return the text of the manifest at *path*."""
    if not path.suffix:
        raise ManifestError(
            f"{path.name!r} cannot be a manifest: its folder would have the same name",
            hint="give it a suffix, as in versions.json",
        )
    try:
        with path.open("rb") as file:
            return decode(file.read(MAX_BYTES + 1))
    except FileNotFoundError as error:
        raise ManifestError(
            f"there is no {path}", hint="migrator new NAME makes one; --manifest names another"
        ) from error
    except OSError as error:
        raise ManifestError(f"{path} cannot be read: {error.strerror}") from error


def write_text(path: Path, text: str) -> None:
    """Write *text* to *path*, or leave *path* as it is."""
    real = path.resolve()
    beside = real.with_name(f".{real.name}.{secrets.token_hex(4)}")
    try:
        with beside.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
        if real.exists():
            beside.chmod(real.stat().st_mode & 0o777)
        beside.replace(real)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ManifestError(f"{path} cannot be written: {error.strerror}") from error


def entry_of(member: Member) -> Entry:
    """Return the entry that a member of the manifest is."""
    if not _NUMBER.fullmatch(member.key):
        raise _bad_key(member)
    files = texts(member.value)
    if files is None:
        raise ManifestError(
            f"version {member.key} is {kind_of(member.value)}, "
            'expected a list of file names like ["add_column.py"]'
            if not isinstance(member.value, list)
            else f"version {member.key} lists something that is not a file name",
            line=member.line,
        )
    return Entry(number=int(member.key), files=tuple(files), line=member.line)


def release_number(member: Member) -> int:
    """Return the version that a member of "releases" names."""
    if type(member.value) is not int:
        raise ManifestError(
            f"release {shown(member.key)} is {kind_of(member.value)}, "
            "expected the whole number of its last version",
            line=member.line,
        )
    return member.value


def releases_in(text: str, document: Sequence[Member]) -> tuple[Member, ...]:
    """Return the members of "releases" in *document*, what *text* is; none of them twice."""
    member = next((each for each in document if each.key == RELEASES), None)
    if member is None:
        return ()
    if not isinstance(member.value, Pairs):
        raise ManifestError(
            f'"releases" is {kind_of(member.value)}, expected an object like {{"juno": 1}}',
            line=member.line,
        )
    found = tuple(members(text, member.at))
    seen: dict[str, int] = {}
    for each in found:
        if each.key in seen:
            raise ManifestError(f"release {shown(each.key)} is named twice", line=each.line)
        seen[each.key] = each.line
    return found


def _refuse_twice(found: Sequence[Member]) -> None:
    """Raise ManifestError for a key that occurs twice, which JSON would let pass."""
    seen: dict[str, int] = {}
    for each in found:
        if each.key in seen:
            what = f"version {each.key}" if _NUMBER.fullmatch(each.key) else shown(each.key)
            raise ManifestError(
                f"{what} is used twice, first on line {seen[each.key]}",
                line=each.line,
                hint=RENUMBER if _NUMBER.fullmatch(each.key) else None,
            )
        seen[each.key] = each.line


def _check_numbers(entries: Sequence[Entry]) -> None:
    """Raise ManifestError unless the entries are numbered 1, 2, 3 … in their order."""
    for expected, entry in enumerate(entries, start=1):
        if entry.number != expected:
            follows = f"follows {expected - 1}" if expected > 1 else "is the first"
            raise ManifestError(
                f"version {entry.number} {follows}, expected {expected}",
                line=entry.line or None,
                hint=RENUMBER,
            )


def _check_names(entries: Sequence[Entry]) -> None:
    """Raise ManifestError when two versions have the same migration, in whatever case."""
    seen: dict[str, Entry] = {}
    for entry in entries:
        other = seen.setdefault(entry.name.lower(), entry)
        if other is not entry:
            raise ManifestError(
                f"{entry.main} is listed twice, first by version {other.number}"
                if other.name == entry.name
                else f"{entry.main} and {other.main} differ only in case",
                line=entry.line or None,
            )


def _bad_key(member: Member) -> ManifestError:
    """Return the error for a key that is neither a version nor "releases"."""
    if _LIKE_NUMBER.fullmatch(member.key):
        return ManifestError(
            f"{shown(member.key)} is not how a version is written",
            line=member.line,
            hint="versions are 1, 2, 3 …: digits only, no zero in front, no sign",
        )
    return ManifestError(
        f'unknown key {shown(member.key)}, expected a version\'s number or "{RELEASES}"',
        line=member.line,
        hint=f'did you mean "{RELEASES}"?'
        if get_close_matches(member.key.lower(), [RELEASES])
        else None,
    )
