"""date and date_time: the calendar is right, and order and spans of a subject stay."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Kind
from anonymizer.errors import LeakError
from anonymizer.masks.base import Distinct
from anonymizer.masks.calendar import date_of, days_of
from anonymizer.masks.date import Date, DateTime
from tests.anonymizer.masking import OTHER_KEY, column, masked, refused, unhurried

if TYPE_CHECKING:
    from anonymizer.column import Column

DATES = column(Kind.DATE)
MOMENTS = column(Kind.DATETIME)
EPOCHS = column(Kind.INTEGER, bits=64)
WITHIN = st.dates(date(3, 1, 1), date(9997, 12, 31))
TIMES = st.datetimes(datetime.fromisoformat("0003-01-01"), datetime.fromisoformat("9997-12-31"))
SUBJECTS = st.lists(st.tuples(st.sampled_from([b"1", b"2", b"3", b""]), TIMES), min_size=1)


def texts(values: list[date]) -> list[bytes]:
    return [str(each).encode() for each in values]


def test_the_calendar_is_that_of_python() -> None:
    ordinals = np.arange(1, date.max.toordinal() + 1)
    days = ordinals - date(1970, 1, 1).toordinal()
    year, month, day = date_of(days)
    assert (days_of(year, month, day) == days).all()
    for place in range(0, len(days), 9973):
        expected = date.fromordinal(int(ordinals[place]))
        assert (year[place], month[place], day[place]) == (
            expected.year,
            expected.month,
            expected.day,
        )


def test_the_calendar_goes_on_before_and_after() -> None:
    days = np.arange(-3_000_000, 10_000_000, 7)
    year, month, day = date_of(days)
    assert (days_of(year, month, day) == days).all()
    assert ((month >= 1) & (month <= 12) & (day >= 1) & (day <= 31)).all()


@unhurried
@given(st.lists(WITHIN, min_size=1))
def test_all_dates_are_shifted_alike(drawn: list[date]) -> None:
    found = [date.fromisoformat(each.decode()) for each in masked(Date(), texts(drawn), of=DATES)]
    shifts = {after - before for before, after in zip(drawn, found, strict=True)}
    assert len(shifts) == 1
    assert 1 <= abs(shifts.pop().days) <= 365


@unhurried
@given(SUBJECTS)
def test_order_and_spans_of_a_subject_stay(drawn: list[tuple[bytes, datetime]]) -> None:
    moments = [each for _, each in drawn]
    subjects = {"user_id": [each for each, _ in drawn]}
    for mask, on in ((Date(subject="user_id"), MOMENTS), (DateTime(subject="user_id"), MOMENTS)):
        found = masked(
            mask, [each.isoformat().encode() for each in moments], of=on, others=subjects
        )
        shifts: dict[bytes, set[timedelta]] = {}
        for (subject, before), after in zip(drawn, found, strict=True):
            shift = datetime.fromisoformat(after.decode()) - before
            shifts.setdefault(subject, set()).add(shift)
            assert timedelta(1) <= abs(shift) < timedelta(366)
        assert all(len(each) == 1 for each in shifts.values())


def test_subjects_are_shifted_each_in_its_own_way() -> None:
    count = 3000
    subjects = [b"%d" % each for each in range(count)]
    found = masked(
        Date(days=10, subject="user_id"), [b"2024-03-01"] * count, others={"user_id": subjects}
    )
    days = [date.fromisoformat(each.decode()) for each in found]
    shifts = {(each - date(2024, 3, 1)).days for each in days}
    assert shifts == {*range(-10, 0), *range(1, 11)}


def test_dates_and_moments_of_a_subject_stay_together() -> None:
    subjects = {"s": [b"%d" % each for each in range(50)]}
    dates = masked(Date(subject="s"), [b"2024-03-01"] * 50, of=DATES, others=subjects)
    moments = masked(
        DateTime(subject="s"), [b"2024-03-01 00:00:00"] * 50, of=MOMENTS, others=subjects
    )
    for day, moment in zip(dates, moments, strict=True):
        apart = datetime.fromisoformat(moment.decode()) - datetime.fromisoformat(day.decode())
        assert abs(apart) < timedelta(1)


@pytest.mark.parametrize(
    ("head", "tail"),
    [
        ("%s", ""),
        ("%sT12:30", ""),
        ("%s 12:30:45", ""),
        ("%s 12:30:45", ".123456"),
        ("%sT12:30:45", ".5Z"),
        ("%s 12:30:45", "+02"),
        ("%s 12:30:45", "-03:30"),
        ("%s 12:30:45", ".000001+05:30:15"),
        ("%s 12:30:45", " +0200"),
        ("%s 12:30:45", " UTC"),
        ("%s", " BC"),
        ("%s 12:30:45", "+01 BC"),
    ],
)
def test_all_around_the_date_stays(head: str, tail: str) -> None:
    value = head % "2024-02-28" + tail
    (found,) = masked(Date(), [value.encode()])
    text = found.decode()
    assert text[10:] == value[10:]
    assert text[:10] != "2024-02-28"
    if ":" in value:
        (moved,) = masked(DateTime(), [value.encode()])
        assert moved.decode().endswith(tail)
        assert moved.decode()[11:16] != value[11:16]


def test_dates_of_all_layouts_at_once() -> None:
    values = [
        b"2024-02-29",
        b"2024-02-29 10:00:00",
        b"",
        b"infinity",
        b"12024-02-29",
        b"0044-03-15 BC",
    ]
    found = masked(Date(), values)
    days = (date.fromisoformat(found[0].decode()) - date(2024, 2, 29)).days
    assert found[1] == found[0] + b" 10:00:00"
    assert found[2:4] == [b"", b"infinity"]
    assert found[4] == b"1" + found[0]  # 10000 years are 25 times 400
    assert found[5].endswith(b" BC")
    assert abs(days) >= 1


def test_years_before_christ_go_back_the_right_way() -> None:
    values = [b"0044-03-15 BC", b"0043-03-15 BC", b"0005-02-29 BC"]
    found = masked(Date(days=1), values)
    forward = masked(Date(days=1), [b"2024-03-15"])[0] == b"2024-03-16"
    expected = [b"0044-03-16 BC", b"0043-03-16 BC", b"0005-03-01 BC"]
    if not forward:
        expected = [b"0044-03-14 BC", b"0043-03-14 BC", b"0005-02-28 BC"]
    assert found == expected


@pytest.mark.parametrize("tail", [b"", b" 00:00:00", b" 23:59:59.999999+00"])
@pytest.mark.parametrize("day", [b"0000-00-00", b"0001-01-01", b"9999-12-31"])
def test_dates_that_say_that_there_is_none_stay(day: bytes, tail: bytes) -> None:
    assert masked(Date(), [day + tail, b"2024-01-01"])[0] == day + tail


@pytest.mark.parametrize("value", [b"infinity", b"-infinity", b""])
def test_no_dates_stay(value: bytes) -> None:
    assert masked(DateTime(), [value]) == [value]


@pytest.mark.parametrize(
    "value",
    [
        *("2024-02-30", "2023-02-29", "1900-02-29", "2024-13-01", "2024-00-10", "2024-05-00"),
        *("0000-01-01", "24-01-01", "2024-1-1", "01/02/2024", "20240101", "-2024-01-01"),
        *("2024-01-01T24:00:00", "2024-01-01T12:60:00", "2024-01-01T12:00:60", "2024-01-01x"),
        *("2024-01-01T12:00:00+2", "2024-01-01T12:00:00.1234567890123", "yesterday"),
        *(
            "2024-01-01 12:00:00 met Bob",
            "2024-01-01 " + "0" * 60,
            "\u0662\u0660\u0662\u0664-01-01",
        ),
    ],
)
def test_what_is_no_date_is_refused(value: str) -> None:
    refused(Date(), value.encode())


def test_a_date_without_a_time_is_no_moment() -> None:
    refused(DateTime(), b"2024-01-01", of=MOMENTS)
    assert DateTime().refuses(DATES)


@pytest.mark.parametrize("value", [b"0001-01-02", b"9999-12-30", b"0001-12-31 BC"])
def test_a_date_at_the_end_of_the_calendar_is_refused_not_kept(value: bytes) -> None:
    found = [shifted(value, bytes([each]) * 32) for each in range(20)]
    assert None in found
    assert value not in found


@pytest.mark.parametrize("key", [bytes([each]) * 32 for each in range(6)])
def test_no_date_becomes_one_that_says_that_there_is_none(key: bytes) -> None:
    moved = shifted(b"2024-01-01", key) or b""
    shift = date.fromisoformat(moved.decode()) - date(2024, 1, 1)
    end = date.max if shift > timedelta(0) else date.min
    assert shifted(str(end - shift).encode(), key) is None
    assert shifted(str(end - shift - shift).encode(), key) == str(end - shift).encode()


def shifted(value: bytes, key: bytes) -> bytes | None:
    """Return what *value* becomes, None when there is no room for it in the calendar."""
    try:
        return masked(Date(), [value], key=key)[0]
    except LeakError as error:
        if "farther from the first and the last year" not in error.message:
            raise
        return None


@pytest.mark.parametrize("unit", [1, 10**3, 10**6, 10**9])
def test_numbers_of_an_epoch_are_shifted(unit: int) -> None:
    moment = datetime(2024, 2, 29, 12, tzinfo=UTC)
    values = [b"%d" % (int(moment.timestamp() + each) * unit + unit // 2) for each in (0, 60, 3600)]
    found = list(map(int, masked(Date(), [*values, b"0", b""][:4], of=EPOCHS)))
    shifts = {after - int(before) for before, after in zip(values, found[:3], strict=True)}
    assert len(shifts) == 1
    days, rest = divmod(shifts.pop(), 86_400 * unit)
    assert rest == 0
    assert 1 <= abs(days) <= 365
    assert found[3] == 0


@pytest.mark.parametrize("value", [b"12.5", b"2024-01-01", b"99999999999999999999"])
def test_what_is_no_epoch_is_refused(value: bytes) -> None:
    refused(DateTime(), value, of=EPOCHS)


def test_what_becomes_of_distinct_dates() -> None:
    assert Date().distinct(DATES) is Distinct.KEPT
    assert Date(subject="user_id").distinct(DATES) is Distinct.LOST
    assert Date().distinct(EPOCHS) is Distinct.LOST
    assert Date().needs == ()
    assert DateTime(subject="user_id").needs == ("user_id",)


@pytest.mark.parametrize("on", [column(Kind.UUID), column(Kind.TIME), column(Kind.NUMBER)])
def test_columns_that_dates_cannot_serve(on: Column) -> None:
    assert Date().refuses(on)


@pytest.mark.parametrize("days", [0, -1, 40_000])
def test_days_that_cannot_be(days: int) -> None:
    with pytest.raises(ValueError, match="days is"):
        Date(days=days)


def test_another_key_shifts_by_another_time() -> None:
    moments = {
        masked(DateTime(), [b"2024-01-01 00:00:00"], key=key)[0]
        for key in (OTHER_KEY, *(bytes([each]) * 32 for each in range(1, 9)))
    }
    assert len(moments) == 9


@unhurried
@given(st.lists(TIMES, min_size=1))
def test_a_moment_does_not_depend_on_the_others(drawn: list[datetime]) -> None:
    values = [each.isoformat(" ").encode() for each in drawn]
    assert masked(DateTime(), values) == [masked(DateTime(), [each])[0] for each in values]
