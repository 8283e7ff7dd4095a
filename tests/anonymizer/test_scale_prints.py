"""Fingerprints: one for all ways to write a value; and parts, as they are read from a dump."""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from functools import partial
from multiprocessing import get_context

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Kind, Table
from anonymizer.dumps.copy import CopyText
from anonymizer.errors import PolicyError
from anonymizer.scale import Part, Size, Wishes
from anonymizer.scale.prints import ABSENT, Fingerprints
from tests.anonymizer.schemas import FEW, column, name_of, names, parts_of, scaler_of, seen_of
from tests.anonymizer.test_scale_down import ITEMS, shop

ODD = st.one_of(st.none(), st.sampled_from([b"", b"\t", b"\\N", b"a\nb", b"\\", b"7"]))


def things(*kinds: Kind) -> Table:
    columns = tuple(column(f"c{at}", kind, nullable=True) for at, kind in enumerate(kinds))
    return Table(name=name_of("things"), columns=columns)


def prints(kind: Kind, *values: bytes | None, fold: bool = False) -> list[int]:
    table = things(kind)
    part = Part.of([(each,) for each in values], ["c0"])
    found: list[int] = Fingerprints(bytes(32), fold=fold).of(part, table, ["c0"]).tolist()
    return found


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.INTEGER, (b"7", b"007")),
        (Kind.INTEGER, (b"0", b"000")),
        (Kind.NUMBER, (b"1.50", b"1.5", b"01.500")),
        (Kind.NUMBER, (b"100", b"100.00")),
        (Kind.UUID, (b"018f4e2a-7b3c-7d1e-8a2b-0123456789ab", b"018F4E2A7B3C7D1E8A2B0123456789AB")),
    ],
)
def test_ways_to_write_one_value_have_one_fingerprint(kind, values):
    assert len(set(prints(kind, *values))) == 1


@pytest.mark.parametrize(
    ("kind", "values"),
    [
        (Kind.INTEGER, (b"7", b"70", b"-7", b"0")),
        (Kind.NUMBER, (b"100", b"10", b"1", b"1.05")),
        (Kind.TEXT, (b"a", b"A", b"a ", b"", b"\xc3\xa4")),
    ],
)
def test_other_values_have_others(kind, values):
    assert len(set(prints(kind, *values))) == len(values)


def test_text_is_folded_where_it_is_compared_loosely():
    equal = [each.encode() for each in ("Ärger", "ärger", "ARGER  ", "arger")]
    assert len(set(prints(Kind.TEXT, *equal, fold=True))) == 1
    assert len(set(prints(Kind.TEXT, b"a", b"\xff", b"", b"  b", fold=True))) == 4


def test_null_has_no_fingerprint_and_everything_else_has():
    assert prints(Kind.TEXT, None, b"")[0] == ABSENT
    assert prints(Kind.TEXT, None, b"")[1] != ABSENT


def test_columns_are_not_run_together():
    table = things(Kind.TEXT, Kind.TEXT)
    part = Part.of([(b"ab", b"c"), (b"a", b"bc"), (b"ab", None), (None, b"c")], ["c0", "c1"])
    makes = Fingerprints(bytes(32))
    assert len(set(makes.of_rows(part, table, ["c0", "c1"]).tolist())) == 4
    assert (makes.of(part, table, ["c0", "c1"]) == ABSENT).tolist() == [False, False, True, True]
    assert makes.of(part, table, ["c0", "c1"])[0] != makes.of(part, table, ["c1", "c0"])[0]


@FEW
@given(st.lists(st.tuples(ODD, ODD), min_size=1))
def test_part_is_read_from_a_block_as_it_was_written(rows):
    codec = CopyText()
    text = b"".join(b"\t".join(map(written, row)) + b"\n" for row in rows)
    wanted = ["c1", "c0"]
    part = Part.read(
        codec.parse(text, 2),
        codec,
        table=things(Kind.TEXT, Kind.TEXT),
        columns=["c0", "c1"],
        wanted=wanted,
    )
    read = zip(*(values_of(part, name) for name in ("c0", "c1")), strict=True)
    assert list(read) == rows
    few = part.take(np.arange(part.count) % 2 == 0)
    assert values_of(few, "c0") == [row[0] for row in rows[::2]]


def test_column_that_the_data_has_not_is_named():
    codec = CopyText()
    with pytest.raises(PolicyError, match="things is scaled by 'c1', which the data does not have"):
        Part.read(
            codec.parse(b"1\n", 1),
            codec,
            table=things(Kind.TEXT, Kind.TEXT),
            columns=["c0"],
            wanted=["c1"],
        )


def written(value: bytes | None) -> bytes:
    if value is None:
        return b"\\N"
    return value.replace(b"\\", b"\\\\").replace(b"\t", b"\\t").replace(b"\n", b"\\n")


def values_of(part: Part, name: str) -> list[bytes | None]:
    pairs = zip(part.values[name].to_list(), part.nulls[name], strict=True)
    return [None if null else value for value, null in pairs]


@pytest.mark.thorough
def test_worker_processes_choose_the_same_rows():
    sample = shop()
    wishes = Wishes(small=50)
    scaler = scaler_of(sample, Size(factor=1.5, rows=sample.counts, wishes=wishes))
    seen = seen_of(scaler, sample)
    items = next(each for each in sample.tables if each.name == ITEMS)
    parts = list(parts_of(sample.rows[ITEMS], names(items), 100))
    keep = partial(scaler.keep, ITEMS, 1, seen=seen)
    with ProcessPoolExecutor(2, mp_context=get_context("forkserver")) as pool:
        there = [each.rows.tolist() for each in pool.map(keep, parts)]
    assert there == [keep(part).rows.tolist() for part in parts]
