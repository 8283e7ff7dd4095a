"""The demo: its story ends well on each database, and its checks would tell if it did not."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cloud.generate import fill
from demo.anonymized.__main__ import main
from demo.anonymized.check import check
from demo.anonymized.native import mariadb, sqlite
from demo.anonymized.story import Story, StoryError
from demo.check import Checked
from demo.terminal import Terminal
from migrator.testing import walk_to

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database

ROOT = Path(__file__).parent.parent.parent


@pytest.mark.parametrize(
    "database",
    [
        pytest.param("sqlite", marks=pytest.mark.thorough),
        pytest.param("postgresql", marks=pytest.mark.slow),
        pytest.param("mariadb", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_the_story_ends_well_and_can_be_read(database: Database) -> None:
    server = {f"MIGRATOR_TEST_{database.name.upper()}_URL": database.url}
    command = [sys.executable, "-m", "demo.anonymized", "--rows", "300", "--on", database.name]
    told = subprocess.run(
        command, cwd=ROOT, env=os.environ | server, capture_output=True, text=True, check=False
    )
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r"none of\s[\d,]+\sfingerprints", told.stdout)
    assert "survivors: sensitive values are in the output" in told.stdout
    assert "now at version 18, release liberty" in told.stdout
    assert max(map(len, told.stdout.splitlines())) <= 80
    assert not told.stderr


def test_a_command_that_ends_otherwise_ends_the_story(tmp_path: Path) -> None:
    story = Story(Terminal(), native=sqlite(tmp_path), folder=tmp_path, rows=100)
    story.run("exit 3", 3)
    with pytest.raises(StoryError, match="exit exited with 3, not 0"):
        story.run("exit 3")
    with pytest.raises(StoryError, match="false exited with 1, not 0"):
        story.run("false | cat")
    story.close()


def test_without_the_shell_of_sqlite_the_file_is_masked_twice(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shutil, "which", lambda _name: None)
    assert [each.made for each in sqlite(tmp_path).dumps] == [None, None]


def test_only_its_owner_reads_how_to_log_in(tmp_path: Path) -> None:
    urls = [f"mariadb+pymysql://me:se%20cret@db/{name}?unix_socket=/run/x" for name in "abc"]
    found = mariadb(urls, tmp_path)
    assert "se cret" not in repr(found.environment)
    path = tmp_path / ".my.cnf"
    assert path.stat().st_mode & 0o777 == 0o600
    assert 'password = "se cret"\nhost = "db"\nsocket = "/run/x"\n' in path.read_text()


@pytest.fixture
def engines(tmp_path: Path) -> Iterator[list[sa.Engine]]:
    """Three databases with the same rows: a copy that is not masked has all of the original."""
    urls = sqlite(tmp_path).urls
    engines = [sa.create_engine(url) for url in urls]
    walk_to(engines[0], "juno")
    with engines[0].begin() as connection:
        fill(connection, 300)
    for each in ("copy", "again"):
        shutil.copy(tmp_path / "cloud.db", tmp_path / f"{each}.db")
    yield engines
    for engine in engines:
        engine.dispose()


LOSSES = {
    "rows restored": "DELETE FROM services WHERE id = 9",
    "parts of an instance": "UPDATE instances SET uuid = 'x' WHERE id = 9",
    "deleted by their own id": "UPDATE instances SET deleted = 10 WHERE id = 9",
    "on a host with a service": "UPDATE services SET host = 'x' WHERE id = 9",
    "networks of 256 addresses": "UPDATE fixed_ips SET cidr = '11.0.0.1' WHERE id = 9",
    "flavors as they were": "UPDATE flavors SET vcpus = 99 WHERE id = 9",
    "instances alike in both dumps": "UPDATE instances SET host = 'x' WHERE id = 9",
}


def test_each_loss_is_told(engines: list[sa.Engine]) -> None:
    assert {each.what for each in check(*engines)} == LOSSES.keys()
    assert all(each.holds for each in check(*engines))
    for what, loss in LOSSES.items():
        found = tampered(engines, loss)
        assert not found[what].holds, what


def tampered(engines: list[sa.Engine], loss: str) -> dict[str, Checked]:
    """Return what is checked after *loss* in the copy, which is mended afterwards."""
    copy = Path(engines[1].url.database or "")
    with engines[1].begin() as connection:
        connection.execute(sa.text(loss))
    found = {each.what: each for each in check(*engines)}
    engines[1].dispose()
    shutil.copy(engines[0].url.database or "", copy)
    return found


def test_what_is_not_as_promised_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Checked(what="rows restored", promised=2, kept=1)
    monkeypatch.setattr("demo.anonymized.story.Story.tell", lambda _story: [lost])
    result = CliRunner().invoke(main, [])
    assert (result.exit_code, "Not as promised" in result.output) == (1, True)
