"""Result: what a proof has found, and what it could not look at; never a value."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import Enum
from typing import TYPE_CHECKING, Any

from anonymizer.errors import LeakError, PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.proof.rows import Comparison
    from anonymizer.proof.scan import Spot


class Verdict(Enum):
    """The answer of a proof."""

    CLEAN = "clean"
    UNPROVED = "not proved"
    SURVIVORS = "survivors"


class Meaning(Enum):
    """What it means that values of the original are in the output."""

    SURVIVED = "survived"
    POSSIBLE = "possible"
    """They may have survived, or stand there for another reason: a person has to look."""
    CHANCE = "chance"
    """As many as are found by chance, or a choice among few."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """Values of one column of the original, found in one place of the output."""

    column: str
    place: str
    meaning: Meaning
    why: str
    values: int
    """Distinct values that were found."""
    times: int | None = None
    """How often; None where only distinct ones are counted."""
    by_chance: float = 0.0
    """How many are expected by chance alone: decoys that were found."""
    spots: tuple[Spot, ...] = ()
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Looked:
    """One sensitive column of the original, and how its values could be looked for."""

    column: str
    mask: str
    values: int
    nulls: int
    distinct: int
    strong: int
    """Values that are found wherever they stand."""
    words: int
    """Values that are found, but may be words that stand there for another reason."""
    short: int
    """Values that are too short to be told from chance, and only compared row by row."""
    comparison: Comparison | None
    """None when the rows are not the same ones."""
    note: str | None = None
    """Why it could not be looked at as it should."""
    accepted: bool = False

    @property
    def is_open(self) -> bool:
        """Whether the proof lacks something here that nobody has accepted."""
        return self.note is not None and not self.accepted


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """A difference between original and output that no mask explains."""

    place: str
    what: str
    accepted: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What was looked at, and what was found."""

    columns: tuple[Looked, ...]
    sightings: tuple[Sighting, ...]
    problems: tuple[Problem, ...]
    rows: int
    """Rows of the output."""
    bytes: int
    """Bytes of values and text of the output that were looked at."""
    fingerprints: int
    false_alarm: float
    """The most that the chance can be that something was found which is no value."""

    @property
    def survivors(self) -> tuple[Sighting, ...]:
        """What survived, and was not accepted."""
        return self._seen(Meaning.SURVIVED)

    @property
    def possible(self) -> tuple[Sighting, ...]:
        """What may have survived, and was not accepted."""
        return self._seen(Meaning.POSSIBLE)

    @property
    def verdict(self) -> Verdict:
        """The answer: clean only when nothing important is left open."""
        if self.survivors:
            return Verdict.SURVIVORS
        left = any(each.is_open for each in self.columns) or self.possible
        wrong = any(not each.accepted for each in self.problems)
        return Verdict.UNPROVED if left or wrong else Verdict.CLEAN

    @property
    def exit_code(self) -> int:
        """0 clean, 1 not proved, 3 survivors."""
        return {Verdict.CLEAN: 0, Verdict.UNPROVED: 1, Verdict.SURVIVORS: 3}[self.verdict]

    def require(self) -> None:
        """Raise LeakError where something survived, PolicyError where something is left open."""
        if self.survivors:
            places = sorted({each.place for each in self.survivors})
            raise LeakError(
                f"sensitive values survived in {len(places)} places, the first is {places[0]}",
                hint="anonymizer prove --show ORIGINAL OUTPUT says where exactly",
            )
        if self.verdict is Verdict.UNPROVED:
            raise PolicyError(
                "it is not proved that nothing sensitive survived",
                problems=[*self._open()],
                hint="look at each, mend it, or accept it: --accept TABLE.COLUMN",
            )

    def as_json(self) -> dict[str, Any]:
        """Return the proof as `--json` shows it."""
        shown = asdict(self)
        for sighting in shown["sightings"]:
            sighting["meaning"] = sighting["meaning"].value
            sighting["spots"] = [each._asdict() for each in sighting["spots"]]
        return {"verdict": self.verdict.value, **shown}

    def _open(self) -> Iterator[str]:
        for seen in self.possible:
            yield f"{seen.place}: {seen.values:,} values of {seen.column}: {seen.why}"
        for looked in self.columns:
            if looked.is_open:
                yield f"{looked.column}: {looked.note}"
        for problem in self.problems:
            if not problem.accepted:
                yield f"{problem.place}: {problem.what}"

    def _seen(self, meaning: Meaning) -> tuple[Sighting, ...]:
        return tuple(
            each for each in self.sightings if each.meaning is meaning and not each.accepted
        )
