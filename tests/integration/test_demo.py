"""The demo: its story ends well, and its checks would tell if it did not."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from cloud.generate import fill
from demo.__main__ import main
from demo.application import Application
from demo.check import Checked, check
from demo.log import Log, read
from demo.releases import COUNTED, SHARED, counted, shared
from migrator.manifest import Manifest
from migrator.migration import load_all
from migrator.online import migrate
from migrator.testing import walk_to
from tests.servers import processes

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

ROOT = Path(__file__).parent.parent.parent
ROWS = 40
ROUNDS = 3


def tell(*arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "demo", "--rows", "500", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    "database",
    [
        "postgresql",
        pytest.param("mariadb", marks=pytest.mark.slow),
        pytest.param("sqlite", marks=pytest.mark.slow),
    ],
    indirect=True,
)
def test_the_story_ends_well_and_can_be_read(database: Database) -> None:
    told = tell("--database", database.url)

    assert told.returncode == 0, told.stdout + told.stderr
    assert "Nothing was lost" in told.stdout
    assert "is blocked, nothing was changed" in told.stdout
    # How long a URL is, is not ours to say.
    lines = [line for line in told.stdout.splitlines() if not line.startswith("Database ")]
    assert max(map(len, lines)) <= 80


def test_a_demo_that_is_killed_leaves_no_process() -> None:
    command = [sys.executable, "-m", "demo"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL) as demo:
        children: dict[int, int | None] = {}
        give_up = time.monotonic() + 60
        while not any(map(is_application, children)) and time.monotonic() < give_up:
            children = {pid: processes.started(pid) for pid in processes.children(demo.pid)}
            time.sleep(0.1)
        demo.kill()
    assert children
    assert all(processes.wait(pid, birth, seconds=30) for pid, birth in children.items())


def is_application(pid: int) -> bool:
    try:
        return b"demo.application" in (processes.PROC / str(pid) / "cmdline").read_bytes()
    except (FileNotFoundError, ProcessLookupError):  # it was a command, and has ended
        return False


def test_a_database_that_holds_something_is_left_alone(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'mine.db'}"
    with sa.create_engine(url, poolclass=sa.NullPool).begin() as connection:
        connection.execute(sa.text("CREATE TABLE mine (id INTEGER)"))
    result = CliRunner().invoke(main, ["--database", url])
    assert (result.exit_code, "is not empty" in result.output) == (2, True)


@pytest.fixture
def written(engine: sa.Engine, tmp_path: Path) -> dict[str, Path]:
    """Logs of the three releases, which took turns on a database that went to liberty."""
    logs = {release: tmp_path / f"{release}.log" for release in ("juno", "kilo", "liberty")}
    walk_to(engine, "juno")
    flavors = sa.table("flavors", sa.column("flavorid"), sa.column("memory_mb"))
    names = [*map(shared, range(SHARED)), *map(counted, range(COUNTED))]
    with engine.begin() as connection:
        fill(connection, ROWS)
        rows = [{"flavorid": name, "memory_mb": 0} for name in names]
        connection.execute(sa.insert(flavors), rows)
    work(engine, logs, "juno", 0)
    walk_to(engine, "kilo")
    work(engine, logs, "kilo", 0)
    work(engine, logs, "juno", ROUNDS)
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE instances SET task_state = NULL"))
    migrations = load_all(Manifest.load(ROOT / "versions.json"), range(1, 12))
    migrate(engine, [each for migration in migrations for each in migration.transitions])
    walk_to(engine, "liberty")
    work(engine, logs, "liberty", 0)
    return logs


def work(engine: sa.Engine, logs: dict[str, Path], release: str, first: int) -> None:
    with logs[release].open("a", encoding="utf-8") as file:
        application = Application(release, engine, Log(file), ROWS)
        for number in range(first, first + ROUNDS):
            application.work(number)


def checked(bind: sa.Engine | sa.Connection, logs: dict[str, Path]) -> dict[str, Checked]:
    start = {counted(number): 0 for number in range(COUNTED)}
    return {each.what: each for each in check(bind, logs, rows=ROWS, counted=start)}


def test_every_promise_is_kept(engine: sa.Engine, written: dict[str, Path]) -> None:
    found = checked(engine, written)
    assert [each for each in found.values() if not each.holds] == []
    assert found["instances added by juno"].promised == 2 * ROUNDS
    assert len(list(read(written["juno"]))) == 4 * ROUNDS


LOSSES = {
    "flavors generated": "UPDATE flavors SET foobars = NULL WHERE flavorid = 'flavor-3'",
    "instances generated": "UPDATE instances SET root_gb = 0 WHERE id = 2",
    "instance_extra generated": "DELETE FROM instance_extra WHERE id = 1",
    "services generated": "UPDATE services SET queue = '' WHERE id = 2",
    "fixed_ips generated": "UPDATE fixed_ips SET prefix = 1 WHERE prefix = 0",
    "instances added by juno": "DELETE FROM services WHERE host = 'juno-1'",
    "instances added by kilo": "UPDATE instances SET root_gb = 1 WHERE uuid = 'kilo-0'",
    "instances added by liberty": "UPDATE fixed_ips SET prefix = 7 WHERE address = 'liberty-2'",
    "flavors overwritten by all": "UPDATE flavors SET foobars = 1 WHERE flavorid LIKE 'shared%'",
    "counted up by new code": "UPDATE flavors SET foobars = 9 WHERE flavorid = 'counted-1'",
    "old columns dropped": "ALTER TABLE flavors ADD COLUMN memory_mb INTEGER",
}


def test_each_loss_is_told(engine: sa.Engine, written: dict[str, Path]) -> None:
    for what, loss in LOSSES.items():
        with engine.connect() as connection:
            connection.execute(sa.text(loss))
            found = checked(connection, written)
            connection.rollback()
        assert what in {name for name, each in found.items() if not each.holds}


def test_a_loss_is_the_exit_code(monkeypatch: pytest.MonkeyPatch) -> None:
    lost = Checked(what="flavors generated", promised=2, kept=1)
    monkeypatch.setattr("demo.story.Story.tell", lambda _story: [lost])
    result = CliRunner().invoke(main, [])
    assert (result.exit_code, "Not as promised" in result.output) == (1, True)


def test_a_wrong_read_is_told(engine: sa.Engine, written: dict[str, Path]) -> None:
    with written["kilo"].open("a", encoding="utf-8") as file:
        Log(file).write("read", "kilo", 1, begun=0.0, wrong=1)
    assert not checked(engine, written)["objects read by new code"].holds
