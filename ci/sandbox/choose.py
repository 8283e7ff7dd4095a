"""Choose: whether untrusted code can be confined here, found out by doing it."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CiError, DeadlineError, SandboxError
from ci.sandbox.bubblewrap import Bubblewrap
from ci.sandbox.job import Job
from ci.sandbox.unconfined import Unconfined

if TYPE_CHECKING:
    from ci.sandbox.job import Sandbox

PROBE_SECONDS = 30
OURS = "bwrap: "
"""What its own words begin with."""
PROBE = """
test "$(id -u)" != 0 || exit 3
test ! -e /etc/shadow && test ! -e /home || exit 4
test "$(tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' ')" = lo || exit 5
grep -q '^Seccomp:.*2$' /proc/self/status || exit 6
! touch /usr/migrator-ci 2>/dev/null || exit 7
"""
"""What has to be true inside, each with an exit status that says which was not."""
MEANINGS = {
    3: "it ran as root",
    4: "files of the machine were there",
    5: "there was a network",
    6: "system calls were not filtered",
    7: "the system could be written to",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Capability:
    """Whether this machine can confine untrusted code."""

    confined: bool
    why: str = ""
    """Why not."""
    hint: str | None = None


def can_confine(folder: Path | None = None) -> Capability:
    """Return whether a program can be confined on this machine, and why not, by trying it."""
    with tempfile.TemporaryDirectory(prefix="migrator-ci-", dir=folder) as private:
        log = Path(private) / "log"
        job = Job(arguments=("/bin/sh", "-c", PROBE), folder=Path("/usr"))
        try:
            ended = Bubblewrap().run(job, log=log, seconds=PROBE_SECONDS, step="sandbox")
        except DeadlineError as error:
            return Capability(confined=False, why=error.args[0])
        except CiError as error:
            said = _last_words(log)
            return Capability(
                confined=False, why=said or error.message, hint=_cure(said) or error.hint
            )
        if ended.status == 0:
            return Capability(confined=True)
    return Capability(confined=False, why=MEANINGS.get(ended.status, f"exit {ended.status}"))


def find_sandbox(folder: Path | None = None, *, trusted: bool = False) -> Sandbox:
    """Return what runs untrusted code here; without a sandbox, only where it is *trusted*.

    What it needs for a moment is in *folder*, which goes with its run, crash or not.
    Raises SandboxError where it cannot be confined, and nobody has said to trust it.
    """
    found = can_confine(folder)
    if found.confined:
        return Bubblewrap()
    if trusted:
        return Unconfined(folder)
    hint = f"{found.hint}; or " if found.hint else ""
    raise SandboxError(
        f"a change cannot be confined on this machine: {found.why}",
        hint=f"{hint}if its authors may do here what you may, say --trust-change",
    )


def _last_words(log: Path) -> str:
    """Return what bubblewrap, and nothing of a change, has said last."""
    lines = log.read_text("utf-8", "replace").split("\n") if log.exists() else []
    return next((line.strip() for line in reversed(lines) if line.startswith(OURS)), "")


def _cure(said: str) -> str | None:
    """Return what helps against the common reasons."""
    if "clone" in said or "namespace" in said or "uid map" in said or "ermitted" in said:
        return (
            "allow user namespaces (sysctl kernel.unprivileged_userns_clone=1, "
            "user.max_user_namespaces, an AppArmor profile for bwrap), or in a container give it "
            "CAP_SYS_ADMIN and an unmasked /proc"
        )
    return None
