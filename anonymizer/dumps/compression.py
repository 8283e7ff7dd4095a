"""Compression: what a dump is packed in, told by its first bytes; read and written as a stream.

gzip goes through isal, which is several times faster than zlib; zstd and lz4 are read
through pyarrow, which holds a block of the output whatever the ratio is.
"""

from __future__ import annotations

import io
import os
from contextlib import contextmanager
from enum import Enum
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias, cast

import lz4.frame
import pyarrow as pa
import zstandard
from isal import igzip_lib, isal_zlib
from typing_extensions import Buffer, override

from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

BLOCK = 1 << 20
"""Bytes that are read at once, and about as many as one step gives."""
HEAD = 6
"""Bytes that tell the method."""
_GZIP_WINDOW, _ZLIB_WINDOW = 31, 15
_FAST = 1
_ERRORS = cast(
    "tuple[type[Exception], ...]",
    (igzip_lib.IsalError, pa.ArrowException, EOFError, OSError),
)

Chunks: TypeAlias = "Iterable[bytes]"
"""A stream of bytes, cut anywhere."""


class Method(Enum):
    """How bytes are packed; the value is what its files are called after."""

    NONE = ""
    GZIP = ".gz"
    ZLIB = ".zlib"
    """What gzip packs, in a lighter wrapping: inside archives of pg_dump."""
    ZSTD = ".zst"
    LZ4 = ".lz4"


_MAGIC = {
    b"\x1f\x8b": Method.GZIP,
    b"\x28\xb5\x2f\xfd": Method.ZSTD,
    b"\x04\x22\x4d\x18": Method.LZ4,
}
_UNKNOWN = {b"BZh": "bzip2", b"\xfd7zXZ\x00": "xz", b"PK\x03\x04": "zip"}
_WRAPPINGS = {Method.GZIP: igzip_lib.DECOMP_GZIP, Method.ZLIB: igzip_lib.DECOMP_ZLIB}


class Compressor(Protocol):
    """Packs a stream, a part at a time."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        """Take the next *data*, return what is ready."""

    def flush(self) -> bytes:
        """Return the rest: nothing comes after it."""


def method_of(head: bytes) -> Method:
    """Return how a file that begins with *head*, six bytes or more, is packed.

    Raises DumpError for a packing that is known and not read.
    """
    for magic, name in _UNKNOWN.items():
        if head.startswith(magic):
            raise DumpError(
                f"the dump is packed with {name}; gzip, zstd and lz4 are read",
                hint=f"unpack it with {name}, or pipe it through it",
            )
    return next((method for magic, method in _MAGIC.items() if head.startswith(magic)), Method.NONE)


def method_named(name: str) -> Method:
    """Return how a file called *name* is to be packed: as its ending says."""
    return next((each for each in _MAGIC.values() if name.endswith(each.value)), Method.NONE)


def chunks(source: BinaryIO) -> Iterator[bytes]:
    """Yield all of *source*, a block at a time."""
    while block := source.read(BLOCK):
        yield block


def reading(source: BinaryIO, method: Method | None = None) -> BinaryIO:
    """Return a stream of what *source* holds, unpacked; the first bytes tell *method* by default.

    Its reads raise DumpError for what is damaged or ends too early.
    """
    head, source = ahead(source, HEAD)
    method = method or method_of(head)
    return source if method is Method.NONE else stream(decompressed(chunks(source), method))


def ahead(source: BinaryIO, size: int) -> tuple[bytes, BinaryIO]:
    """Return the next *size* bytes of *source*, and a stream that begins with them."""
    head = source.read(size)
    if not source.seekable():
        return head, stream(_chained(head, source))
    source.seek(-len(head), os.SEEK_CUR)  # what is a file need not be copied once more
    return head, source


def stream(parts: Chunks) -> BinaryIO:
    """Return *parts*, one after the other, as a file to read."""
    return cast("BinaryIO", io.BufferedReader(_Stream(iter(parts)), BLOCK))


def decompressed(packed: Chunks, method: Method) -> Iterator[bytes]:
    """Yield what is in *packed*, any number of members, about a block at a time.

    Raises DumpError for what is damaged or ends too early.
    """
    if method is Method.NONE:
        return iter(packed)
    made = _inflated(packed, method) if method in _WRAPPINGS else _read_by_arrow(packed, method)
    return _explained(made, method)


def compressor(method: Method) -> Compressor:
    """Return what packs a stream with *method*, at the level that is quick."""
    if method is Method.GZIP:
        return cast("Compressor", isal_zlib.compressobj(_FAST, wbits=_GZIP_WINDOW))
    if method is Method.ZLIB:
        return cast("Compressor", isal_zlib.compressobj(_FAST, wbits=_ZLIB_WINDOW))
    if method is Method.ZSTD:
        return zstandard.ZstdCompressor(level=_FAST, write_checksum=True).compressobj()
    return _LZ4() if method is Method.LZ4 else _Plain()


@contextmanager
def writing(target: BinaryIO, method: Method) -> Iterator[Writer]:
    """Give what packs all that is written to it into *target*, which stays open."""
    writer = Writer(target, method)
    yield writer
    writer.finish()


class Writer:
    """A stream to write to, packed on its way; *finish* writes its end."""

    def __init__(self, target: BinaryIO, method: Method) -> None:
        self._target = target
        self._compressor = compressor(method)

    def write(self, data: bytes | memoryview) -> None:
        """Pack *data*."""
        if packed := self._compressor.compress(data):
            self._target.write(packed)

    def finish(self) -> None:
        """Write what is left, and the end."""
        self._target.write(self._compressor.flush())


class _Plain:
    """Packs nothing."""

    def compress(self, data: bytes | memoryview, /) -> bytes:
        return cast("bytes", data)

    def flush(self) -> bytes:
        return b""


class _LZ4:
    """One frame of lz4."""

    def __init__(self) -> None:
        self._frame = lz4.frame.LZ4FrameCompressor(content_checksum=True)
        self._begin: bytes = self._frame.begin()

    def compress(self, data: bytes | memoryview, /) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + cast("bytes", self._frame.compress(data))

    def flush(self) -> bytes:
        begin, self._begin = self._begin, b""
        return begin + cast("bytes", self._frame.flush())


class _Stream(io.RawIOBase):
    """A file to read, made of parts."""

    def __init__(self, parts: Iterator[bytes]) -> None:
        self._parts = filter(None, parts)
        self._part = memoryview(b"")

    @override
    def readable(self) -> bool:
        return True

    @override
    def readinto(self, buffer: Buffer, /) -> int:
        room = memoryview(buffer)
        while room and (part := self._part or memoryview(next(self._parts, b""))):
            size = min(len(room), len(part))
            room[:size] = part[:size]
            room, self._part = room[size:], part[size:]
        return len(memoryview(buffer)) - len(room)


def _chained(head: bytes, source: BinaryIO) -> Iterator[bytes]:
    yield head
    yield from chunks(source)


def _inflated(packed: Chunks, method: Method) -> Iterator[bytes]:
    """Yield what is in members of gzip or zlib; zeros after a member are padding."""
    member = None
    for each in packed:
        data = each
        while data or member:
            if member is None and not (data := data.lstrip(b"\0")):
                break
            member = member or igzip_lib.IgzipDecompressor(flag=_WRAPPINGS[method])
            if made := member.decompress(data, BLOCK):
                yield made
            if not member.eof and member.needs_input:
                break
            data, member = (member.unused_data, None) if member.eof else (b"", member)
    if member:
        raise EOFError


def _read_by_arrow(packed: Chunks, method: Method) -> Iterator[bytes]:
    name = {Method.ZSTD: "zstd", Method.LZ4: "lz4"}[method]
    unpacked = pa.CompressedInputStream(pa.PythonFile(stream(packed), mode="r"), name)
    while block := unpacked.read(BLOCK):
        yield block


def _explained(made: Iterator[bytes], method: Method) -> Iterator[bytes]:
    """Yield *made*; what the libraries raise says where it is wrong, in their own ways."""
    try:
        yield from made
    except _ERRORS as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise
        early = isinstance(error, EOFError) or "runcated" in str(error)
        problem = "ends too early" if early else "is damaged"
        raise DumpError(
            f"what is packed with {method.name.lower()} {problem}",
            hint="copy the dump again, or make it again",
        ) from error
