"""The driver of migrator: its command line, and the JSON that it prints."""

from __future__ import annotations

from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ci.drivers.base import Command, State
from ci.drivers.lines import read_last, read_line, unread
from ci.drivers.migrator_json import ERROR, STATUS, TOLD
from ci.timing import Kind, Step

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.drivers.base import Event, Refused
    from ci.drivers.migrator_json import Transition

SOURCES = (".py", ".sql")
TOO_OLD = "is the tree's migrator older than `status --no-count --json`? the private folder says"
_REST = frozenset({0, 1, 2, 3})
"""Exit codes of online-migrate that leave something for the guard to judge."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Migrator:
    """migrator, as the tree under test brings it."""

    name: str = "migrator"
    manifest: str | None = None
    """Path of the manifest from the root of the tree; None: as its settings say."""
    listed: str | None = None
    """Where the settings of the target branch say that it is."""

    @property
    def _place(self) -> str | None:
        return self.manifest or self.listed

    def touches(self, path: str) -> bool:
        """Return whether *path* is the manifest, or a file beside it that may be listed there."""
        if self._place is None:
            return fnmatchcase(f"/{path}", "*/versions.json") or self._is_beside(path)
        return path == self._place or self._is_beside(path)

    def adds(self, path: str) -> bool:
        """Return whether a new file at *path* is a migration; a test beside it is none."""
        return self._is_beside(path) and not path.endswith("_test.py")

    def _is_beside(self, path: str) -> bool:
        folder = "*/versions" if self._place is None else f"/{self._place.removesuffix('.json')}"
        return any(fnmatchcase(f"/{path}", f"{folder}/*{end}") for end in SOURCES)

    def state(self) -> Command:
        """Return the command that says where the database is; no table is counted."""
        return self._command("status", "--no-count", "--json")

    def read_state(self, output: bytes) -> State | Refused:
        """Return what `status` says: a transition is to be moved before its contract."""
        found = read_last(output, STATUS)
        if found is None:
            error = read_last(output, ERROR)
            if error is None:
                raise unread("status", hint=TOO_OLD)
            return error.event
        steps: list[Step] = []
        left = list(found.transitions)
        for each in sorted(found.pending, key=lambda each: each.number):
            steps += [_move(move) for move in left if move.completed_by == each.number]
            left = [move for move in left if move.completed_by != each.number]
            steps.append(self._placed(each.step))
        steps += [_move(move) for move in left]
        return State(version=str(found.version or ""), pending=tuple(steps))

    def _placed(self, step: Step) -> Step:
        """Return *step* with its file from the root of the tree; it is told from the manifest's."""
        if step.path is None or self._place is None:
            return step
        return replace(step, path=str(PurePosixPath(self._place).parent / step.path))

    def run(self, step: Step) -> Command:
        """Return the command that runs *step*; an expand leaves contracts before it pending."""
        told = ("--json", "--statements")
        if step.kind is Kind.MOVE:
            return self._command("online-migrate", "--only", step.name, *told, good=_REST)
        only = ("--expand-only",) if step.kind is Kind.EXPAND else ()
        return self._command("sync", "--version", step.version, *only, *told)

    def upgrade(self) -> Sequence[Command]:
        """Return the commands that expand, move and contract, to where the manifest ends."""
        return (
            self._command("sync", "--expand-only", "--json"),
            self._command("online-migrate", "--json"),
            self._command("sync", "--json"),
        )

    def read(self, line: bytes) -> Event | None:
        """Return what *line* says."""
        told = read_line(line, TOLD)
        return None if told is None else told.event

    def _command(self, *arguments: str, good: frozenset[int] = frozenset({0})) -> Command:
        chosen = ("--manifest", self.manifest) if self.manifest else ()
        return Command(arguments=("migrator", *chosen, *arguments), good=good)


def _move(transition: Transition) -> Step:
    return Step(version=transition.name, name=transition.name, kind=Kind.MOVE)
