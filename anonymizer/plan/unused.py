"""Rule: what is decided by name for many columns is the name of one."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

from anonymizer.finding import Finding
from anonymizer.markup import DEFAULTS
from anonymizer.masks.find import near

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from anonymizer.plan.draft import DraftTable
    from anonymizer.policy.decisions import Decisions


def unused(
    tables: Sequence[DraftTable], decisions: Decisions, *, is_partial: bool = False
) -> Iterator[Finding]:
    """Yield what classes and policy say of names that no column has: mostly a slip of the pen.

    It is an error, because the decision that was meant to be replaced counts instead; where the
    data *is_partial*, the policy may mean a column of a table that is not there.
    """
    columns: dict[type, set[str]] = defaultdict(set)
    for table in tables:
        for each in dict.fromkeys(one for model in table.classes for one in model.__mro__):
            columns[each] |= {*(draft.name for draft in table.columns), *table.generated}
    for each, known in columns.items():
        place = f"{each.__module__}.{each.__qualname__}.{DEFAULTS}"
        written = vars(each).get(DEFAULTS)
        for key in written if isinstance(written, dict) else ():
            if isinstance(key, str) and not _is_of(key, known):
                yield _finding(f"{place}[{key!r}]", key, known)
    everywhere = {draft.name for table in tables for draft in table.columns}
    for key, said in decisions.names.items():
        if not _is_of(key, everywhere):
            found = _finding(said.place, key, everywhere)
            yield replace(found, severity="warning") if is_partial else found


def _is_of(key: str, names: set[str]) -> bool:
    return key in names or any(fnmatchcase(name, key) for name in names)


def _finding(place: str, key: str, known: set[str]) -> Finding:
    message = f"{place}: no column is called so; {near(key, known)}"
    return Finding(rule="unknown", message=message)
