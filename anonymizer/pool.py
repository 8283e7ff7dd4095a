"""Pool: words of one locale and kind, frozen, with a digest that says which they are.

A pool is a text file: UTF-8, a word a line, sorted, none twice. Those of the commonest locales
lie in the folder `pools` and never change; others are made from the Faker that is installed, so
keep them with `Pool.write` where pseudonyms have to be the same after it is upgraded. A locale
is `en_US`, or the path of a folder that holds such files: `./words/en_NZ`.
"""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

import pyarrow as pa

from anonymizer.errors import PolicyError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

SHIPPED = Path(__file__).parent / "pools"
LONGEST = 100
"""Most characters of a word."""
LEAST = 2
"""Fewest words of a pool: what is replaced must have another word to become."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where Faker has the words of one kind."""

    methods: tuple[str, ...]
    """The first of them that the locale has is asked."""
    most: int
    """Most words that are taken."""


KINDS: Mapping[str, Source] = {
    "first_name": Source(methods=("first_name",), most=4096),
    "last_name": Source(methods=("last_name",), most=8192),
    "street": Source(methods=("street_address",), most=2048),
    "city": Source(methods=("city",), most=2048),
    "state": Source(
        methods=("state", "administrative_unit", "region", "province", "prefecture", "county"),
        most=1024,
    ),
    "state_code": Source(methods=("state_abbr", "province_abbr"), most=1024),
    "country": Source(methods=("country",), most=1024),
    "country_code": Source(methods=("country_code",), most=1024),
    "company": Source(methods=("company",), most=2048),
    "word": Source(methods=("word",), most=4096),
}
"""Every kind of words."""

_DRAWS = 16
"""Words are drawn from Faker this many times as often as it can have new ones to give."""
_SEED = 20261127


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Pool:
    """Words of one *kind* from one *locale*, each there once and in order."""

    locale: str
    kind: str
    words: tuple[str, ...]

    def __post_init__(self) -> None:
        place = f"pool {self.locale}/{self.kind}"
        for number, word in enumerate(self.words, 1):
            wrong = _wrong(word)
            if wrong is not None:
                raise PolicyError(f"{place}: word {number} {wrong}")
        if list(self.words) != sorted(set(self.words)):
            raise PolicyError(
                f"{place}: a word is there twice, or out of order",
                hint="sort the file by bytes: LC_ALL=C sort -u",
            )
        if len(self.words) < LEAST:
            raise PolicyError(f"{place}: {len(self.words)} words, expected {LEAST} at the least")

    def __len__(self) -> int:
        return len(self.words)

    @classmethod
    def of(cls, words: Iterable[str], *, locale: str, kind: str) -> Pool:
        """Return the pool of those of *words* that may be in one, sorted."""
        kept = {word.strip() for word in words}
        listed = tuple(sorted(word for word in kept if _wrong(word) is None))
        return cls(locale=locale, kind=kind, words=listed)

    @classmethod
    def read(cls, path: Path, *, locale: str, kind: str) -> Pool:
        """Return the pool that the file at *path* holds.

        Raises PolicyError for a file that is no pool.
        """
        try:
            text = path.read_bytes().decode()
        except OSError as error:
            raise PolicyError(f"{path}: cannot be read: {error.strerror}") from error
        except UnicodeDecodeError as error:
            raise PolicyError(f"{path}: byte {error.start} is not UTF-8") from None
        return cls(locale=locale, kind=kind, words=tuple(text.removesuffix("\n").split("\n")))

    @property
    def content(self) -> bytes:
        """The file that holds it."""
        return "".join(f"{word}\n" for word in self.words).encode()

    @property
    def digest(self) -> str:
        """SHA-256 of its file, in hexadecimal: what `sha256sum` says of it."""
        return hashlib.sha256(self.content).hexdigest()

    def write(self, folder: Path) -> Path:
        """Write it into *folder*, whose path is then its locale; return the path of the file."""
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / f"{self.kind}.txt"
        path.write_bytes(self.content)
        return path

    def array(self, words: Iterable[str] | None = None) -> pa.LargeBinaryArray:
        """Return *words*, or its own, and an empty one behind them, as UTF-8."""
        held = self.words if words is None else words
        return pa.array([*(word.encode() for word in held), b""], pa.large_binary())


def _wrong(word: str) -> str | None:
    """Return what is wrong with *word*, None when it may be in a pool."""
    if not word or word != word.strip():
        return "is empty, or has spaces around it"
    if len(word) > LONGEST:
        return f"has {len(word)} characters, expected {LONGEST} at the most"
    return None if word.isprintable() else "holds a control character, or one that is not text"


@cache
def find_pool(locale: str, kind: str) -> Pool:
    """Return the words of *kind* from *locale*: from a folder, of ours, or made from Faker.

    Raises PolicyError where there are none.
    """
    if kind not in KINDS:
        raise PolicyError(f"there are no words of kind {kind!r}", hint=f"{', '.join(KINDS)} exist")
    folder = _folder(locale)
    path = folder / f"{kind}.txt"
    if path.exists():
        return Pool.read(path, locale=locale, kind=kind)
    if folder.parent != SHIPPED:
        raise PolicyError(
            f"{folder} holds no {kind}.txt", hint=f"write one: anonymizer pool LOCALE {locale}"
        )
    return make_pool(locale, kind)


def has_pool(locale: str, kind: str) -> str | None:
    """Return why *locale* has no words of *kind*, None when it has."""
    try:
        find_pool(locale, kind)
    except (PolicyError, ToolError) as error:
        return error.message
    return None


def _folder(locale: str) -> Path:
    """Return the folder that *locale* names, or would be ours for it."""
    is_path = os.sep in locale or "/" in locale or locale.startswith(".")
    return Path(locale) if is_path else SHIPPED / locale


def make_pool(locale: str, kind: str) -> Pool:
    """Return the words of *kind* that the installed Faker has for *locale*.

    Raises PolicyError when it has none, ToolError when it is not installed.
    """
    drawn: set[str] = set()
    most = KINDS[kind].most
    for word in _words(locale, kind):
        drawn.add(word)
        if len(drawn) == most:
            break
    return Pool.of(drawn, locale=locale, kind=kind)


def _words(locale: str, kind: str) -> Iterator[str]:
    """Yield words of *kind* as Faker draws them, always the same and some of them twice."""
    try:
        from faker import Faker
        from faker.config import AVAILABLE_LOCALES
    except ImportError as error:
        raise ToolError(
            f"there are no words of {locale} here, and Faker, which has more, is not installed",
            hint="pip install Faker",
        ) from error
    if locale not in AVAILABLE_LOCALES:
        raise PolicyError(
            f"there is no locale {locale!r}", hint="it is written like en_US, or is a folder's path"
        )
    faker = Faker(locale, use_weighting=False)
    faker.seed_instance(_SEED)
    source = KINDS[kind]
    draw = next((getattr(faker, each) for each in source.methods if hasattr(faker, each)), None)
    if draw is None:
        raise PolicyError(
            f"Faker has no {kind} for {locale}", hint="name a folder with a file of your own"
        )
    for _ in range(_DRAWS * source.most):
        yield str(draw())


def digests(pools: Iterable[Pool]) -> dict[str, str]:
    """Return the digest of each of *pools* by its locale and kind, in order: for a manifest."""
    return {f"{each.locale}/{each.kind}": each.digest for each in sorted(pools, key=_place)}


def _place(pool: Pool) -> tuple[str, str]:
    return pool.locale, pool.kind


def write_pools(locale: str, folder: Path) -> list[Pool]:
    """Write what *locale* has of every kind into *folder*; return the pools.

    Afterwards the path of *folder* can be named as a locale: its words stay as they are.
    """
    found = [find_pool(locale, kind) for kind in KINDS if has_pool(locale, kind) is None]
    for pool in found:
        pool.write(folder)
    if not found:
        raise PolicyError(f"there are no words of {locale!r}")
    return found
