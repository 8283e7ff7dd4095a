"""Trees as `alembic init` makes them, and with more than one head, run by the script."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import alembic
import pytest

from ci.drivers import Alembic, schema
from ci.drivers.base import Ended, Reason, Refused
from tests.ci.test_drivers import events, running, state

if TYPE_CHECKING:
    from tests.ci.test_drivers import Run

BIN = Path(sys.executable).parent
MADE = Path(alembic.__file__).parent / "templates"
TEMPLATES = [
    each
    for each in ("generic", "async", "pyproject", "pyproject_async")  # the last two since 1.16
    if (MADE / each).is_dir()
]
REVISION = '''"""A revision."""
import sqlalchemy as sa
from alembic import op

revision, down_revision, branch_labels, depends_on = "{name}", {down}, {label}, {needs}


def upgrade({parameter}):
    {does}
'''


def init(tmp_path: Path, template: str) -> Path:
    tree = tmp_path / "a tree – ä"
    tree.mkdir()
    subprocess.run(
        [BIN / "alembic", "init", "-t", template, "alembic"],
        cwd=tree,
        check=True,
        capture_output=True,
    )
    return tree


def revise(  # noqa: PLR0913 - a revision has many parts
    tree: Path,
    name: str,
    down: str | tuple[str, ...] | None,
    *,
    label: str | None = None,
    needs: str | None = None,
    does: str | None = None,
    parameter: str = "",
) -> None:
    text = REVISION.format(
        name=name,
        down=repr(down),
        label=repr(label),
        needs=repr(needs),
        does=does or f'op.create_table("{name}", sa.Column("id", sa.Integer))',
        parameter=parameter,
    )
    (tree / "alembic" / "versions" / f"{name}.py").write_text(text)


def versions(tool: Alembic, run: Run) -> list[str]:
    return [each.version for each in state(tool, run).pending]


@pytest.mark.parametrize("template", TEMPLATES)
def test_a_new_tree_is_driven(tmp_path: Path, template: str) -> None:
    tree = init(tmp_path, template)
    revise(tree, "one", None)
    revise(tree, "two", "one")
    driver = "+aiosqlite" if "async" in template else ""
    run = running(tree, f"sqlite{driver}:///{tmp_path / 'a.db'}")
    (first, second) = state(Alembic(), run).pending

    assert isinstance(events(Alembic(), run(Alembic().run(first)))[-1], Ended)
    assert state(Alembic(), run).pending == (second,)


def test_all_heads_are_walked_and_their_merge(tmp_path: Path) -> None:
    tree = init(tmp_path, "generic")
    revise(tree, "one", None)
    revise(tree, "left", "one")
    run = running(tree, f"sqlite:///{tmp_path / 'a.db'}")
    for command in Alembic().upgrade():
        run(command)
    revise(tree, "right", "one")
    revise(tree, "other", None, label="apart", needs="right")
    revise(tree, "both", ("left", "right"), does="pass")

    walked = []
    while pending := state(Alembic(), run).pending:
        assert isinstance(events(Alembic(), run(Alembic().run(pending[0])))[-1], Ended)
        walked.append(pending[0].version)
    assert sorted(walked) == ["both", "other", "right"]
    assert walked.index("right") < walked.index("both")


def test_one_of_several_databases_is_walked(tmp_path: Path) -> None:
    tree = init(tmp_path, "multidb")
    revise(tree, "one", None, parameter="engine_name", does='globals()["up_" + engine_name]()')
    with (tree / "alembic" / "versions" / "one.py").open("a") as file:
        file.write('\ndef up_engine2(): op.create_table("two", sa.Column("id", sa.Integer))\n')
    run = running(tree, f"sqlite:///{tmp_path / 'a.db'}")

    refused = Alembic().read_state(run(Alembic().state()))
    assert refused == Refused(reason=Reason.ERROR, error="CommandError")
    second = Alembic(database="engine2")
    (step,) = state(second, run).pending
    assert isinstance(events(second, run(second.run(step)))[-1], Ended)
    assert versions(second, run) == []


def test_each_revision_may_have_a_transaction_of_its_own(tmp_path: Path) -> None:
    tree = init(tmp_path, "generic")
    env = tree / "alembic" / "env.py"
    env.write_text(
        env.read_text().replace(
            "connection=connection,", "connection=connection, transaction_per_migration=True,"
        )
    )
    revise(tree, "one", None)
    revise(tree, "two", "one")
    run = running(tree, f"sqlite:///{tmp_path / 'a.db'}")
    (command,) = Alembic().upgrade()

    ended = [each.version for each in events(Alembic(), run(command)) if isinstance(each, Ended)]
    assert ended == ["one", "two"]


@pytest.mark.parametrize(
    "path", ["migrations/versions/a.py", "app/db/versions/b.py", "versions/c.py"]
)
def test_revisions_are_known_by_their_folder(path: str) -> None:
    assert Alembic().touches(path)


MODELS = """
import sqlalchemy as sa
metadata = sa.MetaData()
sa.Table("one", metadata, sa.Column("id", sa.Integer), sa.Column("name", sa.Text))
"""


@pytest.mark.parametrize("driver", ["", "+aiosqlite"])
def test_the_schema_is_compared_with_the_models(tmp_path: Path, driver: str) -> None:
    tree = init(tmp_path, "async" if driver else "generic")
    (tree / "models.py").write_text(MODELS)
    revise(tree, "one", None)
    run = running(tree, f"sqlite{driver}:///{tmp_path / 'a.db'}")
    for command in Alembic().upgrade():
        run(command)

    assert schema.read(run(schema.compare("models"))) == ("add_column one one.name",)
