"""A page of the docs: its blocks, the files and sessions in them, and how a session is run."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

ROOT = Path(__file__).parent.parent
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))

BLOCK = re.compile(
    r"(?:^<!-- not run: (?P<why>.+?) -->\n+)?^```(?P<language>\w*)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)
FILE = re.compile(r"(?:#|--) (?P<path>[\w./-]+\.(?:py|sql|toml))\n")
EXPORT = re.compile(r"^(\$ export MIGRATOR_DATABASE_URL=)sqlite:\S+$", re.MULTILINE)
PROMPT, MORE = "$ ", "> "
END = "\x1e"
"""What stands between the outputs of two commands."""

APPLICATION = ("versions.json", "versions", "cloud")
SETTINGS = '[tool.migrator]\nmanifest = "versions.json"\n'
SECONDS = 120.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Command:
    """One command of a session and what it shall print; *line* is that of the page."""

    line: int
    text: str
    output: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """One fenced block; *line* is that of its first line, *not_run* says why it is not run."""

    line: int
    language: str
    text: str
    not_run: str | None

    @property
    def path(self) -> str | None:
        """Name of the file that the block is, when its first line says one."""
        found = FILE.match(self.text)
        return found["path"] if found else None

    def commands(self) -> Iterator[Command]:
        """Yield what follows each prompt, with the lines under it."""
        said: list[str] = []
        shown: list[str] = []
        at = self.line
        for line, text in enumerate(self.text.splitlines(), start=self.line):
            if text.startswith(PROMPT):
                if said:
                    yield _command(at, said, shown)
                said, shown, at = [text.removeprefix(PROMPT)], [], line
            elif text.startswith(MORE) and not shown:
                said.append(text.removeprefix(MORE))
            else:
                shown.append(text)
        if said:
            yield _command(at, said, shown)


def blocks(page: Path, *, url: str | None = None) -> tuple[Block, ...]:
    """Return the fenced blocks of *page*, with *url* in place of the database that it exports."""
    text = page.read_text()
    if url is not None:
        text = EXPORT.sub(lambda found: f"{found[1]}{shlex.quote(url)}", text)
    return tuple(
        Block(
            line=text.count("\n", 0, found.start("text")) + 1,
            language=found["language"],
            text=found["text"],
            not_run=found["why"],
        )
        for found in BLOCK.finditer(text)
    )


def is_session(block: Block) -> bool:
    """Return whether the commands of *block* are run."""
    return block.language == "console" and block.not_run is None


def run(
    found: Sequence[Block], folder: Path, environment: Mapping[str, str]
) -> list[tuple[Command, str]]:
    """Write the files of *found* in *folder*, run its commands there; return what they print.

    One bash runs them all, so that the folder, `$?` and variables last from one to the next.
    """
    commands = [command for block in found if is_session(block) for command in block.commands()]
    done = subprocess.run(
        ["bash", "-c", "\n".join(_script(found))],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=SECONDS,
        check=False,
    )
    printed = done.stdout.split(END)
    assert len(printed) == len(commands) + 1, done.stdout
    return list(zip(commands, printed, strict=False))


def newcomer(folder: Path, commands: Path) -> dict[str, str]:
    """Make *folder* what a page begins in: the reference application, *commands*, a database."""
    for name in APPLICATION:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder)
    (folder / "pyproject.toml").write_text(SETTINGS)
    return environment(folder, commands)


def environment(folder: Path, commands: Path) -> dict[str, str]:
    """Return an environment without settings of ours, with *commands* before all others."""
    path = (commands, Path(sys.executable).parent, os.environ["PATH"])
    kept = {name: value for name, value in os.environ.items() if "MIGRATOR" not in name}
    return kept | {
        "PATH": os.pathsep.join(map(str, path)),
        "PYTHONPATH": str(ROOT),
        "MIGRATOR_DATABASE_URL": "sqlite:///cloud.db",
        "HOME": str(folder),
        "COLUMNS": "80",
        "LC_ALL": "C.UTF-8",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "TZ": "UTC",
        **{f"GIT_{who}_NAME": "Ada" for who in ("AUTHOR", "COMMITTER")},
        **{f"GIT_{who}_EMAIL": "ada@example.org" for who in ("AUTHOR", "COMMITTER")},
    }


def _command(line: int, said: list[str], shown: list[str]) -> Command:
    output = "".join(f"{text}\n" for text in shown)
    return Command(line=line, text="\n".join(said), output=output)


def _script(found: Sequence[Block]) -> Iterator[str]:
    """Yield the script of a page: its files and commands in their order."""
    for block in found:
        if block.not_run is None and block.path is not None:
            folder = shlex.quote(str(PurePosixPath(block.path).parent))
            text = shlex.quote(block.text.split("\n", 1)[1])
            yield f"mkdir -p {folder} && printf %s {text} > {shlex.quote(block.path)}"
        if is_session(block):
            for command in block.commands():
                yield f"eval {shlex.quote(command.text)}"
                yield f"s=$?; printf '{END}'; (exit $s)"
