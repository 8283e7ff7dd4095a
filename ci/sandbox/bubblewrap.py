"""Bubblewrap: a job in namespaces of its own, where only what it was given exists."""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from ci.errors import SandboxError
from ci.programs import find_program
from ci.sandbox import inside
from ci.sandbox.groups import control_groups
from ci.sandbox.listen import Confined, ignore, listen
from ci.sandbox.owner import borrowed_user, give
from ci.sandbox.seccomp import filtering

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from ci.sandbox.job import Ended, Job
    from ci.settings import Limits

NOBODY = 65534


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
        with inside.told("") as status, _made(job, status) as confined:
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
        names = stack.enter_context(inside.told(inside.user_line("sandbox", user or NOBODY)))
        options = [
            "--json-status-fd",
            str(status),
            *_spaces(user),
            *inside.system(names, temporary_mib=job.limits.temporary_mib),
            *inside.given(job.readable, job.writable),
            *("--chdir", str(job.folder)),
            *inside.variables(environment(job.variables)),
            "--seccomp",
            str(filtered),
        ]
        told = stack.enter_context(inside.told("".join(f"{each}\0" for each in options)))
        yield Confined(
            arguments=(
                *(find_program("bwrap", package="bubblewrap"), "--args", str(told), "--"),
                *_limited(job.limits),
                *(() if user is None else inside.become(user, user)),
                *job.arguments,
            ),
            limits=job.limits,
            groups=groups,
            files=(status, filtered, names, told),
        )


def _spaces(user: int | None) -> Iterator[str]:
    """Yield how the job is alone, and who it is."""
    yield from (*inside.ALONE, "--new-session", *inside.rights(user))
    if user is None:
        yield from ("--uid", str(NOBODY), "--gid", str(NOBODY))


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
