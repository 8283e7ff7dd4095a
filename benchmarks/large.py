"""`python -m benchmarks.large`: the memory that masking a large dump takes, workers and all."""

from __future__ import annotations

import argparse
import os
import re
import secrets
import subprocess
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import people
from benchmarks.masking import MB, masking
from benchmarks.measure import ROOT, head, row

if TYPE_CHECKING:
    from collections.abc import Callable

ROWS = 100_000
"""Of what is repeated until the dump is large."""
STEP = 0.1
"""Seconds between two looks at the memory."""
BODIES: dict[str, tuple[Callable[[Path, int], None], bytes, bytes]] = {
    "COPY text": (people.write_copy, people.HEAD.encode(), people.TAIL.encode()),
    "mysqldump": (people.write_inserts, people.MYSQL_HEAD.encode(), people.MYSQL_TAIL.encode()),
}


def write(kind: str, path: Path, size: int) -> None:
    """Write a dump of *size* bytes or a little more."""
    write_few, first, last = BODIES[kind]
    write_few(path, ROWS)
    body = path.read_bytes().removeprefix(first).removesuffix(last)
    with path.open("wb") as file:
        file.write(first)
        for _ in range(-(-size // len(body))):
            file.write(body)
        file.write(last)


def peak_of(command: list[str]) -> tuple[float, float]:
    """Run *command*; return the most megabytes of it and its children at once, and seconds.

    A page that several share counts once.
    """
    started, peak = time.monotonic(), 0
    child = subprocess.Popen(command, cwd=ROOT, stderr=subprocess.DEVNULL)
    while child.poll() is None:
        peak = max(peak, sum(map(_resident, _tree(child.pid))))
        time.sleep(STEP)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {child.returncode}")
    return peak / MB, time.monotonic() - started


def _tree(pid: int) -> list[int]:
    """Return *pid* and all that it has started, and they."""
    try:
        threads = list(Path(f"/proc/{pid}/task").iterdir())
        text = " ".join((each / "children").read_text() for each in threads)
    except OSError:  # it has ended
        return []
    return [pid, *(each for child in text.split() for each in _tree(int(child)))]


def _resident(pid: int) -> int:
    """Return the bytes of its pages, of those that it shares its part."""
    try:
        found = re.search(r"Pss:\s+(\d+)", Path(f"/proc/{pid}/smaps_rollup").read_text())
    except OSError:
        return 0
    return int(found[1]) * 1024 if found else 0


def compare(folder: Path, gigabytes: float) -> None:
    """Print a table: peak memory and speed of each kind of dump, with one job and with two."""
    secret = folder / "secret"
    secret.write_text(secrets.token_hex(32))
    secret.chmod(0o600)
    head("dump", "GB", "jobs", "peak MB, the whole tree", "MB/s")
    for kind in BODIES:
        dump, masked = folder / "dump.sql", folder / "masked.sql"
        write(kind, dump, int(gigabytes * 1000 * MB))
        size = dump.stat().st_size
        for jobs in (1, 2):
            command = masking("benchmarks.people:Base", secret, "--jobs", str(jobs))
            command[command.index("-") : command.index("--models")] = [str(dump), str(masked)]
            peak, seconds = peak_of([*command, "--no-manifest"])
            speed = size / MB / seconds
            row(kind, f"{size / MB / 1000:.2f}", jobs, f"{peak:.0f}", f"{speed:.0f}")
            masked.unlink()
        dump.unlink()


def main() -> None:
    """Write, mask and remove large dumps; twice their size is needed on the disk."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.large", description=main.__doc__)
    parser.add_argument("--gigabytes", type=float, default=5)
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores\n")
    with tempfile.TemporaryDirectory() as folder:
        compare(Path(folder), chosen.gigabytes)


if __name__ == "__main__":
    main()
