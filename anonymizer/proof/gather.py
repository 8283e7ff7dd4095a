"""Gather: one pass over the original, which takes the fingerprints of what is sensitive."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells
from anonymizer.errors import PolicyError
from anonymizer.markup import KEEP
from anonymizer.proof.grade import LEAST, Grade, grades, names, numbers
from anonymizer.proof.leaves import in_part, leaves
from anonymizer.proof.prints import Prints
from anonymizer.proof.rows import Sample
from anonymizer.proof.squeeze import Squeezed, contiguous, squeeze
from anonymizer.proof.store import HELD
from anonymizer.reading import Chunk

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from numpy.typing import NDArray

    from anonymizer.cells import Places
    from anonymizer.column import Column, TableName
    from anonymizer.reading import Known, Part, Values

WORD, DECOY = 0x4000, 0x8000
"""What is added to a column's number for a value that proves little, and for a decoy."""
NUMBER = 0x3FFF
"""Bits of a label that are the column's number."""
MANY, ENOUGH = 4, 100_000
"""Decoys of each value, and the number of values of a column from which one is enough."""
SHARED, LETTER, WIDEST = 3, 0.6, 64
"""Digits that all numbers of a column may begin with; decimal digits that a letter of a name says;
the most that are counted."""
FIRST = 16
"""Letters by which first words are compared."""
FEW, OFTEN = 100, 10
"""A column of at most FEW values, each OFTEN times in the mean, is a choice among them."""


@dataclass(slots=True, kw_only=True)
class Secret:
    """A column whose values are sensitive, and what was seen of them."""

    number: int
    table: TableName
    column: Column
    sample: Sample = field(default_factory=Sample)
    graded: Counter[Grade] = field(default_factory=Counter)
    """How many values have each grade."""
    decoys: int = 0
    """How many decoys were made."""
    width: int = WIDEST
    """A mask draws from 10 to the power of it different values, or more."""

    @property
    def name(self) -> str:
        """How the column is called in reports."""
        return f"{self.table}.{self.column.name}"

    @property
    def is_choice(self) -> bool:
        """Whether there are so few values that finding one of them again proves nothing."""
        distinct = self.sample.distinct
        return distinct <= FEW and self.sample.values >= OFTEN * distinct


class Gathered:
    """What the original has: its tables, its sensitive columns, their fingerprints."""

    def __init__(self, plan: Known, *, held: int = HELD) -> None:
        self.plan = plan
        self.prints = Prints(held=held)
        self.rows: Counter[TableName] = Counter()
        self.columns: dict[TableName, tuple[str, ...]] = {}
        self.secrets = {(secret.table, secret.column.name): secret for secret in _secrets(plan)}
        self.by_number = [*self.secrets.values()]

    def add(self, chunk: Chunk) -> None:
        """Take the fingerprints of what is sensitive in *chunk*."""
        known = self.plan.find(chunk.table)
        table = known.name if known else chunk.table
        self.columns.setdefault(table, chunk.columns)
        for name in chunk.values:
            if secret := self.secrets.get((table, name)):
                self._take(secret, self.rows[table], chunk.count, chunk.values[name])
        self.rows[table] += chunk.count

    def _take(self, secret: Secret, first: int, count: int, values: Values) -> None:
        secret.sample.add(first, count, values, self.prints.of(values.cells))
        if not in_part(secret.column):
            self._fingerprint(secret, values.cells)
        self._fingerprint(secret, Cells.of(leaves(secret.column, values.cells)))

    def _fingerprint(self, secret: Secret, cells: Cells) -> None:
        """Put in *cells*, and decoys of them, with the grade of each."""
        if not len(cells):
            return
        data, bounds = contiguous(cells)
        squeezed = squeeze(data.tobytes(), bounds)
        graded = grades(squeezed, secret.column.kind)
        for grade, times in zip(*np.unique(graded, return_counts=True), strict=True):
            secret.graded[Grade(grade)] += int(times)
        number = np.uint16(secret.number)
        self._add(squeezed.cells.take(graded == Grade.STRONG), number)
        self._add(squeezed.cells.take(graded == Grade.WORD), number | np.uint16(WORD))
        each = MANY if secret.decoys < MANY * ENOUGH else 1
        for decoys, width in _decoys(squeezed, graded, each):
            secret.decoys += len(decoys)
            secret.width = min(secret.width, width)
            self._add(decoys.take(decoys.lengths >= LEAST), number | np.uint16(DECOY))

    def _add(self, values: Cells, label: np.uint16) -> None:
        self.prints.add(values, np.full(len(values), label))


def gather(parts: Iterable[Part], plan: Known, *, held: int = HELD) -> Gathered:
    """Read the original; *held* fingerprints stay in memory, more go to a temporary folder."""
    found = Gathered(plan, held=held)
    for part in parts:
        if isinstance(part, Chunk):
            found.add(part)
    found.prints.finish()
    return found


def _secrets(plan: Known) -> Iterator[Secret]:
    number = 0
    for table in plan.tables:
        for column in table.columns:
            if column.decision.mask != KEEP:
                yield Secret(number=number, table=table.name, column=column)
                number += 1
    if number > NUMBER:
        raise PolicyError(f"{number} masked columns, expected {NUMBER} at the most")


def _decoys(values: Squeezed, graded: NDArray[np.uint8], each: int) -> Iterator[tuple[Cells, int]]:
    """Yield values that are not there, and as likely to be found by chance as those that are.

    Numbers with another last digit, and names with another's first word, as many as *each* of
    a value: that they are found is no survival, so as many real finds are none either. With
    them comes the power of ten of how many values of that form there are.
    """
    strong = graded == Grade.STRONG
    which = np.flatnonzero(strong & numbers(values))
    for number in range(each if len(which) else 0):
        found = values.cells.take(which)
        yield _other_digit(found, number + 1), int(found.lengths.min()) - SHARED
    which = np.flatnonzero(strong & names(values))
    for number in range(min(each, len(which) - 1)):
        found = _other_name(values, which, number + 1)
        if len(found):
            yield found, int(LETTER * found.lengths.mean())


def _other_digit(values: Cells, step: int) -> Cells:
    data, bounds = contiguous(values)
    data = data.copy()
    last = bounds[1:] - 1
    data[last] = (data[last] - ord("0") + step) % 10 + ord("0")
    return Cells(data=data, starts=bounds[:-1], ends=bounds[1:])


def _other_name(values: Squeezed, which: Places, step: int) -> Cells:
    """Return *which* with the first word of the one that is *step* before, where it is another."""
    cells = values.cells.take(which)
    first = np.cumsum(values.words)[which] - values.words[which]
    rest = values.heads[first + 1]
    heads = Cells(data=values.letters, starts=cells.starts, ends=rest)
    others = Cells(
        data=values.letters, starts=np.roll(heads.starts, step), ends=np.roll(rest, step)
    )
    differ = heads.lengths != others.lengths
    differ |= (heads.heads(FIRST) != others.heads(FIRST)).any(1)
    starts = np.stack([others.starts, rest], axis=1)[differ]
    ends = np.stack([others.ends, cells.ends], axis=1)[differ]
    parts = Cells(data=values.letters, starts=starts.reshape(-1), ends=ends.reshape(-1))
    data, bounds = contiguous(parts)
    return Cells(data=data, starts=bounds[:-1:2], ends=bounds[2::2])
