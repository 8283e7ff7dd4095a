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

from ci.errors import CiError, ToolError
from ci.order import carry_out, decode
from ci.scheduler.answer import Answer, encode, refusal
from ci.state import State

INTERRUPTED = 130


def main() -> int:
    """Carry out the order on standard input; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answers = os.dup(1)
    os.dup2(2, 1)  # what is printed by mistake is no part of an answer
    state, *folders = map(Path, sys.argv[1:])
    try:
        order = decode(sys.stdin.buffer.read())
        answer = Answer(result=carry_out(order, State(folder=state), folders))
    except CiError as error:
        answer = refusal(error)
    except OSError as error:
        said = os.strerror(error.errno) if error.errno else type(error).__name__
        answer = refusal(ToolError(f"the machine of the runner: {said}"))
    except KeyboardInterrupt:
        return INTERRUPTED
    with os.fdopen(answers, "wb") as file:
        file.write(encode(answer))
    return 0


if __name__ == "__main__":
    sys.exit(main())
