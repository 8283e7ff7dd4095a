"""A database made larger: every key is there once, every row refers to its own copy."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer.column import Kind, Reference, Table
from anonymizer.errors import DumpError, PolicyError
from anonymizer.markup import Decision
from anonymizer.masks.base import Distinct
from anonymizer.scale import Part, Scaler, Size, Wishes
from tests.anonymizer.schemas import (
    FEW,
    KEY,
    Rows,
    Sample,
    column,
    name_of,
    names,
    parts_of,
    samples,
    scaled,
    scaler_of,
    seen_of,
    violations,
)
from tests.anonymizer.test_scale_down import ORDERS, PARTS, USERS, refers, shop, table_of

NOBODY = Wishes(small=-1)
EMAIL = Decision(mask="email")
TOKEN = b"018f4e2a-7b3c-7d1e-8a2b-0123456789ab"


def up(sample: Sample, factor: float, **more: Any) -> Size:
    return Size(factor=factor, rows=sample.counts, wishes=more.pop("wishes", NOBODY), **more)


def degrees(rows: Rows, table: Table, reference: Reference) -> Counter[int]:
    """Return how many rows are referred to by how many."""
    own = [names(table).index(each) for each in reference.columns]
    found = Counter(tuple(row[at] for at in own) for row in rows[table.name])
    return Counter(count for to, count in found.items() if None not in to)


def users_of(values: list[bytes], *, kind: Kind = Kind.TEXT, **more: Any) -> Sample:
    users = Table(name=USERS, columns=(column("email", kind, unique=True, **more),))
    return Sample(tables=(users,), rows={USERS: [(each,) for each in values]})


@FEW
@given(samples(), st.sampled_from([2, 3]))
def test_every_key_and_reference_holds(sample, factor):
    out = scaled(sample, scaler_of(sample, up(sample, factor)))
    assert not violations(sample, out)
    for name, rows in sample.rows.items():
        assert out[name][: len(rows)] == rows
        assert len(out[name]) == factor * len(rows)


@FEW
@given(samples(), st.sampled_from([2, 3]))
def test_as_many_rows_refer_to_each_as_before(sample, factor):
    out = scaled(sample, scaler_of(sample, up(sample, factor)))
    for table in sample.tables:
        for each in table.references:
            before = degrees(sample.rows, table, each)
            expected = Counter({degree: factor * many for degree, many in before.items()})
            assert degrees(out, table, each) == expected


@FEW
@given(samples(), st.integers(1, 7))
def test_copies_do_not_depend_on_pieces(sample, size):
    scaler = scaler_of(sample, up(sample, 2.5))
    out, whole = scaled(sample, scaler, size=size), scaled(sample, scaler)
    assert {name: Counter(rows) for name, rows in out.items()} == {
        name: Counter(rows) for name, rows in whole.items()
    }


@FEW
@given(samples(), st.sampled_from([1.5, 2.25]))
def test_rest_of_a_factor_is_a_sample(sample, factor):
    out = scaled(sample, scaler_of(sample, up(sample, factor)))
    assert not violations(sample, out)
    for name, rows in sample.rows.items():
        assert int(factor) * len(rows) <= len(out[name]) <= (int(factor) + 1) * len(rows)


def test_factor_one_changes_nothing():
    scaler = scaler_of(shop(), up(shop(), 1))
    assert scaler.looks == ()
    assert scaled(shop(), scaler) == shop().rows


def test_small_tables_are_there_once_and_all_copies_refer_to_them():
    sample = shop()
    out = scaled(sample, scaler_of(sample, up(sample, 2, wishes=Wishes(small=50))))
    assert out[PARTS] == sample.rows[PARTS]
    assert not violations(sample, out)


def test_small_tables_are_copied_when_a_key_is_made_of_them_alone():
    members = Table(
        name=ORDERS,
        columns=(column("who"), column("part")),
        keys=(("who", "part"),),
        references=(
            Reference(columns=("who",), table=USERS, to=("id",)),
            Reference(columns=("part",), table=PARTS, to=("id",)),
        ),
    )
    few = [(b"%d" % each,) for each in range(10)]
    rows: Rows = {USERS: few, PARTS: few, ORDERS: [(*a, *b) for a in few for b in few]}
    sample = Sample(tables=(members, table_of(USERS), table_of(PARTS)), rows=rows)
    for factor in (2, 2.5):
        out = scaled(sample, scaler_of(sample, up(sample, factor, wishes=Wishes(small=10))))
        assert not violations(sample, out)
        assert 200 <= len(out[ORDERS]) <= 300


def test_what_is_there_once_may_refer_to_copies():
    sample = shop()
    once = Wishes(small=-1, whole=frozenset({ORDERS}))
    out = scaled(sample, scaler_of(sample, up(sample, 1.5, wishes=once)))
    assert out[ORDERS] == sample.rows[ORDERS]
    assert not violations(sample, out)


def test_numbers_that_do_not_fit_are_refused_with_the_factor_that_does():
    table = Table(name=USERS, columns=(column("id", bits=16),), keys=(("id",),))
    sample = Sample(tables=(table,), rows={USERS: [(b"1",), (b"10000",)]})
    with pytest.raises(PolicyError) as caught:
        seen_of(scaler_of(sample, up(sample, 4)), sample)
    assert caught.value.problems == ("users.id has room for 3 copies",)
    assert caught.value.hint == "scale by 3 at the most, or say another rule"
    out = scaled(sample, scaler_of(sample, up(sample, 3)))[USERS]
    assert out == [(b"1",), (b"10000",), (b"10001",), (b"20000",), (b"20001",), (b"30000",)]


def test_smallest_column_of_a_reference_says_how_many_fit():
    orders = table_of(ORDERS, refers("buyer", USERS, bits=16))
    rows: Rows = {USERS: [(b"20000",)], ORDERS: [(b"1", b"20000")]}
    sample = Sample(tables=(orders, table_of(USERS)), rows=rows)
    out = scaled(sample, scaler_of(sample, up(sample, 3)))
    assert out[ORDERS] == [(b"1", b"20000"), (b"2", b"20001"), (b"3", b"20002")]


def test_sequences_go_on_behind_the_last_copy():
    sample = shop()
    scaler = scaler_of(sample, up(sample, 3))
    seen = seen_of(scaler, sample)
    assert scaler.sequence(USERS, "id", 400, seen) == 1199
    assert scaler.sequence(USERS, "id", 5000, seen) == 5000
    assert scaler.sequence(USERS, "name", 7, seen) == 7


def test_unique_text_that_is_not_masked_needs_a_rule():
    sample = users_of([b"a", b"b"], length=9)
    with pytest.raises(PolicyError) as caught:
        scaler_of(sample, up(sample, 2))
    assert caught.value.problems[0].startswith("users (email) has no rule: say one of shift")


def test_suffix_makes_text_unique_where_there_is_room():
    rules = {(USERS, "email"): "suffix"}
    sample = users_of(["ä".encode(), b"b"], length=9)
    out = scaled(sample, scaler_of(sample, up(sample, 3, rules=rules)))[USERS]
    assert len({row[0] for row in out}) == 6
    assert {len(row[0].decode()) for row in out} == {1, 9}
    long = users_of([b"ab"], length=9)
    with pytest.raises(PolicyError, match="do not fit"):
        seen_of(scaler_of(long, up(long, 2, rules=rules)), long)


def test_digits_keep_their_width():
    rules = {(USERS, "email"): "digits"}
    sample = users_of([b"007", b"300"])
    out = scaled(sample, scaler_of(sample, up(sample, 3, rules=rules)))[USERS]
    assert [row[0] for row in out] == [b"007", b"300", b"308", b"601", b"609", b"902"]
    for values in ([b"007", b"900"], [b"7", b"30"]):
        bad = users_of(values)
        with pytest.raises(PolicyError, match="do not fit"):
            seen_of(scaler_of(bad, up(bad, 3, rules=rules)), bad)


def test_masked_text_is_masked_by_a_key_of_its_copy():
    sample = users_of([b"a", b"b"], decision=EMAIL)
    scaler = scaler_of(sample, up(sample, 2))
    keys = [scaler.mask_key(USERS, "email", copy, b"k" * 32) for copy in (0, 1)]
    assert keys[0] == b"k" * 32
    assert len(keys[1]) == 32
    assert keys[1] != keys[0]
    assert scaler.mask_key(USERS, "name", 1, b"k" * 32) == b"k" * 32
    assert scaled(sample, scaler)[USERS] == [*sample.rows[USERS], *sample.rows[USERS]]


def test_mask_that_is_a_permutation_cannot_tell_copies_apart():
    sample = users_of([b"a"], decision=EMAIL)
    with pytest.raises(PolicyError, match="a key would be there twice"):
        Scaler.of(sample.tables, up(sample, 2), key=KEY, distinct=lambda _column: Distinct.KEPT)


def test_reference_that_is_unique_to_what_is_there_once_is_refused():
    profile = table_of(ORDERS, refers("user", USERS, unique=True))
    sample = Sample(tables=(table_of(USERS), profile), rows={USERS: [], ORDERS: []})
    with pytest.raises(PolicyError) as caught:
        scaler_of(sample, up(sample, 2, wishes=Wishes(small=-1, whole=frozenset({USERS}))))
    assert caught.value.problems == ("orders (user) refers to users, of which there is one copy",)


def test_columns_of_one_domain_move_together_without_a_reference():
    users, log = users_of([b"1"], kind=Kind.INTEGER, domain="person").tables[0], name_of("log")
    entries = Table(name=log, columns=(column("who", domain="person"),))
    sample = Sample(tables=(users, entries), rows={USERS: [(b"1",)], log: [(b"1",)] * 2})
    out = scaled(sample, scaler_of(sample, up(sample, 2)))
    assert out[log] == [(b"1",), (b"1",), (b"2",), (b"2",)]


def test_columns_of_a_domain_with_several_keys_move_where_all_move_alike():
    keys = [users_of([b"a"], decision=EMAIL, domain="email").tables[0] for _ in range(2)]
    keys[1] = replace(keys[1], name=PARTS)
    log = column("email", Kind.TEXT, decision=EMAIL, domain="email")
    tables = (*keys, Table(name=ORDERS, columns=(log,)))
    sample = Sample(tables=tables, rows={each.name: [(b"a",)] for each in tables})
    scaler = scaler_of(sample, up(sample, 2))
    key = scaler.mask_key(USERS, "email", 1, bytes(32))
    assert [scaler.mask_key(each.name, "email", 1, bytes(32)) for each in tables] == [key] * 3
    numbers = [replace(each, columns=(column("email", unique=True),)) for each in keys]
    told = Sample(tables=(*numbers, tables[2]), rows=sample.rows)
    assert ORDERS not in {
        name for move in scaler_of(told, up(told, 2)).multiplier.moves for name in move.columns
    }


def test_what_refers_to_nothing_stays_as_it_is():
    users, log = users_of([b"5"], kind=Kind.INTEGER, domain="person").tables[0], name_of("log")
    entries = Table(name=log, columns=(column("who", domain="person"),))
    sample = Sample(tables=(users, entries), rows={USERS: [(b"5",)], log: [(b"0",), (b"5",)]})
    assert scaled(sample, scaler_of(sample, up(sample, 2)))[log][2:] == [(b"0",), (b"6",)]


def test_what_is_no_uuid_and_refers_to_nothing_stays_as_it_is():
    users, log = users_of([TOKEN], kind=Kind.UUID, domain="token").tables[0], name_of("log")
    entries = Table(name=log, columns=(column("who", Kind.UUID, domain="token"),))
    rows = {USERS: [(TOKEN,)], log: [(b"",), (TOKEN,), (b"nobody",)]}
    sample = Sample(tables=(users, entries), rows=rows)
    out = scaled(sample, scaler_of(sample, up(sample, 2)))
    assert out[log][3:] == [(b"",), out[USERS][1], (b"nobody",)]


def test_key_that_was_not_there_in_the_first_reading_is_an_error_without_the_value():
    sample = users_of([b"1", b"5"], kind=Kind.INTEGER)
    scaler = scaler_of(sample, up(sample, 2))
    seen = seen_of(scaler, sample)
    late = Part.of([(b"918273",)], ["email"])
    with pytest.raises(DumpError, match="table users: column email: a key was not there") as caught:
        scaler.columns(USERS, 1, late, seen)
    assert "918273" not in str(caught.value)


@pytest.mark.parametrize(
    ("kind", "value", "said"),
    [
        (Kind.INTEGER, b"12 apples", "a key is not a whole number"),
        (Kind.INTEGER, b"18446744073709551615", "a key is not a whole number"),
        (Kind.UUID, b"12 apples", "a value is not a UUID"),
        (Kind.UUID, b"0123456789abcdef0123456789abcdeg", "a value is not a UUID"),
        (Kind.UUID, b"sixteen letters.", "a value is not a UUID"),
    ],
)
def test_values_that_are_none_of_their_kind_are_not_shown(kind, value, said):
    sample = users_of([value], kind=kind)
    with pytest.raises(DumpError, match=said) as caught:
        scaled(sample, scaler_of(sample, up(sample, 2)))
    assert value.decode() not in str(caught.value)
    assert caught.value.__context__ is None or value.decode() not in str(caught.value.__context__)


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        ({(USERS, "mail"): "suffix"}, "there is no column users.mail"),
        ({(USERS, "email"): "append"}, "users.email: there is no rule 'append'"),
        ({(USERS, "email"): "mask"}, "users.email is not masked"),
    ],
)
def test_rules_that_cannot_be_are_refused(rules, said):
    sample = users_of([b"a"])
    with pytest.raises(PolicyError) as caught:
        scaler_of(sample, up(sample, 2, rules=rules))
    assert said in "\n".join(caught.value.problems)


def test_uuids_keep_form_time_and_version():
    values = [
        b"018f4e2a-7b3c-7d1e-8a2b-0123456789ab",
        b"018F4E2A-7B3C-7D1E-9A2B-0123456789AB",
        b"018f4e2a7b3c7d1ebf2b0123456789ab",
    ]
    sample = users_of(values, kind=Kind.UUID)
    out = [row[0] for row in scaled(sample, scaler_of(sample, up(sample, 2)))[USERS]]
    assert len(set(out)) == 6
    for old, new in zip(values, out[3:], strict=True):
        assert len(old) == len(new)
        assert new[:16].replace(b"-", b"") == old[:16].replace(b"-", b"")
        assert new.isupper() == old.isupper()


def test_key_of_two_columns_moves_by_the_one_that_can():
    pair = Table(
        name=USERS,
        columns=(column("place", Kind.TEXT), column("number")),
        keys=(("place", "number"),),
    )
    sample = Sample(tables=(pair,), rows={USERS: [(b"a", b"1"), (b"b", b"1")]})
    out = scaled(sample, scaler_of(sample, up(sample, 2)))[USERS]
    assert out == [(b"a", b"1"), (b"b", b"1"), (b"a", b"2"), (b"b", b"2")]


def test_null_stays_null_in_every_copy():
    sample = users_of([b"1"], kind=Kind.INTEGER)
    loose = replace(sample.tables[0].columns[0], nullable=True)
    table = replace(sample.tables[0], columns=(loose,))
    sample = Sample(tables=(table,), rows={USERS: [(None,), (b"4",), (None,)]})
    out = scaled(sample, scaler_of(sample, up(sample, 2)))[USERS]
    assert out == [(None,), (b"4",), (None,), (None,), (b"5",), (None,)]
    assert [part.count for part in parts_of(sample.rows[USERS], ["email"], 2)] == [2, 1]


@pytest.mark.slow
@settings(max_examples=2000, deadline=None)
@given(samples(most_rows=60), st.sampled_from([0.2, 0.5, 0.9, 1.5, 2, 2.25, 3]))
def test_every_factor_serves_every_schema(sample, factor):
    out = scaled(sample, scaler_of(sample, up(sample, factor)), size=50)
    assert not violations(sample, out)


@FEW
@given(st.lists(st.binary(min_size=16, max_size=16), unique=True))
def test_uuids_of_bytes_stay_distinct(values):
    sample = users_of(values, kind=Kind.BINARY)
    size = up(sample, 3, rules={(USERS, "email"): "uuid"})
    out = [row[0] for row in scaled(sample, scaler_of(sample, size))[USERS]]
    assert len(set(out)) == 3 * len(values)
    assert all(len(value) == 16 for value in out)
