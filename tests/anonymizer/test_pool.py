"""Pools: what is shipped never changes, and nothing gets in that is no word."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.errors import PolicyError
from anonymizer.pool import KINDS, SHIPPED, Pool, digests, find_pool, make_pool, write_pools
from anonymizer.pools.make import LOCALES, SUMS, sums

if TYPE_CHECKING:
    from pathlib import Path


def test_what_is_shipped_is_what_was_shipped() -> None:
    assert SUMS.read_text() == sums()


def test_what_is_shipped_is_small() -> None:
    assert sum(path.stat().st_size for path in SHIPPED.glob("*/*.txt")) < 2_000_000


@pytest.mark.parametrize("locale", LOCALES)
def test_every_locale_has_every_kind_but_states(locale: str) -> None:
    held = {path.stem for path in (SHIPPED / locale).glob("*.txt")}
    assert held >= KINDS.keys() - {"state", "state_code"}


def test_a_digest_is_that_of_the_file() -> None:
    content = (SHIPPED / "en_US" / "city.txt").read_bytes()
    pool = find_pool("en_US", "city")
    assert digests([pool]) == {"en_US/city": hashlib.sha256(content).hexdigest()}


def test_words_of_other_locales_are_made_from_faker_and_always_the_same() -> None:
    one, other = make_pool("da_DK", "last_name"), make_pool("da_DK", "last_name")
    assert len(one) > 50
    assert one.digest == other.digest


@given(st.lists(st.text(max_size=120), max_size=20))
def test_no_word_is_empty_twice_or_no_text(words: list[str]) -> None:
    pool = Pool.of([*words, "Ann", "Bo"], locale="xx", kind="word")
    assert list(pool.words) == sorted(set(pool.words))
    assert all(each.isprintable() and 0 < len(each) <= 100 for each in pool.words)
    assert Pool.of(pool.content.decode().splitlines(), locale="xx", kind="word").words == pool.words


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"b\na\n", "out of order"),
        (b"a\na\n", "twice"),
        (b"a\n\n", "word 2 is empty"),
        (b"a\r\nb\r\n", "word 1 is empty, or has spaces"),
        (b"a\nb\x07c\n", "word 2 holds a control"),
        (b"a\n" + b"b" * 101 + b"\n", "101 characters"),
        (b"a\n\xff\n", "byte 2 is not UTF-8"),
        (b"a\n", "1 words, expected 2"),
    ],
)
def test_a_file_that_is_no_pool(tmp_path: Path, content: bytes, says: str) -> None:
    (tmp_path / "city.txt").write_bytes(content)
    with pytest.raises(PolicyError, match=says):
        find_pool(str(tmp_path), "city")


def test_a_folder_is_a_locale(tmp_path: Path) -> None:
    written = write_pools("da_DK", tmp_path)
    assert {pool.kind for pool in written} >= KINDS.keys() - {"state", "state_code"}
    assert find_pool(str(tmp_path), "city").digest == find_pool("da_DK", "city").digest


@pytest.mark.parametrize(
    ("locale", "kind", "says"),
    [
        ("xx_XX", "city", "no locale 'xx_XX'"),
        ("de_DE", "state_code", "no state_code for de_DE"),
        ("en_US", "planet", "kind 'planet'"),
        ("./nowhere", "city", "holds no city.txt"),
    ],
)
def test_what_there_is_not(locale: str, kind: str, says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        find_pool(locale, kind)
