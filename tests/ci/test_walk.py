"""Walks: what a tree is asked for, and what is left of a walk that is cut short."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.databases import open_database
from ci.drivers import Alembic, Migrator
from ci.job import Job, Subject
from ci.measuring import open_watch
from ci.result import Colour, Rule
from ci.settings import Judging, Settings
from ci.timing import Engine, Kind
from ci.walk import Walk
from tests.ci import served
from tests.ci.alembic_tree import ENV, make_alembic_tree
from tests.ci.migrator_tree import DROP, RENAME, numbered
from tests.ci.projects import FIRST

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from ci.databases.base import Access, Database
    from ci.datasets import Dataset
    from ci.drivers.base import Command, Driver
    from ci.measuring.watch import EyeWatch
    from ci.where import Where

BIN = Path(sys.executable).parent
START = "start"
HEADS = {"alembic/versions/ccc3_age.py": "revision, down_revision = 'ccc3', 'bbb2'\n"}


@dataclass(slots=True)
class Here:
    """A place without a sandbox, which remembers what was run there."""

    root: Path
    ran: list[str] = field(default_factory=list)

    def run(
        self,
        command: Command,
        access: Access,
        *,
        seconds: float,
        step: str,  # noqa: ARG002 - as places have it
        hear: Callable[[bytes], None],
    ) -> int:
        program, *arguments = command.arguments
        self.ran.append("asked" if {"state", "status"} & set(arguments) else "run")
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=self.root,
            env=os.environ | {"CI_DATABASE_URL": access.url, "MIGRATOR_DATABASE_URL": access.url},
            stdout=subprocess.PIPE,
            timeout=seconds,
            check=False,
        )
        for line in done.stdout.splitlines():
            hear(line)
        return done.returncode


@dataclass(frozen=True, slots=True)
class Everywhere:
    """The same place for each commit."""

    here: Here

    def at(self, sha: str, phase: str) -> Here:  # noqa: ARG002 - as places have it
        return self.here


@pytest.fixture
def shop(tmp_path: Path) -> Dataset:
    return served.shop(Engine.SQLITE, tmp_path)


@pytest.fixture
def database(shop: Dataset) -> Iterator[Database]:
    with served.places() as places, open_database(shop, places) as opened:
        opened.restore(shop)
        opened.keep(START)
        yield opened


@pytest.fixture
def watch(database: Database) -> Iterator[EyeWatch]:
    with open_watch(database) as opened:
        yield opened


@pytest.fixture
def here(tmp_path: Path) -> Here:
    return Here(make_alembic_tree(tmp_path / "tree"))


def walk(here: Here, database: Database, watch: EyeWatch, driver: Driver | None = None) -> Walk:
    return Walk(
        place=here, driver=driver or Alembic(), database=database, watch=watch, phase="change"
    )


@pytest.mark.slow
def test_a_tree_is_asked_at_the_begin_and_at_the_end(
    here: Here, database: Database, watch: EyeWatch
) -> None:
    first = walk(here, database, watch)
    first.run()
    assert here.ran == ["asked", "run", "run", "asked"]

    database.reset(START)
    here.ran.clear()
    again = walk(here, database, watch)
    again.known = tuple(first.steps.values())
    again.run()
    assert here.ran == ["run", "run", "asked"]
    assert [each.step for each in again.timings] == [each.step for each in first.timings]


@pytest.mark.slow
def test_a_step_that_is_not_known_yet_is_found_at_the_end(
    here: Here, database: Database, watch: EyeWatch
) -> None:
    first = walk(here, database, watch)
    first.run()
    for path, text in HEADS.items():
        (here.root / path).write_text(f"{text}\ndef upgrade(): pass\n")
    database.reset(START)
    again = walk(here, database, watch)
    again.known = tuple(first.steps.values())
    again.run()

    assert [each.step.version for each in again.timings] == ["aaa1", "bbb2", "ccc3"]
    assert not again.failures


def test_a_step_that_is_pending_after_its_end_has_not_ended(
    here: Here, database: Database, watch: EyeWatch
) -> None:
    run = "context.run_migrations()"
    forget = "connection.exec_driver_sql('DROP TABLE IF EXISTS alembic_version')"
    (here.root / "alembic" / "env.py").write_text(ENV.replace(run, f"{run}; {forget}"))
    (here.root / "alembic" / "versions" / "bbb2_name_people.py").unlink()
    found = walk(here, database, watch)
    found.run()

    (failure,) = found.failures
    assert failure.rule is Rule.UNFINISHED
    assert failure.step is not None
    assert failure.step.version == "aaa1"
    assert "pending still" in failure.said


@pytest.mark.slow
def test_what_an_expand_declares_is_moved_before_its_contract(
    tmp_path: Path, database: Database, watch: EyeWatch
) -> None:
    head = FIRST.format(tool="migrator", name="rename", head="", function="expand(op)")
    files: Mapping[str, str | None] = {
        "versions/make_people.py": head,
        "pyproject.toml": "[tool.migrator]\nmanifest = 'versions.json'\n",
        **numbered({"add_total": RENAME.format(more=""), "drop_number": DROP}),
    }
    for path, text in files.items():
        (tmp_path / "moves" / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "moves" / path).write_text(text or "")
    here = Here(tmp_path / "moves")
    found = walk(here, database, watch, Migrator())
    found.run()

    kinds = [each.step.kind for each in found.timings]
    assert kinds == [Kind.EXPAND, Kind.EXPAND, Kind.MOVE, Kind.CONTRACT]
    assert here.ran == ["asked", "run", "run", "asked", "run", "run", "asked"]


def job(here: Here, shop: Dataset, database: Database, watch: EyeWatch) -> Job:
    return Job(
        subject=Subject(project="people", base="a" * 40, head="b" * 40, change="b" * 40),
        dataset=shop,
        driver=Alembic(),
        database=database,
        watch=watch,
        places=Everywhere(here),
        settings=Settings(runs=1, verdict=Judging(smallest_seconds=1000)),  # no second look
    )


def test_what_was_measured_stays_when_the_tree_cannot_be_asked_any_more(
    here: Here, shop: Dataset, database: Database, watch: EyeWatch
) -> None:
    silent = "import os\nif os.path.exists('broken'): os._exit(0)\n"
    (here.root / "alembic" / "env.py").write_text(silent + ENV)
    second = here.root / "alembic" / "versions" / "bbb2_name_people.py"
    second.write_text(second.read_text() + "    open('broken', 'w').close()\n")
    result = job(here, shop, database, watch).run("r1")

    assert here.ran == ["asked", "run", "run", "asked"]
    assert result.change is not None
    assert [each.step.version for each in result.change.timings] == ["aaa1", "bbb2"]
    assert [each.rule for each in result.failures] == [Rule.SETUP]
    (red,) = (each for each in result.findings if each.colour is Colour.RED)
    assert red.said == (
        "set-up failed in change: state (the tool printed nothing that can be read; "
        "the run's private folder has all that it printed)"
    )


@pytest.mark.slow
def test_a_job_tells_where_it_is_and_asks_each_tree_for_its_steps_once(
    here: Here, shop: Dataset, database: Database, watch: EyeWatch
) -> None:
    told: list[Where] = []
    asked = job(here, shop, database, watch)
    asked.tell = told.append
    asked.run("r1")

    rounds = [(each.phase, each.run) for each in told if not each.step]
    assert rounds == [
        ("restore", None), ("install", None),
        ("change", 0), ("baseline", 0), ("baseline", 1), ("change", 1),
    ]  # fmt: skip
    steps = [each.step for each in told if (each.phase, each.run) == ("change", 1)]
    assert steps == ["", "aaa1_make_people", "bbb2_name_people"]
    first, later = ["asked", "run", "run", "asked"], ["run", "run", "asked"]
    assert here.ran == [*first, *first, *later, *later]
