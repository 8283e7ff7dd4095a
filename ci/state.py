"""State: the folder of the runner on a machine, and what is where in it."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from ci.errors import ConfigurationError

PRIVATE_MODE = 0o700
PASSED_MODE = 0o711
"""Servers and code under test run as somebody else, who passes through to a folder of theirs."""


def default_folder() -> Path:
    """Return where the state is if nobody says it: as the XDG base directories have it."""
    base = os.environ.get("XDG_STATE_HOME", "")
    return (
        Path(base) if base.startswith("/") else Path.home() / ".local" / "state"
    ) / "migrator-ci"


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """The folder of the runner; nobody else can look into it."""

    folder: Path

    def make(self) -> State:
        """Make the folder, where there is none, and return its state.

        Raises ConfigurationError where that cannot be.
        """
        try:
            self._make()
        except OSError as error:
            raise ConfigurationError(
                f"the folder of state {self.folder} cannot be used: {error.strerror}",
                hint="name one that can be written to: --state DIR, or MIGRATOR_CI_STATE",
            ) from error
        return self

    def _make(self) -> None:
        if not self.folder.exists():
            self.folder.mkdir(parents=True)
            self.folder.chmod(PASSED_MODE)
        for private in (self.history.parent, self.digests, self.gerrit, self.folder / "mirrors"):
            private.mkdir(mode=PRIVATE_MODE, exist_ok=True)

    def mirror(self, source: str) -> Path:
        """Return where the mirror of a repository is."""
        return self.folder / "mirrors" / hashlib.sha256(source.encode()).hexdigest()[:16]

    def private(self, run: str) -> Path:
        """Return the folder with all that was said in a run, which is never published."""
        folder = self.folder / "private" / run
        folder.mkdir(mode=PRIVATE_MODE, parents=True, exist_ok=True)
        return folder

    @property
    def work(self) -> Path:
        """Folders that go with their run."""
        return self.folder / "work"

    @property
    def servers(self) -> Path:
        """Where private servers run."""
        return self.folder / "servers"

    @property
    def databases(self) -> Path:
        """Restored states of datasets."""
        return self.folder / "databases"

    @property
    def environments(self) -> Path:
        """Virtual environments."""
        return self.folder / "environments"

    @property
    def digests(self) -> Path:
        """Digests of dumps that have not changed."""
        return self.folder / "digests"

    @property
    def history(self) -> Path:
        """The results of past runs."""
        return self.folder / "history" / "history.db"

    @property
    def turn(self) -> Path:
        """The lock of the runner that measures, which says in it who it is."""
        return self.folder / "turn"

    @property
    def gerrit(self) -> Path:
        """What is to be run for a code review server."""
        return self.folder / "gerrit"

    @property
    def pages(self) -> Path:
        """What may be published."""
        return self.folder / "pages"
