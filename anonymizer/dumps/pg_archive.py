"""Archives of pg_dump: what its custom and directory formats have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

from anonymizer.dumps.compression import Method, decompressed, stream
from anonymizer.dumps.described import Described
from anonymizer.dumps.pg_contents import Contents, Entry, read_contents
from anonymizer.dumps.pg_plain import PlainPostgreSQL, copied_rows
from anonymizer.dumps.pg_split import Script, statements_in
from anonymizer.dumps.pg_statement import (
    LARGE_OBJECTS_REFUSED,
    Refusal,
    copied,
    refusal_of,
)
from anonymizer.errors import DumpError
from anonymizer.passed import LARGE_OBJECTS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from anonymizer.dumps.base import Piece

BLOBS = ("BLOB", "BLOBS", "BLOB METADATA")
ROWS = "TABLE DATA"
"""Kinds of entries that have data: large objects, and the rows of a table."""

_PLAIN = "make a plain dump of it, with pg_restore --file, or with pg_dump"

Mask: TypeAlias = "Callable[[Iterator[Piece]], Iterable[bytes | memoryview]]"
"""Gives one text for each piece, in their order."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DataReading:
    """How the data of an entry is read; picklable."""

    entry: Entry
    plain: PlainPostgreSQL
    escapes: bool
    known: Described

    def pieces(self, packed: Iterable[bytes], method: Method) -> Iterator[Piece]:
        """Yield the rows in *packed*, and what ends them."""
        script = Script(stream(decompressed(packed, method)))
        script.escapes = self.escapes
        copy = copied(self.entry.copy, self.entry.table.schema)
        if copy is None:
            yield from self.plain.script_pieces(script, self.known)
            return
        whole = self.known.whole(copy[0])
        yield from copied_rows(script, *copy, codec=self.plain.codec, part_of=whole)
        yield script.gap()
        if script.at < len(script.data):
            raise script.error("there is more than rows in the data of a table", table=str(copy[0]))


def checked_contents(source: BinaryIO, keep: frozenset[str]) -> Contents:
    """Return the contents of the archive that begins here.

    Raises DumpError for what is damaged, or could hold data and is not in *keep*.
    """
    contents = read_contents(source)
    escapes = contents.escapes
    for each in contents.entries:
        _check(each, keep, escapes=escapes)
    return contents


def readings(contents: Contents, plain: PlainPostgreSQL) -> Iterator[DataReading]:
    """Yield how the data of each entry of *contents* is read that has rows."""
    escapes = contents.escapes
    entries = [each for each in contents.entries if each.has_data and each.kind not in BLOBS]
    schema = contents.schema()
    for each in entries:
        known = Described(
            tables={each.table: schema.tables.get(each.table, {})}, partitions=schema.partitions
        )
        yield DataReading(entry=each, plain=plain, escapes=escapes, known=known)


def _check(entry: Entry, keep: frozenset[str], *, escapes: bool) -> None:
    """Raise DumpError when *entry* could hold data, other than the rows of a table."""
    if refusal := _refusal(entry, keep, escapes=escapes):
        problem = f"entry {entry.number} of the archive: {refusal.problem}"
        raise DumpError(problem, hint=refusal.hint)


def _refusal(entry: Entry, keep: frozenset[str], *, escapes: bool) -> Refusal | None:
    if entry.kind in BLOBS:  # its definition may be no statement, but a list of identifiers
        return None if LARGE_OBJECTS in keep else LARGE_OBJECTS_REFUSED
    if entry.has_data and entry.kind != ROWS:
        return Refusal(problem="it has data of a kind that is not known", hint=_PLAIN)
    statements = statements_in(entry.definition + b"\n" + entry.drop, escapes=escapes)
    return next(filter(None, (refusal_of(each, keep) for each in statements)), None)
