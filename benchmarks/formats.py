"""`python -m benchmarks.formats`: values that the masks of formats replace in a second of CPU."""

from __future__ import annotations

import ipaddress
import random
import sys
import time
import uuid
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from anonymizer.cells import Cells
from anonymizer.column import Column, Kind
from anonymizer.markup import Decision
from anonymizer.masks.base import Setting
from anonymizer.masks.find import mask_of

if TYPE_CHECKING:
    from collections.abc import Callable

COUNT, ROUNDS = 10_000, 15
"""About as many values as a block of 1 MiB has, and how often they are masked: the best counts."""
_TOKEN = Decision(mask="token")
_DRAW = random.Random(1)  # noqa: S311
_START = datetime.fromisoformat("2020-01-01")


def _document() -> str:
    number = _DRAW.randrange(10**6)
    return (
        f'{{"id": {number}, "user": {{"name": "Ann {number}", "email": "a{number}@example.org"}}, '
        f'"tags": ["a", "b", {{"k": 1.50}}], "ip": "10.0.0.{number % 256}", "note": null}}'
    )


def _moment() -> str:
    return str(_START + timedelta(seconds=_DRAW.random() * 1e8))


CASES: list[tuple[str, dict[str, Any], Kind, Callable[[], str]]] = [
    ("integer", {}, Kind.INTEGER, lambda: str(_DRAW.randrange(1, 1 << 31))),
    ("digits", {}, Kind.TEXT, lambda: f"+1 555-{_DRAW.randrange(10**7):07}"),
    ("hexadecimal", {}, Kind.TEXT, lambda: _DRAW.randbytes(16).hex()),
    ("uuid", {}, Kind.UUID, lambda: str(uuid.UUID(int=_DRAW.getrandbits(128)))),
    ("token", {}, Kind.TEXT, lambda: _DRAW.randbytes(16).hex()),
    ("card", {}, Kind.TEXT, lambda: str(_DRAW.randrange(10**15, 10**16))),
    ("iban", {}, Kind.TEXT, lambda: f"DE{_DRAW.randrange(10**20):020}"),
    ("ip", {}, Kind.OTHER, lambda: str(ipaddress.IPv4Address(_DRAW.getrandbits(32)))),
    ("ip", {}, Kind.OTHER, lambda: str(ipaddress.IPv6Address(_DRAW.getrandbits(128)))),
    ("mac", {}, Kind.OTHER, lambda: _DRAW.randbytes(6).hex(":")),
    ("date", {}, Kind.DATE, lambda: _moment()[:10]),
    ("date_time", {}, Kind.DATETIME, _moment),
    ("date_time", {"subject": "id"}, Kind.DATETIME, _moment),
    ("noise", {}, Kind.NUMBER, lambda: f"{_DRAW.random() * 1000:.2f}"),
    ("category", {"values": list("abc")}, Kind.TEXT, lambda: _DRAW.choice("abc")),
    ("array", {"of": _TOKEN}, Kind.ARRAY, lambda: f'{{{_DRAW.random():.3},"a b",NULL}}'),
    ("json", {"paths": {"$.user.*": _TOKEN}, "other": "keep"}, Kind.JSON, _document),
]


def main(names: list[str]) -> None:
    """Print a row for each mask, or for those of *names*."""
    print(f"{'mask':<12}{'of':<10}{'M values/s':>11}{'MB/s':>8}  becomes")
    for name, options, kind, draw in CASES:
        if not names or name in names:
            _print(name, options, kind, draw)


def _print(name: str, options: dict[str, Any], kind: Kind, draw: Callable[[], str]) -> None:
    decision = Decision(mask=name, options=options)
    bits = 32 if kind is Kind.INTEGER else None
    column = Column(name="c", kind=kind, bits=bits, decision=decision, domain="d")
    replace = mask_of(decision).bind(Setting(column=column, key=bytes(32)))
    values = Cells.of(draw().encode() for _ in range(COUNT))
    others = {"id": Cells.of(b"%d" % each for each in range(COUNT))}
    found, seconds = values, []
    for _ in range(ROUNDS):
        start = time.process_time()
        found = replace(values, others)
        seconds.append(time.process_time() - start)
    rate = COUNT / min(seconds) / 1e6
    megabytes = values.data.size / min(seconds) / 1e6
    example = found.to_list()[0].decode()[:44]
    print(f"{name:<12}{kind.value:<10}{rate:>11.2f}{megabytes:>8.0f}  {example}")


if __name__ == "__main__":
    main(sys.argv[1:])
