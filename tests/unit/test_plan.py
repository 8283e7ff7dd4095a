"""The plan: what is left to do, and what cannot be planned."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from migrator.errors import HistoryDivergedError, PlanError
from migrator.manifest import Entry, Manifest
from migrator.migration import Migration, Phase
from migrator.plan import Applied, Edited, edited, pending, plan, refuse_edited, target_of

NAMES = ("create_cloud", "add_foobars", "drop_memory_mb", "add_disk")


def manifest(*names: str) -> Manifest:
    entries = tuple(
        Entry(number=number, files=(f"{name}.py",), line=number + 1)
        for number, name in enumerate(names, start=1)
    )
    return Manifest(path=Path("versions.json"), entries=entries, releases={"juno": 1, "kilo": 3})


CLOUD = manifest(*NAMES)


def applied(version: int, name: str | None = None, *, state: str = "applied") -> Applied:
    name = name or NAMES[version - 1]
    return Applied(
        version=version,
        name=name,
        hash=f"hash of {name}",
        phase="expand",
        state=state,
        started_at=datetime(2026, 1, 1, tzinfo=UTC),
    )


def migrations(*numbers: int) -> list[Migration]:
    return [
        Migration(
            number=number,
            name=NAMES[number - 1],
            phase=Phase.CONTRACT if NAMES[number - 1].startswith("drop") else Phase.EXPAND,
        )
        for number in numbers
    ]


def hashes(*names: str) -> dict[int, str]:
    return {number: f"hash of {name}" for number, name in enumerate(names, start=1)}


def numbers_of(entries: object) -> list[int]:
    return [entry.number for entry in entries]  # type: ignore[attr-defined]


def test_pending_is_the_manifest_less_the_history() -> None:
    assert numbers_of(pending(CLOUD, [], 4)) == [1, 2, 3, 4]
    assert numbers_of(pending(CLOUD, [applied(1), applied(2)], 3)) == [3]
    assert numbers_of(pending(CLOUD, [applied(1), applied(2), applied(4)], 4)) == [3]
    assert numbers_of(pending(CLOUD, [applied(1), applied(2, state="applying")], 3)) == [2, 3]


def test_target_is_the_latest_a_number_or_a_release() -> None:
    assert target_of(CLOUD, [], None) == 4
    assert target_of(CLOUD, [], "2") == 2
    assert target_of(CLOUD, [], "kilo") == 3


def test_target_below_what_is_applied_is_refused() -> None:
    with pytest.raises(PlanError, match="version 3, beyond the target 2") as caught:
        target_of(CLOUD, [applied(1), applied(2), applied(3)], "2")

    assert caught.value.hint is not None
    assert "no downgrades" in caught.value.hint


def test_target_below_an_expand_is_fine_while_a_contract_is_left_for_it() -> None:
    assert target_of(CLOUD, [applied(1), applied(2), applied(4)], "kilo") == 3


def test_plan_runs_in_the_order_of_numbers() -> None:
    made = plan(migrations(3, 1, 2), [], target=3)

    assert [step.migration.number for step in made.steps] == [1, 2, 3]
    assert made.left == ()


def test_expand_only_leaves_contracts() -> None:
    made = plan(migrations(2, 3, 4), [applied(1)], target=4, expand_only=True)

    assert [step.migration.number for step in made.steps] == [2, 4]
    assert [each.number for each in made.left] == [3]


def test_what_is_half_applied_goes_on_first() -> None:
    half = applied(4, state="applying")
    made = plan(migrations(3, 4), [applied(1), applied(2), half], target=4)

    assert [step.migration.number for step in made.steps] == [4, 3]
    assert [step.resumes for step in made.steps] == [half, None]


def test_a_half_applied_contract_is_finished_by_expand_only_too() -> None:
    half = applied(3, state="applying")
    made = plan(migrations(3, 4), [applied(1), applied(2), half], target=4, expand_only=True)

    assert [step.migration.number for step in made.steps] == [3, 4]


def test_what_is_half_applied_cannot_be_left_behind() -> None:
    with pytest.raises(PlanError, match="4 is half applied and lies beyond the target 3"):
        plan(migrations(3), [applied(1), applied(2), applied(4, state="applying")], target=3)


def test_nothing_is_edited_when_names_and_hashes_agree() -> None:
    assert edited(CLOUD, [applied(1), applied(2)], hashes(*NAMES)) == ()


def test_an_edited_migration_is_refused_with_its_line_and_a_way_out() -> None:
    found = edited(CLOUD, [applied(1), applied(2)], hashes("create_cloud", "something else"))

    with pytest.raises(HistoryDivergedError, match=r"line 3: migration 2 'add_foobars' was edited"):
        refuse_edited(found)
    with pytest.raises(HistoryDivergedError) as caught:
        refuse_edited(found)
    assert caught.value.hint is not None
    assert "--accept-edited 2" in caught.value.hint


def test_an_edited_migration_that_is_accepted_passes() -> None:
    found = edited(CLOUD, [applied(1)], hashes("something else"))

    refuse_edited(found, [1])
    assert found == (Edited(applied=applied(1), entry=CLOUD.entries[0], hash=found[0].hash),)


def test_accepting_what_is_not_edited_is_refused() -> None:
    with pytest.raises(PlanError, match="migration 2 is not an applied migration that was edited"):
        refuse_edited((), [2])


def test_a_half_applied_migration_may_be_edited() -> None:
    half = [applied(1), applied(2, state="applying")]

    assert edited(CLOUD, half, hashes("create_cloud", "mended")) == ()


def test_a_removed_migration_is_refused() -> None:
    found = edited(CLOUD, [applied(1), applied(2, "add_barfoos")], hashes(*NAMES))

    with pytest.raises(HistoryDivergedError, match="'add_barfoos' is applied under this number"):
        refuse_edited(found)


def test_a_renumbered_migration_is_refused_even_when_accepted() -> None:
    with pytest.raises(HistoryDivergedError, match="line 5: migration 'add_disk' is numbered 4"):
        edited(CLOUD, [applied(1), applied(2, "add_disk")], hashes(*NAMES))


def test_a_database_ahead_of_the_manifest_is_refused() -> None:
    with pytest.raises(HistoryDivergedError, match=r"migration 7 .add_zones. is applied"):
        edited(CLOUD, [applied(7, "add_zones")], hashes(*NAMES))


def test_a_half_applied_migration_that_was_removed_is_refused() -> None:
    half = [applied(1), applied(2, "add_barfoos", state="applying")]

    with pytest.raises(HistoryDivergedError, match="2 'add_barfoos' is half applied"):
        edited(CLOUD, half, hashes(*NAMES))
