"""Contents of an archive of pg_dump: its header, and one entry for each object.

An entry has the statement that makes an object, and of a table's rows the COPY that loads
them. Versions 1.12 to 1.16 are read, which PostgreSQL 9.0 to 18 write. Nothing of it is
written anew: it is kept as it was read, and only the places of data are replaced.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from io import BytesIO
from struct import Struct
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.column import TableName
from anonymizer.dumps import ARCHIVE
from anonymizer.dumps.compression import Method
from anonymizer.dumps.described import Described
from anonymizer.dumps.pg_schema import learn
from anonymizer.dumps.pg_split import statements_in
from anonymizer.dumps.pg_statement import turns_escapes
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

INTEGER = Struct("<BI")
"""An integer: whether it is negative, then its bytes from the lowest, of which all write four."""
CUSTOM, TAR = 1, 3
"""What a header says of the format; the table of contents of a directory says tar."""
POSITION_NOT_SET, POSITION_SET, NO_DATA = 1, 2, 3
"""What an entry of a custom archive says of its data."""
OLDEST, NEWEST = (1, 12), (1, 16)
_ACCESS_METHODS, _METHODS, _KINDS = (1, 14), (1, 15), (1, 16)
"""Versions since which entries have access methods, the header methods, entries kinds."""
_OFFSETS = range(4, 9)
_LONGEST = 1 << 30
_STEP = 1 << 20
IN_HEADER = (Method.NONE, Method.ZLIB, Method.LZ4, Method.ZSTD)
"""Methods by the number that a header has for them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """What an archive says of itself."""

    version: tuple[int, int]
    offset: int
    """Bytes of the place of data in the archive."""
    format: int
    method: Method = Method.NONE


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One object, or the data of one."""

    number: int
    kind: str
    table: TableName
    """The table, where this is the data of one."""
    definition: bytes
    drop: bytes
    copy: bytes
    has_data: bool = False
    file: str = ""
    """Of a directory: the file with the data, less what says its compression."""
    place: int = 0
    """Of a custom archive: where in the contents the place of the data is said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """The header and the table of contents, and their bytes."""

    header: Header
    entries: tuple[Entry, ...]
    data: bytes

    @property
    def escapes(self) -> bool:
        """Whether a backslash escapes in plain strings."""
        return any(turns_escapes(each.definition) for each in self.entries)

    def placed(self, places: Mapping[int, int]) -> bytes:
        """Return the bytes with *places* of data, by the numbers of entries; others are not set."""
        data = bytearray(self.data)
        for each in self.entries:
            if not each.has_data:
                continue
            state = POSITION_SET if each.number in places else POSITION_NOT_SET
            place = places.get(each.number, 0).to_bytes(self.header.offset, "little")
            data[each.place : each.place + 1 + len(place)] = bytes([state]) + place
        return bytes(data)

    def with_definitions(self, change: Callable[[bytes], bytes]) -> Contents:
        """Return the contents with what *change* makes of what defines each object."""
        data = self.data
        for each in self.entries:
            new = change(each.definition) if each.definition else each.definition
            if new != each.definition:
                data = data.replace(_written(each.definition), _written(new), 1)
        return read_contents(BytesIO(data)) if data != self.data else self

    def statements(self) -> Iterator[bytes]:
        """Yield what defines each object."""
        yield from (each.definition for each in self.entries if each.definition)

    def schema(self) -> Described:
        """Return the tables, from their definitions and from what loads them."""
        found = Described()
        for each in self.entries:
            found.default = each.table.schema or None
            for statement in statements_in(each.definition + b"\n" + each.copy):
                learn(statement, found)
        found.default = None
        return found


def read_contents(source: BinaryIO) -> Contents:
    """Return the header and contents of the archive that begins here.

    Raises DumpError for what is damaged, truncated or too new.
    """
    reader = _Reader(source)
    header = _header(reader)
    count = reader.integer()
    entries = tuple(_entry(reader, header) for _ in range(count))
    return Contents(header=header, entries=entries, data=bytes(reader.taken))


class _Reader:
    """Reads integers and strings, and remembers every byte."""

    def __init__(self, source: BinaryIO) -> None:
        self._source = source
        self.taken = bytearray()

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        data = self._source.read(size) if size <= _STEP else self._long(size)
        self.taken += data
        if len(data) < size:
            raise truncated(len(self.taken))
        return data

    def integer(self) -> int:
        """Return the next integer."""
        sign, value = INTEGER.unpack(self.take(INTEGER.size))
        return -int(value) if sign else int(value)

    def string(self) -> bytes | None:
        """Return the next string, None where there is none."""
        size = self.integer()
        if size > _LONGEST:
            raise damaged(len(self.taken))
        return None if size < 0 else self.take(size)

    def _long(self, size: int) -> bytes:
        """Return up to *size* bytes; no more memory is asked for than there are bytes."""
        parts: list[bytes] = []
        while size > 0 and (part := self._source.read(min(size, _STEP))):
            parts.append(part)
            size -= len(part)
        return b"".join(parts)


def _written(text: bytes) -> bytes:
    """Return how contents hold *text*: its length, then its bytes."""
    return INTEGER.pack(0, len(text)) + text


def damaged(byte: int) -> DumpError:
    """Return the error for bytes that no archive has."""
    return DumpError("the archive is damaged", byte=byte, hint="copy it or make it again")


def truncated(byte: int) -> DumpError:
    """Return the error for an archive that ends at *byte*."""
    return DumpError(
        "the archive ends too early", byte=byte, hint="it is truncated: copy it or make it again"
    )


def _header(reader: _Reader) -> Header:
    if reader.take(len(ARCHIVE)) != ARCHIVE:
        raise DumpError("this is no archive of pg_dump: it does not begin with PGDMP", byte=0)
    major, minor, _, integer, offset, form = reader.take(6)
    if not OLDEST <= (major, minor) <= NEWEST:
        raise DumpError(
            f"an archive of version {major}.{minor}; 1.12 to 1.16 are read, which PostgreSQL 9.0 "
            "to 18 write",
            hint="pg_restore -f FILE ARCHIVE makes a plain dump of it",
        )
    if integer != INTEGER.size - 1 or offset not in _OFFSETS:
        raise damaged(len(reader.taken))
    header = Header(version=(major, minor), offset=offset, format=form)
    header = replace(header, method=_method(reader, header))
    for _ in range(7):
        reader.integer()  # when it was made
    for _ in range(3):
        reader.string()  # the database, the versions of the server and of pg_dump
    return header


def _method(reader: _Reader, header: Header) -> Method:
    """Return how data is packed: before 1.15 the level of gzip says it, or 0."""
    if header.version < _METHODS:
        return Method.ZLIB if reader.integer() else Method.NONE
    (number,) = reader.take(1)
    if number >= len(IN_HEADER):
        raise damaged(len(reader.taken))
    return IN_HEADER[number]


def _entry(reader: _Reader, header: Header) -> Entry:
    number = reader.integer()
    if number <= 0:
        raise damaged(len(reader.taken))
    reader.integer()  # whether there was data
    for _ in range(2):
        reader.string()  # identifiers of the catalogue
    tag = reader.string() or b""
    kind = (reader.string() or b"").decode("ascii", "replace")
    reader.integer()  # the section
    definition, drop, copy = (reader.string() or b"" for _ in range(3))
    schema = reader.string() or b""
    for _ in range(2 if header.version >= _ACCESS_METHODS else 1):
        reader.string()  # tablespace, access method
    if header.version >= _KINDS:
        reader.integer()
    for _ in range(2):
        reader.string()  # owner, whether it has OIDs
    while reader.string() is not None:
        pass  # what it depends on
    entry = Entry(
        number=number,
        kind=kind,
        table=TableName(_text(schema), _text(tag)),
        definition=definition,
        drop=drop,
        copy=copy,
    )
    return _with_data(entry, reader, header)


def _text(name: bytes) -> str:
    return name.decode("utf-8", "surrogateescape")


def _with_data(entry: Entry, reader: _Reader, header: Header) -> Entry:
    """Return *entry* with what is said of its data, which stands last."""
    place = len(reader.taken)
    if header.format != CUSTOM:
        file = (reader.string() or b"").decode("ascii", "replace")
        return replace(entry, file=file, has_data=bool(file))
    state, *_ = reader.take(1 + header.offset)
    if state not in (POSITION_NOT_SET, POSITION_SET, NO_DATA):
        raise damaged(place)
    return replace(entry, place=place, has_data=state != NO_DATA)
