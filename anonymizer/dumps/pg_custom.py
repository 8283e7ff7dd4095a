"""The custom format of pg_dump (-Fc): one file, the contents first, then the data of each entry.

Data is a type, the number of its entry, and chunks, each with its length, that end with an
empty one. Large objects are such data one after the other, each with its identifier.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.dumps.compression import compressor
from anonymizer.dumps.pg_archive import BLOBS, checked_contents, readings
from anonymizer.dumps.pg_contents import CUSTOM, MAGIC, Contents, damaged, exactly
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.pg_archive import Mask
    from anonymizer.dumps.pg_contents import Entry
    from anonymizer.dumps.pg_schema import Described

DATA, LARGE_OBJECTS = b"\1", b"\3"
"""Types of data."""
CHUNK = 1 << 20
_LONGEST, _LARGEST = 1 << 30, (1 << 32) - 1


def recognizes(head: bytes) -> bool:
    """Return whether an archive begins with *head*."""
    return head.startswith(MAGIC)


def pieces(source: BinaryIO, plain: PlainPostgreSQL | None = None) -> Iterator[Piece]:
    """Yield the definitions of the archive *source*, then its rows, as `Format.pieces` does."""
    archive = _Archive(source, plain or PlainPostgreSQL())
    yield from archive.contents.statements()
    for _, piece in archive.pieces():
        yield piece


def schema(source: BinaryIO, plain: PlainPostgreSQL | None = None) -> Described:
    """Return the tables of the archive *source*; no row is read."""
    return _Archive(source, plain or PlainPostgreSQL()).contents.schema()


def rewrite(
    source: BinaryIO, target: BinaryIO, mask: Mask, plain: PlainPostgreSQL | None = None
) -> None:
    """Write the archive *source* to *target* with the rows that *mask* gives, packed alike.

    When *target* can seek, the contents say at the end where each data is, as pg_restore
    needs to restore with several jobs. Raises DumpError for what is damaged or truncated.
    """
    archive = _Archive(source, plain or PlainPostgreSQL())
    writer = _Writer(target, archive.contents)
    entries: deque[Entry] = deque()

    def read() -> Iterator[Piece]:
        for entry, piece in archive.pieces():
            entries.append(entry)
            yield piece

    for text in mask(read()):
        writer.write(entries.popleft(), text)
    writer.finish()


class _Archive:
    """An archive that is read, from begin to end."""

    def __init__(self, source: BinaryIO, plain: PlainPostgreSQL) -> None:
        self._source = source
        self._plain = plain
        self.contents = checked_contents(source, plain.keep)
        self._byte = len(self.contents.data)
        if self.contents.header.format != CUSTOM:
            raise damaged(self._byte)

    def pieces(self) -> Iterator[tuple[Entry, Piece]]:
        """Yield the pieces of the data of each entry: first an empty one."""
        header = self.contents.header
        left = {each.number: each for each in self.contents.entries if each.has_data}
        reading = {each.entry.number: each for each in readings(self.contents, self._plain)}
        while kind := self._source.read(1):
            entry = left.pop(self._begin(kind), None)
            if entry is None or (kind == LARGE_OBJECTS) != (entry.kind in BLOBS):
                raise damaged(self._byte)
            yield entry, b""
            found: Iterator[Piece] = (
                self._large_objects()
                if kind == LARGE_OBJECTS
                else reading[entry.number].pieces(self._chunks(), header.method)
            )
            for piece in found:
                yield entry, piece
        if left:
            raise DumpError(
                f"the archive ends before the data of entry {min(left)}",
                byte=self._byte,
                hint="it is truncated: copy it or make it again",
            )

    def _begin(self, kind: bytes) -> int:
        """Return the number of the entry whose data begins here."""
        self._byte += 1
        if kind not in (DATA, LARGE_OBJECTS):
            raise damaged(self._byte)
        return self._integer()[0]

    def _integer(self) -> tuple[int, bytes]:
        """Return the next integer, which is not negative, and its bytes."""
        data = self._exactly(1 + self.contents.header.integer)
        value = int.from_bytes(data[1:], "little")
        if data[0] or value > _LARGEST:
            raise damaged(self._byte)
        return value, data

    def _exactly(self, size: int) -> bytes:
        data = exactly(self._source, size, self._byte)
        self._byte += size
        return data

    def _chunks(self) -> Iterator[bytes]:
        """Yield what is packed, up to the empty chunk."""
        while size := self._integer()[0]:
            if size > _LONGEST:
                raise damaged(self._byte)
            yield self._exactly(size)

    def _large_objects(self) -> Iterator[bytes]:
        """Yield the large objects as they are."""
        while True:
            identifier, written = self._integer()
            yield written
            if not identifier:
                return
            for chunk in self._chunks():
                yield integer(len(chunk), self.contents) + chunk
            yield integer(0, self.contents)


class _Writer:
    """Writes an archive, the data of an entry after that of another."""

    def __init__(self, target: BinaryIO, contents: Contents) -> None:
        self._target = target
        self._contents = contents
        # What is appended to cannot be gone back in.
        self._seeks = target.seekable() and target.tell() == 0
        self._places: dict[int, int] = {}
        self._entry: Entry | None = None
        self._compressor = compressor(contents.header.method)
        self._put(contents.placed({}))

    def write(self, entry: Entry, text: bytes | memoryview) -> None:
        """Write the next *text* of the data of *entry*."""
        if entry is not self._entry:
            self._end()
            self._begin(entry)
        if entry.kind in BLOBS:
            self._put(text)
        else:
            self._put_chunks(self._compressor.compress(text))

    def finish(self) -> None:
        """End the last data, and say where each is."""
        self._end()
        if self._seeks:
            self._target.seek(0)
            self._put(self._contents.placed(self._places))
            self._target.seek(0, 2)

    def _begin(self, entry: Entry) -> None:
        self._entry = entry
        if self._seeks:
            self._places[entry.number] = self._target.tell()
        self._compressor = compressor(self._contents.header.method)
        self._put(LARGE_OBJECTS if entry.kind in BLOBS else DATA)
        self._put(integer(entry.number, self._contents))

    def _end(self) -> None:
        if self._entry and self._entry.kind not in BLOBS:
            self._put_chunks(self._compressor.flush())
            self._put(integer(0, self._contents))

    def _put_chunks(self, data: bytes | memoryview) -> None:
        packed = memoryview(data)
        for at in range(0, len(packed), CHUNK):
            chunk = packed[at : at + CHUNK]
            self._put(integer(len(chunk), self._contents))
            self._put(chunk)

    def _put(self, data: bytes | memoryview) -> None:
        self._target.write(data)


def integer(value: int, contents: Contents) -> bytes:
    """Return how the archive of *contents* writes *value*."""
    return b"\0" + value.to_bytes(contents.header.integer, "little")
