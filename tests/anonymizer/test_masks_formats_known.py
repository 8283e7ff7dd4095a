"""Same key, same pseudonym, tomorrow: what each mask gave when it was written.

Whoever changes one of these changes what everybody's dumps become: it is another version of
the mask, to be said in the change log.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.masks.find import mask_of
from anonymizer.permutation import Permutation, WordPermutation
from anonymizer.prf import Prf
from tests.anonymizer.masking import KEY, column, decided, masked

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.column import Column

KNOWN: list[tuple[str, dict[str, Any], Column, Mapping[bytes, bytes]]] = [
    (
        "integer",
        {},
        column(Kind.INTEGER, bits=32),
        {
            b"1": b"1457002993",
            b"42": b"1329868674",
            b"-7": b"-1058062942",
            b"2147483647": b"1763548819",
        },
    ),
    (
        "integer",
        {},
        column(Kind.INTEGER, bits=64),
        {b"1": b"1614213854445050739", b"9223372036854775807": b"2711088267981576695"},
    ),
    (
        "integer",
        {"low": 0, "high": 999},
        column(Kind.INTEGER, bits=16),
        {b"0": b"490", b"7": b"987"},
    ),
    ("integer", {}, column(Kind.TEXT), {b"0042": b"0047", b"+12345": b"+91215"}),
    (
        "digits",
        {},
        column(Kind.TEXT),
        {
            b"5": b"5",
            b"42": b"52",
            b"+49 (30) 555-0199": b"+25 (16) 796-2979",
            b"111111111111111111111111111111": b"532869876064865224602983339152",
        },
    ),
    ("digits", {"keep": 3}, column(Kind.TEXT), {b"555-0199": b"555-8124"}),
    (
        "hexadecimal",
        {},
        column(Kind.TEXT),
        {
            b"f": b"6",
            b"deadbeef": b"bf15ab0c",
            b"0xCAFE": b"0x3934",
            b"a" * 40: b"8c5716cfe00ddb83a143f95717a2073c94b81d66",
        },
    ),
    ("hexadecimal", {}, column(Kind.BINARY), {b"\x00": b"\x0b", b"\x01\x02\x03": b"w\xf6X"}),
    (
        "uuid",
        {},
        column(Kind.UUID),
        {
            b"c24fc341-f261-4331-9332-68ccf11b3242": b"abb91268-118e-45ec-bfba-a60e8d09cacb",
            b"00000000-0000-0000-0000-000000000000": b"65081d4d-3ac0-03e1-1865-99ae43ecd84f",
        },
    ),
    (
        "token",
        {},
        column(Kind.TEXT),
        {b"sk_live_4eC39HqLyjWDarjtT1zdp7dc": b"Bd_lBxG_CLeFt7VTBMasE6X8L3MZulBs", b"a": b"E"},
    ),
    (
        "card",
        {},
        column(Kind.TEXT),
        {b"4111 1111 1111 1111": b"1760 3497 0379 5210", b"4111111111111112": b"1760349703795211"},
    ),
    ("card", {"keep_issuer": True}, column(Kind.TEXT), {b"378282246310005": b"378282067619088"}),
    (
        "iban",
        {},
        column(Kind.TEXT),
        {
            b"DE89370400440532013000": b"DE10531468021835198507",
            b"GB29 NWBK 6016 1331 9268 19": b"GB62 MLTO 9282 3468 5697 00",
        },
    ),
    (
        "ip",
        {},
        column(Kind.OTHER),
        {
            b"192.0.2.1": b"173.25.128.80",
            b"192.0.2.0/24": b"173.25.128.0/24",
            b"2001:db8::1": b"3e1a:6205:ac5a:fa94:7cbb:cf57:2136:2e8d",
            b"::ffff:192.0.2.1": b"::ffff:173.25.128.80",
        },
    ),
    ("ip", {"keep_prefix": 16}, column(Kind.OTHER), {b"192.0.2.1": b"192.0.128.80"}),
    (
        "mac",
        {},
        column(Kind.TEXT),
        {
            b"00:1b:63:84:45:e6": b"f8:2c:32:22:e2:21",
            b"AA-BB-CC-DD-EE-FF-00-11": b"06-F6-3F-88-B6-88-FF-50",
        },
    ),
    ("mac", {"keep_vendor": True}, column(Kind.TEXT), {b"00:1b:63:84:45:e6": b"00:1b:63:4f:5b:63"}),
    (
        "date",
        {},
        column(Kind.DATE),
        {b"2024-02-29": b"2025-02-06", b"0044-03-15 BC": b"0043-02-21 BC"},
    ),
    (
        "date_time",
        {},
        column(Kind.DATETIME),
        {b"2024-02-29 12:30:45.123456+02": b"2025-02-06 14:44:21.123456+02"},
    ),
    (
        "noise",
        {},
        column(Kind.NUMBER, scale=2),
        {b"12.50": b"12.77", b"-1000.00": b"-1023.21", b"1e-05": b"2e-05"},
    ),
    (
        "category",
        {"values": ["a", "b", "c", "d", "e"]},
        column(Kind.TEXT),
        {b"a": b"b", b"b": b"d", b"c": b"c", b"d": b"a", b"e": b"e"},
    ),
    (
        "array",
        {"of": decided("digits")},
        column(Kind.ARRAY),
        {b'{12,"3 4",NULL}': b'{51,"7 2",NULL}'},
    ),
    (
        "json",
        {"paths": {"$.a": decided("token")}},
        column(Kind.JSON),
        {b'{"a": "secret"}': b'{"a": "ab0xcg"}'},
    ),
]


@pytest.mark.parametrize(("name", "options", "on", "known"), KNOWN)
def test_masks_give_what_they_gave(
    name: str, options: dict[str, Any], on: Column, known: Mapping[bytes, bytes]
) -> None:
    found = masked(mask_of(decided(name, **options)), list(known), of=on)
    assert dict(zip(known, found, strict=True)) == known


def test_functions_give_what_they_gave() -> None:
    words = Prf(KEY).words(Cells.of([b"", b"x" * 40, b"x" * 2000]))
    assert words.tobytes().hex() == (
        "f29000b62a499fd0a9f39a6add2e7780c456ad6de291de81"
        "ba607920da67a45a884bb6fbd6266dabe40923b6512be0ae"
    )
    numbers = np.array([0, 1, 999], np.uint64)
    assert Permutation(KEY, 1000).forward(numbers).tolist() == [460, 385, 658]
    assert Permutation(KEY, 1 << 64).forward(numbers).tolist() == [
        10035506417863464190,
        14101625926124599834,
        7145616139976169632,
    ]
    permutation = WordPermutation(KEY, [1 << 32, 1000, 5], [1000])
    columns = permutation.forward([numbers, numbers, numbers % np.uint64(5), numbers])
    assert [each.tolist() for each in columns] == [
        [1935754707, 1062302592, 3040462232],
        [606, 410, 877],
        [0, 2, 2],
        [786, 14, 635],
    ]
