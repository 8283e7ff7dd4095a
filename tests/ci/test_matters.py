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
    tree.commit(**first, **{"datasets/small/dataset.toml": DATASET, "datasets/small/a.sql": ""})
    tree.git("checkout", "--quiet", "-b", "change")
    tree.commit(**{path: "# edited"})
    request = Request(
        run="r1", source=str(tree.folder), base="main", head="change", root=tree.folder
    )
    orders = orders_of(request, State(folder=tmp_path / "state").make()).orders

    assert [each.adds for each in orders] == adds
