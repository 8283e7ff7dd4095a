"""The whole way: git over ssh, a real walk of a real database, a review."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.ci.gerrit_place import CHANGE, VERSIONS, place
from tests.ci.installed import pack

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.gerrit_place import Place

PACKAGES = ("alembic", "sqlalchemy", "mako", "markupsafe", "greenlet", "typing_extensions")
SLOW = '''"""Copy all customers, again and again."""
from alembic import op

revision, down_revision = "ccc3", "bbb2"


def upgrade():
    op.execute("CREATE TABLE copies (name TEXT)")
    for _ in range(5):
        op.execute("INSERT INTO copies SELECT a.name FROM customers a, customers b LIMIT 200000")
'''

pytestmark = pytest.mark.slow


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("PIP_FIND_LINKS", str(pack(tmp_path / "wheels", *PACKAGES)))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    with place(tmp_path) as found:
        found.double.origin.commit(**{"requirements.txt": "alembic\n"})
        (tmp_path / "datasets" / "large").rename(tmp_path / "left-out")
        (tmp_path / "datasets" / "small" / "dataset.toml").write_text(
            'engine = "sqlite"\nruns = 1\n[budgets]\nseconds = 0.01\n'
        )
        yield found


def test_a_slow_migration_is_found_and_commented_on(where: Place) -> None:
    where.upload(where.commit(text=SLOW))
    url = f"ssh://ci-bot@127.0.0.1:{where.double.ssh_port}/acme/cloud"
    done = where.once("--since", "2020-01-01", "--source", url, stand_in=False)

    assert done.returncode == 0, done.stderr
    (said,) = where.double.reviews(CHANGE)
    assert "* small (sqlite) https://ci.example.org/cloud/" in said["message"]
    assert said["message"].startswith("Migrations: FAILURE")
    ((path, (comment,)),) = said["comments"].items()
    assert (path, comment["line"]) == (f"{VERSIONS}/ccc3_slow.py", 10)
    assert any("git-upload-pack" in each for each in where.double.asked)
    assert "customer 1" not in str(said)
