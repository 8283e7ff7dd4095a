"""Listen: run a program and hear what it says, up to its limits, until it ends."""

from __future__ import annotations

import os
import selectors
import subprocess
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING

from ci.errors import DeadlineError
from ci.programs import Program, Running, start
from ci.sandbox.job import Ended
from ci.sandbox.output import Lines, Quota, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ci.settings import Limits

PIECE = 1 << 16
JOIN = (
    'umask 022; exec 2>"/dev/fd/$1" || exit 125; shift; '
    'while [ "$1" != -- ]; do echo $$ >"$1/cgroup.procs" || exit 125; shift; done; shift; '
    'exec "$@"'
)
"""Before the program: its second output, then the groups that it joins."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Confined:
    """A command line that confines what it runs."""

    arguments: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})
    folder: Path = Path("/")
    groups: Sequence[Path] = ()
    files: Sequence[int] = ()
    each_process: Mapping[str, int] = field(default_factory=dict)
    """What setrlimit sets before it begins."""
    limits: Limits
    """How much it may say."""


def ignore(_: bytes) -> None:
    """Hear nothing."""


def listen(
    confined: Confined,
    *,
    log: Path,
    seconds: float,
    step: str,
    hear: Callable[[bytes], None],
) -> Ended:
    """Run a program to its end; see Sandbox.run."""
    began = time.monotonic()
    quota = Quota(confined.limits)
    with _private(log) as words, _started(confined, log) as (running, errors):
        out, err = Lines(quota), Lines(quota)

        def said(line: bytes) -> None:
            words.write(f"{shown(line)}\n")
            hear(line)

        def complained(line: bytes) -> None:
            words.write(f"{shown(line)}\n")

        streams = {running.stdout.fileno(): (out, said), errors: (err, complained)}
        if not _hear_all(streams, until=began + seconds):
            running.end()
            raise DeadlineError(step, seconds)
        left = max(0.0, began + seconds - time.monotonic())
        status = running.wait(left, step=step)
        if status:
            words.write(f"{step}: exit status {status}\n")
    return Ended(status=status, seconds=time.monotonic() - began, dropped=quota.dropped)


def _hear_all(
    streams: Mapping[int, tuple[Lines, Callable[[bytes], None]]], *, until: float
) -> bool:
    """Hear *streams* to their ends; return whether that was in time."""
    with selectors.DefaultSelector() as selector:
        for file in streams:
            selector.register(file, selectors.EVENT_READ)
        while selector.get_map():
            left = until - time.monotonic()
            ready = selector.select(left) if left > 0 else []
            if not ready:
                return False
            for key, _ in ready:
                lines, heard = streams[key.fd]
                data = os.read(key.fd, PIECE)
                for line in lines.feed(data) if data else lines.end():
                    heard(line)
                if not data:
                    selector.unregister(key.fd)
    return True


@contextmanager
def _started(confined: Confined, log: Path) -> Iterator[tuple[Running, int]]:
    """Start the program; give it, and the file of its second output."""
    read, write = os.pipe()
    try:
        program = Program(
            arguments=(
                *("/bin/sh", "-c", JOIN, "sh", str(write), *map(str, confined.groups), "--"),
                *confined.arguments,
            ),
            environment=confined.environment,
            folder=confined.folder,
            files=(*confined.files, write),
            limits=confined.each_process,
            grace=0.2,
        )
        with start(program, log=log, stdout=subprocess.PIPE) as running:
            os.close(write)
            write = -1
            yield running, read
    finally:
        for file in (read, write):
            if file >= 0:
                os.close(file)


@contextmanager
def _private(log: Path) -> Iterator[IO[str]]:
    """Open *log* so that what is said is added to it, and nobody else can read it."""
    opened = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_NOFOLLOW, 0o600)
    with os.fdopen(opened, "a", encoding="utf-8", errors="backslashreplace") as words:
        yield words
