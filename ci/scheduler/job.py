"""Job: one order, carried out in this process.

Run as `python -m ci.scheduler.job STATE [DATASETS …]`: the order comes on standard input, the
answer goes to standard output. SIGTERM ends it in order: servers, sandboxes and folders are gone
then.
"""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CiError
from ci.order import carry_out, decode
from ci.scheduler.answer import Answer, encode, refusal
from ci.state import State

if TYPE_CHECKING:
    from collections.abc import Sequence

INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Carry out the order on standard input; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answers = os.dup(1)
    os.dup2(2, 1)  # what is printed by mistake is no part of an answer
    state, *folders = map(Path, arguments)
    try:
        order = decode(sys.stdin.buffer.read())
        answer = Answer(result=carry_out(order, State(folder=state), folders))
    except CiError as error:
        answer = refusal(error)
    except KeyboardInterrupt:
        return INTERRUPTED
    with os.fdopen(answers, "wb") as file:
        file.write(encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
