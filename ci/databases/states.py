"""States: folders of data that are kept across runs, whole or not at all, until others need room.

STATES/postgresql-15.18/DIGEST/       the scope: one engine, one dataset
    lock                              held by whoever reads, moves or removes a state
    making                            held by whoever restores the dataset
    HASH.RANDOM/data                  one state; a name that begins with a dot is half made
    HASH.RANDOM/state.json
        HASH.RANDOM/flushed               it is on the disk: it counts also after a restart

To flush is slow, and makes it slow to remove what else was flushed; so it is done once, when a
run ends. Until then a state counts as whole only as long as the machine has not restarted.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import time
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ci.databases import copying
from ci.databases.places import lock_now, locked
from ci.errors import SetupError
from ci.programs import remove

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.databases.places import Places

DESCRIPTION = "state.json"
FLUSHED = "flushed"
BOOT = Path("/proc/sys/kernel/random/boot_id")
HALF = "."


@dataclass(frozen=True, slots=True, kw_only=True)
class State:
    """A state that is whole."""

    name: str
    folder: Path
    bytes: int
    used: float

    @property
    def data(self) -> Path:
        """The folder that was kept."""
        return self.folder / "data"


class States:
    """The states of one engine and one dataset."""

    def __init__(self, places: Places, engine: str, digest: str, *, log: Path) -> None:
        self._places = places
        self._log = log
        self.folder = places.states / _safe(engine) / _safe(digest)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    @contextmanager
    def making(self) -> Iterator[None]:
        """Let nobody else make the same state meanwhile: they wait, and find it."""
        with locked(self.folder / "making"):
            yield

    def names(self) -> frozenset[str]:
        """Return the names of the states."""
        return frozenset(each.name for each in _states(self.folder))

    def put(self, name: str, data: Path) -> None:
        """Keep a copy of *data*, which nothing writes to, as *name*; removes others if need be."""
        size = copying.size(data)
        self._make_room(size)
        # Locked while it is half made: nobody takes it for one that a crash has left.
        with locked(self.folder / "lock", shared=True):
            half = Path(tempfile.mkdtemp(prefix=f"{HALF}half.", dir=self.folder))
            lock = lock_now(half / "lock")
        try:
            self._fill(half, name, data, size)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
        finally:
            if lock is not None:
                os.close(lock)

    def _fill(self, half: Path, name: str, data: Path, size: int) -> None:
        step = "keep a state"
        seconds = self._places.seconds
        copying.copy(data, half / "data", log=self._log, seconds=seconds, step=step)
        description = {"name": name, "bytes": size, "boot": BOOT.read_text()}
        (half / DESCRIPTION).write_text(json.dumps(description))
        _use(half)
        with locked(self.folder / "lock"):
            for old in _states(self.folder):
                if old.name == name:
                    _remove(old.folder)
            half.rename(self.folder / f"{_hash(name)}.{half.name.rpartition('.')[2]}")

    def get(self, name: str, data: Path, *, ours: bool = False) -> bool:
        """Make *data* a copy of the state *name*; say whether there is one.

        What was there goes. Only where all that writes to *data* is *ours*, a server, a file is
        believed to be as it was by its size and time, and stays.
        """
        with locked(self.folder / "lock", shared=True):
            state = next((each for each in _states(self.folder) if each.name == name), None)
            if state is None:
                return False
            _use(state.folder)
            if ours and data.is_dir():
                copying.remove_changed(data, state.data)
            else:
                remove(data)
            copying.copy(
                state.data, data, log=self._log, seconds=self._places.seconds, step="take a state"
            )
            return True

    def _make_room(self, size: int) -> None:
        """Remove what a crash has left, and the least recently used states for *size* bytes."""
        scopes = [each for each in self._places.states.glob("*/*") if each.is_dir()]
        for scope in scopes:
            _remove_halves(scope)
        states = sorted(
            (each for scope in scopes for each in _states(scope)), key=lambda each: each.used
        )
        total = sum(each.bytes for each in states)
        for state in states:
            free = shutil.disk_usage(self.folder).free
            if total + size <= self._places.state_bytes and free > size:
                break
            if _remove_unused(state):
                total -= state.bytes
        if shutil.disk_usage(self.folder).free <= size:
            raise SetupError(
                f"no space for a state of {size:,} bytes",
                step="keep a state",
                hint="free some, or have the states in another file system",
            )


def _states(scope: Path) -> Iterator[State]:
    for folder in sorted(scope.iterdir()):
        if folder.name.startswith(HALF) or not folder.is_dir():
            continue
        with suppress(FileNotFoundError):  # it has just been removed
            description = folder / DESCRIPTION
            used = description.stat().st_mtime
            said = _description(folder)
            if said:
                yield State(name=said["name"], folder=folder, bytes=said["bytes"], used=used)


def _description(folder: Path) -> dict[str, Any] | None:
    """Return what a state says of itself; None if a restart may have cut it short."""
    try:
        said: dict[str, Any] = json.loads((folder / DESCRIPTION).read_text())
    except ValueError:
        return None
    return said if (folder / FLUSHED).exists() or said["boot"] == BOOT.read_text() else None


def flush(places: Places) -> None:
    """Have what is kept on the disk, if that is wanted, so that it counts after a restart, too."""
    if not places.flush:
        return
    folders = [each.parent for each in places.states.glob(f"*/*/[!.]*/{DESCRIPTION}")]
    new = [each for each in folders if not (each / FLUSHED).exists() and _whole(each)]
    if not new:
        return
    log = places.states / "log"
    copying.flush(places.states, log=log, seconds=places.seconds, step="flush states")
    for each in new:
        with suppress(FileNotFoundError):  # others needed the room
            (each / FLUSHED).touch()


def _use(folder: Path) -> None:
    now = time.time_ns()  # finer than what the kernel would set
    os.utime(folder / DESCRIPTION, ns=(now, now))


def _remove(folder: Path) -> None:
    """Take away a state's name first, so that what is left of it is never taken for whole."""
    half = folder.with_name(f"{HALF}old.{folder.name}.{time.monotonic_ns()}")
    folder.rename(half)
    shutil.rmtree(half, ignore_errors=True)


def _remove_unused(state: State) -> bool:
    lock = lock_now(state.folder.parent / "lock")
    if lock is None:
        return False
    try:
        _remove(state.folder)
    except FileNotFoundError:
        return False
    finally:
        os.close(lock)
    return True


def _remove_halves(scope: Path) -> None:
    all_of_it = lock_now(scope / "lock")
    if all_of_it is None:
        return
    cut_short = [each for each in scope.glob("[!.]*/") if not _whole(each)]
    for half in [*scope.glob(f"{HALF}*/"), *cut_short]:
        with suppress(FileNotFoundError):  # somebody else is at it
            if (lock := lock_now(half / "lock")) is not None:
                shutil.rmtree(half, ignore_errors=True)
                os.close(lock)
    os.close(all_of_it)


def _whole(folder: Path) -> bool:
    try:
        return _description(folder) is not None
    except FileNotFoundError:
        return False


def _hash(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:16]


def _safe(word: str) -> str:
    """Return *word* as the name of a folder; it may come from a server or a dataset."""
    return re.sub(r"[^A-Za-z0-9.-]+", "-", word).strip(".-")[:80] or "none"
