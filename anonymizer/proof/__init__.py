"""Proof: no sensitive value of the original survives anywhere in the output.

What is read, in this order: `squeeze` (a value without what surrounds it), `grade` (what
finding it proves), `prints` and `store` (keyed fingerprints), `gather` (the original),
`views` and `scan` (the output), `rows` (row by row), `judge` and `result`, `report`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.proof.gather import gather
from anonymizer.proof.judge import Judge
from anonymizer.proof.result import Looked, Meaning, Problem, Proof, Sighting, Verdict
from anonymizer.proof.scan import scan
from anonymizer.proof.store import HELD

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from anonymizer.column import TableName
    from anonymizer.reading import Known, Part

__all__ = ["Looked", "Meaning", "Problem", "Proof", "Sighting", "Verdict", "prove"]


def prove(  # noqa: PLR0913 - two sides, and how to judge them
    original: Iterable[Part],
    output: Iterable[Part],
    plan: Known,
    *,
    accept: Collection[str] = (),
    scaled: bool = False,
    reordered: Collection[TableName] = (),
    problems: Collection[Problem] = (),
    held: int = HELD,
) -> Proof:
    """Read *original* once, then *output* once, and say what of the one is in the other.

    *accept* names columns and places, as "users.city", that a person has looked at. Where the
    output is *scaled*, its rows are not compared, nor are those of tables that are *reordered*,
    as where rows lie by a key that was masked. *problems* are what else is known to be wrong
    with the output, as that a file holds pages of deleted rows. Up to *held* fingerprints,
    about forty bytes each, stay in memory; more go to a temporary folder.
    """
    gathered = gather(original, plan, held=held)
    try:
        found = scan(output, gathered)
        judge = Judge(
            gathered=gathered, scan=found, accept=accept, scaled=scaled, reordered=reordered
        )
        return judge.proof(problems)
    finally:
        gathered.prints.close()
