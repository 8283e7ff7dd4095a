"""Free text: as long as it was, in bytes and in characters, and nothing else of it."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer.masks.text import WHOLE, Text
from anonymizer.pool import find_pool
from tests.anonymizer.wording import masked

LOCALES = ["en_US", "de_DE", "ru_RU", "ja_JP"]


@settings(deadline=None)
@given(texts=st.lists(st.text(max_size=300), max_size=8), locale=st.sampled_from(LOCALES))
def test_bytes_and_characters_stay_as_many(texts: list[str], locale: str) -> None:
    given = [each.encode(errors="replace") for each in texts]
    for old, new in zip(given, masked(Text(locale=locale), given), strict=True):
        assert len(new) == len(old)
        assert len(new.decode()) == len(old.decode())
        assert new.decode().isprintable() or {*new.decode()} & {"\xa0", "\u3000"}


@settings(deadline=None)
@given(values=st.lists(st.binary(max_size=200), max_size=8))
def test_what_is_no_utf_8_becomes_text_of_as_many_bytes(values: list[bytes]) -> None:
    for old, new in zip(values, masked(Text(), values), strict=True):
        assert len(new) == len(old)
        assert new.decode() is not None


def test_it_is_words() -> None:
    (made,) = masked(Text(), [b"?" * 2000])
    words = made.decode().split()[:-1]
    assert {*words} <= {each.lower() for each in find_pool("en_US", "word").words}
    assert len({*words}) > 100


def test_where_words_ended_is_not_told() -> None:
    one, other = masked(Text(), [b"a b c d e f g h i j k", b"aaaaaaaaaaaaaaaaaaaaa"])
    assert one.count(b" ") < 6
    assert other.count(b" ") > 0
    assert masked(Text(), [b"line\nline\r\n\tline"])[0].isascii()
    assert b"\n" not in masked(Text(), [b"line\n" * 50])[0]


@pytest.mark.parametrize("at", [0, 20, WHOLE // 2, WHOLE - 1])
def test_every_byte_of_a_short_text_draws(at: int) -> None:
    text = bytearray(b"t" * WHOLE)
    text[at] = ord("u")
    assert len({*masked(Text(), [b"t" * WHOLE, bytes(text)])}) == 2


@pytest.mark.parametrize("at", [0, 5000, 9999])
def test_beginning_middle_and_end_of_a_long_text_draw(at: int) -> None:
    text = bytearray(b"t" * 10000)
    text[at] = ord("u")
    assert len({*masked(Text(), [b"t" * 10000, bytes(text)])}) == 2


@pytest.mark.parametrize("letter", ["x", "é", "日"])
def test_a_long_text_takes_no_longer_by_the_byte(letter: str) -> None:
    def seconds(count: int) -> float:
        began = time.process_time()
        (made,) = masked(Text(), [letter.encode() * count])
        took = time.process_time() - began
        assert len(made) == len(letter.encode()) * count
        return took

    seconds(1000)
    assert seconds(4_000_000) < 20 * 8 * max(seconds(200_000), 0.01)
