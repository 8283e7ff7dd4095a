"""A private server: one process in a folder of its own, which goes when the tests end."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import time
from typing import TYPE_CHECKING

from tests.servers import processes
from tests.servers.folders import QUIT_SECONDS, make_folder, remove_folder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

START_SECONDS = 60
SYSTEM_FOLDERS = ("/usr/sbin", "/usr/local/sbin", "/usr/bin", "/usr/local/bin")


class MissingServerError(Exception):
    """The programs of a server are not installed; a failure, never a silent skip."""


class PrivateServer:
    """The process of a server and the folder that holds its data, socket and log."""

    def __init__(self, name: str, *, user: str) -> None:
        self.user = _user(user)
        self.folder = make_folder(name, user=self.user)
        self.log = self.folder / "log"
        self._command: Sequence[str | Path] = ()
        self._ready: Callable[[int], bool] = bool
        self._process: subprocess.Popen[bytes] | None = None

    def run(self, command: Sequence[str | Path]) -> None:
        """Run *command* to its end as the server's user."""
        process = self._spawn(command)
        if process.wait(START_SECONDS):
            raise self._failure(command, process)

    def start(self, command: Sequence[str | Path], *, ready: Callable[[int], bool]) -> None:
        """Start the server with *command* and wait until it is *ready*."""
        self._command, self._ready = command, ready
        self._process = process = self._spawn(command)
        give_up = time.monotonic() + START_SECONDS
        while not ready(process.pid):
            if process.poll() is not None or time.monotonic() > give_up:
                raise self._failure(command, process)
            time.sleep(0.02)

    def restart(self) -> None:
        """Stop the server, if it runs, and start it again on the same data."""
        self.stop()
        self.start(self._command, ready=self._ready)

    def kill9(self) -> None:
        """Kill every process of the server with SIGKILL, as the kernel does when memory is out."""
        if self._process and self._process.poll() is None:
            processes.kill(self._process.pid)
            self._process.wait()

    def stop(self) -> None:
        """Stop the server quickly; what it has committed stays."""
        if self._process and self._process.poll() is None:
            processes.end(self._process.pid, seconds=QUIT_SECONDS)
            self._process.wait()

    def remove(self) -> None:
        """Stop the server and remove its folder."""
        self.stop()
        remove_folder(self.folder)

    def _spawn(self, command: Sequence[str | Path]) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C reaches the tests, which then stop the server.
        with self.log.open("ab") as log:
            return subprocess.Popen(
                [str(each) for each in command],
                cwd=self.folder,
                env={"PATH": os.environ["PATH"], "LC_ALL": "C", "TMPDIR": str(self.folder)},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=self.user,
                group=pwd.getpwnam(self.user).pw_gid if self.user else None,
                extra_groups=[] if self.user else None,
            )

    def _failure(
        self, command: Sequence[str | Path], process: subprocess.Popen[bytes]
    ) -> RuntimeError:
        log = self.log.read_text(errors="replace")[-2000:]
        self.remove()
        return RuntimeError(f"{command[0]} did not come up (exit {process.poll()}):\n{log}")


def find_program(program: str, *, folders: Iterable[Path | str], package: str) -> str:
    """Return the path of *program* in *folders* or PATH, or say which *package* has it."""
    places = os.pathsep.join([*map(str, folders), os.environ["PATH"], *SYSTEM_FOLDERS])
    path = shutil.which(program, path=places)
    if path is None:
        raise MissingServerError(
            f"{program} is not installed; run `apt-get install {package}` or `make test`"
        )
    return path


def _user(name: str) -> str | None:
    """Return the user that runs a server in root's stead: servers refuse to run as root."""
    if os.getuid() != 0:
        return None
    users = {entry.pw_name for entry in pwd.getpwall()}
    return name if name in users else "nobody"
