"""Owner: the user that a job runs as when we are root, who is nobody else."""

from __future__ import annotations

import os
import pwd
import random
import socket
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ci.errors import SandboxError

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

USERS = range(61184, 65520)
"""Those that systemd makes up as well: no account has them, and containers have them mapped."""


@contextmanager
def borrowed_user() -> Iterator[int]:
    """Give the number of a user, and of a group, that no other runner uses meanwhile.

    A name of a socket stands for it: the kernel frees it when we die, however that happens.
    """
    for user in random.sample(USERS, len(USERS)):
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as held:
            try:
                held.bind(f"\0migrator-ci-user-{user}")
            except OSError:
                continue
            if _is_known(user):
                continue
            yield user
            return
    raise SandboxError("no user is free for a sandbox", hint=f"free one of {USERS}")


def _is_known(user: int) -> bool:
    try:
        pwd.getpwuid(user)
    except KeyError:
        return False
    return True


def give(folder: Path, user: int) -> None:
    """Make *user* the owner of *folder* and all that is in it, following no link."""
    for _, folders, files, opened in os.fwalk(folder, follow_symlinks=False):
        os.fchown(opened, user, user)
        for name in (*folders, *files):
            os.chown(name, user, user, dir_fd=opened, follow_symlinks=False)
