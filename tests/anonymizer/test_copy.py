"""COPY text: fields are found and read as PostgreSQL does, and written so that it reads them."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.dumps.copy import CopyText
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from anonymizer.dumps.base import Block

COPY = CopyText()
LETTERS = {8: b"\\b", 9: b"\\t", 10: b"\\n", 11: b"\\v", 12: b"\\f", 13: b"\\r", 92: b"\\\\"}


def written(value: bytes | None) -> bytes:
    """Return *value* as the server's CopyAttributeOutText writes it, a byte after the other."""
    if value is None:
        return b"\\N"
    return b"".join(LETTERS.get(each, bytes([each])) for each in value)


def cells(block: Block, column: int) -> Cells:
    return Cells(data=block.data, starts=block.starts[:, column], ends=block.ends[:, column])


VALUES = st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([b"\\N", b"N", b"\\.", b""]))


@given(st.integers(1, 5).flatmap(lambda n: st.lists(st.lists(VALUES, min_size=n, max_size=n))))
def test_every_field_is_found_and_read(rows: list[list[bytes | None]]) -> None:
    columns = len(rows[0]) if rows else 1
    data = b"".join(b"\t".join(map(written, row)) + b"\n" for row in rows)

    block = COPY.parse(data, columns)

    assert block.starts.shape == (len(rows), columns)
    for column in range(columns):
        fields = cells(block, column)
        null = COPY.is_null(fields)
        assert null.tolist() == [row[column] is None for row in rows]
        read = COPY.decode(fields.take(~null), Kind.TEXT)
        assert read.to_list() == [row[column] for row in rows if row[column] is not None]


@given(st.lists(st.binary(max_size=60)))
def test_what_is_written_is_what_the_server_writes(values: list[bytes]) -> None:
    assert COPY.encode(Cells.of(values), Kind.TEXT).to_list() == [written(each) for each in values]


SLASHES = st.lists(st.sampled_from(b"\\\\\\n\na"), max_size=6).map(bytes)


@given(st.lists(SLASHES))
def test_a_value_does_not_escape_what_begins_the_next(values: list[bytes]) -> None:
    text = Cells.of(map(written, values))
    assert COPY.decode(text, Kind.TEXT).to_list() == values


@given(st.lists(SLASHES), st.lists(SLASHES))
def test_a_backslash_at_the_end_is_refused(before: list[bytes], behind: list[bytes]) -> None:
    text = Cells.of([*map(written, before), b"a\\", *map(written, behind)])
    with pytest.raises(DumpError, match="ends with a backslash"):
        COPY.decode(text, Kind.TEXT)


@given(st.lists(st.binary(max_size=60)))
def test_bytes_are_written_in_hexadecimal(values: list[bytes]) -> None:
    text = COPY.encode(Cells.of(values), Kind.BINARY)

    assert text.to_list() == [b"\\\\x" + each.hex().encode() for each in values]
    assert COPY.decode(text, Kind.BINARY).to_list() == values


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (rb"\101\x42C", b"ABC"),
        (rb"\7\x7g", b"\7\7g"),
        (rb"\q\xg", b"qxg"),
        (rb"a\vb", b"a\vb"),
        (b"\\8\\9", b"89"),
    ],
)
def test_ways_to_write_a_byte_that_no_server_chooses(text: bytes, value: bytes) -> None:
    assert COPY.decode(Cells.of([text, b"as it is"]), Kind.TEXT).to_list() == [value, b"as it is"]


@pytest.mark.parametrize(
    ("data", "columns", "said"),
    [
        (b"1\t2\n1\n", 2, "line 2, byte 4: a row of 1 fields, expected 2"),
        (b"1\t2\n1\t2\t3\n", 2, "line 2, byte 4: a row of 3 fields, expected 2"),
        (b"1\t2\n1\t2", 2, "line 2, byte 4: the last row has no end"),
        (b"1\t2\n1\t2\n3\t", 2, "line 3, byte 8: the last row has no end"),
        (b"\n1\n", 0, "line 2, byte 1: a row of 1 fields, expected 0"),
        (b"1\n2\t3\n4\t5\t6\n", 2, "line 1, byte 0: a row of 1 fields, expected 2"),
    ],
)
def test_rows_of_another_shape_are_refused(data: bytes, columns: int, said: str) -> None:
    with pytest.raises(DumpError, match=said):
        COPY.parse(data, columns)


@pytest.mark.parametrize("text", [b"secret\\", b"\\x61", b"secret"])
def test_what_cannot_be_read_is_refused_without_what_it_holds(text: bytes) -> None:
    with pytest.raises(DumpError) as caught:
        COPY.decode(Cells.of([text, b"\\\\x6g"]), Kind.BINARY)
    assert "secret" not in str(caught.value)


def test_a_table_without_columns_has_empty_rows() -> None:
    assert COPY.parse(b"\n\n\n", 0).starts.shape == (3, 0)


def test_it_can_be_sent_to_another_process() -> None:
    assert pickle.loads(pickle.dumps(COPY)) == COPY  # noqa: S301 - it is ours


def test_null_is_told_from_a_text_of_two_letters() -> None:
    fields = Cells.of([b"\\N", b"\\n", b"NN", b"\\\\N", b""])
    assert COPY.is_null(fields).tolist() == [True, False, False, False, False]
    assert COPY.is_null(fields).dtype == np.bool_
