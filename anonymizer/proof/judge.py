"""Judge: tell what has survived from what chance explains."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from math import erfc, exp, sqrt
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.markup import CLEAR
from anonymizer.proof.gather import DECOY
from anonymizer.proof.grade import Grade
from anonymizer.proof.leaves import in_part
from anonymizer.proof.result import Looked, Meaning, Problem, Proof, Sighting
from anonymizer.proof.rows import compare

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from anonymizer.column import TableName
    from anonymizer.proof.gather import Gathered, Secret
    from anonymizer.proof.rows import Comparison
    from anonymizer.proof.scan import Found, Place, Scan

TIMES = 2.0
"""How far real finds may exceed decoys: people are not as mixed as decoys are."""
RISK = 1e-3
"""Chance at which so many finds are no longer taken for chance."""
DENSE, TELLING = 0.2, 20
"""Share of decoys that must not be values themselves, or chance cannot be measured; and of how
many values it takes to say so."""
MANY = 100.0
"""Expected finds from which they are taken to be spread normally."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judge:
    """Judges what was found of what was gathered; *accept* names columns and places."""

    gathered: Gathered
    scan: Scan
    accept: Collection[str] = ()
    scaled: bool = False
    """Whether the output has other rows than the original."""
    reordered: Collection[TableName] = ()
    """Tables whose rows stand in another order in the output."""

    def proof(self, problems: Iterable[Problem] = ()) -> Proof:
        """Return the whole judgement, with *problems* that others have found."""
        held = _held(self.gathered)
        comparisons = {each.number: self._comparison(each) for each in self.gathered.by_number}
        sightings = [
            *self._found(held),
            *(
                seen
                for each in self.gathered.by_number
                for seen in self._left(each, comparisons[each.number])
            ),
        ]
        return Proof(
            columns=tuple(
                self._looked(each, comparisons[each.number], held)
                for each in self.gathered.by_number
            ),
            sightings=tuple(sorted(sightings, key=lambda each: (each.place, each.column))),
            problems=(*problems, *self._problems(comparisons)),
            rows=self.scan.rows.total(),
            bytes=self.scan.bytes,
            fingerprints=len(self.gathered.prints),
            false_alarm=self.gathered.prints.false_alarm,
        )

    def _found(self, held: Counter[int]) -> Iterator[Sighting]:
        for (place, number), found in self.scan.found.items():
            secret = self.gathered.by_number[number]
            if found.strong:
                yield self._strong(secret, place, found, held)
            if found.words:
                yield self._word(secret, place, found)

    def _strong(self, secret: Secret, place: Place, found: Found, held: Counter[int]) -> Sighting:
        chance = self._chance(secret, place, found, held)
        if secret.is_choice or _is_dense(secret, held):
            meaning = Meaning.CHANCE if self.scan.is_masked(place) else Meaning.POSSIBLE
            why = "a choice among few" if secret.is_choice else "values too close together to tell"
        elif tail(TIMES * chance, len(found.strong)) > RISK:
            meaning, why = Meaning.CHANCE, f"about {chance:,.1f} are found by chance"
        else:
            meaning, why = Meaning.SURVIVED, "found again"
        return Sighting(
            column=secret.name,
            place=str(place),
            meaning=meaning,
            why=why,
            values=len(found.strong),
            times=found.times,
            by_chance=chance,
            spots=tuple(sorted(found.spots)),
            accepted=self._is_accepted(secret.name, str(place)),
        )

    def _chance(self, secret: Secret, place: Place, found: Found, held: Counter[int]) -> float:
        """Return how many values are expected to be found by chance in *place*.

        That is measured by decoys. Where a mask draws from what the values are drawn from, and
        so few are expected that no decoy is found, it is what the size of that gives.
        """
        each = _openness(secret, held)
        if found.decoys and each:
            return len(found.decoys) / each
        if not secret.decoys or not self.scan.is_masked(place) or place.table is None:
            return 0.0
        pairs = held[secret.number] * self.scan.rows[place.table]
        return min(pairs / 10.0**secret.width, 1 / max(each, 1.0))

    def _word(self, secret: Secret, place: Place, found: Found) -> Sighting:
        return Sighting(
            column=secret.name,
            place=str(place),
            meaning=Meaning.POSSIBLE,
            why="may be a word that stands there for another reason",
            values=len(found.words),
            spots=tuple(sorted(found.word_spots)),
            accepted=self._is_accepted(secret.name, str(place)),
        )

    def _left(self, secret: Secret, compared: Comparison | None) -> Iterator[Sighting]:
        """Yield whether rows of a masked column were left as they were."""
        if compared is None or not compared.suspicious:
            return
        meaning = Meaning.SURVIVED if compared.unchanged else Meaning.POSSIBLE
        yield Sighting(
            column=secret.name,
            place=secret.name,
            meaning=meaning,
            why=f"{compared.same:,} of {compared.rows:,} rows are as they were",
            values=compared.same,
            by_chance=compared.expected,
            accepted=self._is_accepted(secret.name, secret.name),
        )

    def _looked(self, secret: Secret, compared: Comparison | None, held: Counter[int]) -> Looked:
        sample = secret.sample
        return Looked(
            column=secret.name,
            mask=secret.column.decision.mask,
            values=sample.values,
            nulls=sample.nulls,
            distinct=sample.distinct,
            strong=secret.graded[Grade.STRONG],
            words=secret.graded[Grade.WORD],
            short=secret.graded[Grade.SHORT],
            comparison=compared,
            note=_note(secret, compared, held),
            accepted=self._is_accepted(secret.name),
        )

    def _comparison(self, secret: Secret) -> Comparison | None:
        """Return how the column compares with itself; None when it has other rows."""
        before = secret.sample.prints
        after = self.scan.samples[secret.table, secret.column.name].prints
        same = self.gathered.rows[secret.table] == self.scan.rows[secret.table]
        if secret.table in self.reordered:
            return None
        if self.scaled or not same or len(before) != len(after) or in_part(secret.column):
            return None
        return compare(before, after)

    def _problems(self, comparisons: dict[int, Comparison | None]) -> Iterator[Problem]:
        for table, count in sorted(self.gathered.rows.items(), key=str):
            found = self.scan.rows[table]
            if found != count and not self.scaled:
                yield self._problem(str(table), f"{count:,} rows before, {found:,} after")
            missing = set(self.gathered.columns[table]) - set(self.scan.columns.get(table, ()))
            for name in sorted(missing if found else ()):
                yield self._problem(f"{table}.{name}", "a column that the output has not")
        for table in sorted(self.scan.columns.keys() - self.gathered.columns.keys(), key=str):
            yield self._problem(str(table), "a table that the original has not")
        yield from self._undecided()
        for number, compared in comparisons.items():
            yield from self._nulls(self.gathered.by_number[number], compared)

    def _undecided(self) -> Iterator[Problem]:
        """Yield the columns of the original on which nothing is decided."""
        for table, columns in sorted(self.gathered.columns.items(), key=str):
            known = self.gathered.plan.find(table)
            for name in columns:
                if known is None or known.column(name) is None:
                    yield self._problem(f"{table}.{name}", "a column without a decision")

    def _nulls(self, secret: Secret, compared: Comparison | None) -> Iterator[Problem]:
        if secret.table in self.reordered and secret.column.decision.mask != CLEAR:
            before = secret.sample.nulls
            after = self.scan.samples[secret.table, secret.column.name].nulls
            if before != after and not self.scaled:
                yield self._problem(secret.name, f"{before:,} NULLs before, {after:,} after")
        if compared is None:
            return
        if compared.filled:
            yield self._problem(secret.name, f"{compared.filled:,} NULLs became values")
        if compared.emptied and secret.column.decision.mask != CLEAR:
            yield self._problem(secret.name, f"{compared.emptied:,} values became NULL")

    def _problem(self, place: str, what: str) -> Problem:
        return Problem(place=place, what=what, accepted=self._is_accepted(place))

    def _is_accepted(self, *names: str) -> bool:
        return any(each in self.accept for each in names)


def _held(gathered: Gathered) -> Counter[int]:
    """Return how many fingerprints have each label, none of which counts as a word's."""
    labels, counts = np.unique(gathered.prints.labels, return_counts=True)
    return Counter(dict(zip(labels.tolist(), counts.tolist(), strict=True)))


def _openness(secret: Secret, held: Counter[int]) -> float:
    """Return how many decoys that are no values there are for each value of a column."""
    return held[secret.number | DECOY] / max(1, held[secret.number])


def _is_dense(secret: Secret, held: Counter[int]) -> bool:
    """Return whether most decoys are values: chance cannot be measured by them."""
    made = min(secret.decoys, held[secret.number])
    return made > TELLING and held[secret.number | DECOY] < DENSE * made


def tail(expected: float, found: int) -> float:
    """Return the chance of *found* or more where *expected* are, if each comes by itself."""
    if expected > MANY:
        away = (found - 0.5 - expected) / sqrt(2 * expected)
        return 0.5 * erfc(away)
    term = below = exp(-expected) if found else 0.0
    for number in range(1, found):
        term *= expected / number
        below += term
    return max(0.0, 1.0 - below)


def _note(secret: Secret, compared: Comparison | None, held: Counter[int]) -> str | None:
    """Return why a column could not be looked at as it should."""
    cleared = secret.column.decision.mask == CLEAR
    if not secret.sample.values or (compared is not None and (compared.rows or cleared)):
        return None
    if not secret.graded[Grade.STRONG]:
        return "no value is long enough to be looked for, and its rows cannot be compared"
    if secret.is_choice or _is_dense(secret, held):
        return "its values cannot be told from chance, and its rows cannot be compared"
    return None
