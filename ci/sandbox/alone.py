"""Alone: a server of ours that code under test works in, where nothing but its folders exists.

Whoever becomes superuser in a database runs programs as the server. There is no network for
them, no process to look at but the server's own, and no file of the runner or of the machine.
"""

from __future__ import annotations

import os
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ci.programs import find_program
from ci.sandbox import inside
from ci.sandbox.seccomp import filtering, rules_of_servers

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.programs import Program

TEMPORARY_MIB = 64
ASKED = ("INT", "TERM", "QUIT")
"""Signals that ask a server to end go to its process group: they are not for bubblewrap."""


@contextmanager
def alone(program: Program, *, folders: Sequence[Path]) -> Iterator[Program]:
    """Give *program* as one without a network that sees *folders*, and the system, and no more.

    Its Unix sockets in *folders* can be reached from outside. To be started within the context,
    which is to last until it runs.
    """
    with ExitStack() as stack:
        user = program.user
        name, number = (user.name, user.uid) if user else ("server", os.getuid())
        names = stack.enter_context(inside.told(inside.user_line(name, number)))
        filtered = stack.enter_context(filtering(list(rules_of_servers())))
        options = (
            *inside.ALONE,
            *inside.rights(user.uid if user else None),
            *inside.system(names, temporary_mib=TEMPORARY_MIB),
            *inside.given(list(_installed(program)), folders),
            *("--chdir", str(program.folder or folders[0])),
            *inside.variables(program.environment),
            *("--seccomp", str(filtered)),
        )
        told = stack.enter_context(inside.told("".join(f"{each}\0" for each in options)))
        bubblewrap = (find_program("bwrap", package="bubblewrap"), "--args", str(told), "--")
        yield replace(
            program,
            arguments=(
                *(*_signals("ignore"), *bubblewrap, *_signals("default")),
                *(inside.become(user.uid, user.gid) if user else ()),
                *program.arguments,
            ),
            user=None,
            files=(*program.files, names, filtered, told),
        )


def _signals(what: str) -> Iterator[str]:
    """Yield what has the signals ignored by all that it runs, or by default no more."""
    yield find_program("env", package="coreutils")
    yield from (f"--{what}-signal={each}" for each in ASKED)


def _installed(program: Program) -> Iterator[Path]:
    """Yield where a server is installed that did not come with the system."""
    folder = Path(program.arguments[0]).resolve().parent.parent
    if not folder.is_relative_to("/usr"):
        yield folder
