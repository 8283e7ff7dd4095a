"""Record: the manifest of what a run of masking did, beside what it wrote."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from anonymizer import sidecar
from anonymizer.container import PIPE
from anonymizer.masks.draw import used_pools
from anonymizer.masks.find import mask_of
from anonymizer.pool import digests

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.masker import Counts
    from anonymizer.masking import Request
    from anonymizer.plan import Plan
    from anonymizer.stream import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One run, beside what was asked for and counted."""

    plan: Plan
    started: datetime
    dropped: tuple[str, ...]
    one_way: bool
    passed: tuple[str, ...] = ()


def is_file(place: str) -> bool:
    """Return whether *place* is a path, and no pipe or URL."""
    return place != PIPE and "://" not in place


def write(request: Request, tally: Tally, run: Run) -> None:
    """Write the manifest beside the file or folder that *request* named."""
    assert request.target is not None  # noqa: S101 - there is nothing beside nothing
    output = Path(request.target)
    made = sidecar.Sidecar(
        key=request.engine.key.id,
        policy=run.plan.digest,
        pools=pools_of(run.plan),
        input=sidecar.measure(Path(request.source)) if is_file(request.source) else None,
        output=sidecar.measure(output),
        started=run.started,
        ended=datetime.now(UTC),
        tables={str(table): _table(counts) for table, counts in tally.columns.items() if counts},
        dropped=run.dropped,
        passed=run.passed,
        one_way=run.one_way,
    )
    sidecar.write(made, output)


def pools_of(plan: Plan) -> Mapping[str, str]:
    """Return the pools that the masks of *plan* draw from, and their digests."""
    columns = [column for table in plan.tables for column in table.columns]
    return digests(pool for each in columns for pool in used_pools(mask_of(each.decision), each))


def _table(counts: Counts) -> sidecar.TableCount:
    columns = {
        name: sidecar.ColumnCount(values=each.values, nulls=each.nulls, replaced=each.values)
        for name, each in counts.items()
    }
    rows = max(each.values + each.nulls for each in columns.values())
    return sidecar.TableCount(rows=rows, columns=columns)
