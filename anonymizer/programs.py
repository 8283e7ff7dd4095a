"""Programs: those that dump and load databases, run so that none outlives what it is for."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, TYPE_CHECKING, BinaryIO

from anonymizer.errors import AnonymizerError, ToolError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

END_SECONDS = 5
"""How long a program may take to end when it is asked to."""
LAST_WORDS = 1 << 16
_FOLDERS = "/usr/lib/postgresql/*/bin"
"""Where Debian keeps programs that are not in PATH, of each version."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program and how it is called; nothing secret is among its arguments."""

    path: str
    arguments: Sequence[str] = ()
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    """Set beside what is set anyway."""
    explain: Callable[[str], str]
    """Takes what it wrote on stderr; returns what may be repeated, without values of rows."""

    @property
    def name(self) -> str:
        """What people call it."""
        return Path(self.path).name


def find_program(*names: str, package: str) -> str:
    """Return the path of the first of *names* that is installed.

    Raises ToolError, which names the *package* to install, when there is none.
    """
    newest = sorted(Path("/").glob(_FOLDERS[1:]), key=_version, reverse=True)
    places = os.pathsep.join([os.environ.get("PATH", os.defpath), *map(str, newest)])
    for name in names:
        path = shutil.which(name, path=places)
        if path is not None:
            return path
    raise ToolError(f"{names[0]} is not installed", hint=f"install {package}")


def _version(folder: Path) -> tuple[int, ...]:
    return tuple(int(each) for each in folder.parent.name.split(".") if each.isdecimal())


def answer(program: Program, question: bytes = b"") -> str:
    """Return what *program* writes when it is given *question*.

    Raises ToolError when it fails.
    """
    with _started(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as (process, words):
        said, _ = process.communicate(question)
        _end_well(program, process, words)
    return str(said, "utf-8", "replace")


@contextmanager
def reading(program: Program) -> Iterator[BinaryIO]:
    """Give what *program* writes; it is ended when the body fails.

    Raises ToolError when it fails, also in place of an error of the body: what it wrote is cut
    off then. So open what is written to around this, that it sees the error too.
    """
    with _started(program, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as (process, words):
        assert process.stdout is not None  # noqa: S101 - a pipe
        try:
            yield process.stdout  # type: ignore[misc]  # it is one that reads
        except AnonymizerError:
            with suppress(subprocess.TimeoutExpired):
                process.wait(timeout=1)
            if process.returncode:
                _end_well(program, process, words)
            raise
        process.stdout.close()
        _end_well(program, process, words)


@contextmanager
def writing(program: Program, *, first: bytes, last: bytes) -> Iterator[BinaryIO]:
    """Give what *program* reads: *first*, what the body writes, and *last* if it ends well.

    When the body fails, or this process dies, *program* never sees *last*. Raises ToolError
    when *program* fails.
    """
    with _started(program, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL) as (process, words):
        assert process.stdin is not None  # noqa: S101 - a pipe
        try:
            process.stdin.write(first)
            yield process.stdin  # type: ignore[misc]  # it is one that writes
            process.stdin.write(last)
            process.stdin.close()
        except BrokenPipeError:
            process.wait()
            _end_well(program, process, words)
            raise
        _end_well(program, process, words)


@contextmanager
def _started(
    program: Program, *, stdin: int, stdout: int
) -> Iterator[tuple[subprocess.Popen[bytes], IO[bytes]]]:
    """Give the process of *program* and the file of its errors; end it, whatever happens."""
    with tempfile.TemporaryFile() as words:
        try:
            process = subprocess.Popen(  # noqa: S603 - arguments of ours, no shell
                [program.path, *program.arguments],
                stdin=stdin,
                stdout=stdout,
                stderr=words,
                # Labels in its messages are looked for, so they are not to be translated.
                env={**os.environ, "LC_ALL": "C", **program.environment},
                start_new_session=True,  # Ctrl-C is for us, who end it in order
            )
        except OSError as error:
            raise ToolError(f"{program.path} cannot be run: {error.strerror}") from error
        try:
            yield process, words
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End *process* before its pipes are closed: the end of its input would look regular."""
    if process.poll() is None:
        process.terminate()
        try:
            process.wait(timeout=END_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
    for pipe in (process.stdin, process.stdout):
        if pipe is not None:
            with suppress(BrokenPipeError):
                pipe.close()


def _end_well(program: Program, process: subprocess.Popen[bytes], words: IO[bytes]) -> None:
    """Wait until *process* ends; raise ToolError with its words when it fails."""
    if not process.wait():
        return
    words.seek(max(0, words.seek(0, os.SEEK_END) - LAST_WORDS))
    said = program.explain(str(words.read(), "utf-8", "replace"))
    ended = f"exit {process.returncode}" if process.returncode > 0 else "it was killed"
    raise ToolError(f"{program.name}: {said or ended}")
