"""Inside: what of the machine is there for a program that bubblewrap confines."""

from __future__ import annotations

import os
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.programs import find_program

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
"""All of /etc that is there: for shared libraries, for programs, for the time."""
KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
"""What a root that was mapped to another number could write to."""
SPACES = ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup")
ALONE = (*SPACES, "--hostname", "sandbox", "--die-with-parent", "--clearenv")
CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
"""What setpriv needs to become somebody else for good."""
SHARED_MIB = 64
"""Size of /dev/shm."""


@contextmanager
def told(text: str) -> Iterator[int]:
    """Give an open file with *text*: nobody sees it among the arguments of a process."""
    file = os.memfd_create("told")
    try:
        with os.fdopen(os.dup(file), "w", encoding="utf-8", errors="surrogateescape") as words:
            words.write(text)
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


def user_line(name: str, user: int) -> str:
    """Return the only line of its /etc/passwd."""
    return f"{name}:x:{user}:{user}::/tmp:/bin/sh\n"


def rights(user: int | None) -> Iterator[str]:
    """Yield what is left of root's capabilities to become *user*; of another's, nothing is."""
    if user is None:
        yield "--unshare-user"
        return
    yield from ("--cap-drop", "ALL")
    for capability in CAPABILITIES:
        yield from ("--cap-add", capability)


def system(names: int, *, temporary_mib: int) -> Iterator[str]:
    """Yield what of the system is there, read-only, and its own /tmp; *names* is /etc/passwd."""
    yield from ("--ro-bind", "/usr", "/usr")
    for each in map(Path, SYSTEM):
        if each.is_symlink():
            yield from ("--symlink", str(each.readlink()), str(each))
        elif each.is_dir():
            yield from ("--ro-bind", str(each), str(each))
    yield from ("--perms", "0755", "--dir", "/etc")
    for name in CONFIGURATION:
        yield from ("--ro-bind-try", name, name)
    yield from ("--perms", "0444", "--file", str(names), "/etc/passwd")
    yield from ("--proc", "/proc", "--dev", "/dev")
    for name in KERNEL:
        yield from ("--ro-bind-try", name, name)
    yield from _memory("/dev/shm", SHARED_MIB)  # noqa: S108 - a private one
    yield from _memory("/tmp", temporary_mib)  # noqa: S108 - the same


def _memory(folder: str, mib: int) -> Sequence[str]:
    return ("--perms", "1777", "--size", str(mib << 20), "--tmpfs", folder)


def given(readable: Sequence[Path], writable: Sequence[Path]) -> Iterator[str]:
    """Yield what is there beside the system, outer folders before inner ones; nothing else."""
    found = dict.fromkeys(readable, "--ro-bind") | dict.fromkeys(writable, "--bind")
    for path in sorted(found, key=lambda each: each.parts):
        for parent in reversed(path.parents[:-1]):
            yield from ("--perms", "0755", "--dir", str(parent))
        yield from (found[path], str(path), str(path))
    yield from ("--remount-ro", "/dev", "--remount-ro", "/")


def variables(found: Mapping[str, str]) -> Iterator[str]:
    """Yield all of its environment."""
    for name, value in found.items():
        yield from ("--setenv", name, value)


def become(user: int, group: int) -> Iterator[str]:
    """Yield what makes a program *user*, who has no capability and never gets one."""
    yield from (find_program("setpriv", package="util-linux"), "--clear-groups")
    yield from (f"--reuid={user}", f"--regid={group}", "--no-new-privs")
    yield from (f"--{each}=-all" for each in ("inh-caps", "ambient-caps", "bounding-set"))
    yield "--"
