"""Which changes have to be timed, and which have brought a migration."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.request import Request, orders_of
from ci.state import State
from tests.ci.origin import origin

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = "[tool.ci]\ndriver = 'alembic'\nproject = 'people'\n"
DATASET = "engine = 'sqlite'\ndump = 'a.sql'\n"
DUMP = {"datasets/small/a.sql": "CREATE TABLE people (id INTEGER);\n"}


@pytest.mark.parametrize(
    ("path", "adds"),
    [
        ("alembic/versions/b.py", [True]),
        ("alembic/versions/a.py", [False]),
        ("alembic/env.py", [False]),
        ("app.py", []),
    ],
)
def test_what_is_edited_is_no_new_migration(tmp_path: Path, path: str, adds: list[bool]) -> None:
    tree = origin(tmp_path / "tree")
    first = {"pyproject.toml": SETTINGS, "alembic/versions/a.py": "", "alembic/env.py": ""}
    tree.commit(**first, **DUMP, **{"datasets/small/dataset.toml": DATASET})
    tree.git("checkout", "--quiet", "-b", "change")
    tree.commit(**{path: "# edited"})
    request = Request(
        run="r1", source=str(tree.folder), base="main", head="change", root=tree.folder
    )
    orders = orders_of(request, State(folder=tmp_path / "state").make()).orders

    assert [each.adds for each in orders] == adds


MIGRATOR = """
[project]
name = "shop"
[tool.migrator]
manifest = "db/schema.json"
[tool.ci]
models = "shop.models:Base"
"""


@pytest.mark.parametrize(
    ("path", "matters"),
    [
        ("shop/models.py", True),
        ("db/schema.json", True),
        ("db/schema/add_age.py", True),
        ("shop/views.py", False),
    ],
)
def test_models_manifest_and_migrations_matter_without_a_word(
    tmp_path: Path,
    path: str,
    matters: bool,  # noqa: FBT001
) -> None:
    tree = origin(tmp_path / "tree")
    tree.commit(**{"pyproject.toml": MIGRATOR, "datasets/small/dataset.toml": DATASET, **DUMP})
    tree.git("checkout", "--quiet", "-b", "change")
    tree.commit(**{path: "# new"})
    request = Request(
        run="r1", source=str(tree.folder), base="main", head="change", root=tree.folder
    )
    assert bool(orders_of(request, State(folder=tmp_path / "state").make()).orders) is matters
