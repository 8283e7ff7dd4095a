"""`migrator online-migrate` on a terminal: a progress bar that the lines do not run into."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from contextlib import suppress
from pathlib import Path

from cloud.generate import fill
from migrator.database import open_engine
from migrator.testing import walk_to

ROOT = Path(__file__).parents[2]
CONTROL = re.compile(r"\x1b\[[\d;?]*[A-Za-z]|\r")
BATCH = re.compile(r"\d+ rows matched query \w+, \d+ migrated")


def on_a_terminal(*arguments: str, url: str) -> str:
    """Run migrator on a terminal of 80 columns and return what is written there."""
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    process = subprocess.Popen(
        [sys.executable, "-m", "migrator", *arguments],
        cwd=ROOT,
        env={**os.environ, "MIGRATOR_DATABASE_URL": url, "TERM": "xterm"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    written = b""
    with suppress(OSError):  # the other end is closed
        while chunk := os.read(ours, 4096):
            written += chunk
    os.close(ours)
    assert process.wait() == 0
    return written.decode()


def test_lines_stand_above_the_bar(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cloud.db'}"
    engine = open_engine(url)
    walk_to(engine, "kilo")
    with engine.begin() as connection:
        fill(connection, 300, tables=["flavors"])

    names = ("--only", "flavor_foobars", "--batch-size", "50")
    written = on_a_terminal("online-migrate", *names, url=url)

    assert "━" in written
    assert " rows/s" in written
    lines = [CONTROL.sub("", line) for line in written.splitlines()]
    told = [line for line in lines if "rows matched" in line]
    assert len(told) == 6
    assert [line for line in told if not BATCH.fullmatch(line)] == []
