"""Answer: what comes back for an order – a result, or why there is none."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from ci.errors import AwayError, CheckoutError, CiError, DatasetError, SandboxError
from ci.result import FORMAT, LIMIT, Result

if TYPE_CHECKING:
    from ci.order import Order

FRAME = 64 << 10
"""Bytes of an answer beside its result."""
TEXT = 2000


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """A result, or the words of who could not even begin."""

    result: Result | None = None
    refused: str = ""
    hint: str | None = None
    kind: str = ""
    """Of the error, where callers tell them apart: one of KINDS."""

    def found(self) -> Result:
        """Return the result. Raises the error that is there instead."""
        if self.result is not None:
            return self.result
        raise KINDS.get(self.kind, CiError)(self.refused, hint=self.hint)


KINDS: dict[str, type[CiError]] = {
    "sandbox": SandboxError,
    "dataset": DatasetError,
    "checkout": CheckoutError,
    "away": AwayError,
}


def refusal(error: CiError) -> Answer:
    """Return *error* as an answer."""
    kind = next((name for name, each in KINDS.items() if isinstance(error, each)), "")
    hint = error.hint[:TEXT] if error.hint else None
    return Answer(refused=error.message[:TEXT], hint=hint, kind=kind)


def encode(answer: Answer) -> bytes:
    """Return *answer* as JSON; one that is too large is a refusal instead."""
    found = msgspec.json.encode(answer)
    if len(found) > LIMIT + FRAME:
        said = f"a result of {len(found)} bytes, expected at most {LIMIT}"
        return msgspec.json.encode(Answer(refused=said))
    return found


def decode(document: bytes, order: Order) -> Answer:
    """Return the answer in *document*. Raises CiError for anything that is no answer to *order*."""
    if len(document) > LIMIT + FRAME:
        raise CiError(f"an answer of {len(document)} bytes, expected at most {LIMIT + FRAME}")
    try:
        found = msgspec.json.decode(document, type=Answer)
    except (msgspec.DecodeError, RecursionError) as error:
        raise CiError("this is no answer of ci") from error
    if found.result is not None:
        _check(found.result, order)
    elif not found.refused:
        raise CiError("an answer with neither a result nor a reason")
    return found


def _check(result: Result, order: Order) -> None:
    """Refuse a result that is not of what was asked for."""
    if result.format != FORMAT:
        raise CiError(f"a result of format {result.format}, expected {FORMAT}")
    pairs = [(result.run, order.run), (result.dataset, order.dataset)]
    pairs.append((result.project, order.project))
    for walked, sha in ((result.baseline, order.base), (result.change, order.head)):
        pairs += [(walked.sha, sha)] if walked else []
    if any(found != expected for found, expected in pairs):
        raise CiError("a result of something else than was asked for")
