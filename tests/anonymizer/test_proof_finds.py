"""The heart of a proof: whatever is left in, in whatever writing, is found."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from anonymizer.column import Column, Kind, Table
from anonymizer.markup import Decision
from anonymizer.proof import Verdict, prove
from anonymizer.reading import Text, read_pieces
from tests.anonymizer.planted import (
    CANARIES,
    MASKED,
    NOTES,
    PLAN,
    WAYS,
    Plan,
    canary_of,
    notes,
    original,
    planted,
    proved,
    rows,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.dumps.base import Rows

STATEMENTS = (
    "COMMENT ON TABLE users IS 'first seen with {}';\n",
    "ALTER TABLE users ALTER COLUMN x SET DEFAULT '{}';\n",
    'CREATE TABLE "backup of {}" (id integer);\n',
    "SELECT pg_restore_attribute_stats('most_common_vals', '{{\"{}\",x}}'::text);\n",
    "-- {}\n",
)


@pytest.fixture(params=CANARIES)
def canary(request: pytest.FixtureRequest) -> str:
    return CANARIES[request.param]


def test_nothing_is_found_where_nothing_is_left() -> None:
    proof = proved([MASKED, notes("a plain note, of 2024-05-06, to number 12345678")])

    assert proof.verdict is Verdict.CLEAN
    assert not proof.sightings
    assert proof.exit_code == 0


@pytest.mark.parametrize("way", WAYS)
def test_a_value_that_is_left_in_another_column_is_found(canary: str, way: str) -> None:
    proof = proved([MASKED, notes("nothing", WAYS[way](canary))])

    assert [(each.column, each.place) for each in proof.survivors] == [
        ("public.users.secret", "public.notes.body")
    ]
    assert proof.survivors[0].spots[0].row == 2
    assert proof.exit_code == 3


@pytest.mark.parametrize("statement", STATEMENTS)
def test_a_value_that_is_left_in_a_statement_is_found(canary: str, statement: str) -> None:
    text = "SET x = 1;\n" + statement.format(canary)
    proof = proved([text.encode(), MASKED, notes("nothing")])

    assert [each.place for each in proof.survivors] == ["outside of rows"]
    assert proof.survivors[0].spots[0].line == 2
    assert proof.survivors[0].spots[0].byte == text.encode().index(canary.lstrip("+").encode())


def test_a_value_that_is_split_over_pieces_is_found(canary: str) -> None:
    text = f"SET x = 1;\n-- {canary} was here\n".encode()
    for cut in range(12, len(text) - 10):
        proof = proved([text[:cut], text[cut:], MASKED, notes("nothing")])

        assert proof.survivors[0].times == 1, cut


def test_a_value_that_is_split_over_large_pieces_is_found_once(canary: str) -> None:
    pad = b"-- nothing of interest\n" * 60_000
    said = f"-- {canary} was here\n".encode()
    proof = proved([pad + said[:9], said[9:] + pad, pad, MASKED, notes("nothing")])

    assert [each.times for each in proof.survivors] == [1]
    assert proof.survivors[0].spots[0].line == 60_001


def test_texts_of_several_files_are_not_taken_for_one() -> None:
    texts = [Text(data=b"-- Maria"), Text(data=b"Nowak\n"), Text(data=b"-- Maria Nowak")]
    found = [*read_pieces([MASKED, notes("nothing")], PLAN), *texts]
    proof = prove(read_pieces(original(), PLAN), found, PLAN)

    assert [(each.times, each.spots[0].line) for each in proof.survivors] == [(1, 1)]


def test_a_value_in_a_masked_column_of_another_row_is_found(canary: str) -> None:
    left = [f"masked-{number}-{number:x}" for number in range(len(CANARIES) - 1)]
    proof = proved([users([*left, canary.upper()]), notes("nothing")])

    assert [each.place for each in proof.survivors] == ["public.users.secret"]


def test_a_column_that_was_not_masked_is_found() -> None:
    proof = proved([users(CANARIES.values()), notes("nothing")])

    assert {each.place for each in proof.survivors} == {"public.users.secret"}
    assert sum(each.why.startswith("12 of 12 rows") for each in proof.survivors) == 1


def test_a_value_in_an_unknown_table_is_found(canary: str) -> None:
    extra = rows(NOTES._replace(name="debris"), ["x", "y"], [(None, f"to {canary}")])
    proof = proved([MASKED, notes("nothing"), extra])

    assert [each.place for each in proof.survivors] == ["public.debris.y"]
    assert [each.place for each in proof.problems] == ["public.debris"]


@pytest.mark.parametrize("size", [1, 2, 7])
def test_what_is_found_does_not_depend_on_the_size_of_pieces(size: int) -> None:
    whole = [MASKED, notes(*(WAYS["sentence"](each) for each in CANARIES.values()))]
    pieces = [part for piece in whole for part in _parts(piece, size)]

    assert proved(pieces).as_json()["sightings"] == proved(whole).as_json()["sightings"]
    assert proved(pieces).sightings[0].values == len(CANARIES)


ALL = Table(
    name=NOTES._replace(name="all"),
    columns=tuple(
        Column(name=kind.value, kind=kind, decision=Decision(mask="x"), domain=kind.value)
        for kind in Kind
        if kind not in {Kind.BOOLEAN, Kind.DATE, Kind.TIME}
    ),
)
LEFT = {
    Kind.BINARY: "the canary of bytes {:04} sings",
    Kind.JSON: "to CANARY{:04}@example.com.",
    Kind.ARRAY: "the canary, the {:04}th, again",
}


@pytest.mark.parametrize("column", ALL.columns, ids=lambda column: column.name)
def test_a_canary_in_a_column_of_any_kind_is_found(column: Column) -> None:
    plan = Plan(ALL, *PLAN.tables)
    before = planted(plan, {ALL.name: [(None,) * len(ALL.columns)]})[ALL.name]
    nothing = (None,) * len(ALL.columns)
    after = rows(ALL.name, before.columns, [nothing, nothing])
    number = ALL.columns.index(column)
    left = LEFT.get(column.kind, f"it was {canary_of(column.kind, number)}?").format(number)
    proof = proved([after, notes("x", left)], before=[before, notes("x", "y")], plan=plan)

    assert [(each.column, each.place) for each in proof.survivors] == [
        (f"public.all.{column.name}", "public.notes.body")
    ]


def _parts(piece: Rows, size: int) -> Iterator[Rows]:
    lines = piece.data.splitlines(keepends=True)
    for at in range(0, len(lines), size):
        yield replace(piece, data=b"".join(lines[at : at + size]))
