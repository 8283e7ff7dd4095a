"""Job: one order, carried out in this process.

Run as `python -m ci.scheduler.job WHERE STATE [DATASETS …]`: the order comes on standard input, the
answer goes to standard output, and where it is to the open file WHERE. SIGTERM ends it in order:
servers, sandboxes and folders are gone then.
"""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from ci.errors import CiError, ToolError
from ci.order import carry_out, decode
from ci.scheduler.answer import Answer, encode, refusal
from ci.state import State
from ci.where import encode as encode_where

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.where import Where

INTERRUPTED = 130


def main(arguments: Sequence[str]) -> int:
    """Carry out the order on standard input; return the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    answers = os.dup(1)
    os.dup2(2, 1)  # what is printed by mistake is no part of an answer
    told = int(arguments[0])
    state, *folders = map(Path, arguments[1:])
    try:
        order = decode(sys.stdin.buffer.read())
        result = carry_out(order, State(folder=state), folders, lambda where: _tell(told, where))
        answer = Answer(result=result)
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


def _tell(file: int, where: Where) -> None:
    with suppress(OSError):  # a full disk: what is measured matters more
        os.write(file, encode_where(where))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
