"""Origin: a real git repository, as a team and a hostile author make one."""

from __future__ import annotations

import os
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

QUIET = {
    "GIT_CONFIG_GLOBAL": "/dev/null",
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_AUTHOR_NAME": "a",
    "GIT_AUTHOR_EMAIL": "a@example.org",
    "GIT_COMMITTER_NAME": "a",
    "GIT_COMMITTER_EMAIL": "a@example.org",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    folder: Path

    def git(self, *arguments: str | bytes, given: bytes = b"") -> str:
        done = subprocess.run(
            ["git", "-c", "core.protectNTFS=false", *arguments],
            cwd=self.folder,
            env={**os.environ, **QUIET},
            input=given,
            capture_output=True,
            check=True,
        )
        return done.stdout.decode("utf-8", "replace").strip()

    def write(self, path: str, text: str | bytes) -> None:
        file = self.folder / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(text.encode() if isinstance(text, str) else text)

    def commit(self, **files: str) -> str:
        """Commit all, with *files* first, and return the commit."""
        for name, text in files.items():
            self.write(name, text)
        self.git("add", "--all")
        self.git("commit", "--quiet", "--allow-empty", "--message", "change")
        return self.git("rev-parse", "HEAD")


def origin(folder: Path) -> Origin:
    """Return a new repository in *folder* with one commit on main."""
    folder.mkdir(parents=True)
    found = Origin(folder=folder)
    found.git("init", "--quiet", "--initial-branch=main")
    found.commit(README="hello\n")
    return found
