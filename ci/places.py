"""Places: commits as trees with their environments, each made once in a run."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING

from ci.checkout import export
from ci.environment import needs_of
from ci.sandbox import Unconfined

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from ci.checkout import Repository
    from ci.databases.base import Access
    from ci.drivers.base import Command
    from ci.environment import Environment, Maker
    from ci.sandbox import Sandbox
    from ci.settings import Settings

URLS = ("CI_DATABASE_URL", "MIGRATOR_DATABASE_URL")
"""Variables that our own scripts, and migrator, take the database's URL from."""
CHANGE = "change"
"""The phase in which code runs that nobody has reviewed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TreePlace:
    """A tree with its environment, where its commands are run in a sandbox."""

    environment: Environment
    sandbox: Sandbox
    settings: Settings
    log: Path

    @property
    def root(self) -> Path:
        """Return the folder of the tree."""
        return self.environment.tree

    def run(
        self,
        command: Command,
        access: Access,
        *,
        seconds: float,
        step: str,
        hear: Callable[[bytes], None],
    ) -> int:
        """Run *command* with the database's URL, and return its exit status."""
        names = {*URLS, *([self.settings.url_variable] if self.settings.url_variable else [])}
        opened = {"writable" if access.writable else "readable": (access.bind,)}
        job = self.environment.job(
            command,
            self.settings,
            **opened,
            variables=dict.fromkeys(names, access.url),
        )
        return self.sandbox.run(job, log=self.log, seconds=seconds, step=step, hear=hear).status


@dataclass(slots=True, kw_only=True)
class TreePlaces:
    """Makes places in a *folder* of a run."""

    repository: Repository
    maker: Maker
    sandbox: Sandbox
    settings: Settings
    folder: Path
    log: Path
    """What is said in the sandbox, in private."""
    _made: dict[tuple[str, bool, str | None], TreePlace] = field(default_factory=dict)

    def at(self, sha: str, phase: str) -> TreePlace:
        """Return the place of the commit *sha*.

        Raises SetupError when something it needs cannot be had, or cannot be installed.
        """
        trusted = self.settings.trust_target and phase != CHANGE
        release = self.settings.releases.get(phase)
        key = (sha, trusted, release.python if release else None)
        if key not in self._made:
            self._made[key] = self._make(*key)
        return self._made[key]

    def _make(self, sha: str, trusted: bool, python: str | None) -> TreePlace:  # noqa: FBT001
        tree = export(self.repository, sha, self.folder / f"{sha[:12]}-{len(self._made)}")
        needs = needs_of(partial(self.repository.read, sha), self.settings)
        sandbox: Sandbox = Unconfined(self.folder) if trusted else self.sandbox
        return TreePlace(
            environment=self.maker.make(tree, needs, sandbox, python=python),
            sandbox=sandbox,
            settings=self.settings,
            log=self.log,
        )
