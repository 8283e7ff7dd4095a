"""States and folders: whole or not at all, and gone when they should be."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.databases import Places, copying
from ci.databases.folders import Folder
from ci.databases.places import lock_now
from ci.databases.states import BOOT, DESCRIPTION, States, flush
from ci.errors import ConfigurationError, SetupError
from ci.programs import User
from ci.timing import Engine
from tests.ci import served
from tests.ci.test_programs import alive, gone

if TYPE_CHECKING:
    from collections.abc import Iterator

SIZE = 1 << 20


@pytest.fixture
def places() -> Iterator[Places]:
    with served.places(state_bytes=5 * SIZE // 2) as made:
        yield made


@pytest.fixture
def states(places: Places, tmp_path: Path) -> States:
    return States(places, "engine 1/../x", "digest", log=tmp_path / "log")


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "file").write_bytes(os.urandom(SIZE))
    return folder


def test_the_least_recently_used_state_goes(states: States, data: Path, tmp_path: Path) -> None:
    states.put("../first", data)
    states.put("second", data)
    assert states.get("../first", tmp_path / "copy")
    assert (tmp_path / "copy" / "file").read_bytes() == (data / "file").read_bytes()

    states.put("third", data)
    assert states.names() == {"../first", "third"}
    assert not states.get("second", tmp_path / "copy")


def test_a_state_replaces_one_of_its_name(states: States, data: Path, tmp_path: Path) -> None:
    states.put("same", data)
    (data / "file").write_text("new")
    states.put("same", data)
    states.get("same", tmp_path / "copy")
    assert (tmp_path / "copy" / "file").read_text() == "new"


def test_what_fails_half_way_is_not_there(
    states: States, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise SetupError("no space", step="copy")

    monkeypatch.setattr(copying, "copy", fail)
    with pytest.raises(SetupError):
        states.put("half", data)
    assert not states.names()
    assert not list(states.folder.glob(".half*"))


def test_what_a_crash_leaves_is_cleared(states: States, data: Path) -> None:
    half = states.folder / ".half.abc"
    shutil.copytree(data, half / "data")
    states.put("whole", data)
    assert states.names() == {"whole"}
    assert not half.exists()


def test_a_restart_of_the_machine_leaves_what_was_flushed(
    states: States, data: Path, places: Places
) -> None:
    def restart() -> None:
        for each in states.folder.glob(f"*/{DESCRIPTION}"):
            each.write_text(each.read_text().replace(BOOT.read_text().strip(), "before"))

    states.put("one", data)
    flush(Places(runs=places.runs, states=places.states))
    restart()
    assert states.names() == {"one"}
    states.put("two", data)
    restart()
    assert states.names() == {"one"}


def test_a_folder_that_is_used_is_not_swept(places: Places) -> None:
    used = Folder.make(places.runs, "sqlite", user=None)
    other = places.runs / "somebody.else"
    other.mkdir()
    Folder.make(places.runs, "sqlite", user=None).remove()
    assert used.path.exists()
    assert other.exists()

    os.close(used.lock)
    Folder.make(places.runs, "sqlite", user=None).remove()
    assert not used.path.exists()


def test_a_long_path_gets_a_short_socket(places: Places) -> None:
    runs = places.runs / ("long" * 30)
    runs.mkdir(parents=True)
    runs.chmod(0o711)
    folder = Folder.make(runs, "mariadb", user=None)
    assert len(str(folder.socket)) < 80
    folder.remove()
    assert not folder.socket.exists()


def test_a_folder_that_the_server_cannot_reach_is_refused(places: Places) -> None:
    places.runs.chmod(0o700)
    user = User(name="somebody", uid=os.getuid() + 4711, gid=4711)
    with pytest.raises(ConfigurationError, match="may not pass through"):
        Folder.make(places.runs, "mariadb", user=user)


RUNNER = """
import sys, time
from pathlib import Path
from ci.databases import Places, open_database
from ci.timing import Engine
from tests.ci import served
folder = Path(sys.argv[2])
data = served.shop(Engine(sys.argv[1]), folder)
places = Places(runs=folder / "runs", states=folder / "states")
with open_database(data, places) as database:
    database.restore(data)
    print("ready", flush=True)
    time.sleep(60)
"""


def processes_in(folder: Path) -> list[int]:
    """Return the processes whose command line names *folder*."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            if str(folder / "runs") in path.read_text(errors="replace"):
                found.append(int(path.parent.name))
        except OSError:
            continue
    return found


@pytest.mark.thorough
@pytest.mark.parametrize("engine", [Engine.POSTGRESQL, Engine.MARIADB])
def test_a_killed_runner_leaves_no_server(engine: Engine, places: Places) -> None:
    folder = places.runs.parent
    arguments = [sys.executable, "-c", RUNNER, engine.value, str(folder)]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE) as runner:
        assert runner.stdout is not None
        assert runner.stdout.readline() == b"ready\n"
        servers = processes_in(folder)
        assert len(servers) >= 2
        assert all(map(alive, servers))
        runner.kill()
    assert all(map(gone, servers))

    (left,) = places.runs.glob(f"{engine}.*")
    give_up = time.monotonic() + 10
    while (lock := lock_now(left / "lock")) is None:
        assert time.monotonic() < give_up
    os.close(lock)
    Folder.make(places.runs, "sqlite", user=None).remove()
    assert not left.exists()
