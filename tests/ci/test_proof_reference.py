"""The proof with the reference application: all that came after juno, at two sizes."""

from __future__ import annotations

import math
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.result import Colour
from ci.timing import Engine, Kind
from tests.ci.projects import red
from tests.ci.reference import BASE, CHANGE, Data, add_dataset, reference_project
from tests.databases import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.result import Result
    from ci.timing import Timing
    from tests.ci.projects import Project
    from tests.databases import Servers

SMALL, LARGE = 500, 10_000
EXPANDS = (
    *("add_flavor_foobars", "add_instance_root_gb", "add_instance_locked"),
    *("index_system_metadata_keys", "add_instance_extra_flavor", "add_fixed_ip_prefix"),
    "add_service_queue",
)
ENDS = (
    *("flavor_foobars", "drop_flavor_memory_mb", "instance_root_gb", "drop_instance_root_mb"),
    *("instance_locked", "require_instance_locked"),
    *("instance_flavor", "drop_system_metadata_keys_index"),
    *("fixed_ip_prefix", "drop_fixed_ip_cidr", "service_queue", "drop_service_topic"),
    *("index_flavors_foobars", "drop_service_queue_counts"),
    *("add_flavor_visibility", "flavor_visibility"),
)
"""Each movement of data before the contract that waits for it."""
slow = pytest.mark.slow
everywhere = pytest.mark.parametrize("engine", list(Engine))


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    yield reference_project(folder)
    shutil.rmtree(folder)


def walked(project: Project, servers: Servers, engine: Engine, data: Data) -> Result:
    """Return what the runner finds of the change on a dataset of *data*."""
    name = f"{engine}-{data.rows}{'-busy' if data.busy else ''}"
    with tempfile.TemporaryDirectory() as folder:
        for database in fresh(engine, servers, Path(folder)):
            add_dataset(project, name, database, data)
    return project.run(CHANGE, name, base=BASE)


def warm(result: Result) -> Sequence[Timing]:
    assert result.change is not None
    return [each for each in result.change.timings if each.warm]


def moving(result: Result) -> float:
    """Return for how long rows were moved."""
    return sum(each.seconds for each in warm(result) if each.step.kind is Kind.MOVE)


@slow
@everywhere
def test_all_of_it_is_walked_and_more_rows_take_longer(
    project: Project, servers: Servers, engine: Engine
) -> None:
    sizes = [Data(rows=SMALL, scale=LARGE // SMALL), Data(rows=LARGE)]
    small, large = (walked(project, servers, engine, each) for each in sizes)

    for each in (small, large):
        assert each.colour is not Colour.RED, each.findings
        assert tuple(timing.step.name for timing in warm(each)) == EXPANDS + ENDS
    for few, many in zip(warm(small), warm(large), strict=True):
        assert (few.pace is None) == (few.step.kind is not Kind.MOVE)
        if few.pace and many.pace:
            assert many.pace.low <= many.pace.rows_per_second <= (many.pace.high or math.inf)
            assert few.pace.production_rows == pytest.approx(many.pace.moved, rel=0.1)
    assert moving(large) > moving(small)


@slow
@everywhere
def test_the_guard_waits_for_tasks_that_are_under_way(
    project: Project, servers: Servers, engine: Engine
) -> None:
    result = walked(project, servers, engine, Data(rows=SMALL, busy=True))

    assert result.colour is Colour.RED
    assert {each.rpartition(" ")[2] for each in red(result)} == {"guard"}, result.findings
    assert result.change is not None
    first = result.change.failures[0]
    assert first.step is not None
    assert first.step.name == "drop_system_metadata_keys_index"
    assert "instance_flavor" in first.names
    assert {"drop_flavor_memory_mb", "flavor_visibility"} <= {
        each.step.name for each in warm(result)
    }
