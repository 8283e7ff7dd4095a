"""Make: virtual environments, kept by what is in them, and a tree on top of one."""

from __future__ import annotations

import hashlib
import json
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ci.checkout.folders import locked
from ci.environment.interpreter import ask_interpreter
from ci.environment.wheels import fetch_wheels
from ci.errors import SetupError
from ci.programs import Program, remove, run_well
from ci.sandbox import Job

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from ci.checkout import Tree
    from ci.drivers.base import Command
    from ci.environment.interpreter import Interpreter
    from ci.environment.requirements import Needs
    from ci.sandbox import Sandbox
    from ci.settings import Settings

STEP = "install"
MADE = "made"
"""The file that says that all is there."""
INSTALL = """
set -e
"$1" -m venv --without-pip "$2/venv"
PYTHONPATH="$3" exec "$2/venv/bin/python" -m pip install --no-index --find-links "$2/wheels" \\
    --ignore-installed --no-cache-dir --no-input \\
    -r "$2/wheels/requirements.txt" -c "$2/wheels/constraints.txt"
"""
"""With the pip of another environment, which does not become part of this one."""
BUILD = """
set -e
cp -R "$1" "$TMPDIR/tree"
PYTHONPATH="$3" exec "$2/venv/bin/python" -m pip install --no-index --find-links "$4" \\
    --no-deps --no-cache-dir --no-input --target "$5" "$TMPDIR/tree"
"""
PIP = {"PIP_CONFIG_FILE": "/dev/null", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
UNVERSIONED = {"SETUPTOOLS_SCM_PRETEND_VERSION": "0", "PBR_VERSION": "0"}
"""For those that would ask git, which is not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What runs the programs of one tree."""

    tree: Path
    venv: Path
    package: Path | None
    """Where the tree itself is installed, if it is a package."""
    readable: tuple[Path, ...]

    @property
    def variables(self) -> Mapping[str, str]:
        """What finds the programs and modules of the tree."""
        folders = [self.package] if self.package else []
        sources = [each for each in (self.tree / "src",) if each.is_dir()]
        programs = [str(each / "bin") for each in (*folders, self.venv)]
        return {
            "PATH": os.pathsep.join([*programs, "/usr/bin", "/bin"]),
            "PYTHONPATH": os.pathsep.join(map(str, [*folders, *sources, self.tree])),
            "VIRTUAL_ENV": str(self.venv),
        }

    def job(
        self,
        command: Command,
        settings: Settings,
        *,
        readable: Sequence[Path] = (),
        writable: Sequence[Path] = (),
        variables: Mapping[str, str] | None = None,
    ) -> Job:
        """Return *command*, run in the root of the tree, with *variables*, the database's, set.

        The folder of a server's socket is *readable*; that of a SQLite file is *writable*.
        """
        return Job(
            arguments=command.arguments,
            folder=self.tree,
            readable=(*self.readable, *command.binds, *readable),
            writable=writable,
            variables={**command.variables, **(variables or {}), **self.variables},
            limits=settings.limits,
        )


def prune(folder: Path, *, days: float) -> int:
    """Remove from *folder* what nobody has used for so many *days*; return how many."""
    found = 0
    for made in folder.glob(f"*/{MADE}"):
        if time.time() - made.stat().st_mtime > days * 86400:
            with locked(_lock(made.parent), wait=False) as ours:
                if ours:
                    remove(made.parent)
                    found += 1
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Maker:
    """Makes environments in a folder of the runner, in a sandbox, and keeps them there."""

    folder: Path
    log: Path
    settings: Settings
    wheels: tuple[Path, ...] = field(default_factory=tuple)
    """Folders with wheels that no index has."""

    def make(
        self, tree: Tree, needs: Needs, sandbox: Sandbox, *, python: str | None = None
    ) -> Environment:
        """Return the environment of *tree*, made where there is none yet.

        Raises SetupError when something it needs cannot be had, or cannot be installed.
        """
        interpreter = ask_interpreter(python or self.settings.python, log=self.log)
        place = self._installed(interpreter, needs, sandbox)
        package = self._built(tree, interpreter, needs, sandbox, place)
        kept = (tree.folder, place, *interpreter.readable)
        return Environment(
            tree=tree.folder,
            venv=place / "venv",
            package=package,
            readable=kept if package is None else (*kept, package),
        )

    def _installed(self, interpreter: Interpreter, needs: Needs, sandbox: Sandbox) -> Path:
        """Return the folder of the environment with all that is needed at run time."""
        said = [interpreter.version, needs.runtime, needs.constraints, sandbox.confined]
        place = self.folder / _digest(said)
        with _once(place) as missing:
            if missing:
                pip = self._fetch(interpreter, needs.runtime, needs.constraints, place / "wheels")
                (place / "venv").mkdir(mode=0o755)
                self._run(
                    sandbox,
                    ("/bin/sh", "-c", INSTALL, "sh", interpreter.path, place, pip),
                    readable=(*interpreter.readable, place / "wheels", pip),
                    writable=place / "venv",
                    failed="the dependencies of the tree cannot be installed",
                )
        return place

    def _built(
        self,
        tree: Tree,
        interpreter: Interpreter,
        needs: Needs,
        sandbox: Sandbox,
        place: Path,
    ) -> Path | None:
        """Return the folder where the tree itself is installed, if it is a package."""
        if not needs.installable:
            return None
        site = self.folder / _digest([place.name, needs.build, tree.sha]) / "site"
        with _once(site.parent) as missing:
            if missing:
                wheels = self.folder / _digest([interpreter.version, needs.build]) / "wheels"
                with _once(wheels.parent) as unfetched:
                    if unfetched:
                        self._fetch(interpreter, needs.build, (), wheels)
                pip = self._pip(interpreter)
                site.mkdir(mode=0o755)
                self._run(
                    sandbox,
                    ("/bin/sh", "-c", BUILD, "sh", tree.folder, place, pip, wheels, site),
                    readable=(*interpreter.readable, tree.folder, place, pip, wheels),
                    writable=site,
                    failed="the tree itself cannot be built and installed",
                )
        return site

    def _pip(self, interpreter: Interpreter) -> Path:
        """Return the folder of a pip that has seen nothing of any tree."""
        bare = self.folder / _digest([interpreter.version])
        with _once(bare) as missing:
            if missing:
                run_well(
                    Program(arguments=(interpreter.path, "-I", "-m", "venv", bare / "venv")),
                    log=self.log,
                    seconds=self.settings.deadlines.install,
                    step=STEP,
                )
        return next((bare / "venv").glob("lib/python*/site-packages"))

    def _fetch(
        self,
        interpreter: Interpreter,
        lines: Sequence[str],
        constraints: Sequence[str],
        folder: Path,
    ) -> Path:
        """Fetch wheels, and return the folder of the pip that did it."""
        pip = self._pip(interpreter)
        fetch_wheels(
            *(pip.parents[2] / "bin" / "python", lines, constraints),
            folder=folder,
            extra=self.wheels,
            log=self.log,
            seconds=self.settings.deadlines.fetch,
        )
        return pip

    def _run(
        self,
        sandbox: Sandbox,
        arguments: Sequence[str | Path],
        *,
        readable: Sequence[Path],
        writable: Path,
        failed: str,
    ) -> None:
        job = Job(
            arguments=tuple(map(str, arguments)),
            folder=writable,
            readable=tuple(readable),
            writable=(writable,),
            variables={**PIP, **UNVERSIONED},
            limits=self.settings.limits,
        )
        ended = sandbox.run(job, log=self.log, seconds=self.settings.deadlines.install, step=STEP)
        if ended.status:
            raise SetupError(failed, step=STEP, hint=f"see {self.log.name} in the private folder")


@contextmanager
def _once(place: Path) -> Iterator[bool]:
    """Give whether *place* is to be made, alone; what is made in part is removed.

    After that, and every time that it is used, it is young again.
    """
    place.parent.mkdir(parents=True, exist_ok=True)
    with locked(_lock(place)):
        missing = not (place / MADE).exists()
        if missing:
            remove(place)
            place.mkdir(mode=0o755)
        try:
            yield missing
        except BaseException:
            remove(place)
            raise
        (place / MADE).touch()


def _lock(place: Path) -> Path:
    return place.with_name(f"{place.name}.lock")


def _digest(said: object) -> str:
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:32]
