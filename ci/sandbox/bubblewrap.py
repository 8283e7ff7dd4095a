"""Bubblewrap: a job in namespaces of its own, where only what it was given exists."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import SandboxError
from ci.programs import find_program
from ci.sandbox.groups import control_groups
from ci.sandbox.listen import Confined, ignore, listen
from ci.sandbox.owner import borrowed_user, give
from ci.sandbox.seccomp import filtering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from ci.sandbox.job import Ended, Job
    from ci.settings import Limits

SYSTEM = ("/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32")
CONFIGURATION = ("/etc/ld.so.cache", "/etc/alternatives", "/etc/localtime")
"""All of /etc that is there: for shared libraries, for programs, for the time."""
KERNEL = ("/proc/sys", "/proc/sysrq-trigger", "/proc/irq", "/proc/bus")
"""What a root that was mapped to another number could write to."""
SPACES = ("--unshare-net", "--unshare-pid", "--unshare-ipc", "--unshare-uts", "--unshare-cgroup")
ALONE = (*SPACES, "--hostname", "sandbox", "--new-session", "--die-with-parent", "--clearenv")
CAPABILITIES = ("CAP_SETUID", "CAP_SETGID", "CAP_SETPCAP")
"""What setpriv needs to become somebody else for good."""
NOBODY = 65534
SHARED_MIB = 64
"""Size of /dev/shm."""


class Bubblewrap:
    """Runs jobs where they can read and reach nothing but what they were given."""

    confined = True

    def run(
        self,
        job: Job,
        *,
        log: Path,
        seconds: float,
        step: str,
        hear: Callable[[bytes], None] = ignore,
    ) -> Ended:
        """Run *job* to its end, as Sandbox says; raises SandboxError where that cannot be."""
        with _file("") as status, _made(job, status) as confined:
            ended = listen(confined, log=log, seconds=seconds, step=step, hear=hear)
            os.lseek(status, 0, os.SEEK_SET)
            if b'"exit-code"' not in os.read(status, 1 << 16):
                raise SandboxError(f"{step}: the sandbox was not made", hint=f"see {log.name}")
            return ended


@contextmanager
def _made(job: Job, status: int) -> Iterator[Confined]:
    """Give the command line that runs *job* confined, and what it needs while it runs."""
    with ExitStack() as stack:
        user = stack.enter_context(borrowed_user()) if os.geteuid() == 0 else None
        if user is not None:
            for folder in job.writable:
                give(folder, user)
        groups = stack.enter_context(control_groups(job.limits))
        filtered = stack.enter_context(filtering())
        names = stack.enter_context(_file(_users(user or NOBODY)))
        options = [
            "--json-status-fd",
            str(status),
            *_spaces(user),
            *_system(names),
            *_given(job),
            "--seccomp",
            str(filtered),
        ]
        told = stack.enter_context(_file("".join(f"{each}\0" for each in options)))
        yield Confined(
            arguments=(
                *(find_program("bwrap", package="bubblewrap"), "--args", str(told), "--"),
                *_limited(job.limits),
                *(() if user is None else _become(user)),
                *job.arguments,
            ),
            limits=job.limits,
            groups=groups,
            files=(status, filtered, names, told),
        )


@contextmanager
def _file(text: str) -> Iterator[int]:
    """Give an open file with *text*: nobody sees it among the arguments of a process."""
    file = os.memfd_create("told")
    try:
        with os.fdopen(os.dup(file), "w", encoding="utf-8", errors="surrogateescape") as words:
            words.write(text)
        os.lseek(file, 0, os.SEEK_SET)
        yield file
    finally:
        os.close(file)


def _users(user: int) -> str:
    return f"sandbox:x:{user}:{user}::/tmp:/bin/sh\n"


def _spaces(user: int | None) -> Iterator[str]:
    """Yield how the job is alone, and who it is."""
    yield from ALONE
    if user is None:
        yield from ("--unshare-user", "--uid", str(NOBODY), "--gid", str(NOBODY))
    else:
        yield from ("--cap-drop", "ALL")
        for capability in CAPABILITIES:
            yield from ("--cap-add", capability)


def _system(names: int) -> Iterator[str]:
    """Yield what of the system is there, read-only."""
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


def _given(job: Job) -> Iterator[str]:
    """Yield what the job was given, outer folders before inner ones, and its environment."""
    yield from _memory("/dev/shm", SHARED_MIB)  # noqa: S108 - a private one
    yield from _memory("/tmp", job.limits.temporary_mib)  # noqa: S108 - the same
    given = dict.fromkeys(job.readable, "--ro-bind") | dict.fromkeys(job.writable, "--bind")
    for path in sorted(given, key=lambda each: each.parts):
        for parent in reversed(path.parents[:-1]):
            yield from ("--perms", "0755", "--dir", str(parent))
        yield from (given[path], str(path), str(path))
    yield from ("--remount-ro", "/dev", "--remount-ro", "/", "--chdir", str(job.folder))
    for name, value in environment(job.variables).items():
        yield from ("--setenv", name, value)


def _memory(folder: str, mib: int) -> Sequence[str]:
    return ("--perms", "1777", "--size", str(mib << 20), "--tmpfs", folder)


def environment(variables: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a program of the code under test: nothing of ours."""
    return {
        "PATH": "/usr/bin:/bin",
        "HOME": "/tmp",  # noqa: S108 - a private one
        "TMPDIR": "/tmp",  # noqa: S108 - the same
        "USER": "sandbox",
        "LOGNAME": "sandbox",
        "LANG": "C.UTF-8",
        "PYTHONUNBUFFERED": "1",
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTHONNOUSERSITE": "1",
        **variables,
    }


def _limited(limits: Limits) -> Iterator[str]:
    """Yield what sets the limits of each process; inside, so that they count nothing of ours."""
    yield from (find_program("prlimit", package="util-linux"), "--core=0", "--msgqueue=0")
    yield from (f"--{name}={value}" for name, value in each_process(limits).items())
    yield f"--nproc={limits.processes}"
    yield "--"


def each_process(limits: Limits) -> dict[str, int]:
    """Return the limits of each process, as prlimit calls them."""
    return {
        "as": limits.memory_mib << 20,
        "cpu": limits.cpu_seconds,
        "fsize": limits.file_mib << 20,
        "nofile": limits.files,
        "memlock": 8 << 20,
    }


def _become(user: int) -> Iterator[str]:
    """Yield what makes the job *user*, who has no capability and never gets one."""
    yield from (find_program("setpriv", package="util-linux"), "--clear-groups")
    yield from (f"--reuid={user}", f"--regid={user}", "--no-new-privs")
    yield from (f"--{each}=-all" for each in ("inh-caps", "ambient-caps", "bounding-set"))
    yield "--"
