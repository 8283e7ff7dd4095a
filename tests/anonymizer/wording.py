"""Masks, bound as the engine does it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from anonymizer.cells import Cells
from anonymizer.column import Column, Kind
from anonymizer.markup import Decision
from anonymizer.masks.base import Setting

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from anonymizer.masks.base import Mask, Replace

KEY = bytes(range(32))
OTHER_KEY = bytes(32)

NASTY = [
    b"",
    b" ",
    b"   ",
    b"a",
    b"MARIA LOPEZ",
    b"maria lopez",
    b"maria@x.com",
    b"Maria@x.com",
    b"maria@X.COM",
    b"@",
    b"@@a.b@",
    b"a\tb\nc\\N",
    b"\x01\x7f",
    b"\xff\xfe\xc3",
    b"\x80\x80\x80",
    b"\xa9\xe9",
    "Zoe\u0308 \u0301\u0301".encode(),
    "Ωμέγα тест 日本 😀".encode(),
    "\u202eabc\ufeff".encode(),
    b"+49 (30) 901820-0 ext. 7",
    b"0" * 40,
    b"x" * 1100,
    "é".encode() * 1500,
    b"https://user:pw@www.acme.com:8080/a/b/77?q=maria&x=#top",
    b"://",
    b"//",
    b"http://",
    b"a://b/" + b"/" * 60,
    b"a.b.c.d.",
    b"..",
    b"x." * 300,
]


def column(mask: Mask, *, length: int | None = None, kind: Kind = Kind.TEXT) -> Column:
    return Column(
        name="it", kind=kind, length=length, decision=Decision(mask=mask.name), domain="it"
    )


_BOUND: dict[tuple[object, ...], Replace] = {}


def bound(mask: Mask, key: bytes, length: int | None, beside: tuple[str, ...]) -> Replace:
    place = (repr(mask), key, length, beside)
    if place not in _BOUND:
        about = column(mask, length=length)
        assert mask.refuses(about) is None
        keys = dict.fromkeys(beside, key)
        _BOUND[place] = mask.bind(Setting(column=about, key=key, keys=keys))
    return _BOUND[place]


def masked(
    mask: Mask,
    values: Iterable[bytes],
    *,
    key: bytes = KEY,
    length: int | None = None,
    others: Mapping[str, list[bytes]] | None = None,
) -> list[bytes]:
    given = {name: Cells.of(listed) for name, listed in (others or {}).items()}
    return bound(mask, key, length, tuple(given))(Cells.of(values), given).to_list()
