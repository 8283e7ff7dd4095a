"""The whole way: git over ssh, a real walk of a real database, a review."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from typing import TYPE_CHECKING

import pytest

from tests.ci.gerrit_place import CHANGE, VERSIONS, place, soon
from tests.ci.installed import pack
from tests.ci.test_cluster import free_port, running

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.gerrit_place import Place

PACKAGES = ("alembic", "sqlalchemy", "mako", "markupsafe", "greenlet", "typing_extensions")
HARMLESS = '''"""One more table."""
from alembic import op

revision, down_revision = "ccc3", "bbb2"


def upgrade():
    op.execute("CREATE TABLE harmless (name TEXT)")
'''
SLOW = '''"""Copy all customers, again and again."""
from alembic import op

revision, down_revision = "ccc3", "bbb2"


def upgrade():
    op.execute("CREATE TABLE copies (name TEXT)")
    for _ in range(5):
        op.execute("INSERT INTO copies SELECT a.name FROM customers a, customers b LIMIT 200000")
'''

SECONDS = 300
HEARD = {"MIGRATOR_CI_SSH_KEY": "key", "MIGRATOR_CI_KNOWN_HOSTS": "known_hosts"}
"""What a worker needs to fetch the commits as we do."""

pytestmark = pytest.mark.slow


@pytest.fixture
def where(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Place]:
    monkeypatch.setenv("PIP_FIND_LINKS", str(pack(tmp_path / "wheels", *PACKAGES)))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("HOME", str(tmp_path))
    with place(tmp_path) as found:
        for name, attribute in HEARD.items():
            monkeypatch.setenv(name, str(getattr(found.double, attribute)))
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
    (log,) = (where.state.folder / "private").glob("*/runner.log")
    assert "small: change, run 1 of 1, ccc3_slow\n" in log.read_text()


def harmless(where: Place) -> str:
    """Say that all but the slow one is fast enough, and return a change that is."""
    (where.folder / "datasets" / "small" / "dataset.toml").write_text(
        'engine = "sqlite"\nruns = 1\n[budgets]\nseconds = 600\n'
    )
    return where.commit(text=HARMLESS)


@contextmanager
def listening(where: Place, *arguments: str) -> Iterator[None]:
    """Run a daemon, as people do, until it is ended in order."""
    url = f"ssh://ci-bot@127.0.0.1:{where.double.ssh_port}/acme/cloud"
    command = where.command("--source", url, *arguments, stand_in=False)
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as program:
        try:
            soon(lambda: where.double.listeners)
            yield
        finally:
            program.terminate()
            _, said = program.communicate()
    assert program.returncode == 0, said


def test_two_changes_run_at_once_and_are_not_confused(where: Place) -> None:
    shas = {CHANGE: harmless(where), CHANGE + 1: where.commit(text=SLOW)}
    broken = where.commit(f"{VERSIONS}/ddd4_broken.py", "this is no Python\n")
    with listening(where, "--workers", "2"):
        for number, sha in shas.items():
            where.double.upload(number, sha)
        private = where.state.folder / "private"
        soon(lambda: len(list(private.glob("*/task.json"))) == 2)
        assert not where.messages()  # the second has begun before the first has ended
        soon(lambda: all(where.double.reviews(number) for number in shas), SECONDS)
        where.double.upload(CHANGE, broken)
        soon(lambda: len(where.messages()) == 2, SECONDS)
    (good, bad), (slow,) = (where.double.reviews(number) for number in shas)

    assert good["message"].startswith("Migrations: SUCCESS")
    assert (good["comments"], slow["message"].partition("\n")[0]) == ({}, "Migrations: SUCCESS")
    assert bad["message"].startswith("Migrations: FAILURE")
    assert not list(where.state.work.glob("*"))
    assert not list(where.state.servers.glob("*/*"))


def test_jobs_go_to_a_worker_that_has_the_data(where: Place) -> None:
    address = f"tcp://127.0.0.1:{free_port()}"
    datasets = where.folder / "datasets"
    elsewhere = ("--datasets", str(datasets), "--state", str(where.folder / "elsewhere"))
    with (
        running("distributed.cli.dask_scheduler", "--host", address, "--no-dashboard"),
        running("ci", "worker", "--scheduler", address, *elsewhere),
        listening(where, "--scheduler", address, "--dataset", "small"),
    ):
        where.upload(harmless(where))
        soon(where.messages, SECONDS)
    (said,) = where.messages()

    assert said.startswith("Migrations: SUCCESS")
    assert list((where.folder / "elsewhere" / "databases").iterdir())
    assert not where.state.databases.exists()
