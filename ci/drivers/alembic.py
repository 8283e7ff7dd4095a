"""The driver of alembic: any tree with revisions, run by a script of ours in its environment."""

from __future__ import annotations

from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING

from ci.drivers.alembic_json import STATE, TOLD, Error
from ci.drivers.base import Command, State
from ci.drivers.lines import read_last, read_line, unread

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.drivers.base import Event, Refused
    from ci.timing import Step

CHILD = Path(__file__).parent / "inside" / "run_alembic.py"
"""In a folder of its own, which Python puts before all others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Alembic:
    """alembic, as the environment of the tree under test has it."""

    name: str = "alembic"
    config: str = "alembic.ini"
    """Path from the root of the tree."""
    folder: str = "alembic"
    """Folder of env.py and versions/, from the root of the tree."""
    section: str = "alembic"
    """Of the configuration, as alembic's option `--name` has it."""
    database: str = ""
    """Which one, where the configuration lists several databases."""

    def touches(self, path: str) -> bool:
        """Return whether *path* is a revision, env.py, or the configuration.

        A revision is known by its folder's name as well, should *folder* not be said.
        """
        if path == self.config or fnmatchcase(path, f"{self.folder}/*"):
            return True
        return fnmatchcase(f"/{path}", "*/versions/*.py")

    def adds(self, path: str) -> bool:
        """Return whether a new file at *path* is a revision."""
        return fnmatchcase(path, f"{self.folder}/versions/*.py")

    def state(self) -> Command:
        """Return the command that says where the database is."""
        return self._command("state")

    def read_state(self, output: bytes) -> State | Refused:
        """Return what the script told of the revisions."""
        found = read_last(output, STATE)
        if found is None:
            raise unread("state")
        if isinstance(found, Error):
            return found.event
        return State(
            version=", ".join(found.current), pending=tuple(each.step for each in found.pending)
        )

    def run(self, step: Step) -> Command:
        """Return the command that upgrades to the revision of *step*."""
        return self._command("upgrade", step.version)

    def upgrade(self) -> Sequence[Command]:
        """Return the command that upgrades to all heads."""
        return (self._command("upgrade", "heads"),)

    def read(self, line: bytes) -> Event | None:
        """Return what *line* says."""
        told = read_line(line, TOLD)
        return None if told is None else told.event

    def _command(self, *arguments: str) -> Command:
        named = (self.config, self.section, self.database)
        return Command(arguments=("python", str(CHILD), *named, *arguments), binds=(CHILD,))
