"""Phone numbers and postcodes: permuted among those of their shape."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from anonymizer.masks.phone import Phone, Postcode
from tests.anonymizer.wording import masked

characters = st.text(st.sampled_from("0123456789abzAZ +-().£é日😀\u0301"), max_size=50)


def shape(value: bytes) -> bytes:
    return re.sub(rb"[A-Z]", b"A", re.sub(rb"[a-z]", b"a", re.sub(rb"[0-9]", b"0", value)))


@settings(deadline=None)
@given(text=st.text(st.characters(codec="ascii"), max_size=60))
def test_all_but_digits_and_letters_stays(text: str) -> None:
    assert shape(masked(Phone(), [text.encode()])[0]) == shape(text.encode())


@settings(deadline=None)
@given(values=st.lists(characters.map(str.encode), unique=True, max_size=30))
def test_nothing_becomes_one(values: list[bytes]) -> None:
    made = masked(Phone(), values)
    assert len(set(made)) == len(values)
    assert not re.search("[\x80-\x9f]", "".join(each.decode() for each in made))
    assert [len(each.decode()) for each in made] == [len(each.decode()) for each in values]


@settings(deadline=None)
@given(values=st.lists(characters.map(str.encode), max_size=8), keep=st.integers(0, 2))
@example(values=[b"1", b"12", b"123"], keep=0)
@example(values=[b"12", b"34"], keep=1)
def test_a_value_becomes_what_it_does_alone(values: list[bytes], keep: int) -> None:
    mask = Phone(keep_prefix=keep)
    assert masked(mask, values) == [masked(mask, [each])[0] for each in values]


@pytest.mark.parametrize("form", ["%03d", "A%02d", "%02d-%01d"])
def test_all_of_a_shape_are_permuted(form: str) -> None:
    count = 100 if form == "A%02d" else 1000
    given = [form % (each if form != "%02d-%01d" else divmod(each, 10)) for each in range(count)]
    made = masked(Postcode(), [each.encode() for each in given])
    if form.startswith("A"):
        assert len(set(made)) == count
        assert len({each[:1] for each in made}) > 5
    else:
        assert {each.decode() for each in made} == {*given}


@pytest.mark.parametrize("digits", [1, 2, 5, 11, 18, 19, 20, 25, 200])
def test_a_number_of_any_length(digits: int) -> None:
    some = [str(10 ** (digits - 1) + each)[:digits].encode() for each in range(9)]
    made = masked(Phone(), some)
    assert {len(each) for each in made} == {digits}
    assert all(each.isdigit() for each in made)
    assert len({*made}) == len({*some})


def test_what_is_asked_for_stays() -> None:
    old, new = b"+49 (30) 90-18 20", masked(Phone(keep_prefix=4), [b"+49 (30) 90-18 20"])[0]
    assert new.startswith(b"+49 (30) ")
    assert new != old
    assert masked(Phone(keep_prefix=4), [b"12", b"1234", b"x"])[:2] == [b"12", b"1234"]


def test_no_word_is_left_in_a_number() -> None:
    (made,) = masked(Phone(), ["спросить Марию 030 / 90 18".encode()])
    assert "Мари" not in made.decode()
    assert "спро" not in made.decode()
