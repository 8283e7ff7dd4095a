"""Learn: budgets that past runs speak for, as a diff of dataset.toml that a person applies.

A step is given an exception only where enough runs say what it takes, and where that is more
than it may take now. Changes teach nothing: only what is in the target branch was accepted.
"""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING, Any

import tomlkit
from tomlkit.items import InlineTable

from ci.errors import DatasetError
from ci.measures import SECONDS, shown
from ci.numbers import least_samples, quantile
from ci.timing import Kind, Step

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from ci.datasets.dataset import Dataset, Measure
    from ci.history import Series

SHARE = 0.95
"""The quantile that a budget is learnt from: at least twenty runs are needed."""
MARGIN = 1.25
"""How much above it the budget is."""
SEEN = "runs were below it by a fifth"
"""What a reason of ours ends with."""
ROWS = 10_000
"""Counts are rounded up to the next of these."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A budget that a step should have."""

    step: str
    measure: Measure
    limit: float
    now: float
    runs: int

    @property
    def reason(self) -> str:
        """Why: what was seen."""
        return f"{SHARE:.0%} of {self.runs} {SEEN}"


def propose(dataset: Dataset, series: Iterable[Series]) -> Iterator[Proposal]:
    """Yield the budgets of *dataset* that its *series* speak against."""
    for each in series:
        if (each.dataset, each.engine) != (dataset.name, dataset.engine.value):
            continue
        step = Step(version="", name=each.name, kind=Kind(each.kind))
        budget = dataset.budgets.of(step).get(each.measure)
        values = [point.value for point in each.points if point.tree == "baseline"]
        if budget is None or len(values) < least_samples(SHARE):
            continue
        limit = _rounded(each.measure, MARGIN * quantile(values, SHARE))
        if limit > budget.limit:
            yield Proposal(
                step=each.name,
                measure=each.measure,
                limit=limit,
                now=budget.limit,
                runs=len(values),
            )


def _rounded(measure: Measure, value: float) -> float:
    """Return *value* rounded up to what people would write."""
    if measure in SECONDS:
        return float(ceil(value)) if value > 1 else ceil(value * 100) / 100
    return float(ceil(value / ROWS) * ROWS)


def as_diff(path: Path, proposals: Iterable[Proposal]) -> str:
    """Return the unified diff of *path*, a dataset.toml, that writes *proposals* down.

    What people wrote there, comments and reasons too, stays as it is.
    Raises DatasetError for budgets in braces, which no table can be added to.
    """
    before = path.read_bytes().decode("utf-8") if path.exists() else ""
    document = tomlkit.parse(before)
    budgets = document.setdefault("budgets", tomlkit.table(is_super_table=True))
    if isinstance(budgets, InlineTable):
        raise DatasetError(f"{path}: budgets stand in braces", hint="write a table: [budgets]")
    for each in proposals:
        _write(each, budgets.setdefault(each.step, tomlkit.table()))
    after = tomlkit.dumps(document)
    old, new = before.splitlines(keepends=True), after.splitlines(keepends=True)
    lines = difflib.unified_diff(old, new, f"a/{path.name}", f"b/{path.name}")
    return "".join(map(_ended, lines))


def _write(proposal: Proposal, table: Any) -> None:
    """Write *proposal* into the *table* of its step."""
    said = [each for each in str(table.get("reason", "")).split("; ") if each and SEEN not in each]
    limit = tomlkit.item(_plain(proposal.limit))
    if not isinstance(table, InlineTable):  # a comment would end it
        limit.comment(f"was {shown(proposal.measure, proposal.now)}")
    table[proposal.measure.value.replace("_", "-")] = limit
    table["reason"] = "; ".join((*said, proposal.reason))


def _ended(line: str) -> str:
    """Return a *line* of a diff as patch reads it, also where the file does not end with one."""
    return line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n"


def _plain(value: float) -> float:
    return int(value) if value == int(value) else value
