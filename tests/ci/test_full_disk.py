"""Full disk: a clear red or a clear error, nothing half, and the run after it works."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tests.ci.slow_tree import add_dataset, slow_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.slow_tree import Slow

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small disk"),
]

MIB = 1 << 20
ROWS = 200_000
"""As many as make a difference."""
FILL = """
if URL.startswith("sqlite"):
    rows = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT i FROM n"
elif URL.startswith("postgresql"):
    rows = "SELECT generate_series(1, 1000000000)"
else:
    rows = "SELECT seq FROM seq_1_to_1000000000"
sql(f"INSERT INTO people {rows}")
"""
"""Done by the tool of the tree, see there."""
DUMPS = {
    "a": (
        "PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nCREATE TABLE people (id int);",
        "INSERT INTO people VALUES ({});",
        "COMMIT;",
    ),
    "b": (
        "-- PostgreSQL database dump\nCREATE TABLE people (id int);\nCOPY people FROM stdin;",
        "{}",
        "\\.\n-- PostgreSQL database dump complete",
    ),
    "c": (
        "-- MariaDB dump\nCREATE TABLE people (id int);\nSET autocommit=0;",
        "INSERT INTO people VALUES ({});",
        "COMMIT;\n-- Dump completed",
    ),
}
"""How a dump begins, a row in it, and how it ends."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Disk:
    """A small one, on which the state is, and a project to run."""

    slow: Slow
    state: Path

    def run(self, dataset: str, *more: str, name: str = "r", change: str = "") -> tuple[int, str]:
        """Return the exit code and all that was said; nothing half is left."""
        command = [sys.executable, "-m", "ci", "run", "--always", "--run", name, *more]
        command += ["--base", self.slow.base, "--change", change or self.slow.base]
        command += ["--repository", str(self.slow.checkout), "--state", str(self.state)]
        command += ["--dataset", str(self.slow.datasets), "--dataset", dataset]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert self.slow.left() == []
        assert self.slow.folders_left() == []
        assert list(self.slow.folder.rglob(".*half*")) == []
        return done.returncode, " ".join((done.stdout + done.stderr).split())

    def forget(self) -> None:
        """Remove what is kept of the datasets."""
        shutil.rmtree(self.state / "databases")


@contextmanager
def small_disk(folder: Path, *, size: str) -> Iterator[None]:
    """Have one of *size* at *folder*."""
    mount = ["mount", "-t", "tmpfs", "-o", f"size={size},mode=711", "tmpfs", str(folder)]
    subprocess.run(mount, check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@contextmanager
def room_for(folder: Path, size: int) -> Iterator[None]:
    """Leave room for so many bytes on the disk of *folder*."""
    ballast = folder / "ballast"
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, shutil.disk_usage(folder).free - size)
    try:
        yield
    finally:
        ballast.unlink()


@pytest.fixture(scope="module")
def disk() -> Iterator[Disk]:
    with slow_project(0.05, doing=FILL) as slow:
        for dataset, (first, line, last) in DUMPS.items():
            lines = [first, *map(line.format, range(ROWS)), last, ""]
            add_dataset(slow.datasets / dataset, "\n".join(lines))
        state = slow.folder / "state"
        state.mkdir(exist_ok=True)
        with small_disk(state, size="1200m"):
            made = Disk(slow=slow, state=state)
            assert made.run("a")[0] == 0  # so that the environment is there
            yield made


@pytest.mark.parametrize(
    ("dataset", "room"),
    [("a", MIB), ("b", 20 * MIB), ("b", 60 * MIB), ("c", 60 * MIB), ("c", 200 * MIB)],
)
def test_no_room_to_restore(disk: Disk, dataset: str, room: int) -> None:
    disk.forget()
    name = f"restore-{dataset}-{room}"
    with room_for(disk.state, room):
        code, said = disk.run(dataset, name=name)
    assert code == 1
    assert "setup: set-up failed in" in said
    assert "hardly any room left" in said or "no space for a state" in said
    assert disk.run(dataset, name=name)[0] == 0


def test_no_room_to_keep_what_was_restored(disk: Disk) -> None:
    disk.forget()
    with room_for(disk.state, 4 * MIB):
        code, said = disk.run("a", name="keep")
    assert code == 1
    assert "keep a state (no space for a state of" in said
    assert disk.run("a", name="keep")[0] == 0


@pytest.mark.parametrize("dataset", DUMPS)
def test_a_change_that_fills_the_disk_is_red(disk: Disk, dataset: str) -> None:
    code, said = disk.run(dataset, name=f"fill-{dataset}", change=disk.slow.head)
    assert code == 1
    assert "unfinished: " in said or "hardly any room left" in said
    assert disk.run(dataset, name="after")[0] == 0


@pytest.mark.parametrize("room", [0, 8192])
def test_no_room_for_the_history(disk: Disk, room: int) -> None:
    with room_for(disk.state, room):
        code, said = disk.run("a", name=f"history-{room}")
    assert code == 2
    assert "error: the history" in said
    assert "Traceback" not in said
    assert disk.run("a", name=f"history-{room}")[0] == 0


@pytest.mark.parametrize("room", [0, 4096, 16384])
def test_no_room_for_the_pages(disk: Disk, room: int) -> None:
    pages = disk.slow.folder / "pages"
    pages.mkdir(exist_ok=True)
    name = f"pages-{room}"
    with small_disk(pages, size="128k"):
        with room_for(pages, room):
            code, said = disk.run("a", "--pages", str(pages), name=name)
        assert code == 2
        assert "error: " in said
        assert "Traceback" not in said
        assert disk.run("a", "--pages", str(pages), name=name)[0] == 0
