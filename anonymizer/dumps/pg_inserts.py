"""Rows as INSERT statements, which pg_dump --inserts and its like write in place of COPY."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anonymizer.dumps.base import Rows
from anonymizer.dumps.dialect import POSTGRESQL
from anonymizer.dumps.inserts import Inserts
from anonymizer.dumps.pg_split import BLOCK
from anonymizer.dumps.pg_statement import NAME, name_of
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.described import Described
    from anonymizer.dumps.pg_split import Script

_HEADER = POSTGRESQL.header
_EMPTY = re.compile(rb"INSERT\s+INTO\s[^'();]*\sDEFAULT\s+VALUES\s*;", re.IGNORECASE)
_SPACE = re.compile(rb"\s*+")
_EACH_NAME = re.compile(NAME)


def inserted_rows(script: Script, statement: bytes, known: Described) -> Iterator[Piece]:
    """Yield the rows of *statement*, which is taken, and of those behind it that are alike.

    A piece is about 2 MiB; *known* knows the columns where a statement does not say them.
    Raises DumpError for what is no INSERT of rows.
    """
    line, byte = script.line - statement.count(b"\n"), script.byte - len(statement)
    if _EMPTY.fullmatch(statement):
        yield statement
        return
    found = _HEADER.match(statement)
    if not found or script.escapes:
        problem = "an INSERT without VALUES, or whose strings have escapes"
        raise DumpError(problem, line=line, byte=byte, hint="make the dump with pg_dump")
    table = known.named(found["table"])
    named = tuple(map(name_of, _EACH_NAME.findall(found["columns"] or b"")))
    columns = named or tuple(known.tables.get(table, ()))
    if not columns:
        raise DumpError(
            "this INSERT does not say its columns, and no CREATE TABLE before it does",
            table=str(table),
            line=line,
            byte=byte,
            hint="dump with --column-inserts, or without --data-only",
        )
    data = statement + b"".join(_alike(script, found[0], BLOCK - len(statement)))
    codec = Inserts(dialect=POSTGRESQL, header=found[0])
    yield Rows(
        table=table,
        columns=columns,
        data=data,
        codec=codec,
        line=line,
        byte=byte,
        part_of=known.whole(table),
    )


def _alike(script: Script, header: bytes, room: int) -> Iterator[bytes]:
    """Take the statements that go on with *header*, until there is no *room*."""
    while room > 0:
        end = _end_of_space(script)
        if end + len(header) > len(script.data) and not script.ended:
            script.more()
            continue
        if not script.data.startswith(header, end):
            return
        space = script.take(end)
        statement = script.statement()
        yield space + statement
        room -= len(space) + len(statement)


def _end_of_space(script: Script) -> int:
    match = _SPACE.match(script.data, script.at)
    return match.end() if match else script.at
