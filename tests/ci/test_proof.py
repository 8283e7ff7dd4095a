"""The proof: real changes of a real repository, each with the verdict that it deserves."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.result import Colour, Rule
from ci.timing import Engine
from tests.ci.projects import (
    DROP,
    MODELS,
    RENAME,
    STUCK,
    Project,
    alembic_project,
    migrator_project,
    numbered,
    red,
    revision,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

POSTGRESQL, MARIADB, SQLITE = Engine
slow = pytest.mark.slow
everywhere = pytest.mark.parametrize("engine", list(Engine))
ADD = 'op.add_column("people", sa.Column("age", sa.Integer))'
HARMFUL = {
    "bbb_harmless": [ADD],
    "ccc_rewrite": [
        'with op.batch_alter_table("people") as table:',
        '    table.alter_column("number", type_=sa.BigInteger)',
    ],
    "ddd_index": ['op.create_index("of_name", "people", ["name", "note"], mariadb_length=40)'],
    "eee_lock": [
        "bind = op.get_bind()",
        "lock = {'postgresql': 'LOCK TABLE people IN ACCESS EXCLUSIVE MODE',",
        "        'sqlite': 'UPDATE people SET number = 1 WHERE id = 1'}",
        "both = 'LOCK TABLES people WRITE, alembic_version WRITE'",
        "op.execute(lock.get(bind.dialect.name, both))",
        "time.sleep(0.8)",
        "if bind.dialect.name in ('mysql', 'mariadb'): op.execute('UNLOCK TABLES')",
    ],
    "fff_backfill": ["op.execute(\"UPDATE people SET age = id % 90, note = 'n' || name\")"],
}


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    yield alembic_project(folder)
    shutil.rmtree(folder)


def revisions(steps: Mapping[str, list[str]]) -> dict[str, str | None]:
    """Return the files of revisions, each above the one before."""
    files: dict[str, str | None] = {}
    below = "aaa1"
    for name, lines in steps.items():
        files |= revision(name, *lines, below=below)
        below = name
    return files


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
    result = project.run(project.branch("harmful", revisions(HARMFUL)), engine)
    found = red(result)

    assert not [each for each in found if "harmless" in each]
    assert "eee_lock: budget stall" in found
    assert [each for each in found if "rewrite" in each]
    assert [each for each in found if "backfill" in each]
    if engine is POSTGRESQL:
        assert [each for each in found if "index" in each]
    if engine is MARIADB:  # which makes it online, whatever the statement says
        assert "ddd_index: budget stall" not in found


FAILING: Mapping[str, tuple[Mapping[str, str | None], Rule, str]] = {
    "syntax": (revision("bbb_syntax", "op.add_column("), Rule.FAILED, "SyntaxError"),
    "endless": (revision("bbb_endless", "while True: time.sleep(0.01)"), Rule.DEADLINE, "5 s"),
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


def failing(project: Project, name: str, engine: Engine) -> None:
    files, rule, said = FAILING[name]
    result = project.run(project.branch(name, files), engine)
    found = [each for each in result.findings if each.colour is Colour.RED]

    assert [each.rule for each in found] == [rule], result.findings
    assert said in found[0].said


@slow
@everywhere
@pytest.mark.parametrize("name", FAILING)
def test_what_cannot_end_well_says_why(project: Project, name: str, engine: Engine) -> None:
    failing(project, name, engine)


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
