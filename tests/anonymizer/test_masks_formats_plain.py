"""category, constant, null, keep: masks that put a known value in the place of one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from anonymizer.column import Column, Kind
from anonymizer.errors import PolicyError
from anonymizer.masks import MASKS
from anonymizer.masks.base import Distinct, Setting
from anonymizer.masks.category import Category
from anonymizer.masks.constant import Constant
from anonymizer.masks.find import mask_of
from anonymizer.masks.keep import Keep
from anonymizer.masks.null import Null
from tests.anonymizer.masking import KEY, column, decided, is_uniform, masked, refused

if TYPE_CHECKING:
    from anonymizer.masks.base import Mask

STATES = ["new", "paid", "sent", "lost", ""]


def test_categories_change_places() -> None:
    values = [each.encode() for each in STATES]
    found = masked(Category(values=STATES), values * 3)
    assert found == found[:5] * 3
    assert sorted(found[:5]) == sorted(values)
    assert masked(Category(values=STATES[::-1]), values) == found[:5]
    assert Category(values=STATES).distinct(column()) is Distinct.KEPT


def test_where_a_category_goes_is_even_over_keys() -> None:
    mask = Category(values=list("abcdef"))
    found = [masked(mask, [b"a"], key=b"%032d" % each)[0] for each in range(900)]
    assert is_uniform([found.count(each.encode()) for each in "abcdef"])


@pytest.mark.parametrize(
    ("values", "kind", "said"),
    [
        ([1, 2, 3], Kind.INTEGER, b"123"),
        ([True, False], Kind.TEXT, None),
        (["t", "f"], Kind.BOOLEAN, b"tf"),
        ([b"\xff", b"\x00"], Kind.TEXT, b"\xff\x00"),
    ],
)
def test_categories_of_other_kinds(values: list[Any], kind: Kind, said: bytes | None) -> None:
    given = [b"true", b"false"] if said is None else [bytes([each]) for each in said]
    assert sorted(masked(Category(values=values), given, of=column(kind))) == sorted(given)


@pytest.mark.parametrize("value", [b"New", b"pai", b"refunded to Bob", b"\xff"])
def test_what_is_no_category_is_refused(value: bytes) -> None:
    refused(Category(values=STATES), value)


@pytest.mark.parametrize("values", [None, [], ["a"], ["a", "b", "a"], "ab", [1, "1"]])
def test_categories_that_cannot_be(values: Any) -> None:
    with pytest.raises(ValueError, match="values"):
        Category(values=values)


def test_dates_are_no_categories() -> None:
    assert Category(values=STATES).refuses(column(Kind.DATE))


@pytest.mark.parametrize(
    ("value", "kind", "text"),
    [
        ("x", Kind.TEXT, b"x"),
        ("", Kind.TEXT, b""),
        (7, Kind.INTEGER, b"7"),
        ("1.50", Kind.NUMBER, b"1.50"),
        (b"\x00\xff", Kind.BINARY, b"\x00\xff"),
        ("2024-02-29", Kind.DATE, b"2024-02-29"),
        ("12:30", Kind.TIME, b"12:30"),
        ("2024-02-29 12:30:00+00", Kind.DATETIME, b"2024-02-29 12:30:00+00"),
        ("{}", Kind.JSON, b"{}"),
        ("{a,b}", Kind.ARRAY, b"{a,b}"),
        (
            "c24fc341-f261-4331-9332-68ccf11b3242",
            Kind.UUID,
            b"c24fc341-f261-4331-9332-68ccf11b3242",
        ),
        ("anything", Kind.OTHER, b"anything"),
    ],
)
def test_a_constant_stands_in_every_place(value: Any, kind: Kind, text: bytes) -> None:
    assert masked(Constant(value=value), [b"1", b"", b"3"], of=column(kind)) == [text] * 3


@pytest.mark.parametrize("written", [(b"f", b"t"), (b"0", b"1"), (b"false", b"true"), (b"F", b"T")])
@pytest.mark.parametrize("value", [True, False, "t", "0"])
def test_a_truth_is_written_as_the_others_are(written: tuple[bytes, bytes], value: Any) -> None:
    expected = written[value in (True, "t")].lower()
    found = masked(Constant(value=value), [*written, written[0]], of=column(Kind.BOOLEAN))
    assert found == [expected] * 3


@pytest.mark.parametrize(
    ("value", "on"),
    [
        (None, column()),
        ("x", column(unique=True)),
        ("four", column(length=3)),
        (b"four", column(Kind.BINARY, length=3)),
        ("x", column(Kind.INTEGER)),
        (1 << 16, column(Kind.INTEGER, bits=16)),
        ("1,5", column(Kind.NUMBER)),
        ("yes", column(Kind.BOOLEAN)),
        ("2024-02-30", column(Kind.DATE)),
        ("noon", column(Kind.TIME)),
        ("x", column(Kind.DATETIME)),
        ("x", column(Kind.UUID)),
        ("{", column(Kind.JSON)),
        ("x", column(Kind.ARRAY)),
    ],
)
def test_constants_that_a_column_cannot_hold(value: Any, on: Column) -> None:
    assert Constant(value=value).refuses(on)
    assert Constant(value=value).distinct(on) is Distinct.LOST


def test_a_constant_may_be_as_long_as_the_column() -> None:
    assert Constant(value="äöü").refuses(column(length=3)) is None


@pytest.mark.parametrize(
    ("name", "options", "kind"),
    [
        ("array", {"of": decided("token")}, Kind.ARRAY),
        ("category", {"values": ["a", "b", ""]}, Kind.TEXT),
        ("date", {}, Kind.DATE),
        ("date", {}, Kind.INTEGER),
        ("date_time", {}, Kind.DATETIME),
        ("integer", {}, Kind.INTEGER),
        ("json", {"paths": {"$.a": decided("token")}}, Kind.JSON),
        ("mac", {}, Kind.BINARY),
        ("noise", {}, Kind.NUMBER),
        ("uuid", {}, Kind.BINARY),
    ],
)
def test_no_values_and_empty_ones(name: str, options: dict[str, Any], kind: Kind) -> None:
    mask = mask_of(decided(name, **options))
    assert masked(mask, [], of=column(kind)) == []
    if name != "category":
        assert masked(mask, [b"", b""], of=column(kind)) == [b"", b""]


@pytest.mark.parametrize("mask", MASKS)
def test_masks_are_named_and_sorted(mask: type[Mask]) -> None:
    assert re.fullmatch("[a-z_]+", mask.name)
    assert [each.__name__ for each in MASKS] == sorted(each.__name__ for each in MASKS)


def test_null_is_for_columns_that_may_be_so() -> None:
    assert Null().refuses(column()) is None
    assert Null().refuses(column(nullable=False))
    assert Null().distinct(column(unique=True)) is Distinct.KEPT
    with pytest.raises(PolicyError, match="NULL"):
        Null().bind(Setting(column=column(), key=KEY))


@pytest.mark.parametrize("kind", list(Kind))
def test_keep_keeps(kind: Kind) -> None:
    values = [b"\xff", b"", b"x" * 100_000]
    assert masked(Keep(), values, of=column(kind)) == values
    assert Keep().distinct(column(kind)) is Distinct.KEPT
