"""integer and noise: numbers stay numbers of the column, in each way to write them."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.masks.base import Distinct
from anonymizer.masks.integer import Integer
from anonymizer.masks.noise import Noise
from anonymizer.masks.numbers import parse, write
from tests.anonymizer.masking import OTHER_KEY, column, masked, refused, unhurried

BITS = [8, 16, 24, 32, 64]
INTEGERS = {bits: column(Kind.INTEGER, bits=bits) for bits in BITS}
PRICE = column(Kind.NUMBER, scale=2)
TEXT = column(Kind.TEXT)


def texts(numbers: list[int] | range) -> list[bytes]:
    return [b"%d" % each for each in numbers]


@unhurried
@given(st.lists(st.integers(-(1 << 64) + 1, (1 << 64) - 1), min_size=1))
def test_numbers_are_read_and_written(numbers: list[int]) -> None:
    found = parse(Cells.of(texts(numbers)))
    assert found.valid.all()
    assert write(found.size, found.negative).to_list() == texts(numbers)


@pytest.mark.parametrize("above", [1, 2, 10**19, 10**20])
def test_numbers_over_64_bits_are_not_cut_off(above: int) -> None:
    most = (1 << 64) - 1
    found = parse(Cells.of(texts([most, most + above])))
    assert found.valid.tolist() == [True, False]
    assert int(found.size[0]) == most


@unhurried
@given(st.lists(st.from_regex(rb"[ +-]?[0-9]{0,22}[x.]?", fullmatch=True), min_size=1))
def test_what_is_no_plain_number_is_seen(values: list[bytes]) -> None:
    found = parse(Cells.of(values))
    for value, valid in zip(values, found.valid.tolist(), strict=True):
        plain = value.lstrip(b"-").isdigit() and b"%d" % int(value) == value
        assert valid == (plain and abs(int(value)) < 1 << 64)


@unhurried
@given(st.lists(st.tuples(st.integers(0, (1 << 63) - 1), st.booleans()), min_size=1))
def test_decimals_are_written(drawn: list[tuple[int, bool]]) -> None:
    sizes = np.array([size for size, _ in drawn], np.uint64)
    found = write(sizes, np.array([negative for _, negative in drawn]), 3).to_list()
    signed = [Decimal(size).scaleb(-3).copy_sign(-1 if minus else 1) for size, minus in drawn]
    assert found == [b"%s" % f"{each:.3f}".encode() for each in signed]


@pytest.mark.parametrize(
    ("numbers", "bits"), [(range(1, 128), 8), (range(-128, 0), 8), (range(128, 256), 8)]
)
def test_all_numbers_of_a_type_change_places(numbers: range, bits: int) -> None:
    found = masked(Integer(), texts(numbers), of=INTEGERS[bits])
    assert sorted(map(int, found)) == list(numbers)
    assert found != texts(numbers)


@pytest.mark.parametrize("bits", BITS)
@unhurried
@given(st.data())
def test_integers_stay_distinct_and_in_their_range(bits: int, data: st.DataObject) -> None:
    half = 1 << (bits - 1)
    drawn = data.draw(st.lists(st.integers(-half, 2 * half - 1), min_size=1, unique=True))
    found = [int(each) for each in masked(Integer(), texts(drawn), of=INTEGERS[bits])]
    assert len(set(found)) == len(drawn)
    for before, after in zip(drawn, found, strict=True):
        assert (before < 0, before == 0, before < half) == (after < 0, after == 0, after < half)
        assert -half <= after < 2 * half


@pytest.mark.parametrize("low", [-300, -7, 0, 5, -(1 << 63), (1 << 64) - 200])
def test_a_range_is_permuted(low: int) -> None:
    numbers = list(range(low, low + 150))
    found = masked(Integer(low=low, high=low + 149), texts(numbers), of=column(Kind.TEXT))
    assert sorted(map(int, found)) == numbers


@pytest.mark.parametrize("low", [-(1 << 63), 0, -5])
@unhurried
@given(drawn=st.lists(st.integers(0, 1 << 63), min_size=1, unique=True))
def test_a_range_as_wide_as_can_be(low: int, drawn: list[int]) -> None:
    mask = Integer(low=low, high=low + (1 << 63))
    numbers = [low + each for each in drawn]
    found = [int(each) for each in masked(mask, texts(numbers), of=column(Kind.TEXT))]
    assert len(set(found)) == len(numbers)
    assert all(mask.low <= each <= mask.high for each in found)  # type: ignore[operator]


def test_text_keeps_length_zeros_spaces_and_sign() -> None:
    values = [b"42", b"042", b"0042", b"+42", b" 42", b"42 ", b"-42", b"-042", b"0", b"000", b""]
    found = masked(Integer(), values)
    number = found[0].decode()
    assert number != "42"
    assert len(number) == 2
    minus = found[6].decode()[1:]
    expected = f"{number} 0{number} 00{number} +{number}".split()
    assert [each.decode() for each in found[:4]] == expected
    assert found[4:6] == [f" {number}".encode(), f"{number} ".encode()]
    assert found[6:] == [b"-" + minus.encode(), b"-0" + minus.encode(), b"0", b"000", b""]


def test_all_short_numbers_in_text_stay_distinct() -> None:
    values = [
        form % number for number in range(1, 300) for form in (b"%d", b"%05d", b"+%d", b"-%d")
    ]
    assert len(set(masked(Integer(), values))) == len(set(values))


@pytest.mark.parametrize(
    "value",
    [b"12a", b"1.5", b"-", b"+", b"1 2", b"--5", b"+-5", b"99999999999999999999999", b"\xff"],
)
def test_what_is_no_number_is_refused(value: bytes) -> None:
    refused(Integer(), value)


def test_a_number_out_of_the_range_is_refused() -> None:
    error = refused(Integer(low=100, high=200), b"4711")
    assert "100 to 200" in error.message
    refused(Integer(), b"4294967296", of=INTEGERS[32])
    refused(Integer(low=-5, high=5), b"+4")


def test_a_masked_number_that_is_too_long_is_refused() -> None:
    with pytest.raises(Exception, match="longer than the column's 3"):
        masked(Integer(low=0, high=10**9), [b"7"], of=column(Kind.TEXT, length=3))


def test_one_domain_masks_alike_in_columns_of_one_size() -> None:
    values = texts([1, 2, 3, 1 << 30])
    assert masked(Integer(), values, of=INTEGERS[32]) == masked(Integer(), values, of=INTEGERS[32])
    assert masked(Integer(), values, of=INTEGERS[32], key=OTHER_KEY) != masked(
        Integer(), values, of=INTEGERS[32]
    )


@pytest.mark.parametrize(
    "options", [{"low": 1}, {"high": 1}, {"low": 2, "high": 2}, {"low": 0, "high": 1 << 64}]
)
def test_bounds_that_cannot_be(options: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="low"):
        Integer(**options)


@pytest.mark.parametrize(
    ("mask", "on"),
    [
        (Integer(), column(Kind.DATE)),
        (Integer(), PRICE),
        (Integer(low=0, high=70_000), INTEGERS[16]),
        (Integer(low=-40_000, high=0), INTEGERS[16]),
        (Noise(), column(Kind.DATE)),
    ],
)
def test_columns_that_cannot_be_served(mask: Integer | Noise, on: Any) -> None:
    assert mask.refuses(on)


def test_what_becomes_of_distinct_numbers() -> None:
    assert Integer().distinct(INTEGERS[32]) is Distinct.KEPT
    assert Noise().distinct(PRICE) is Distinct.LOST


@unhurried
@given(
    st.lists(st.decimals(-(10**9), 10**9, places=2, allow_nan=False), min_size=1),
    st.sampled_from([0.01, 0.1, 0.5, 0.99]),
)
def test_noise_is_within_its_share(drawn: list[Decimal], share: float) -> None:
    values = [f"{each:.2f}".encode() for each in drawn]
    found = masked(Noise(share=share), values, of=PRICE)
    for before, after in zip(map(Decimal, map(bytes.decode, values)), found, strict=True):
        new = Decimal(after.decode())
        assert abs(new - before) <= max(abs(before) * Decimal(repr(share)), Decimal("0.01"))
        assert (new == before) == (before == 0)
        assert (new > 0, new < 0) == (before > 0, before < 0)
        assert after.partition(b".")[2].__len__() == 2
        assert new.adjusted() <= max(before.adjusted(), -2)


@unhurried
@given(st.lists(st.integers(-50, 50).filter(bool), min_size=1), st.sampled_from([0.1, 0.9]))
def test_noise_keeps_to_its_bounds(drawn: list[int], share: float) -> None:
    found = masked(Noise(share=share, low=-50, high=50), texts(drawn), of=INTEGERS[32])
    for before, after in zip(drawn, map(int, found), strict=True):
        assert -50 <= after <= 50
        assert after != before
        assert (after > 0) == (before > 0)


def test_noise_brings_what_is_outside_to_the_bounds() -> None:
    found = masked(Noise(low=0.5, high=9.75), [b"-3.00", b"0.10", b"99.00", b"0.00"], of=PRICE)
    assert found == [b"0.50", b"0.50", b"9.75", b"0.00"]


@pytest.mark.parametrize("bits", [8, 16, 32, 64])
def test_noise_fits_the_type(bits: int) -> None:
    most = (1 << bits - 1) - 1
    numbers = [most, -most, most - 1, 2 * most + 1]
    found = list(map(int, masked(Noise(share=0.9), texts(numbers), of=INTEGERS[bits])))
    assert all(abs(each) <= most for each in found[:3])
    assert 0 < found[3] <= 2 * most + 1


@pytest.mark.parametrize(
    ("value", "pattern"),
    [
        (b"1e-05", rb"[12]e-05"),
        (b"1.25e+300", rb"1\.[1-3]\de\+300"),
        (b".50", rb"0\.[45]\d"),
        (b"5.", rb"[46]"),
        (b"007.50", rb"[678]\.\d\d"),
        (b" +12 ", rb" \+1[13] "),
        (b"-1234567890123456789012.50", rb"-1[0-9]{21}\.\d\d"),
        (b"0.000000000000000000001234", rb"0\.00000000000000000000\d{4}"),
    ],
)
def test_noise_on_numbers_in_other_dress(value: bytes, pattern: bytes) -> None:
    import re

    found = masked(Noise(), [value], of=column(Kind.NUMBER))[0]
    assert re.fullmatch(pattern, found), found
    assert found != value


@pytest.mark.parametrize("value", [b"NaN", b"Infinity", b"-Infinity", b"inf", b"0", b"0.00", b""])
def test_noise_leaves_what_has_no_size(value: bytes) -> None:
    assert masked(Noise(), [value], of=column(Kind.NUMBER)) == [value]


@pytest.mark.parametrize("value", [b"$12.00", b"12,5", b"1.2.3", b"-", b".", b"e5", b"1e99999"])
def test_noise_refuses_what_is_no_number(value: bytes) -> None:
    refused(Noise(), value, of=column(Kind.NUMBER))


@unhurried
@given(st.lists(st.integers(1, 10**6), min_size=1))
def test_noise_of_a_number_does_not_depend_on_the_others(drawn: list[int]) -> None:
    together = masked(Noise(), texts(drawn))
    assert together == [masked(Noise(), [each])[0] for each in texts(drawn)]


@pytest.mark.parametrize("options", [{"share": 0}, {"share": 1}, {"low": 2, "high": 1}])
def test_noise_that_cannot_be(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match=r"share|low"):
        Noise(**options)
