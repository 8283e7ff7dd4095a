"""Compare: the figures of two dumps or databases, and what drifted from one to the other."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from anonymizer.errors import DumpError
from anonymizer.fidelity.drift import drifts
from anonymizer.fidelity.profile import Profiler
from anonymizer.key import Key
from anonymizer.reading import Text
from anonymizer.scale.part import Part, spread
from anonymizer.structure import survey

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anonymizer.column import Table, TableName
    from anonymizer.container import Container
    from anonymizer.fidelity.drift import Drift, Tolerance
    from anonymizer.fidelity.profile import TableFigures
    from anonymizer.reading import Chunk

    Profiles = Mapping[TableName, TableFigures]

_KEY = Key(b"figures are of counts, and hold no hash")
"""One for all, so that the same data has the same figures."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fidelity:
    """Figures before and after; none holds a value of a row."""

    before: Profiles
    after: Profiles
    drifts: Sequence[Drift]
    factors: Mapping[TableName, float]

    @property
    def missing(self) -> tuple[TableName, ...]:
        """The tables that only one of the two has."""
        return tuple(sorted(set(self.before) ^ set(self.after)))

    @property
    def exit_code(self) -> int:
        """0 when they are alike, 1 when they are not."""
        return int(bool(self.drifts or self.missing))

    def as_json(self) -> dict[str, Any]:
        """Return all figures as `--json` shows them."""
        names = sorted({*self.before, *self.after})
        return {
            "alike": not self.exit_code,
            "tables": {
                str(name): {
                    "factor": self.factors.get(name, 1.0),
                    "before": asdict(self.before[name]) if name in self.before else None,
                    "after": asdict(self.after[name]) if name in self.after else None,
                }
                for name in names
            },
            "drifts": [asdict(each) for each in self.drifts],
        }


def compare(
    original: Container, output: Container, *, factor: float, tolerance: Tolerance
) -> Fidelity:
    """Return how alike *output* is to *original*, of which it has *factor* times the rows.

    A table that has as many rows as before was not scaled.
    """
    before, after = profiles(original), profiles(output)
    factors = {
        name: 1.0 if name in after and after[name].rows == each.rows else factor
        for name, each in before.items()
    }
    found = tuple(drifts(before, after, factors=factors, tolerance=tolerance))
    return Fidelity(before=before, after=after, drifts=found, factors=factors)


def profiles(container: Container) -> Profiles:
    """Return the figures of every table of *container*, which is read to its end.

    Raises DumpError for what cannot be read, and for rows of a table that nothing describes.
    """
    structure = survey(container, count=False).structure
    profilers = {table.name: Profiler(table, _KEY) for table in structure.tables}
    for part in container.parts(structure):
        if isinstance(part, Text) or part.table in structure.own:
            continue
        table = structure.find(part.table)
        if table is None:
            raise DumpError("rows of a table that is not described", table=str(part.table))
        profilers[table.name].add(_part(part, table))
    return {name: each.figures() for name, each in profilers.items()}


def _part(chunk: Chunk, table: Table) -> Part:
    values, nulls = {}, {}
    for name in chunk.values:
        if table.column(name) is None:
            continue
        cells, rows = chunk.values[name]
        values[name] = spread(cells, rows, chunk.count)
        null = nulls[name] = np.ones(chunk.count, np.bool_)
        null[rows] = False
    return Part(count=chunk.count, values=values, nulls=nulls)
