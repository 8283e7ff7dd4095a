"""The proof: real changes of a real repository, each with the verdict that it deserves."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.measures import SECONDS
from ci.result import Colour, Rule
from ci.timing import Engine
from tests.ci.harms import BUDGETS, DESERVED, ROWS, Table, harms_of
from tests.ci.migrator_tree import DROP, RENAME, STUCK, migrator_project, numbered
from tests.ci.projects import (
    MODELS,
    Project,
    alembic_project,
    over_budget,
    people,
    red,
    revision,
    revisions,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.result import Finding, Result

SQLITE = Engine.SQLITE
slow = pytest.mark.slow
everywhere = pytest.mark.parametrize("engine", list(Engine))
HARMS = harms_of(Table())
ADD = HARMS["bbb_harmless"]


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    made = alembic_project(folder)
    for engine in Engine:
        many = people(engine, rows=ROWS[engine])
        budgets = BUDGETS.format(seconds=0.5, rows=10_000)
        made.dataset(f"many-{engine}", many, engine=engine, budgets=budgets)
    yield made
    shutil.rmtree(folder)


@pytest.mark.parametrize("engine", [SQLITE])
def test_a_harmless_change_is_green(project: Project, engine: Engine) -> None:
    result = project.run(project.branch("harmless", revision("bbb_age", ADD)), engine)

    assert result.colour is Colour.GREEN, result.findings
    assert result.change is not None
    assert [each.step.name for each in result.change.timings] == ["bbb_age"] * 2
    assert [each.warm for each in result.change.timings] == [False, True]


@slow
@everywhere
def test_each_harm_is_found_in_its_step(project: Project, engine: Engine) -> None:
    result = project.run(project.branch("harmful", revisions(HARMS)), f"many-{engine}")

    assert {each.rule for each in result.findings} == {Rule.BUDGET}, result.findings
    assert over_budget(result) == DESERVED[engine]
    assert all(each.confirmed for each in result.findings if each.measure in SECONDS)


FAILING: Mapping[str, tuple[Mapping[str, str | None], Rule, str]] = {
    "syntax": (revision("bbb_syntax", "op.add_column("), Rule.FAILED, "SyntaxError"),
    "raises": (revision("bbb_raises", "raise ValueError('no')"), Rule.FAILED, "ValueError"),
    "refused": (revision("bbb_refused", "op.drop_table('nothing')"), Rule.FAILED, "in change ("),
    "diverged": (
        {
            "alembic/versions/aaa1_people.py": None,
            "alembic/versions/aaa2.py": "revision, down_revision = 'aaa2', None\n",
            **revision("bbb_other", ADD, below="aaa2"),
        },
        Rule.DIVERGED,
        "history",
    ),
    "nothing": (
        {"alembic/versions/old/bbb.py": "revision, down_revision = 'bbb', 'aaa1'\n"},
        Rule.NOTHING_RAN,
        "none of them ran",
    ),
    "missing": (
        {"requirements.txt": "alembic>=999\n", **revision("bbb_missing", ADD)},
        Rule.SETUP,
        "no wheel for alembic",
    ),
    "dies": (revision("bbb_dies", "os._exit(3)"), Rule.UNFINISHED, "exit status not 0"),
    "silent": (
        {"alembic/env.py": "import os\nos._exit(0)\n", **revision("bbb_silent", ADD)},
        Rule.SETUP,
        "nothing that can be read",
    ),
}


def only(result: Result) -> Finding:
    """Return the one thing that is red."""
    (found,) = (each for each in result.findings if each.colour is Colour.RED)
    return found


@slow
@everywhere
@pytest.mark.parametrize("name", FAILING)
def test_what_cannot_end_well_says_why(project: Project, name: str, engine: Engine) -> None:
    files, rule, said = FAILING[name]
    found = only(project.run(project.branch(name, files), engine))

    assert found.rule is rule
    assert said in found.said


@slow
@everywhere
def test_an_endless_loop_is_ended_at_its_deadline(project: Project, engine: Engine) -> None:
    settings = (project.origin.folder / "pyproject.toml").read_text()
    hasty = settings.replace("step = 300", "step = 20")
    base = project.branch("hasty", {"pyproject.toml": hasty})
    loop = revision("bbb_endless", "while True: time.sleep(0.01)")
    result = project.run(project.branch("endless", loop, base=base), engine, base=base)

    found = only(result)
    assert found.rule is Rule.DEADLINE
    assert found.step is not None
    assert found.step.name == "bbb_endless"
    assert "20 s" in found.said


@slow
@everywhere
def test_a_schema_that_is_not_the_models_is_red(project: Project, engine: Engine) -> None:
    settings = (project.origin.folder / "pyproject.toml").read_text()
    settings = settings.replace("runs = 1", 'runs = 1\nmodels = "models"')
    base = project.branch("with_models", {"pyproject.toml": settings})
    forgot = project.branch("forgot", revision("bbb_age", ADD), base=base)
    models = MODELS.replace('sa.Column("note"', 'sa.Column("age", sa.Integer), sa.Column("note"')
    both = project.branch("both", revision("bbb_age", ADD) | {"models.py": models}, base=base)
    result = project.run(forgot, engine, base=base)

    said = [each.said for each in result.findings if each.rule is Rule.SCHEMA]
    assert said == ["the models differ: remove_column people people.age"]
    found = project.run(both, engine, base=base).findings
    assert not [each for each in found if each.rule is Rule.SCHEMA]


@pytest.fixture(scope="module")
def manifest() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    yield migrator_project(folder)
    shutil.rmtree(folder)


@slow
@everywhere
def test_a_column_that_moves_is_walked_to_its_contract(manifest: Project, engine: Engine) -> None:
    files = numbered({"add_total": RENAME.format(more=""), "drop_number": DROP})
    result = manifest.run(manifest.branch("moves", files), engine)
    assert result.change is not None
    timings = {each.step.name: each for each in result.change.timings if each.warm}

    assert result.colour is Colour.GREEN, result.findings
    assert list(timings) == ["add_total", "people_total", "drop_number"]
    pace = timings["people_total"].pace
    assert pace is not None
    assert pace.moved == 2000
    assert pace.low <= pace.rows_per_second <= (pace.high or pace.rows_per_second)


@slow
@everywhere
def test_a_contract_that_the_guard_refuses_is_red(manifest: Project, engine: Engine) -> None:
    files = numbered({"add_total": RENAME.format(more=STUCK), "drop_number": DROP})
    result = manifest.run(manifest.branch("stuck", files), engine)

    assert list(red(result)) == ["drop_number: guard"]
    assert "GuardError" in red(result)["drop_number: guard"].said
    assert result.change is not None
    assert result.change.failures[0].names == ("people", "people_total")


@slow
@everywhere
def test_a_migration_that_is_edited_after_it_was_applied_is_red(
    manifest: Project, engine: Engine
) -> None:
    text = (manifest.origin.folder / "versions" / "make_people.py").read_text()
    result = manifest.run(
        manifest.branch("edited", {"versions/make_people.py": f"{text}\nMORE = 1\n"}), engine
    )
    assert list(red(result)) == [": diverged"]


@slow
@everywhere
def test_a_file_that_the_manifest_does_not_list_is_red(manifest: Project, engine: Engine) -> None:
    unlisted = {"versions/add_total.py": RENAME.format(more="")}
    result = manifest.run(manifest.branch("unlisted", unlisted), engine)

    assert list(red(result)) == [": failed"]
    assert "ManifestError" in red(result)[": failed"].said


@slow
@everywhere
def test_a_test_beside_the_migrations_is_no_migration(manifest: Project, engine: Engine) -> None:
    beside = {"versions/make_people_test.py": "def test_nothing():\n    pass\n"}
    assert manifest.run(manifest.branch("beside", beside), engine).colour is Colour.GREEN
