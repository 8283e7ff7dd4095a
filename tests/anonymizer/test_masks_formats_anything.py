"""Whatever comes, a mask replaces it or refuses it; nothing else happens."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Kind
from anonymizer.errors import LeakError
from anonymizer.masks.find import mask_of
from tests.anonymizer.masking import column, decided, masked, unhurried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymizer.column import Column

TOKEN = decided("token")
MASKS: list[tuple[str, dict[str, Any], Kind]] = [
    ("array", {"of": decided("digits")}, Kind.ARRAY),
    ("array", {"of": TOKEN}, Kind.TEXT),
    ("card", {}, Kind.TEXT),
    ("category", {"values": ["1", "2", "t"]}, Kind.TEXT),
    ("date", {}, Kind.TEXT),
    ("date", {}, Kind.INTEGER),
    ("date_time", {}, Kind.DATETIME),
    ("digits", {}, Kind.TEXT),
    ("hexadecimal", {}, Kind.TEXT),
    ("hexadecimal", {}, Kind.BINARY),
    ("iban", {}, Kind.TEXT),
    ("integer", {}, Kind.INTEGER),
    ("integer", {}, Kind.TEXT),
    ("integer", {"low": -10, "high": 10**9}, Kind.NUMBER),
    ("ip", {}, Kind.OTHER),
    ("ip", {}, Kind.BINARY),
    ("json", {"paths": {"$.a": TOKEN, "$.a.b[*]": decided("digits")}}, Kind.JSON),
    ("json", {"paths": {"$.*": TOKEN, "$[*]": TOKEN}, "other": "null"}, Kind.TEXT),
    ("mac", {}, Kind.TEXT),
    ("mac", {"keep_vendor": True}, Kind.BINARY),
    ("noise", {"low": -5.5, "high": 1e6}, Kind.NUMBER),
    ("noise", {}, Kind.INTEGER),
    ("token", {}, Kind.TEXT),
    ("token", {"alphabet": "01:"}, Kind.TEXT),
    ("uuid", {}, Kind.TEXT),
    ("uuid", {}, Kind.BINARY),
]
SEEDS = (
    b"2024-02-29 12:30:45.5+02",
    b"0044-03-15 BC",
    b"-12.50e-3",
    b"+0042 ",
    b"18446744073709551615",
    b"fe80::1%eth0/64",
    b"::ffff:10.0.0.1",
    b"192.0.2.1/24",
    b"00:1b:63:84:45:e6",
    b"c24fc341-f261-4331-9332-68ccf11b3242",
    b"GB29 NWBK 6016 1331 9268 19",
    b"4111-1111-1111-1111",
    b"0xDEADBEEF",
    b'{"a": {"b": ["12", 3, null]}, "c\\u00e9": "x\\"y"}',
    b'["a", 1.5e3, true, [{}]]',
    b'[1:2]={"a b",NULL,c\\"d}',
    b"{{1,2},{3,NULL}}",
)


@st.composite
def anything(draw: st.DrawFn) -> bytes:
    """Return a value: any bytes, or one of SEEDS with some of it cut out, twice or other."""
    value = draw(st.sampled_from(SEEDS) | st.binary(max_size=40))
    for _ in range(draw(st.integers(0, 2))):
        start, end = sorted(draw(st.tuples(*[st.integers(0, len(value))] * 2)))
        piece = draw(st.sampled_from([b"", value[start:end] * 2]) | st.binary(max_size=2))
        value = value[:start] + piece + value[end:]
    return value


@pytest.mark.parametrize(("name", "options", "kind"), MASKS)
@unhurried
@given(st.lists(anything(), min_size=1, max_size=6))
def test_what_comes_is_replaced_or_refused(
    name: str, options: dict[str, Any], kind: Kind, values: list[bytes]
) -> None:
    on = column(kind, bits=64 if kind is Kind.INTEGER else None)
    alone = [outcome(name, options, on, [each]) for each in values]
    together = outcome(name, options, on, values)
    if None in alone:
        assert together is None
    else:
        assert together == [each for found in alone if found for each in found]


def outcome(
    name: str, options: dict[str, Any], on: Column, values: Sequence[bytes]
) -> list[bytes] | None:
    """Return what *values* become, None when they are refused."""
    try:
        return masked(mask_of(decided(name, **options)), values, of=on)
    except LeakError as error:
        place = error.value
    assert place in range(len(values))
    return None
