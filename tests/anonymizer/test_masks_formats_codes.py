"""Digits, hexadecimal, UUIDs, tokens, cards, IBANs: codes stay codes of their kind."""

from __future__ import annotations

import re
import string
import uuid
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Column, Kind
from anonymizer.masks.base import Distinct
from anonymizer.masks.card import Card
from anonymizer.masks.digits import Digits
from anonymizer.masks.hexadecimal import Hexadecimal
from anonymizer.masks.iban import Iban
from anonymizer.masks.token import Token
from anonymizer.masks.uuid import Uuid
from tests.anonymizer.masking import OTHER_KEY, column, masked, refused, unhurried

if TYPE_CHECKING:
    from anonymizer.masks.base import Mask

BYTES = column(Kind.BINARY)
PHONES = st.from_regex(
    rb"\+?[0-9]{1,3}[ -][0-9]{3,4}[ /][0-9]{2,9}(?: ext\. [0-9]{1,4})?", fullmatch=True
)
UUIDS = st.uuids()
CARDS = st.from_regex(rb"(?:[0-9]{4}[ -]?){3}[0-9]{1,7}", fullmatch=True)
IBANS = [
    b"DE89370400440532013000",
    b"GB29NWBK60161331926819",
    b"GB29 NWBK 6016 1331 9268 19",
    b"NO9386011117947",
    b"MT84MALT011000012345MTLCAST001S",
    b"FR1420041010050500013M02606",
    b"BE68539007547034",
]
EVERY = [
    (Digits(), b"555-0199"),
    (Hexadecimal(), b"deadbeef"),
    (Token(), b"sk_live_Ab3"),
    (Card(), b"4111 1111 1111 1111"),
    (Iban(), IBANS[0]),
    (Uuid(), b"c24fc341-f261-4331-9332-68ccf11b3242"),
]


def luhn(text: bytes) -> bool:
    digits = [int(each) for each in text.decode() if each.isdigit()][::-1]
    doubled = [sum(divmod(2 * each, 10)) for each in digits[1::2]]
    return (sum(digits[0::2]) + sum(doubled)) % 10 == 0


def is_iban(text: bytes) -> bool:
    bare = text.decode().replace(" ", "")
    moved = bare[4:] + bare[:4]
    return int("".join(str(int(each, 36)) for each in moved)) % 97 == 1


@unhurried
@given(st.lists(PHONES, min_size=1, unique=True))
def test_digits_keep_what_is_around_them(values: list[bytes]) -> None:
    found = masked(Digits(), values)
    shapes = [re.sub(rb"\d", b"0", each) for each in values]
    assert [re.sub(rb"\d", b"0", each) for each in found] == shapes
    assert len(set(found)) == len(values)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
def test_all_digit_strings_of_a_length_change_places(width: int) -> None:
    values = [b"%0*d" % (width, each) for each in range(10**width)]
    found = masked(Digits(), values)
    assert sorted(found) == values
    assert found != values


@unhurried
@given(st.integers(0, 5), st.lists(PHONES, min_size=1))
def test_the_first_digits_are_kept(keep: int, values: list[bytes]) -> None:
    for before, after in zip(values, masked(Digits(keep=keep), values), strict=True):
        kept = [re.sub(rb"\D", b"", each)[:keep] for each in (before, after)]
        assert kept[0] == kept[1]


@pytest.mark.parametrize(
    "value", [b"ask Peter", "٣٤٥ 12".encode(), "½".encode(), b"\xff\xfe1", "é".encode()]
)
def test_what_digits_would_leave_is_refused(value: bytes) -> None:
    refused(Digits(), value)


@pytest.mark.parametrize("value", [b"", b"-", b" ", b"n"[:0]])
def test_what_says_nothing_stays(value: bytes) -> None:
    assert masked(Digits(), [value]) == [value]


def test_accents_beside_digits_are_no_trouble() -> None:
    assert re.fullmatch("Straße [0-9]{2}", masked(Digits(), ["Straße 12".encode()])[0].decode())


@unhurried
@given(st.lists(st.binary(min_size=1, max_size=70), min_size=1, unique=True), st.booleans())
def test_hexadecimal_keeps_length_and_case(values: list[bytes], upper: bool) -> None:  # noqa: FBT001
    texts = [each.hex().encode() for each in values]
    texts = [each.upper() for each in texts] if upper else texts
    found = masked(Hexadecimal(), texts)
    assert len(set(found)) == len(values)
    for before, after in zip(texts, found, strict=True):
        assert len(after) == len(before)
        assert bytes.fromhex(after.decode())
        if before.lower() != before:
            assert after == after.upper()
        else:
            assert after == after.lower()


def test_each_hexadecimal_value_has_its_own_case() -> None:
    lower, upper, mixed = masked(Hexadecimal(), [b"abcdef99", b"ABCDEF99", b"aBcDeF99"])
    assert lower == lower.lower() == mixed
    assert upper == lower.upper() != lower


@pytest.mark.parametrize("width", [1, 2, 3])
def test_all_hexadecimal_strings_change_places(width: int) -> None:
    values = [b"%0*x" % (width, each) for each in range(16**width)]
    assert sorted(masked(Hexadecimal(), values)) == values


def test_marks_and_separators_of_hexadecimal_stay() -> None:
    values = [b"0xdeadbeef", b"0XDEADBEEF", b"de:ad:be:ef", b"\\xdead", b""]
    found = masked(Hexadecimal(), values[:3] + values[4:])
    assert found[0][:2] == b"0x"
    assert found[1] == b"0X" + found[0][2:].upper()
    assert found[2].replace(b":", b"") == found[0][2:]
    refused(Hexadecimal(), values[3])


@pytest.mark.parametrize("value", [b"xyz", b"deadbeeg", b"1x2", b"x12", "dé".encode(), b"0x0x"])
def test_what_is_not_hexadecimal_is_refused(value: bytes) -> None:
    refused(Hexadecimal(), value)


@unhurried
@given(st.lists(st.binary(max_size=70), min_size=1, unique=True))
def test_bytes_stay_as_many(values: list[bytes]) -> None:
    found = masked(Hexadecimal(), values, of=BYTES)
    assert [len(each) for each in found] == [len(each) for each in values]
    assert len(set(found)) == len(values)


def test_values_of_many_kilobytes_take_no_time() -> None:
    values = [bytes([each]) * (each * 97) for each in range(100)] + [bytes(1 << 18)]
    found = masked(Hexadecimal(), values, of=BYTES)
    assert [len(each) for each in found] == [len(each) for each in values]
    assert len(set(found)) == len(values)
    assert not any(each in found for each in values if each)


def test_all_single_bytes_change_places() -> None:
    values = [bytes([each]) for each in range(256)]
    assert sorted(masked(Hexadecimal(), values, of=BYTES)) == values


@unhurried
@given(st.lists(UUIDS, min_size=1, unique=True))
def test_uuids_stay_such_of_their_version(values: list[uuid.UUID]) -> None:
    found = masked(Uuid(), [str(each).encode() for each in values], of=column(Kind.UUID))
    new = [uuid.UUID(each.decode()) for each in found]
    assert len(set(new)) == len(values)
    assert [str(each).encode() for each in new] == found
    assert [(each.int >> 62) & 3 for each in new] == [(each.int >> 62) & 3 for each in values]
    assert [(each.int >> 76) & 15 for each in new] == [(each.int >> 76) & 15 for each in values]
    binary = masked(Uuid(), [each.bytes for each in values], of=BYTES)
    assert binary == [each.bytes for each in new]


def test_each_way_to_write_a_uuid() -> None:
    plain = b"c24fc341-f261-4331-9332-68ccf11b3242"
    values = [plain, plain.upper(), plain.replace(b"-", b""), b"{" + plain + b"}", b""]
    found = masked(Uuid(), values)
    assert found[1:] == [
        found[0].upper(),
        found[0].replace(b"-", b""),
        b"{" + found[0] + b"}",
        b"",
    ]
    assert found[0] != plain


def test_one_bit_of_a_uuid_changes_them_all() -> None:
    values = [uuid.UUID(int=1 << each) for each in range(128)]
    found = masked(Uuid(), [each.bytes for each in values], of=BYTES)
    bits = [int.from_bytes(each).bit_count() for each in found]
    assert all(30 < each < 90 for each in bits)


@pytest.mark.parametrize("value", [b"c24fc341", b"c24fc341-f261-4331-9332-68ccf11b324g", b"x" * 32])
def test_what_is_no_uuid_is_refused(value: bytes) -> None:
    refused(Uuid(), value)


def test_bytes_that_are_no_uuid_are_refused() -> None:
    refused(Uuid(), b"123456789012345", of=BYTES)


@unhurried
@given(
    st.lists(
        st.text(string.ascii_letters + string.digits + "_-.=/", max_size=40),
        min_size=1,
        unique=True,
    )
)
def test_tokens_keep_length_and_punctuation(drawn: list[str]) -> None:
    found = masked(Token(), [each.encode() for each in drawn])
    assert len(set(found)) == len(drawn)
    shapes = [re.sub(r"[0-9A-Za-z]", "x", each) for each in drawn]
    assert [re.sub(r"[0-9A-Za-z]", "x", each.decode()) for each in found] == shapes


def test_tokens_of_an_alphabet() -> None:
    values = [f"{a}{b}{c}".encode() for a in "XYZ" for b in "XYZ" for c in "XYZ"]
    found = masked(Token(alphabet="XYZ"), values)
    assert sorted(found) == values
    assert found != values
    refused(Token(alphabet="XYZ"), b"XAY")


@pytest.mark.parametrize("value", ["naïve".encode(), b"a\x00b", b"\xff"])
def test_what_is_no_token_is_refused(value: bytes) -> None:
    refused(Token(), value)


@pytest.mark.parametrize("alphabet", ["", "a", "aa", "aé", "a\n"])
def test_alphabets_that_cannot_be(alphabet: str) -> None:
    with pytest.raises(ValueError, match="alphabet"):
        Token(alphabet=alphabet)


@unhurried
@given(st.lists(CARDS, min_size=1, unique=True), st.booleans())
def test_cards_pass_the_check_as_they_did(values: list[bytes], keep: bool) -> None:  # noqa: FBT001
    found = masked(Card(keep_issuer=keep), values)
    assert [luhn(each) for each in found] == [luhn(each) for each in values]
    assert len(set(found)) == len(values)
    shapes = [re.sub(rb"\d", b"0", each) for each in values]
    assert [re.sub(rb"\d", b"0", each) for each in found] == shapes
    if keep:
        first = [re.sub(rb"\D", b"", each)[:6] for each in values]
        assert [re.sub(rb"\D", b"", each)[:6] for each in found] == first


def test_all_short_cards_change_places() -> None:
    values = [b"%04d" % each for each in range(10**4)]
    found = masked(Card(), values)
    assert sorted(found) == values
    assert {each for each in found if luhn(each)} == {each for each in values if luhn(each)}


@pytest.mark.parametrize("value", [b"4", b"4111x", b"none", "\uff14\uff11\uff11\uff11".encode()])
def test_what_is_no_card_is_refused(value: bytes) -> None:
    refused(Card(), value)


def test_a_card_has_more_than_its_issuer() -> None:
    refused(Card(keep_issuer=True), b"4111111")


def test_ibans_stay_valid() -> None:
    assert all(map(is_iban, IBANS))
    found = masked(Iban(), [*IBANS, b"", IBANS[1].lower()])
    assert all(map(is_iban, found[: len(IBANS)]))
    for before, after in zip(IBANS, found[: len(IBANS)], strict=True):
        assert after[:2] == before[:2]
        assert after[4:] != before[4:]
        shape = [re.sub(rb"\d", b"0", re.sub(rb"[A-Z]", b"A", each)) for each in (before, after)]
        assert shape[0] == shape[1]
    assert found[-1] == found[-1].lower()
    assert found[-2] == b""


@unhurried
@given(
    st.lists(
        st.from_regex(rb"[A-Z]{2}[0-9]{2}[0-9A-Z]{4,30}", fullmatch=True), min_size=1, unique=True
    )
)
def test_ibans_stay_distinct_and_as_valid(values: list[bytes]) -> None:
    found = masked(Iban(), values)
    assert len(set(found)) == len(values)
    for before, after in zip(values, found, strict=True):
        if 2 <= int(before[2:4]) <= 96 and is_iban(before):
            assert is_iban(after)


def test_all_short_ibans_change_places() -> None:
    values = [b"XX%02d00%02d" % (check, each) for check in range(100) for each in range(100)]
    found = masked(Iban(), values)
    assert len(set(found)) == len(values)


@pytest.mark.parametrize(
    "value", [b"DE", b"1234567890", b"DEXX12345678", b"DE12!345678", b"DE12" + b"3" * 40]
)
def test_what_is_no_iban_is_refused(value: bytes) -> None:
    refused(Iban(), value)


@pytest.mark.parametrize(("mask", "value"), EVERY)
def test_the_key_and_nothing_else_counts(mask: Mask, value: bytes) -> None:
    alone = masked(mask, [value])
    assert masked(mask, [value, b"", value]) == [*alone, b"", *alone]
    assert masked(mask, [value], key=OTHER_KEY) != alone
    assert alone != [value]
    assert masked(mask, []) == []
    assert masked(mask, [b""]) == [b""]


@pytest.mark.parametrize(("mask", "value"), EVERY)
def test_codes_are_kept_apart_and_need_nothing(mask: Mask, value: bytes) -> None:
    assert mask.distinct(column()) is Distinct.KEPT
    assert mask.needs == ()
    assert value


@pytest.mark.parametrize(
    ("mask", "on"),
    [
        (Digits(), column(Kind.INTEGER)),
        (Card(), column(Kind.NUMBER)),
        (Iban(), column(Kind.DATE)),
        (Hexadecimal(), column(Kind.INTEGER)),
        (Token(), BYTES),
        (Uuid(), column(Kind.INTEGER)),
        (Uuid(), column(Kind.TEXT, length=20)),
        (Uuid(), column(Kind.BINARY, length=8)),
    ],
)
def test_columns_that_codes_cannot_serve(mask: Mask, on: Column) -> None:
    assert mask.refuses(on)


def test_keep_is_a_number_of_digits() -> None:
    with pytest.raises(ValueError, match="keep is -1"):
        Digits(keep=-1)
