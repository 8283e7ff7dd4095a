"""What a proof makes of what it finds: survival, chance, and what it cannot tell."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import pytest

from anonymizer.column import Kind
from anonymizer.errors import LeakError, PolicyError
from anonymizer.proof import Meaning, Problem, Verdict, prove
from anonymizer.reading import read_pieces
from tests.anonymizer.planted import (
    MASKED,
    NOTES,
    PLAN,
    USERS,
    Plan,
    notes,
    original,
    proved,
    rows,
    table,
    users,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    Made = Callable[[int], list[str]]

FIRST = [f"{a}{b}" for a in "ABCDEFGHKLMN" for b in ("anna", "ordula", "iolet", "inona", "epp")]
LAST = [f"{a}{b}" for a in "BDFGHKLMNPRST" for b in ("ergmann", "oolittle", "eilly", "ovak")]


def meanings(before: list[str], after: list[str], *bodies: str) -> dict[str, Meaning]:
    """Return for each place of the output what was found of the secret column means."""
    proof = proved([users(after), notes(*bodies)], before=[users(before), notes(*bodies)])
    return {each.place: each.meaning for each in proof.sightings}


def names(seed: int) -> list[str]:
    chosen = Random(seed)  # noqa: S311
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
    return [
        f"{chosen.choice(FIRST)} {chosen.choice(letters)}. {chosen.choice(LAST)}"
        for _ in range(2000)
    ]


def phones(seed: int) -> list[str]:
    chosen = Random(seed)  # noqa: S311
    return [f"0170 {chosen.randrange(10**7):07}" for _ in range(5000)]


def streets(seed: int) -> list[str]:
    chosen = Random(seed)  # noqa: S311
    return [f"{chosen.randrange(1, 999)} {chosen.choice(LAST)} Street" for _ in range(2000)]


def emails(seed: int) -> list[str]:
    return [f"{each.replace(' ', '')}@example.com" for each in names(seed)]


def mixed(values: list[str]) -> list[str]:
    return Random(1).sample(values, len(values))  # noqa: S311


@pytest.mark.parametrize("values", [names, phones, streets])
def test_values_that_are_found_by_chance_are_no_survivors(values: Made) -> None:
    before, after = values(1), values(2)
    assert set(before) & set(after)

    assert meanings(before, after) == {"public.users.secret": Meaning.CHANCE}


@pytest.mark.parametrize("values", [names, phones])
def test_more_than_chance_are_survivors(values: Made) -> None:
    before, after = values(1), values(2)
    after[:400] = before[1000:1400]

    assert meanings(before, after) == {"public.users.secret": Meaning.SURVIVED}


@pytest.mark.parametrize("values", [names, phones, streets])
def test_one_value_in_a_text_is_a_survivor_in_spite_of_chance_elsewhere(values: Made) -> None:
    before, after = values(1), values(2)

    assert meanings(before, after, f"ask {before[77]} again")["public.notes.body"] is (
        Meaning.SURVIVED
    )


def test_one_address_in_a_masked_column_is_a_survivor() -> None:
    before = emails(1)
    after = [f"{number:x}@example.org" for number in range(len(before))]
    after[5] = before[1234]

    assert meanings(before, after) == {"public.users.secret": Meaning.SURVIVED}


def test_values_that_begin_alike_are_not_taken_for_chance() -> None:
    before = [f"customer no. {number:x}a" for number in range(1000)]
    after = ["nothing"] * 999 + [before[7]]

    assert meanings(before, after) == {"public.users.secret": Meaning.SURVIVED}


def test_permuted_numbers_without_gaps_are_left_to_the_comparison_of_rows() -> None:
    before = [str(number) for number in range(10_000_000, 10_005_000)]
    proof = proved(
        [users(mixed(before)), notes("x10000007")], before=[users(before), notes("x10000007")]
    )

    assert [(each.place, each.meaning) for each in proof.sightings] == [
        ("public.notes.body", Meaning.POSSIBLE),
        ("public.users.secret", Meaning.CHANCE),
    ]
    assert "too close together" in proof.sightings[0].why


def test_short_values_are_compared_row_by_row() -> None:
    before = [str(number) for number in range(1000)]
    after = mixed(before)

    proof = proved([users(after), notes("12 and 13")], before=[users(before), notes("12 and 13")])

    assert proof.verdict is Verdict.CLEAN
    assert (proof.columns[0].short, proof.columns[0].strong) == (1000, 0)
    assert proof.columns[0].comparison is not None
    assert proof.columns[0].comparison.rows == 1000


def test_of_a_long_table_some_rows_are_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("anonymizer.proof.rows.WHOLE", 10)
    before = [str(number) for number in range(100)]
    after = [*before[:50], *(f"{each}x" for each in before[50:])]
    compared = proved([users(after), notes()], before=[users(before), notes()]).columns[0]

    assert (compared.values, compared.distinct) == (100, 100)
    assert compared.comparison is not None
    assert (compared.comparison.rows, compared.comparison.same) == (13, 11)  # 32, 64 and 96


@pytest.mark.parametrize("value", ["yes", "42", "Berlin", "2024-05-06"])
def test_short_values_that_were_not_masked_are_found(value: str) -> None:
    before = [value, "no", "40", "Rome", "2023-01-01"] * 20

    assert meanings(before, before) == {"public.users.secret": Meaning.SURVIVED}


def test_some_rows_that_stay_are_for_a_person_to_look_at() -> None:
    before = [str(number % 7) for number in range(700)]
    after = [each if each == "3" else f"{(int(each) + 1) % 7}x" for each in before]

    assert meanings(before, after) == {"public.users.secret": Meaning.POSSIBLE}


def test_a_word_in_a_text_is_for_a_person_to_look_at() -> None:
    proof = proved(
        [users(["Schmidt", "Maier"]), notes("the Kowalski family")],
        before=[users(["Kowalski", "Smithers"]), notes("the Kowalski family")],
    )

    assert [(each.place, each.meaning) for each in proof.sightings] == [
        ("public.notes.body", Meaning.POSSIBLE)
    ]
    assert proof.verdict is Verdict.UNPROVED
    assert proof.exit_code == 1


def test_words_that_a_pool_has_too_are_no_survivors_in_the_masked_column() -> None:
    assert not meanings(["Kowalski", "Smithers", "Novotny"], ["Smithers", "Novotny", "Kowalski"])


def test_a_choice_that_is_mapped_to_itself_is_chance() -> None:
    choices = ["premium customer", "standard customer", "former customer", "no customer at all"]
    before = [choices[number % 4] for number in range(400)]
    after = [choices[(number + 1) % 4] for number in range(400)]

    assert meanings(before, after) == {"public.users.secret": Meaning.CHANCE}


def test_what_was_looked_at_by_a_person_is_accepted() -> None:
    output = [MASKED, notes("anna.kowalska@example.com")]
    first, second = read_pieces(original(), PLAN), read_pieces(output, PLAN)
    proof = prove(first, second, PLAN, accept=["public.notes.body"])

    assert proof.verdict is Verdict.CLEAN
    assert proof.sightings[0].accepted


def test_nulls_and_rows_are_where_they_were() -> None:
    before = [users(["first of all", None, "third of all"]), notes("x")]

    assert not proved([users(["a", None, "b"]), notes("x")], before=before).problems
    moved = proved([users([None, "a", "b"]), notes("x")], before=before).problems
    assert [each.what for each in moved] == ["1 NULLs became values", "1 values became NULL"]
    lost = proved([users(["a", None]), notes("x")], before=before)
    assert [each.what for each in lost.problems] == ["3 rows before, 2 after"]
    assert lost.verdict is Verdict.UNPROVED


def test_a_scaled_output_has_other_rows() -> None:
    before, after = [users(["first of all", "second of all"], other="last of all")], [users(["x"])]
    proof = prove(read_pieces(before, PLAN), read_pieces(after, PLAN), PLAN, scaled=True)

    assert proof.verdict is Verdict.CLEAN


def test_a_scaled_output_of_short_values_proves_nothing() -> None:
    before, after = [users(["1", "2"])], [users(["3"])]
    proof = prove(read_pieces(before, PLAN), read_pieces(after, PLAN), PLAN, scaled=True)

    assert proof.verdict is Verdict.UNPROVED
    assert "no value is long enough" in str(proof.columns[0].note)


def test_a_column_without_a_decision_is_a_problem() -> None:
    extra = rows(USERS._replace(name="extra"), ["a"], [("x",)])
    proof = proved([MASKED, notes("x"), extra], before=[*original(), extra])

    assert [(each.place, each.what) for each in proof.problems] == [
        ("public.extra.a", "a column without a decision")
    ]


def test_what_others_know_to_be_wrong_is_a_problem() -> None:
    pieces = [MASKED, notes("x")]
    known = Problem(place="shop.db", what="3 pages of deleted rows")
    first, second = read_pieces(original(), PLAN), read_pieces(pieces, PLAN)
    proof = prove(first, second, PLAN, problems=[known])

    assert proof.problems == (known,)
    assert proof.verdict is Verdict.UNPROVED


def test_a_column_that_is_missing_is_a_problem() -> None:
    proof = proved([MASKED, rows(NOTES, ["id"], [("0",)])])

    assert [(each.place, each.what) for each in proof.problems] == [
        ("public.notes.body", "a column that the output has not")
    ]


def test_a_column_whose_values_were_cleared_is_clean() -> None:
    plan = Plan(table(USERS, {"id": "keep", "secret": "null", "other": "word"}))
    after = [users([None, None])]
    proof = proved(after, before=[users(["x", "y"])], plan=plan)

    assert proof.verdict is Verdict.CLEAN


def test_dates_are_not_looked_for_but_moments_are() -> None:
    column = replace(PLAN.tables[0].columns[1], kind=Kind.DATETIME)
    plan = Plan(replace(PLAN.tables[0], columns=(PLAN.tables[0].columns[0], column)))
    values = ["2024-05-06 07:08:09", "2024-05-06 07:08:09.123457"]
    before = rows(USERS, ["id", "secret"], enumerate_rows(values))
    after = rows(USERS, ["id", "secret"], enumerate_rows(["2020-01-01", "2021-01-01"]))

    looked = proved([after], before=[before], plan=plan).columns[0]

    assert (looked.strong, looked.short) == (1, 1)


def test_what_survived_can_be_refused() -> None:
    with pytest.raises(LeakError, match=r"in 1 places, the first is public\.notes\.body"):
        proved([MASKED, notes("to anna.kowalska@example.com")]).require()


def test_what_is_not_proved_can_be_refused() -> None:
    before = [users(["Kowalski"]), notes("x")]
    with pytest.raises(PolicyError) as caught:
        proved([users(["b", "c"]), notes("for Kowalski")], before=before).require()

    assert [each.partition(":")[0] for each in caught.value.problems] == [
        "public.notes.body",
        "public.users.secret",
        "public.users.other",
        "public.users",
    ]
    proved([MASKED, notes("x")]).require()


def test_no_value_is_in_what_a_proof_says() -> None:
    proof = proved([MASKED, notes("to anna.kowalska@example.com")])

    assert "kowalska" not in str(proof.as_json()).casefold()
    assert proof.false_alarm < 1e-9


def enumerate_rows(values: list[str]) -> list[tuple[str, str]]:
    return [(str(number), value) for number, value in enumerate(values)]
