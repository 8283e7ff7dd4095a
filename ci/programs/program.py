"""Program: a command line, and the process of it, which ends with the runner at the latest."""

from __future__ import annotations

import json
import os
import pwd
import select
import shutil
import signal
import subprocess
import sys
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, Self, TypeAlias

from ci.errors import DeadlineError, SetupError, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WARDEN = Path(__file__).with_name("warden.py")
WARDEN_SECONDS = 15
"""How long a warden may take over a program that does not even die of SIGKILL."""
MOST_MILLISECONDS = (1 << 31) - 1
"""As far as the kernel counts."""
ROOM = 128 << 20
"""Bytes without which a server may not write its log: MariaDB's has 96 MiB when it is made."""

Stream: TypeAlias = "int | IO[bytes] | None"
"""A file, subprocess.PIPE, or None: the log of an output, nothing of an input."""


@dataclass(frozen=True, slots=True, kw_only=True)
class User:
    """Whom a program runs as, where that is not who runs us."""

    name: str
    uid: int
    gid: int

    @classmethod
    def instead_of_root(cls, name: str) -> Self | None:
        """Return the user called *name*, or nobody where there is none; None if we are not root."""
        if os.getuid() != 0:
            return None
        names = {each.pw_name for each in pwd.getpwall()}
        entry = pwd.getpwnam(name if name in names else "nobody")
        return cls(name=entry.pw_name, uid=entry.pw_uid, gid=entry.pw_gid)


def plain_environment() -> Mapping[str, str]:
    """Return what a program needs: nothing of ours that is secret is in it."""
    return {"PATH": os.environ.get("PATH", os.defpath), "LC_ALL": "C"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A command line, and how its process is made."""

    arguments: Sequence[str | Path]
    """The first is the path of the program."""
    environment: Mapping[str, str] = field(default_factory=plain_environment, repr=False)
    """All that is set."""
    folder: Path | None = None
    """Where it runs; None: where we do."""
    user: User | None = None
    limits: Mapping[str, int] = field(default_factory=dict)
    """What setrlimit sets, by its name: RLIMIT_FSIZE, RLIMIT_AS."""
    stop: signal.Signals = signal.SIGTERM
    """What asks its process group to end in order."""
    abandon: signal.Signals = signal.SIGKILL
    """What ends it where nothing is wanted of it any more."""
    grace: float = 5
    """Seconds after that until it and all that came of it are killed."""
    files: Sequence[int] = ()
    """Open files that it gets under the same number."""

    @property
    def name(self) -> str:
        """What people call it."""
        return Path(self.arguments[0]).name


class Running:
    """A program that runs; a context that ends it."""

    def __init__(self, program: Program, warden: subprocess.Popen[bytes]) -> None:
        self.program = program
        self._warden = warden

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.end()

    @property
    def stdin(self) -> IO[bytes]:
        """The pipe to it, if it was started with one."""
        assert self._warden.stdin is not None  # noqa: S101 - the caller asked for a pipe
        return self._warden.stdin

    @property
    def stdout(self) -> IO[bytes]:
        """The pipe from it, if it was started with one."""
        assert self._warden.stdout is not None  # noqa: S101 - the caller asked for a pipe
        return self._warden.stdout

    @property
    def status(self) -> int | None:
        """Its exit status, 128 and more when a signal ended it; None while it runs."""
        return self._warden.poll()

    def wait(self, seconds: float, *, step: str) -> int:
        """Return its exit status; raises DeadlineError after *seconds*, all of it ended."""
        if self._ended_within(seconds):
            return self._warden.wait()
        self.end()
        raise DeadlineError(step, seconds)

    def _ended_within(self, seconds: float) -> bool:
        """Return whether it ends in time; told by the kernel, where Popen looks now and then."""
        with suppress(ProcessLookupError):  # another thread has just waited for it
            if self._warden.poll() is None:
                file = os.pidfd_open(self._warden.pid)
                try:
                    poll = select.poll()
                    poll.register(file, select.POLLIN)
                    return bool(poll.poll(min(seconds * 1000, MOST_MILLISECONDS)))
                finally:
                    os.close(file)
        return True

    def stop(self, *, in_order: bool = True) -> None:
        """End it and all that came of it, if it runs; from any thread."""
        if self._warden.poll() is None:
            self._warden.send_signal(signal.SIGTERM if in_order else signal.SIGINT)
            if not self._ended_within(self.program.grace + WARDEN_SECONDS):
                self._warden.kill()
            self._warden.wait()

    def end(self) -> None:
        """End it and all that came of it, if it runs, and close its pipes."""
        self.stop()
        for pipe in (self._warden.stdin, self._warden.stdout):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()


def start(program: Program, *, log: Path, stdin: Stream = None, stdout: Stream = None) -> Running:
    """Start *program*; what it says is added to the *log*, a file that nobody else can read.

    Raises ToolError for one that cannot be run.
    """
    path = str(program.arguments[0])
    if not os.access(path, os.X_OK):
        raise ToolError(f"{program.name} cannot be run: there is no program at its path")
    with os.fdopen(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab") as words:
        warden = subprocess.Popen(  # noqa: S603 - no shell
            [sys.executable, "-I", "-S", WARDEN, _header(program), *map(str, program.arguments)],
            cwd=program.folder,
            env=dict(program.environment),
            stdin=subprocess.DEVNULL if stdin is None else stdin,
            stdout=words if stdout is None else stdout,
            stderr=words,
            pass_fds=tuple(program.files),
            start_new_session=True,  # Ctrl-C is for us, who end it in order
        )
    return Running(program, warden)


def _header(program: Program) -> str:
    return json.dumps(
        {
            "runner": os.getpid(),
            "user": (program.user.uid, program.user.gid) if program.user else None,
            "limits": dict(program.limits),
            "stop": int(program.stop),
            "abandon": int(program.abandon),
            "grace": program.grace,
        }
    )


def run(program: Program, *, log: Path, seconds: float, step: str, stdin: Stream = None) -> int:
    """Run *program* to its end and return its exit status.

    Raises ToolError for one that cannot be run, DeadlineError after *seconds*.
    """
    with start(program, log=log, stdin=stdin) as running:
        return running.wait(seconds, step=step)


def run_well(
    program: Program, *, log: Path, seconds: float, step: str, stdin: Stream = None
) -> None:
    """Run *program* to its end; raises SetupError, too, when it fails."""
    status = run(program, log=log, seconds=seconds, step=step, stdin=stdin)
    if status:
        raise failure(program, f" with exit status {status}", log=log, step=step)


def failure(
    program: Program, how: str, *, log: Path, step: str, hint: str | None = None
) -> SetupError:
    """Return the error of a program that failed, *how* being said after that."""
    said = f"{program.name} failed{how}"
    if is_full(log.parent):
        said, hint = f"{said}, and the disk has hardly any room left", "free some"
    words = f"its words are in {log.name!r}, in the private folder of the run"
    return SetupError(said, step=step, hint=hint or words)


def is_full(folder: Path) -> bool:
    """Say whether the disk of *folder* has too little room to work with."""
    return shutil.disk_usage(folder).free < ROOM
