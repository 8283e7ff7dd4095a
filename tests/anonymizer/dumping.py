"""Dumps in tests: read to the last field, and written again with every value encoded anew."""

from __future__ import annotations

import io
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from hypothesis import HealthCheck, settings

from anonymizer.cells import Cells
from anonymizer.column import Kind, TableName
from anonymizer.dumps.base import Rows

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from anonymizer.dumps.base import Block, Codec, Format

    Kinds = Callable[[str], Kind]


class Table(NamedTuple):
    """What a dump holds of one table; NULL is None."""

    columns: tuple[str, ...]
    rows: list[tuple[bytes | None, ...]]


FEW = settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def text(_column: str) -> Kind:
    return Kind.TEXT


def column(block: Block, place: int) -> Cells:
    return Cells(data=block.data, starts=block.starts[:, place], ends=block.ends[:, place])


def values(codec: Codec, fields: Cells, kind: Kind) -> list[bytes | None]:
    """Return what *fields* mean."""
    null = codec.is_null(fields)
    read = iter(codec.decode(fields.take(~null), kind).to_list())
    return [None if each else next(read) for each in null]


def tables(format_: Format, dump: bytes, kinds: Kinds = text) -> dict[TableName, Table]:
    """Return what *dump* holds; its pieces, one after the other, must be the dump."""
    pieces = list(format_.pieces(io.BytesIO(dump)))
    assert b"".join(each.data if isinstance(each, Rows) else each for each in pieces) == dump
    found: dict[TableName, Table] = {}
    for rows in pieces:
        if isinstance(rows, Rows):
            assert dump[rows.byte :].startswith(rows.data)
            assert rows.line == dump.count(b"\n", 0, rows.byte) + 1
            table = found.setdefault(rows.table, Table(rows.columns, []))
            assert table.columns == rows.columns
            table.rows.extend(read(rows, kinds))
    return found


def read(rows: Rows, kinds: Kinds = text) -> Iterable[tuple[bytes | None, ...]]:
    """Return the values of *rows*."""
    block = rows.codec.parse(rows.data, len(rows.columns))
    columns = [
        values(rows.codec, column(block, place), kinds(name))
        for place, name in enumerate(rows.columns)
    ]
    return zip(*columns, strict=True)


def encoded_anew(format_: Format, dump: bytes, kinds: Kinds = text) -> bytes:
    """Return *dump* with every value that is not NULL decoded and encoded."""
    pieces = format_.pieces(io.BytesIO(dump))
    return b"".join(anew(each, kinds) if isinstance(each, Rows) else each for each in pieces)


def anew(rows: Rows, kinds: Kinds) -> bytes:
    codec = rows.codec
    block = codec.parse(rows.data, len(rows.columns))
    new: list[list[bytes]] = []
    for place, name in enumerate(rows.columns):
        fields = column(block, place)
        null = codec.is_null(fields)
        read = codec.decode(fields.take(~null), kinds(name))
        written = iter(codec.encode(read, kinds(name)).to_list())
        same = fields.to_list()
        new.append([same[at] if null[at] else next(written) for at in range(len(fields))])
    return _assembled(rows.data, block, [text for row in zip(*new, strict=True) for text in row])


def _assembled(data: bytes, block: Block, texts: Sequence[bytes]) -> bytes:
    parts, end = [], 0
    places = zip(np.ravel(block.starts).tolist(), np.ravel(block.ends).tolist(), strict=True)
    for (start, next_end), each in zip(places, texts, strict=True):
        parts += [data[end:start], each]
        end = next_end
    return b"".join([*parts, data[end:]])
