"""The proof with databases that others have made: those beside the checkout."""

from __future__ import annotations

import os
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci import numbers
from ci.result import Rule
from ci.timing import Engine
from tests.ci.harms import BUDGETS, DESERVED_BY_FEW, Table, harms_of
from tests.ci.projects import (
    Project,
    empty_alembic_project,
    over_budget,
    revisions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

POSTGRESQL, MARIADB, SQLITE = Engine
BESIDE = Path(__file__).parents[3] / "shared" / "datasets"
SHARED = Path(os.environ.get("MIGRATOR_TEST_DATASETS", BESIDE))
CHINOOK = {
    POSTGRESQL: "Chinook_PostgreSql.sql",
    MARIADB: "Chinook_MySql.sql",
    SQLITE: "Chinook_Sqlite.sqlite",
}
TRACK = Table(name="Track", key="TrackId", number="Milliseconds", texts=("Name", "Composer"))
TABLES = {
    POSTGRESQL: Table(
        name="track", key="track_id", number="milliseconds", texts=("name", "composer")
    ),
    MARIADB: TRACK,
    SQLITE: TRACK,
}
TRACKS = 3503


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    assert SHARED.is_dir(), f"no {SHARED}: name it in MIGRATOR_TEST_DATASETS"
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    made = empty_alembic_project(folder)
    for engine, name in CHINOOK.items():
        made.dataset_of(
            engine,
            SHARED / "chinook" / name,
            engine=engine,
            budgets=BUDGETS.format(seconds=2, rows=500),
        )
    yield made
    shutil.rmtree(folder)


@pytest.mark.slow
def test_there_is_no_dataset_that_is_not_tried() -> None:
    found = {each.relative_to(SHARED) for each in SHARED.rglob("*") if each.suffix != ".md"}
    assert found == {Path("chinook"), *(Path("chinook", each) for each in CHINOOK.values())}


@pytest.mark.slow
@pytest.mark.parametrize("engine", list(Engine))
def test_chinook_is_harmed_as_much_as_its_few_rows_can_be(project: Project, engine: Engine) -> None:
    steps = harms_of(TABLES[engine])
    change = project.branch(f"harm-{engine}", revisions(steps, below=None))
    result = project.run(change, engine)

    assert {each.rule for each in result.findings} == {Rule.BUDGET}, result.findings
    assert over_budget(result) == DESERVED_BY_FEW[engine]
    assert result.change is not None
    walked = {each.step.name: each for each in result.change.timings if each.warm}
    assert list(walked) == list(steps)
    written = walked["fff_backfill"].observation.counters.rows_written
    assert written is None or written >= numbers.rounded(TRACKS)
