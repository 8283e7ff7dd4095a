"""Warden: runs one program, and ends all that came of it when that, or the runner, ends.

Run as a file, with the standard library alone: `python -I -S warden.py HEADER PROGRAM …`. It
outlives neither: it waits for the program and for the runner at once, so that a runner which
is killed, or loses the thread that started the program, leaves nothing running. Orphans of the
program become its children, those too that made a session of their own.
"""

from __future__ import annotations

import ctypes
import json
import os
import resource
import select
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

PR_SET_PDEATHSIG = 1
PR_SET_CHILD_SUBREAPER = 36
NOT_RUN = 127
KILLED = 128
"""Added to the number of the signal that ended the program, as shells do."""
KILL_SECONDS = 10


def main() -> int:
    """Run the program that the arguments name; return its exit status."""
    header: dict[str, Any] = json.loads(sys.argv[1])
    runner = os.pidfd_open(header["runner"])
    if os.getppid() != header["runner"]:
        return NOT_RUN
    told = _told()
    _prctl(PR_SET_CHILD_SUBREAPER, 1)
    try:
        program = _spawn(sys.argv[2:], header)
    except (OSError, subprocess.SubprocessError) as error:
        print(error, file=sys.stderr)  # noqa: T201 - for the private log
        return NOT_RUN
    child = os.pidfd_open(program.pid)
    if not _ended(child, [runner, told], seconds=None):
        in_order = _said(told) == signal.SIGTERM
        with suppress(ProcessLookupError):
            os.killpg(program.pid, header["stop" if in_order else "abandon"])
        _ended(child, [], seconds=header["grace"])
    _kill_all(program)
    return program.returncode if program.returncode >= 0 else KILLED - program.returncode


def _told() -> int:
    """Return a file that has the numbers of the signals that came.

    SIGTERM asks for the end in order, SIGINT for the end.
    """
    read, write = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(write)
    for each in (signal.SIGTERM, signal.SIGINT):
        signal.signal(each, lambda *_: None)
    return read


def _said(told: int) -> int | None:
    """Return the signal that came first; None if the runner has just died."""
    with suppress(BlockingIOError):
        return os.read(told, 1)[0]
    return None


def _prctl(option: int, value: int) -> None:
    if ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "prctl")


def _spawn(arguments: list[str], header: dict[str, Any]) -> subprocess.Popen[bytes]:
    warden = os.getpid()

    def prepare() -> None:
        # After the user has changed, which would clear it. There is no thread but this one.
        _prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != warden:
            os._exit(NOT_RUN)
        for name, limit in header["limits"].items():
            resource.setrlimit(getattr(resource, name), (limit, limit))

    user, group = header["user"] or (None, None)
    return subprocess.Popen(  # noqa: S603 - no shell
        arguments,
        close_fds=False,  # what the runner hands on; ours close by themselves
        preexec_fn=prepare,
        start_new_session=True,
        user=user,
        group=group,
        extra_groups=None if user is None else [],
    )


def _ended(child: int, others: list[int], *, seconds: float | None) -> bool:
    """Wait for *child*, one of *others*, or the time; say whether it was *child*."""
    poll = select.poll()
    for each in (child, *others):
        poll.register(each, select.POLLIN)
    ready = poll.poll(None if seconds is None else seconds * 1000)
    return child in [file for file, _ in ready]


def _kill_all(program: subprocess.Popen[bytes]) -> None:
    """Kill what is left, until nothing is: orphans of the killed come to us and are next."""
    give_up = time.monotonic() + KILL_SECONDS
    while time.monotonic() < give_up:
        for pid in _children():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        program.poll()
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG) if program.returncode is not None else (0, 0)
        except ChildProcessError:
            return
        if not ended:
            time.sleep(0.002)


def _children() -> list[int]:
    pid = os.getpid()
    with suppress(FileNotFoundError):
        return list(map(int, Path(f"/proc/{pid}/task/{pid}/children").read_text().split()))
    return []


if __name__ == "__main__":
    sys.exit(main())
