"""The custom format of pg_dump (-Fc): one file, the contents first, then the data of each entry.

Data is a type, the number of its entry, and chunks, each with its length, that end with an
empty one. Large objects are such data one after the other, each with its identifier.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, BinaryIO

from anonymizer.dumps.compression import compressor
from anonymizer.dumps.pg_archive import BLOBS, checked_contents, readings
from anonymizer.dumps.pg_contents import CUSTOM, INTEGER, Contents, damaged, truncated
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from anonymizer.dumps.base import Piece
    from anonymizer.dumps.described import Described
    from anonymizer.dumps.pg_archive import Mask
    from anonymizer.dumps.pg_contents import Entry

DATA, LARGE_OBJECTS = b"\1", b"\3"
"""Types of data."""
CHUNK = 1 << 20
_LONGEST = 1 << 30


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
    source: BinaryIO,
    target: BinaryIO,
    mask: Mask,
    plain: PlainPostgreSQL | None = None,
    *,
    revise: Callable[[Contents], Contents] | None = None,
) -> None:
    """Write the archive *source* to *target* with the rows that *mask* gives, packed alike.

    *revise* returns the contents to write in place of those that were read.

    When *target* can seek, the contents say at the end where each data is, as pg_restore
    needs to restore with several jobs. Raises DumpError for what is damaged or truncated.
    """
    archive = _Archive(source, plain or PlainPostgreSQL())
    writer = _Writer(target, revise(archive.contents) if revise else archive.contents)
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
        self._plain = plain
        self.contents = checked_contents(source, plain.keep)
        self._bytes = _Bytes(source, len(self.contents.data))
        if self.contents.header.format != CUSTOM:
            raise damaged(self._bytes.place)

    def pieces(self) -> Iterator[tuple[Entry, Piece]]:
        """Yield the pieces of the data of each entry: first an empty one."""
        left = {each.number: each for each in self.contents.entries if each.has_data}
        reading = {each.entry.number: each for each in readings(self.contents, self._plain)}
        method = self.contents.header.method
        while not self._bytes.ended():
            kind, entry = self._bytes.take(1), left.pop(self._bytes.integer(), None)
            if kind != _type(entry):
                raise damaged(self._bytes.place)
            assert entry is not None  # noqa: S101 - none has no type
            yield entry, b""
            found: Iterator[Piece] = (
                self._large_objects()
                if kind == LARGE_OBJECTS
                else reading[entry.number].pieces(self._bytes.chunks(), method)
            )
            for piece in found:
                yield entry, piece
        if left:
            raise DumpError(
                f"the archive ends before the data of entry {min(left)}",
                byte=self._bytes.place,
                hint="it is truncated: copy it or make it again",
            )

    def _large_objects(self) -> Iterator[bytes]:
        """Yield the large objects as they are."""
        while identifier := self._bytes.integer():
            yield integer(identifier)
            for chunk in self._bytes.chunks():
                yield integer(len(chunk)) + chunk
            yield integer(0)
        yield integer(0)


class _Bytes:
    """What comes after the contents: integers and chunks."""

    def __init__(self, source: BinaryIO, byte: int) -> None:
        self._source = source
        self._byte = byte
        """Place in the archive where what is held begins."""
        self._data = b""
        self._at = 0

    @property
    def place(self) -> int:
        """The place in the archive of what is taken next."""
        return self._byte + self._at

    def ended(self) -> bool:
        """Return whether nothing is left."""
        return self._at == len(self._data) and not self._more()

    def take(self, size: int) -> bytes:
        """Return the next *size* bytes."""
        while len(self._data) - self._at < size:
            if not self._more():
                raise truncated(self._byte + len(self._data))
        self._at += size
        return self._data[self._at - size : self._at]

    def integer(self) -> int:
        """Return the next integer, which is not negative."""
        sign, value = INTEGER.unpack(self.take(INTEGER.size))
        if sign:
            raise damaged(self.place)
        return int(value)

    def chunks(self) -> Iterator[bytes]:
        """Yield what is packed, up to the empty chunk; small chunks together."""
        ended = False
        while not ended:
            held, ended = self._held()
            if data := b"".join(held):
                yield data
            elif not ended:  # it is longer than what is held
                yield self.take(self._size())

    def _held(self) -> tuple[list[bytes], bool]:
        """Take the chunks that are held whole; say whether the empty one came."""
        data, at, head = self._data, self._at, INTEGER.size
        found: list[bytes] = []
        size = 1
        while size and at + head <= len(data):
            sign, size = INTEGER.unpack_from(data, at)
            end = at + head + size
            if sign or end > len(data):
                break
            found.append(data[at + head : end])
            at = end
        self._at = at
        return found, not size

    def _size(self) -> int:
        size = self.integer()
        if size > _LONGEST:
            raise damaged(self.place)
        return size

    def _more(self) -> bool:
        """Read another block, or as much as is held; return whether there was any."""
        rest = self._data[self._at :]
        block = self._source.read(max(CHUNK, len(rest)))
        self._byte += self._at
        self._data, self._at = rest + block, 0
        return bool(block)


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
        self._put(_type(entry) + integer(entry.number))

    def _end(self) -> None:
        if self._entry and self._entry.kind not in BLOBS:
            self._put_chunks(self._compressor.flush())
            self._put(integer(0))

    def _put_chunks(self, data: bytes | memoryview) -> None:
        packed = memoryview(data)
        for at in range(0, len(packed), CHUNK):
            chunk = packed[at : at + CHUNK]
            self._put(integer(len(chunk)))
            self._put(chunk)

    def _put(self, data: bytes | memoryview) -> None:
        self._target.write(data)


def integer(value: int) -> bytes:
    """Return how an archive writes *value*: a sign, then its bytes from the lowest."""
    return INTEGER.pack(0, value)


def _type(entry: Entry | None) -> bytes:
    """Return the type of the data of *entry*, empty when there is none."""
    if entry is None:
        return b""
    return LARGE_OBJECTS if entry.kind in BLOBS else DATA
