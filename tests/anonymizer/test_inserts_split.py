"""Statements that insert are cut between rows, wherever the text is cut that is looked at."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from typing_extensions import override

from anonymizer.column import TableName
from anonymizer.dumps import split, window
from anonymizer.dumps.base import Rows
from anonymizer.dumps.mysql import MySQL
from anonymizer.dumps.sqlite_text import SQLiteText
from anonymizer.errors import DumpError
from tests.anonymizer.dumping import FEW, tables
from tests.anonymizer.test_inserts import doubled, mysql

if TYPE_CHECKING:
    from collections.abc import Callable

HEAD = b"""-- MySQL dump 10.13
/*!40101 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;
"""
TAIL = b"\n/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n-- Dump completed on 2026-11-27\n"
CREATE = b"CREATE TABLE `it's; (` (`a` int, `b,)` text COMMENT 'x, (');\n"
INTO = b"INSERT INTO `it's; (` VALUES "
NAMED = TableName(None, "it's; (")
NASTY = st.sampled_from(
    [
        b"'",
        b"\\",
        b"),(",
        b"),\n(",
        b";\n" + INTO + b"(",
        b";",
        b"-- ",
        b"/*",
        b"INSERT INTO x VALUES",
    ]
)
TEXTS = st.lists(st.one_of(NASTY, st.binary(max_size=5)), max_size=6).map(b"".join)
ROWS = st.lists(TEXTS, min_size=1, max_size=12)


class Dripping(io.BytesIO):
    """A source that gives a few bytes at once, as a pipe may."""

    @override
    def read(self, size: int | None = -1, /) -> bytes:
        return super().read(min(size or 1, 7))


@pytest.fixture(params=[3, 50])
def small(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Look at a few bytes of a dump at once."""
    for module, name in ((window, "CHUNK"), (split, "CHUNK"), (split, "FIRST"), (window, "ENOUGH")):
        monkeypatch.setattr(module, name, request.param)


def mysql_dump(texts: list[bytes], between: bytes) -> bytes:
    rows = [b"(%d,%s)" % (number, mysql(text)) for number, text in enumerate(texts)]
    return HEAD + CREATE + INTO + between.join(rows) + b";\n" + TAIL


def sqlite_dump(texts: list[bytes], _between: bytes) -> bytes:
    rows = [
        INTO + b"(%d,%s);\n" % (number, doubled(text.replace(b"\0", b"")))
        for number, text in enumerate(texts)
    ]
    return b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\n%s%sCOMMIT;\n" % (
        CREATE.replace(b" COMMENT 'x, ('", b" DEFAULT 'x, ('"),
        b"".join(rows),
    )


@pytest.mark.usefixtures("small")
@FEW
@given(texts=ROWS, between=st.sampled_from([b",", b",\n", b";\n" + INTO, b";\n\n" + INTO]))
@example(texts=[b");\n" + INTO + b"("], between=b",")
def test_rows_of_mysql_are_whole_however_little_is_read(texts: list[bytes], between: bytes) -> None:
    table = tables(MySQL(), mysql_dump(texts, between))[NAMED]
    assert table.columns == ("a", "b,)")
    assert table.rows == [(b"%d" % at, text) for at, text in enumerate(texts)]


@pytest.mark.usefixtures("small")
@FEW
@given(texts=ROWS)
def test_rows_of_sqlite_are_whole_however_little_is_read(texts: list[bytes]) -> None:
    table = tables(SQLiteText(), sqlite_dump(texts, b""))[NAMED]
    said = [text.replace(b"\0", b"") for text in texts]
    assert table.rows == [(b"%d" % at, text) for at, text in enumerate(said)]


@pytest.mark.usefixtures("small")
def test_a_source_may_give_little_at_once() -> None:
    dump = mysql_dump([b"a'b", b"),("] * 50, b",")
    pieces = list(MySQL().pieces(Dripping(dump)))
    assert b"".join(each.data if isinstance(each, Rows) else each for each in pieces) == dump
    assert sum(isinstance(each, Rows) for each in pieces) > 5


@pytest.mark.parametrize("make", [mysql_dump, sqlite_dump])
def test_pieces_are_about_a_chunk(make: Callable[[list[bytes], bytes], bytes]) -> None:
    dump = make([b"x" * 1000 + b"'; (\\"] * 20_000, b",")
    reader = MySQL() if make is mysql_dump else SQLiteText()
    sizes = [len(each.data) for each in reader.pieces(io.BytesIO(dump)) if isinstance(each, Rows)]
    assert max(sizes) <= 2 * window.CHUNK
    assert sum(sizes) / len(sizes) > window.CHUNK / 2


def test_a_row_may_be_larger_than_many_chunks() -> None:
    texts = [b"a", b"'\\\n" * 4_000_000 + b";),(", b"b"]
    rows = tables(MySQL(), mysql_dump(texts, b","))[NAMED].rows
    assert [text for _, text in rows] == texts


@pytest.mark.parametrize("cut", [1, 30, 200])
def test_an_insert_that_is_cut_off_is_an_error_with_its_table(cut: int) -> None:
    dump = mysql_dump([b"secret"] * 1000, b",\n")
    with pytest.raises(DumpError, match="cut off") as caught:
        list(MySQL().pieces(io.BytesIO(dump[: -len(TAIL) - 1 - cut])))
    assert caught.value.table == str(NAMED)
    assert "secret" not in str(caught.value)


def test_an_insert_of_another_table_within_one_is_an_error() -> None:
    dump = mysql_dump([b"a"], b",").replace(b");\n\n", b")\nINSERT INTO t VALUES (1,'secret');\n")
    with pytest.raises(DumpError, match="within another"):
        list(MySQL().pieces(io.BytesIO(dump)))
