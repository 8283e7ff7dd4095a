"""Wheels: fetched from the runner's index before anything of a tree runs."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from ci.errors import SetupError
from ci.programs import Program, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

STEP = "install"
_KEPT = re.compile(r"PATH|HOME|XDG_\w+|PIP_\w+|SSL_CERT_\w+|REQUESTS_CA_BUNDLE|\w+_(?:proxy|PROXY)")
_MISSING = re.compile(
    rb"No matching distribution found for ([A-Za-z0-9][A-Za-z0-9._-]{0,99})", re.ASCII
)
_CONFLICT = re.compile(rb"ResolutionImpossible|conflicting dependencies")


def fetch_wheels(  # noqa: PLR0913 - two sources and two places
    python: Path,
    lines: Sequence[str],
    constraints: Sequence[str],
    *,
    folder: Path,
    extra: Sequence[Path],
    log: Path,
    seconds: float,
) -> None:
    """Fetch the wheels that *lines*, under *constraints*, need into *folder*, with *python*.

    Only wheels: what has to be built first would run. Wheels in *extra* folders serve as
    well. Raises SetupError that names the first one that cannot be had.
    """
    folder.mkdir(parents=True, exist_ok=True)
    wanted = write_lines(folder / "requirements.txt", lines)
    caps = write_lines(folder / "constraints.txt", constraints)
    begins = log.stat().st_size if log.exists() else 0
    program = Program(
        arguments=(
            *(python, "-I", "-m", "pip", "download", "--only-binary", ":all:", "--no-input"),
            *("--disable-pip-version-check", "--progress-bar", "off", "--quiet"),
            *("--dest", folder, "-r", wanted, "-c", caps),
            *(word for each in extra for word in ("--find-links", each)),
        ),
        environment=_environment(),
        folder=folder,
    )
    if run(program, log=log, seconds=seconds, step=STEP):
        with log.open("rb") as said:
            said.seek(begins)
            raise _explained(said.read(1 << 20))


def write_lines(path: Path, lines: Sequence[str]) -> Path:
    """Write *lines* to *path*, which is returned."""
    path.write_text("".join(f"{each}\n" for each in lines), encoding="utf-8")
    return path


def _environment() -> Mapping[str, str]:
    """Return where the runner takes packages from, and how it gets there."""
    kept = {name: value for name, value in os.environ.items() if _KEPT.fullmatch(name)}
    return {**kept, "LC_ALL": "C.UTF-8"}


def _explained(said: bytes) -> SetupError:
    """Return what pip has failed of, which may be published: a name, no more."""
    names = list(_names(said))
    if names:
        return SetupError(
            f"there is no wheel for {', '.join(names)}",
            step=STEP,
            hint="build it once, and name its folder in `wheels` of [tool.ci]",
        )
    if _CONFLICT.search(said):
        return SetupError("the dependencies of the tree contradict each other", step=STEP)
    return SetupError("pip cannot fetch what the tree needs", step=STEP, hint="is the index there?")


def _names(said: bytes) -> Iterator[str]:
    yield from dict.fromkeys(each.decode("ascii") for each in _MISSING.findall(said))
