"""Control groups: limits for all processes of a job together, where the machine lets us."""

from __future__ import annotations

import itertools
import os
import time
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.settings import Limits

ROOT = Path("/sys/fs/cgroup")
PREFIX = "migrator-ci-"
REMOVE_SECONDS = 2
_COUNT = itertools.count()


class _Place(NamedTuple):
    """A folder in which a group can be made, and what is limited there."""

    folder: Path
    values: Mapping[str, str]


@contextmanager
def control_groups(limits: Limits) -> Iterator[tuple[Path, ...]]:
    """Give the groups that a job has to join: none where we may make none."""
    name = f"{PREFIX}{os.getpid()}-{next(_COUNT)}"
    made: list[Path] = []
    try:
        for place in _places(limits):
            _sweep(place.folder)
            if (group := _make(place, name)) is not None:
                made.append(group)
        yield tuple(made)
    finally:
        for group in made:
            _remove(group)


def _places(limits: Limits) -> Iterator[_Place]:
    """Yield where groups could be made: of version 2, or one for each controller of version 1."""
    memory, processes = str(limits.memory_mib << 20), str(limits.processes)
    whole = {"memory.max": memory, "memory.swap.max": "0", "pids.max": processes}
    single = {"memory": {"memory.limit_in_bytes": memory}, "pids": {"pids.max": processes}}
    for controllers, path in _ours():
        if not controllers:
            yield from (_Place(each, whole) for each in _delegating(ROOT / path))
        for controller in controllers:
            if controller in single:
                yield _Place(ROOT / controller / path, single[controller])


def _ours() -> Iterator[tuple[tuple[str, ...], str]]:
    """Yield the groups that we are in: controllers, none for version 2, and where it is."""
    with suppress(OSError):
        for line in Path("/proc/self/cgroup").read_text().splitlines():
            _, controllers, path = line.split(":", 2)
            yield tuple(filter(None, controllers.split(","))), path.lstrip("/")


def _delegating(group: Path) -> Iterator[Path]:
    """Yield *group* or the one above it: whichever hands its controllers on."""
    for each in (group, group.parent):
        with suppress(OSError):
            handed = (each / "cgroup.subtree_control").read_text().split()
            if {"memory", "pids"} <= set(handed):
                yield each
                return


def _make(place: _Place, name: str) -> Path | None:
    """Return a new group, or None where we may not make one."""
    group = place.folder / name
    try:
        group.mkdir()
    except OSError:
        return None
    try:
        for key, value in place.values.items():
            if (group / key).exists():
                (group / key).write_text(value)
    except OSError:
        _remove(group)
        return None
    return group


def _remove(group: Path) -> None:
    """Remove *group*, whose processes have ended; the kernel may need a moment to see it."""
    give_up = time.monotonic() + REMOVE_SECONDS
    while time.monotonic() < give_up:
        try:
            group.rmdir()
        except FileNotFoundError:
            return
        except OSError:
            time.sleep(0.01)
        else:
            return


def _sweep(folder: Path) -> None:
    """Remove what runners that were killed have left; a living one may be about to join its own."""
    with suppress(OSError):
        for each in folder.glob(f"{PREFIX}*"):
            runner = each.name.removeprefix(PREFIX).partition("-")[0]
            if not Path("/proc", runner).exists():
                with suppress(OSError):
                    each.rmdir()
