"""The report of what drifted: figures that are right, and no value of a row in it."""

from __future__ import annotations

import json
import random
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Kind, Reference, Table
from anonymizer.fidelity import Drift, Profiler, TableFigures, drifts
from anonymizer.fidelity.sketches import RUN, RUNS, Counts, Sample
from anonymizer.scale import Size, Wishes
from tests.anonymizer.schemas import (
    FEW,
    KEY,
    OTHER_KEY,
    column,
    name_of,
    names,
    parts_of,
    samples,
    scaled,
    scaler_of,
)
from tests.anonymizer.test_scale_down import ITEMS, ORDERS, PARTS, USERS, shop

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anonymizer.column import TableName
    from anonymizer.key import Key
    from tests.anonymizer.schemas import Row, Rows

THINGS = name_of("things")


def things(kind: Kind = Kind.TEXT) -> Table:
    return Table(
        name=THINGS,
        columns=(column("value", kind, nullable=True),),
        references=(Reference(columns=("value",), table=USERS, to=("id",)),),
    )


def figures_of(
    table: Table, rows: Sequence[Row], *, size: int = 500, key: Key = KEY
) -> TableFigures:
    profiler = Profiler(table, key)
    for part in parts_of(rows, names(table), size):
        profiler.add(part)
    return profiler.figures()


def profiles(tables: Sequence[Table], rows: Rows) -> Mapping[TableName, TableFigures]:
    return {each.name: figures_of(each, rows[each.name]) for each in tables}


def drifted(before: Sequence[Row], after: Sequence[Row], kind: Kind = Kind.TEXT) -> set[str]:
    old, new = (figures_of(things(kind), rows) for rows in (before, after))
    return {each.figure for each in drifts({THINGS: old}, {THINGS: new})}


def test_figures_of_a_small_column():
    rows = [(b"a",), (b"a",), (b"bcd",), (None,)]
    found = figures_of(things(), rows)
    figures, fan_out = found.columns["value"], found.references["value"]
    assert (found.rows, figures.nulls, figures.distinct) == (4, 0.25, 2)
    assert figures.bytes == pytest.approx(5 / 3)
    assert figures.lengths == pytest.approx((0, 2 / 3, 1 / 3))
    assert figures.top == 1
    assert (fan_out.mean, fan_out.most, fan_out.exact) == (1.5, 2, True)


def test_lengths_fall_between_powers_of_two():
    rows = [(b"x" * length,) for length in (0, 1, 2, 3, 4, 7, 8, 15, 16)]
    lengths = figures_of(things(), rows).columns["value"].lengths
    assert [round(each * 9) for each in lengths] == [1, 1, 2, 2, 2, 1]


@FEW
@given(samples(), st.integers(1, 9))
def test_figures_do_not_depend_on_pieces(sample, size):
    for table in sample.tables:
        rows = sample.rows[table.name]
        assert figures_of(table, rows, size=size) == figures_of(table, rows)


@pytest.mark.parametrize("size", [977, 50_000])
def test_figures_of_many_values_do_not_depend_on_pieces_either(size):
    rows = [(b"%d" % (each * each % 30_011),) for each in range(60_000)]
    whole = figures_of(things(), rows, size=len(rows))
    assert figures_of(things(), rows, size=size) == whole
    assert not whole.references["value"].exact


def test_many_distinct_values_are_estimated():
    found = figures_of(things(), [(b"%d" % each,) for each in range(100_000)] * 2)
    assert found.columns["value"].distinct == pytest.approx(100_000, rel=0.06)
    assert found.references["value"].mean == pytest.approx(2, rel=0.06)
    assert found.references["value"].p95 == 2


def test_value_that_comes_often_is_seen_among_many():
    rows = [(b"often" if each % 4 == 0 else b"%d" % each,) for each in range(60_000)]
    assert figures_of(things(), rows).columns["value"].top == pytest.approx(0.25, abs=0.02)


@pytest.mark.parametrize("kind", [Kind.INTEGER, Kind.DATE])
def test_order_on_the_disk(kind):
    numbers = range(10_000, 60_000)
    mixed = random.Random(3).sample(numbers, len(numbers))  # noqa: S311 - any order will do
    orders = [
        figures_of(things(kind), [(b"%d" % each,) for each in order]).columns["value"].order
        for order in (numbers, reversed(numbers), mixed, [7] * 100)
    ]
    assert orders == pytest.approx([1, -1, 0, 0], abs=0.05)


def test_values_that_come_again_share_a_rank():
    rows = [(each,) for each in (b"1", b"1", b"1", b"2", b"3")]
    order = figures_of(things(Kind.INTEGER), rows).columns["value"].order
    assert order == pytest.approx(8 / 80**0.5)


def test_samples_may_be_off_by_chance_and_copies_may_not():
    old = figures_of(things(), [(b"a",)] * 1000)
    few, more = replace(old, rows=340), replace(old, rows=2300)
    assert list(drifts({THINGS: old}, {THINGS: few}, factors={THINGS: 0.3})) == []
    found = list(drifts({THINGS: old}, {THINGS: more}, factors={THINGS: 2}))
    assert [(each.figure, each.before, each.after) for each in found] == [("rows", 2000, 2300)]


def test_text_in_a_column_of_numbers_is_ordered_as_text():
    rows = [(b"a%03d" % each,) for each in range(200)]
    assert figures_of(things(Kind.INTEGER), rows).columns["value"].order == pytest.approx(1)


def test_empty_table_has_figures():
    found = figures_of(things(), [])
    assert (found.rows, found.columns["value"].distinct) == (0, 0)
    assert figures_of(things(), [(None,)] * 3).columns["value"].nulls == 1


def test_nothing_drifts_from_itself_under_another_key():
    rows = [(b"%d" % (each * each % 5003),) for each in range(30_000)]
    old, new = (figures_of(things(), rows, key=key) for key in (KEY, OTHER_KEY))
    assert list(drifts({THINGS: old}, {THINGS: new})) == []


def test_constant_drifts_in_all_that_counts():
    before = [(f"a person called {each * 7919 % 1000}".encode(),) for each in range(5000)]
    found = drifted(before, [(b"xxx",)] * 5000)
    assert found >= {"bytes", "distinct", "lengths", "compressed", "top", "fan-out mean"}
    assert drifted(before, [(None,)] * 5000) >= {"nulls", "bytes", "distinct"}


def test_permuted_numbers_drift_in_their_order_alone():
    numbers = range(10_000, 30_000)
    mixed = random.Random(3).sample(numbers, len(numbers))  # noqa: S311 - any order will do
    before, after = ([(b"%d" % each,) for each in order] for order in (numbers, mixed))
    assert drifted(before, after, Kind.INTEGER) <= {"order", "compressed"}


def test_table_that_is_not_there_drifts():
    old = figures_of(things(), [(b"a",)])
    expected = Drift(table="things", of=None, figure="rows", before=1, after=0, limit=0)
    assert list(drifts({THINGS: old}, {})) == [expected]


def test_copies_are_as_like_as_the_original():
    sample = shop()
    size = Size(factor=3, rows=sample.counts, wishes=Wishes(small=-1))
    out = scaled(sample, scaler_of(sample, size), size=100_000)
    before, after = profiles(sample.tables, sample.rows), profiles(sample.tables, out)
    found = drifts(before, after, factors=dict.fromkeys(before, 3))
    assert {each.figure for each in found} <= {"lengths", "bytes", "compressed", "order"}
    for name in (ORDERS, ITEMS):
        assert after[name].references == before[name].references


def test_sample_is_as_like_as_a_sample_can_be():
    sample = shop(4000)
    size = Size(factor=0.3, rows=sample.counts, wishes=Wishes(small=50))
    out = scaled(sample, scaler_of(sample, size))
    before, after = profiles(sample.tables, sample.rows), profiles(sample.tables, out)
    factors = {name: 1 if name == PARTS else 0.3 for name in before}
    found = {(each.of, each.figure) for each in drifts(before, after, factors=factors)}
    # Seven of ten bosses went, and NULL stands for them; each part is in fewer of the items.
    # Numbers one after the other compress better than numbers with gaps.
    assert {of for of, figure in found if figure != "compressed"} == {"boss", "part"}
    assert ("boss", "nulls") in found
    assert ("part", "fan-out mean") in found


def test_report_is_of_numbers_and_names_alone():
    rows = [(b"canary-%d" % each,) for each in range(9000)]
    table = things()
    old = figures_of(table, rows)
    found = [asdict(each) for each in drifts({THINGS: old}, {THINGS: replace(old, rows=1)})]
    text = json.dumps([asdict(old), found])
    assert found[0]["figure"] == "rows"
    assert "canary" not in text
    assert "canary" not in repr(old)


def test_sketches_hold_little_of_much():
    counts, sample = Counts(), Sample()
    for part in parts_of([(b"%d" % each,) for each in range(50_000)], ["value"], 1000):
        rows, values = part.there("value")
        sample.add(values, rows, part.count)
        counts.add(rows.astype("u8") * 2**50)
    assert RUN * RUNS / 3 < len(sample.values()) <= RUN * RUNS
    assert counts.total == 50_000
