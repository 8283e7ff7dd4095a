"""Vocabulary: the words of the public source."""

from __future__ import annotations

import os
import re
import stat
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from ci.publish.keywords import errors, keywords

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

WORDS = 1_000_000
WORD_LENGTH = 80
NEW = 5000
FILE_BYTES = 1 << 20
"""A larger file is data rather than source."""
_WORD = re.compile(rb"[A-Za-z0-9_$]+")


@dataclass(frozen=True, slots=True, kw_only=True)
class Vocabulary:
    """Words that may be published, and the paths of files that may."""

    words: frozenset[str]
    """In small letters, ASCII; numbers as well, for versions."""
    paths: frozenset[str] = frozenset()

    @classmethod
    def of(cls, target: frozenset[str], change: frozenset[str], paths: Iterable[str]) -> Self:
        """Return the words of the *target* branch with those of the files of a *change*.

        A change that brings very many new words brings a dictionary, to write data in: none
        of them counts.
        """
        new = change - target
        return cls(words=target | (new if len(new) <= NEW else frozenset()), paths=frozenset(paths))

    def knows(self, word: str) -> bool:
        """Return whether *word* is one of the public source, or of SQL; a number never is."""
        small = word.lower()
        return not small[:1].isdigit() and (small in self.words or small in keywords())

    def knows_version(self, version: str) -> bool:
        """Return whether *version*, a number or a hash, is in the public source."""
        return version.lower() in self.words

    def knows_error(self, name: str) -> bool:
        """Return whether *name* is that of an error that people know."""
        return name in errors() or (name.isidentifier() and name.lower() in self.words)


def words_of(folder: Path, paths: Iterable[str] | None = None) -> frozenset[str]:
    """Return the words in the files in *folder*: all, or those at *paths*.

    Links are not followed; what is larger than FILE_BYTES, or no text, is left out.
    """
    found: set[str] = set()
    for path in paths_of(folder) if paths is None else paths:
        text = _text(folder / path)
        # The name of a file is a word of the source as well: that of a migration, of a model.
        for each in _WORD.findall(text + b" " + os.fsencode(path)):
            if len(each) <= WORD_LENGTH:
                found.add(each.decode("ascii").lower())
        if len(found) > WORDS:
            break
    return frozenset(found)


def paths_of(folder: Path) -> Iterator[str]:
    """Yield the paths of files in *folder*, from there, as git has them."""
    for here, folders, files in os.walk(folder):
        folders[:] = sorted(each for each in folders if each != ".git")
        for name in sorted(files):
            yield (Path(here) / name).relative_to(folder).as_posix()


def _text(path: Path) -> bytes:
    """Return what is in the file at *path*, nothing for what is no source."""
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return b""
    with os.fdopen(opened, "rb") as file:
        about = os.fstat(opened)
        if not stat.S_ISREG(about.st_mode) or about.st_size > FILE_BYTES:
            return b""
        text = file.read(FILE_BYTES)
    return b"" if b"\0" in text else text
