from __future__ import annotations

import gzip
import io
import zlib
from typing import TYPE_CHECKING

import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.dumps.compression import (
    BLOCK,
    Method,
    decompressed,
    method_named,
    method_of,
    reading,
    stream,
    writing,
)
from anonymizer.errors import DumpError
from tests.dumped import damaged

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import BinaryIO

PACKED = [method for method in Method if method is not Method.NONE]
TEXT = b"".join(b"%d\t%d\tbar baz\n" % (n, n * 7919 % 10007) for n in range(20_000))


def packed(data: bytes, method: Method) -> bytes:
    target = io.BytesIO()
    with writing(target, method) as writer:
        for at in range(0, len(data), 70_000):
            writer.write(memoryview(data)[at : at + 70_000])
    return target.getvalue()


def unpacked(data: bytes, method: Method, size: int = BLOCK) -> bytes:
    parts = (data[at : at + size] for at in range(0, len(data), size))
    return b"".join(decompressed(parts, method))


@pytest.mark.parametrize("method", Method)
@given(st.binary(max_size=300), st.integers(1, 50))
def test_what_is_packed_comes_back_however_it_is_cut(
    method: Method, data: bytes, size: int
) -> None:
    assert unpacked(packed(data, method), method, size) == data


@pytest.mark.parametrize("method", [Method.NONE, Method.GZIP, Method.ZSTD, Method.LZ4])
def test_the_first_bytes_tell_the_method(method: Method) -> None:
    data = packed(TEXT, method)

    assert method_of(data[:6]) is method
    assert reading(io.BytesIO(data)).read() == TEXT
    assert reading(io.BytesIO(b"")).read() == b""


def test_a_name_tells_the_method() -> None:
    names = ("a.sql", "a.sql.gz", "a.zst", "a.tar.lz4", "gz")

    assert [method_named(each).value for each in names] == ["", ".gz", ".zst", ".lz4", ""]


@pytest.mark.parametrize("method", PACKED)
def test_members_follow_each_other(method: Method) -> None:
    data = packed(TEXT, method) + packed(b"", method) + packed(b"more", method)

    assert unpacked(data, method) == TEXT + b"more"
    assert unpacked(data, method, 1000) == TEXT + b"more"


@pytest.mark.parametrize("method", PACKED)
def test_what_is_much_smaller_packed_comes_a_block_at_a_time(method: Method) -> None:
    data = packed(bytes(30 * BLOCK), method)
    sizes = [len(each) for each in decompressed([data], method)]

    assert sum(sizes) == 30 * BLOCK
    assert max(sizes) <= BLOCK


@pytest.mark.parametrize("method", PACKED)
def test_a_truncated_stream_is_refused(method: Method) -> None:
    data = packed(TEXT, method)
    for at in (1, 5, len(data) // 2, len(data) - 5, len(data) - 1):
        with pytest.raises(DumpError, match="too early") as caught:
            unpacked(data[:at], method)
        assert caught.value.hint


@pytest.mark.parametrize("method", PACKED)
def test_damage_is_an_error_or_changes_nothing(method: Method) -> None:
    data = packed(TEXT, method)
    for each in damaged(data, 200):
        assert refused_or(each, method) in (None, b"", TEXT)


def refused_or(data: bytes, method: Method) -> bytes | None:
    try:
        return unpacked(data, method)
    except DumpError:
        return None


@pytest.mark.parametrize("method", PACKED)
def test_what_follows_the_end_is_refused(method: Method) -> None:
    with pytest.raises(DumpError):
        unpacked(packed(TEXT, method) + b"something else", method)


def test_zeros_after_gzip_are_padding() -> None:
    assert unpacked(packed(TEXT, Method.GZIP) + bytes(1000), Method.GZIP, 100) == TEXT


def test_other_programs_and_libraries_read_it_and_write_it() -> None:
    assert gzip.decompress(packed(TEXT, Method.GZIP)) == TEXT
    assert zlib.decompress(packed(TEXT, Method.ZLIB)) == TEXT
    assert unpacked(gzip.compress(TEXT), Method.GZIP) == TEXT
    assert unpacked(zlib.compress(TEXT), Method.ZLIB) == TEXT
    assert unpacked(zstandard.compress(TEXT), Method.ZSTD) == TEXT


@pytest.mark.parametrize("head", [b"BZh91AY", b"\xfd7zXZ\x00", b"PK\x03\x04__"])
def test_other_packings_are_refused_with_a_way(head: bytes) -> None:
    with pytest.raises(DumpError, match="packed with") as caught:
        method_of(head)

    assert caught.value.hint


def test_an_error_of_the_disk_stays_what_it_is() -> None:
    for method in PACKED:
        with pytest.raises(OSError, match="disk"):
            reading(broken(), method).read()


def broken() -> BinaryIO:
    def parts() -> Iterator[bytes]:
        yield packed(TEXT, Method.GZIP)[:3]
        raise OSError(5, "the disk is broken")

    return stream(parts())
