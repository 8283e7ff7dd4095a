"""A database made smaller: what stays refers only to what stays, of any schema."""

from __future__ import annotations

import pickle
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.column import Column, Kind, Reference, Table, TableName
from anonymizer.errors import PolicyError
from anonymizer.scale import Scaler, Size, Wishes
from anonymizer.scale.roles import emptied, roles_of
from tests.anonymizer.schemas import (
    FEW,
    OTHER_KEY,
    Sample,
    column,
    name_of,
    names,
    samples,
    scaled,
    scaler_of,
    seen_of,
    violations,
)

if TYPE_CHECKING:
    from tests.anonymizer.schemas import Rows

ALL = Wishes(small=0)
Referring: TypeAlias = tuple[Column, Reference]
USERS, ORDERS, ITEMS, PARTS, NOTES = map(name_of, ["users", "orders", "items", "parts", "notes"])


def down(sample: Sample, share: float, **more: Any) -> Size:
    return Size(factor=share, rows=sample.counts, wishes=more.pop("wishes", ALL), **more)


def refers(name: str, table: TableName, to: str = "id", **more: Any) -> Referring:
    return column(name, **more), Reference(columns=(name,), table=table, to=(to,))


def table_of(name: TableName, *references: Referring) -> Table:
    return Table(
        name=name,
        columns=(column("id"), *(each for each, _ in references)),
        keys=(("id",),),
        references=tuple(each for _, each in references),
    )


def shop(users: int = 400) -> Sample:
    """Users with orders with items of parts, and notes on items: references through others."""
    tables = (
        table_of(NOTES, refers("item", ITEMS)),
        table_of(ITEMS, refers("order_id", ORDERS), refers("part", PARTS)),
        table_of(ORDERS, refers("buyer", USERS)),
        table_of(USERS, refers("boss", USERS, nullable=True)),
        table_of(PARTS),
    )
    number = random.Random(1).randrange  # noqa: S311 - any numbers will do
    id_ = [b"%d" % each for each in range(users * 4)]
    rows: Rows = {
        USERS: [(id_[each], id_[number(each)] if each else None) for each in range(users)],
        ORDERS: [(id_[each], id_[number(users)]) for each in range(users * 2)],
        ITEMS: [(each, id_[number(users * 2)], id_[number(50)]) for each in id_],
        NOTES: [(each, each) for each in id_],
        PARTS: [(each,) for each in id_[:50]],
    }
    return Sample(tables=tables, rows=rows)


@FEW
@given(samples(), st.sampled_from([0.1, 0.4, 0.8]))
def test_every_reference_holds(sample, share):
    assert not violations(sample, sample.rows)
    assert not violations(sample, scaled(sample, scaler_of(sample, down(sample, share))))


@FEW
@given(samples())
def test_smaller_sample_is_within_larger_one(sample):
    few = scaled(sample, scaler_of(sample, down(sample, 0.3)))
    more = scaled(sample, scaler_of(sample, down(sample, 0.6)))
    for table in sample.tables:
        names_of_few = {row[-1] for row in few[table.name]}
        assert names_of_few <= {row[-1] for row in more[table.name]} | {None}
        assert len(few[table.name]) <= len(more[table.name])


@FEW
@given(samples(), st.integers(1, 7), st.integers(0, 9), st.booleans())
def test_sample_does_not_depend_on_pieces_nor_order(sample, size, seed, close):
    scaler = scaler_of(sample, down(sample, 0.5))
    order = [table.name for table in sample.tables]
    random.Random(seed).shuffle(order)  # noqa: S311 - any order will do
    seen = seen_of(scaler, sample, size=size, order=order, close=close)
    assert scaled(sample, scaler, seen=seen, size=size) == scaled(sample, scaler)


@FEW
@given(samples())
def test_sampler_works_after_a_journey_to_another_process(sample):
    scaler = scaler_of(sample, down(sample, 0.5))
    sent = pickle.loads(pickle.dumps(scaler))  # noqa: S301 - our own
    assert scaled(sample, sent) == scaled(sample, scaler)


def test_key_alone_says_which_rows_stay():
    sample = shop()
    once = scaled(sample, scaler_of(sample, down(sample, 0.3)))
    assert scaled(sample, scaler_of(sample, down(sample, 0.3))) == once
    assert scaled(sample, scaler_of(sample, down(sample, 0.3), key=OTHER_KEY)) != once


def test_share_is_kept_through_all_tables_that_hang_on_the_root():
    sample = shop()
    out = scaled(sample, scaler_of(sample, down(sample, 0.3, wishes=Wishes(small=50))))
    assert len(out[PARTS]) == 50
    for name in (USERS, ORDERS, ITEMS, NOTES):
        assert 0.22 < len(out[name]) / len(sample.rows[name]) < 0.38


def test_all_of_a_user_stays_or_nothing():
    sample = shop()
    out = scaled(sample, scaler_of(sample, down(sample, 0.3, wishes=Wishes(small=50))))
    staying = {row[0] for row in out[USERS]}
    orders = {row for row in sample.rows[ORDERS] if row[1] in staying}
    assert set(out[ORDERS]) == orders
    assert set(out[ITEMS]) == {
        row for row in sample.rows[ITEMS] if row[1] in {order[0] for order in orders}
    }


def test_only_tables_between_are_read_first():
    scaler = scaler_of(shop(), down(shop(), 0.3, wishes=Wishes(small=50)))
    assert scaler.looks == (ORDERS, ITEMS)
    assert set(scaler.look_needs(ORDERS)) == {"id", "buyer"}


def test_reference_to_itself_becomes_null_where_its_row_went():
    sample = shop()
    out = scaled(sample, scaler_of(sample, down(sample, 0.3, wishes=Wishes(small=50))))
    before: dict[bytes, bytes | None] = dict(sample.rows[USERS])
    staying = {row[0] for row in out[USERS]}
    for user, boss in out[USERS]:
        assert boss == (before[user] if before[user] in staying else None)


def test_trees_stay_whole_when_their_references_are_followed():
    sample = shop()
    follow = Wishes(small=50, follow=frozenset({(USERS, ("boss",))}))
    out = scaled(sample, scaler_of(sample, down(sample, 0.3, wishes=follow)))
    assert len(out[USERS]) in {0, 400}
    assert not violations(sample, out)


def test_rows_that_refer_to_nothing_draw_for_themselves():
    addresses = table_of(NOTES, refers("owner", USERS, nullable=True))
    users = [(b"%d" % each,) for each in range(400)]
    rows = [(b"%d" % each, None) for each in range(2000)]
    sample = Sample(tables=(addresses, table_of(USERS)), rows={USERS: users, NOTES: rows})
    out = scaled(sample, scaler_of(sample, down(sample, 0.3)))
    assert 0.25 < len(out[NOTES]) / 2000 < 0.35


def test_table_without_key_draws_by_the_whole_row():
    log = Table(name=NOTES, columns=(column("at"), column("what", Kind.TEXT, nullable=True)))
    rows = [(b"%d" % each, None if each % 2 else b"it") for each in range(2000)]
    sample = Sample(tables=(log,), rows={NOTES: [*rows, *rows]})
    out = scaled(sample, scaler_of(sample, down(sample, 0.3)))[NOTES]
    assert 0.25 < len(out) / 4000 < 0.35
    assert out[: len(out) // 2] == out[len(out) // 2 :]


def test_root_between_leaves_what_it_refers_to_whole():
    sample = shop()
    wishes = Wishes(roots=frozenset({ORDERS}))
    out = scaled(sample, scaler_of(sample, down(sample, 0.3, wishes=wishes)))
    assert len(out[USERS]) == 400
    assert 0.22 < len(out[ITEMS]) / 1600 < 0.38
    assert not violations(sample, out)


def test_root_below_a_root_draws_as_well():
    sample = shop(2000)
    wishes = Wishes(roots=frozenset({USERS, ORDERS}))
    out = scaled(sample, scaler_of(sample, down(sample, 0.5, wishes=wishes)))
    assert 0.45 < len(out[USERS]) / 2000 < 0.55
    assert 0.22 < len(out[ORDERS]) / 4000 < 0.28
    assert not violations(sample, out)


def test_circle_that_cannot_be_cut_is_drawn_from_one_of_its_tables():
    users = table_of(USERS, refers("account", PARTS))
    accounts = table_of(PARTS, refers("owner", USERS))
    pairs = [(b"%d" % each, b"%d" % each) for each in range(2000)]
    sample = Sample(tables=(users, accounts), rows={USERS: pairs, PARTS: pairs})
    scaler = scaler_of(sample, down(sample, 0.3))
    out = scaled(sample, scaler)
    assert set(scaler.looks) == {USERS, PARTS}
    assert 0.25 < len(out[USERS]) / 2000 < 0.35
    assert out[USERS] == out[PARTS]


def test_reference_names_the_columns_of_a_key_in_its_own_order():
    key = (column("area"), column("number"))
    places = Table(name=PARTS, columns=key, keys=(("area", "number"),))
    refers_to = Reference(columns=("a", "b"), table=PARTS, to=("number", "area"))
    visits = Table(name=NOTES, columns=(column("a"), column("b")), references=(refers_to,))
    pairs = [(b"%d" % each, b"%d" % (each % 7)) for each in range(300)]
    rows = {PARTS: pairs, NOTES: [(number, area) for area, number in pairs]}
    sample = Sample(tables=(places, visits), rows=rows)
    out = scaled(sample, scaler_of(sample, down(sample, 0.5)))
    assert out[NOTES] == [(number, area) for area, number in out[PARTS]]
    assert 100 < len(out[PARTS]) < 200


def test_columns_that_become_null_are_those_nothing_else_needs():
    columns = [column(name, nullable=name != "id") for name in ("id", "tenant", "boss", "team")]
    both = Reference(columns=("tenant", "boss"), table=USERS, to=("tenant", "id"))
    team = Reference(columns=("tenant", "team"), table=PARTS, to=("tenant", "id"))
    users = Table(
        name=USERS, columns=tuple(columns), keys=(("id", "tenant"),), references=(both, team)
    )
    assert emptied(users, both) == ("boss",)
    alone = Reference(columns=("tenant",), table=PARTS, to=("id",))
    assert emptied(replace(users, references=(alone,)), alone) == ()
    assert emptied(replace(users, references=(alone,), keys=()), alone) == ("tenant",)


def test_table_that_shares_children_with_a_larger_root_stays_whole():
    roles = roles_of(shop().tables, shop().counts, ALL)
    assert roles.roots == {USERS}
    assert roles.whole == {PARTS}


def test_what_hangs_only_on_a_whole_table_is_drawn_from():
    pictures = table_of(name_of("pictures"), refers("part", PARTS))
    counts = {**shop().counts, pictures.name: 100_000}
    roles = roles_of([*shop().tables, pictures], {**counts, USERS: 10**6}, ALL)
    assert roles.roots == {USERS, pictures.name}


def test_reference_of_the_smaller_table_is_cut_in_a_circle():
    users = table_of(USERS, refers("last_order", ORDERS, nullable=True))
    orders = table_of(ORDERS, refers("buyer", USERS, nullable=True))
    roles = roles_of([users, orders], {USERS: 5000, ORDERS: 90_000}, ALL)
    assert roles.cuts == {(USERS, users.references[0])}
    assert roles.roots == {USERS}


def test_text_that_mysql_takes_for_equal_draws_alike():
    users = Table(name=USERS, columns=(column("id", Kind.TEXT),), keys=(("id",),))
    orders = table_of(ORDERS, refers("buyer", USERS, kind=Kind.TEXT))
    named = [(b"User %d" % each,) for each in range(200)]
    bought = [(b"%d" % each, b"USER %d  " % each) for each in range(200)]
    sample = Sample(tables=(users, orders), rows={USERS: named, ORDERS: bought})
    out = scaled(sample, scaler_of(sample, down(sample, 0.4, fold=True)))
    assert [row[0].lower() for row in out[USERS]] == [
        row[1].lower().rstrip() for row in out[ORDERS]
    ]


@pytest.mark.parametrize(
    ("wishes", "said"),
    [
        (Wishes(roots=frozenset({name_of("user")})), "there is no table user"),
        (Wishes(whole=frozenset({USERS}), roots=frozenset({USERS})), "users cannot both"),
        (Wishes(cut=frozenset({(ORDERS, ("user",))})), "orders has no reference by user"),
        (Wishes(small=0, cut=frozenset({(ORDERS, ("buyer",))})), "cannot be NULL"),
        (
            Wishes(small=0, whole=frozenset({ORDERS})),
            "orders is to stay whole, and refers to users",
        ),
    ],
)
def test_wishes_that_cannot_be_are_refused(wishes, said):
    with pytest.raises(PolicyError) as caught:
        scaler_of(shop(), down(shop(), 0.3, wishes=wishes))
    assert said in "\n".join([caught.value.message, *caught.value.problems])
    assert caught.value.hint


@pytest.mark.parametrize("factor", [0.5, 2, 2.5])
def test_table_that_is_not_there_is_refused_whatever_the_factor(factor):
    with pytest.raises(PolicyError, match="cannot be scaled as said") as caught:
        scaler_of(shop(), down(shop(), factor, wishes=Wishes(whole=frozenset({name_of("usrs")}))))
    assert caught.value.problems == ("there is no table usrs",)


def test_roots_are_not_guessed_without_counts():
    with pytest.raises(PolicyError) as caught:
        roles_of(shop().tables, {USERS: 1})
    assert "it is not known how many rows orders has" in caught.value.problems


@pytest.mark.parametrize("factor", [0, -1, 1001, float("nan")])
def test_factors_that_cannot_be_are_refused(factor):
    with pytest.raises(PolicyError, match="a factor of"):
        scaler_of(shop(), down(shop(), factor))


@FEW
@given(st.integers(2, 40))
def test_long_circles_of_rows_are_decided_together(length):
    ring = table_of(NOTES, refers("next", NOTES), refers("owner", USERS))
    users = [(b"%d" % each,) for each in range(2)]
    rows = [
        (b"%d" % each, b"%d" % ((each + 1) % length), b"%d" % (each == length // 2))
        for each in range(length)
    ]
    sample = Sample(tables=(ring, table_of(USERS)), rows={USERS: users, NOTES: rows})
    out = scaled(sample, scaler_of(sample, down(sample, 0.5)))
    assert len(out[NOTES]) in {0, length}
    assert not violations(sample, out)


def test_empty_tables_stay_empty():
    sample = Sample(tables=shop().tables, rows={each.name: [] for each in shop().tables})
    scaler = scaler_of(sample, down(sample, 0.5))
    assert isinstance(scaler, Scaler)
    assert not any(scaled(sample, scaler).values())
    assert names(sample.tables[0]) == ["id", "item"]
