"""Dumps that are damaged: an error, or the rows are found; never a crash, never a secret let by."""

from __future__ import annotations

import io
import os
import random
import signal
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
import pytest

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.dumps.base import Rows
from anonymizer.dumps.mysql import MySQL
from anonymizer.dumps.sqlite_text import SQLiteText
from anonymizer.errors import DumpError
from tests.anonymizer.test_inserts import doubled, mysql
from tests.anonymizer.test_inserts_split import HEAD, TAIL

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anonymizer.dumps.base import Format

    Damage: TypeAlias = Callable[[random.Random, bytes], bytes]

SECONDS = float(os.environ.get("ANONYMIZER_FUZZ_SECONDS", "60"))
"""How long the slow test goes on for each format."""
SECRET = b"seCret"
VALUES = (
    SECRET,
    b"it's " + SECRET,
    SECRET + b"\\",
    b"'),('" + SECRET,
    b"; INSERT " + SECRET + b"\n",
)
TABLES = (b"people", b"it's (x", b"Empty", b"more")


def mysql_dump() -> bytes:
    """Return a dump as mysqldump writes it, with a secret in each row and nowhere else."""
    return HEAD + b"USE `d`;\n" + b"".join(map(_mysql_table, TABLES)) + CODE + TAIL


CODE = b"""DELIMITER ;;
/*!50003 CREATE*/ /*!50003 TRIGGER tr BEFORE INSERT ON people FOR EACH ROW BEGIN
 INSERT INTO more VALUES (1, 'a;b\\'c'); END */;;
DELIMITER ;
/*!50001 CREATE VIEW `v` AS select '*/ ; \\' x' AS `lit` from `people` */;
"""


def _mysql_table(name: bytes) -> bytes:
    rows = [b"(%d,%s,NULL,0x00FF)" % (at, mysql(each)) for at, each in enumerate(VALUES * 3)]
    into = b"INSERT INTO `%s` VALUES\n" % name
    single = b";\n".join(into[:-1] + b" " + each for each in rows)
    written = {b"more": single, b"Empty": b""}.get(name, into + b",\n".join(rows))
    return b"""
--
-- Table structure for table `%(name)s`
--
DROP TABLE IF EXISTS `%(name)s`;
CREATE TABLE `%(name)s` (
  `id` int NOT NULL COMMENT 'it''s (a', `text` text, `a)` int DEFAULT 5, `blob` blob,
  KEY `k` (`id`,`text`(10))
) ENGINE=InnoDB;
LOCK TABLES `%(name)s` WRITE;
/*!40000 ALTER TABLE `%(name)s` DISABLE KEYS */;
%(rows)s
UNLOCK TABLES;
""" % {b"name": name, b"rows": written + b";" if written else b""}


def sqlite_dump() -> bytes:
    """Return a dump as SQLite's shell writes it, with a secret in each row and nowhere else."""
    trigger = b"CREATE TRIGGER t AFTER INSERT ON people BEGIN SELECT ';'; END;\n"
    begin = b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n"
    return begin + b"".join(map(_sqlite_table, TABLES)) + trigger + b"COMMIT;\n"


def _sqlite_table(name: bytes) -> bytes:
    rows = [
        b"INSERT INTO \"%s\" VALUES(%d,%s,-0.5,X'00ff');\n" % (name, at, _sqlite_text(each))
        for at, each in enumerate(VALUES * 3)
    ]
    create = b"CREATE TABLE IF NOT EXISTS \"%s\" (id, text DEFAULT 'x, (', a, blob);\n" % name
    return create + b"".join(rows if name != b"Empty" else [])


def _sqlite_text(value: bytes) -> bytes:
    written = doubled(value.replace(b"\n", b"\\n"))
    return b"replace(%s,'\\n',char(10))" % written if b"\n" in value else written


def flipped(choice: random.Random, dump: bytes) -> bytes:
    at = choice.randrange(len(dump))
    byte = choice.choice([choice.randrange(256), *b"'\"`\\;,()\n#-/* "])
    return dump[:at] + bytes([byte]) + dump[at + 1 :]


def without_one(choice: random.Random, dump: bytes) -> bytes:
    at = choice.randrange(len(dump))
    return dump[:at] + dump[at + 1 :]


def cut_off(choice: random.Random, dump: bytes) -> bytes:
    return dump[: choice.randrange(len(dump))]


def torn(choice: random.Random, dump: bytes) -> bytes:
    """Return *dump* without some of it, with some of it twice, and with bytes that are wrong."""
    a, b = sorted(choice.sample(range(len(dump)), 2))
    dump = choice.choice([dump[:a] + dump[b:], dump[:b] + dump[a:]])
    for _ in range(choice.randrange(4)):
        dump = flipped(choice, dump)
    return dump


def let_by(format_: Format, dump: bytes) -> bytes:
    """Return what of *dump* would pass if all text in all rows were masked."""
    parts: list[bytes] = []
    for piece in format_.pieces(io.BytesIO(dump)):
        if not isinstance(piece, Rows):
            parts.append(piece)
            continue
        block = piece.codec.parse(piece.data, len(piece.columns))
        for place, name in enumerate(piece.columns):
            fields = Cells(
                data=block.data, starts=block.starts[:, place], ends=block.ends[:, place]
            )
            null = piece.codec.is_null(fields)
            kind = Kind.BINARY if name == "blob" else Kind.TEXT
            piece.codec.encode(piece.codec.decode(fields.take(~null), kind), kind)
        kept = np.ones(len(piece.data), np.bool_)
        for start, end in zip(block.starts.ravel(), block.ends.ravel(), strict=True):
            kept[start:end] = False
        parts.append(block.data[kept].tobytes())
    return b"".join(parts)


def let_by_or_error(format_: Format, dump: bytes) -> bytes | str:
    """Return what would pass, or the text of the error that says why nothing does."""
    try:
        return let_by(format_, dump)
    except DumpError as error:
        return str(error)


@contextmanager
def within(seconds: int) -> Iterator[None]:
    """Fail when what is done takes longer: a reader hangs."""

    def hang(_signal: int, _frame: object) -> None:
        raise TimeoutError(f"it took more than {seconds} s")

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


FORMATS: dict[str, tuple[Format, bytes]] = {
    "mysql": (MySQL(), mysql_dump()),
    "sqlite": (SQLiteText(), sqlite_dump()),
}
GENTLE: tuple[Damage, ...] = (flipped, without_one, cut_off)


def check(name: str, damage: Damage, seed: int) -> None:
    """Damage a dump by *seed* and read it."""
    format_, whole = FORMATS[name]
    dump = damage(random.Random(seed), whole)  # noqa: S311
    with within(20):
        passed = let_by_or_error(format_, dump)
    if isinstance(passed, str):
        assert SECRET.decode() not in passed, (damage.__name__, seed)
        return
    assert damage is torn or SECRET not in passed, (damage.__name__, seed)
    if damage is cut_off:
        assert dump.rstrip().endswith((b"COMMIT;", b"-- Dump completed")) or (
            b"-- Dump completed" in dump
        ), seed


@pytest.mark.parametrize("name", FORMATS)
def test_a_whole_dump_lets_no_secret_by(name: str) -> None:
    format_, whole = FORMATS[name]
    assert SECRET in whole
    assert SECRET not in let_by(format_, whole)


@pytest.mark.parametrize("damage", [*GENTLE, torn])
@pytest.mark.parametrize("name", FORMATS)
def test_a_damaged_dump_lets_no_secret_by(name: str, damage: Damage) -> None:
    for seed in range(150):
        check(name, damage, seed)


@pytest.mark.slow
@pytest.mark.parametrize("name", FORMATS)
def test_many_damaged_dumps_let_no_secret_by(name: str) -> None:
    seed = first = time.time_ns()
    while time.time_ns() - first < SECONDS * 1e9:
        seed += 1
        check(name, (*GENTLE, torn)[seed % 4], seed)
