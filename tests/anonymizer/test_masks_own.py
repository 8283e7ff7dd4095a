"""Masks that users write: ten lines are enough, and their mistakes show no value."""

from __future__ import annotations

import sys
import traceback
from textwrap import dedent
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.errors import AnonymizerError, PolicyError
from anonymizer.markup import Decision
from anonymizer.masks import own
from anonymizer.masks.base import Distinct
from anonymizer.masks.find import mask_of
from anonymizer.masks.own import Noise, Own, OwnMask
from tests.anonymizer.wording import KEY, NASTY, OTHER_KEY, column, masked

if TYPE_CHECKING:
    from numpy.typing import NDArray

HERE = __name__


class Doubled(OwnMask):
    """Gives a value twice, *times* over; never an example to follow."""

    keeps = Distinct.KEPT

    def __init__(self, times: int = 2) -> None:
        self.times = times

    @override
    def replace(self, value: str, noise: Noise) -> str:
        return value * self.times


class Numbers(OwnMask):
    """Gives numbers, all at once."""

    @override
    def replace_all(self, values: Cells, numbers: NDArray[np.uint64]) -> Cells:
        return Cells.of_matrix(numbers.astype("<u8").view(np.uint8) % 10 + ord("0"))


class Broken(OwnMask):
    """Says what it must not."""

    @override
    def replace(self, value: str, noise: Noise) -> str:
        raise ValueError(f"secret is {value}")


class Odd(OwnMask):
    """Gives what no text is, or no text at all."""

    def __init__(self, gives: object) -> None:
        self.gives = gives

    @override
    def replace(self, value: str, noise: Noise) -> str:
        return self.gives  # type: ignore[return-value]


class NoMask:
    """Is derived from nothing."""


@pytest.fixture
def plate(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Own:
    """The mask of the docstring, as a user would paste it."""
    folder = tmp_path_factory.mktemp("app")
    text = (own.__doc__ or "").partition("\n\n")[2].partition("\n\nThen")[0]
    (folder / "plates_app.py").write_text(dedent(text))
    monkeypatch.syspath_prepend(folder)
    monkeypatch.delitem(sys.modules, "plates_app", raising=False)
    return Own(target="plates_app:Plate")


def test_the_example_works(plate: Own) -> None:
    made = masked(plate, [b"HH-AB 1234", b"HH-AB 1235", b"M-X 1"])
    assert [each.partition(b"-")[0] for each in made] == [b"HH", b"HH", b"M"]
    assert len({*made}) == 3
    assert made == masked(plate, [b"HH-AB 1234", b"HH-AB 1235", b"M-X 1"])
    assert made != masked(plate, [b"HH-AB 1234", b"HH-AB 1235", b"M-X 1"], key=OTHER_KEY)


def test_the_example_is_short(plate: Own) -> None:
    assert plate.distinct(column(plate)) is Distinct.LOST
    example = (own.__doc__ or "").partition("\n\n")[2].partition("\n\nThen")[0]
    assert len(example.splitlines()) <= 10


def test_options_are_given() -> None:
    told = Decision(mask="own", options={"target": f"{HERE}:Doubled", "options": {"times": 3}})
    assert masked(mask_of(told), [b"ab", b""]) == [b"ababab", b""]
    assert mask_of(told).distinct(column(mask_of(told))) is Distinct.KEPT


def test_it_may_be_for_all_at_once() -> None:
    mask = Own(target=f"{HERE}:Numbers")
    made = masked(mask, NASTY)
    assert all(len(each) == 16 and each.isdigit() for each in made)
    assert made == [masked(mask, [each])[0] for each in NASTY]


def test_it_is_given_text_whatever_there_was() -> None:
    (made,) = masked(Own(target=f"{HERE}:Doubled"), [b"\xffa"])
    assert made.decode() == "\ufffda\ufffda"


def test_its_error_shows_no_value() -> None:
    values = [b"Maria"]
    with pytest.raises(AnonymizerError, match="Broken failed: ValueError") as caught:
        masked(Own(target=f"{HERE}:Broken"), values)
    assert "test_masks_own.py line" in caught.value.message
    assert "Maria" not in "".join(traceback.format_exception(caught.value))
    assert caught.value.__context__ is None


@pytest.mark.parametrize(
    ("gives", "says"),
    [
        ("x" * 11, "value of 11, and the column takes 10"),
        ("a\0b", "NUL"),
        ("\ud800", "Unicode"),
        (7, "Error"),
    ],
)
def test_what_no_column_takes(gives: object, says: str) -> None:
    mask = Own(target=f"{HERE}:Odd", options={"gives": gives})
    with pytest.raises(AnonymizerError, match=says):
        masked(mask, [b"a"], length=10)


@pytest.mark.parametrize(
    ("target", "options", "says"),
    [
        ("nowhere:Mask", {}, "No module named"),
        (f"{HERE}:Nothing", {}, "has no Nothing"),
        (f"{HERE}:NoMask", {}, "not derived from OwnMask"),
        (f"{HERE}:Doubled", {"often": 3}, "does not take its options"),
        (f"{HERE}.Doubled", {}, "is no mask"),
    ],
)
def test_a_target_that_is_none(target: str, options: dict[str, object], says: str) -> None:
    with pytest.raises(PolicyError, match=says):
        mask_of(Decision(mask="own", options={"target": target, "options": options}))


def test_any_kind_of_column_is_its_own_matter() -> None:
    mask = Own(target=f"{HERE}:Doubled")
    assert mask.refuses(column(mask, kind=Kind.INTEGER)) is None


@given(seed=st.binary(min_size=16, max_size=16), below=st.integers(1, 10**30))
def test_noise_is_within_bounds_and_repeats(seed: bytes, below: int) -> None:
    one, other = Noise(seed), Noise(seed)
    drawn = [one.integer(below) for _ in range(20)]
    assert drawn == [other.integer(below) for _ in range(20)]
    assert all(0 <= each < below for each in drawn)
    assert one.between(-3, -3) == -3
    assert sorted(one.shuffled("abcdef")) == [*"abcdef"]
    assert len(one.digits(40)) == 40
    assert one.digits(0) == one.letters(0) == ""


def test_noise_prefers_nothing() -> None:
    noise = Noise(KEY)
    drawn = [noise.integer(3) for _ in range(30_000)]
    assert all(abs(drawn.count(each) - 10_000) < 500 for each in range(3))
    with pytest.raises(ValueError, match="below 0"):
        noise.integer(0)
