"""A warm interpreter: `migrator`, `python FILE` and `python -m NAME`, in forks of one process.

Nearly all of the time that a short command takes is spent on importing SQLAlchemy; the
docs run a hundred of them. What runs is the same: arguments, environment, folder and open
files are those of the caller, and the process is gone when the command ends.
"""

from __future__ import annotations

import json
import os
import runpy
import signal
import socket
import subprocess
import sys
import time
import traceback
from contextlib import contextmanager, suppress
from importlib import import_module
from pathlib import Path
from select import select
from typing import TYPE_CHECKING

from migrator import cli
from tests.servers.folders import make_folder, remove_folder

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
SECONDS = 60.0
FILES = 3
PRELOADED = (
    *("alembic.operations", "alembic.runtime.migration", "rich.progress"),
    *("sqlalchemy.dialects.mysql", "sqlalchemy.dialects.postgresql", "sqlalchemy.orm"),
    *("migrator.apply", "migrator.guard", "migrator.lint", "migrator.online"),
)
COMMAND = """#!{python} -IS
import json, os, socket, sys
caller = socket.socket(socket.AF_UNIX)
caller.connect({path!r})
socket.send_fds(caller, [b"."], [0, 1, 2])
asked = json.dumps([sys.argv, os.getcwd(), dict(os.environ)])
caller.sendall(asked.encode() + b"\\n")
sys.exit(int(caller.makefile().read() or "70"))
"""
PYTHON = """#!/bin/sh
case $1 in
    -m | *.py) exec "{folder}/.python" "$@" ;;
    *) exec "{python}" "$@" ;;
esac
"""


@contextmanager
def commands(folder: Path) -> Iterator[Path]:
    """Start a warm interpreter and yield *folder*, with `migrator` and `python` in it."""
    short = make_folder("commands", user=None)
    path = short / "socket"
    client = COMMAND.format(python=sys.executable, path=str(path))
    texts = {
        "migrator": client,
        ".python": client,
        "python": PYTHON.format(python=sys.executable, folder=folder),
    }
    for name, text in texts.items():
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)
    server = subprocess.Popen(
        [sys.executable, "-m", "tests.warm", path], cwd=ROOT, stdin=subprocess.PIPE
    )
    try:
        give_up = time.monotonic() + SECONDS
        while not path.exists():
            assert server.poll() is None
            assert time.monotonic() < give_up
            time.sleep(0.02)
        yield folder
    finally:
        server.kill()
        server.communicate()
        remove_folder(short)


def serve(path: str) -> None:
    """Listen at *path* and run each command in a fork, until standard input is closed.

    The kernel closes it when the process of the tests is gone, however it went.
    """
    for name in PRELOADED:
        import_module(name)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"{path}.new")
        listener.listen()
        Path(f"{path}.new").rename(path)
        while select([listener, sys.stdin], [], [])[0] == [listener]:
            caller, _address = listener.accept()
            if not os.fork():
                answer(caller)
            caller.close()


def answer(caller: socket.socket) -> None:
    """Run what *caller* asks for, as if it was started by it, and end this process."""
    _dot, files, _flags, _address = socket.recv_fds(caller, 1, FILES)
    arguments, folder, environment = json.loads(caller.makefile().readline())
    for number, file in enumerate(files):
        os.dup2(file, number)
        os.close(file)
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    time.tzset()
    code = run(*arguments)
    for stream in (sys.stdout, sys.stderr):
        with suppress(ValueError):  # closed by what ran
            stream.flush()
    caller.sendall(str(code).encode())
    os._exit(0)


def run(command: str, *arguments: str) -> int:
    """Run `migrator`, or Python with *arguments*, and return the exit code."""
    try:
        if Path(command).name == "migrator":
            cli.main(list(arguments))
        elif arguments[0] == "-m":
            sys.argv, sys.path[0] = list(arguments[1:]), str(Path.cwd())
            runpy.run_module(arguments[1], run_name="__main__", alter_sys=True)
        else:
            sys.argv, sys.path[0] = list(arguments), str(Path(arguments[0]).parent.absolute())
            runpy.run_path(arguments[0], run_name="__main__")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except BaseException:  # what Python does with an error that nobody catches
        traceback.print_exc()
        return 1
    return 0


if __name__ == "__main__":
    serve(sys.argv[1])
