"""Forms: the ways to write a value that are taken one by one: functions, prefixes, hexadecimal."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from anonymizer.column import Kind
from anonymizer.dumps.dialect import Blobs
from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from anonymizer.dumps.dialect import Dialect

BARE = (Kind.INTEGER, Kind.NUMBER, Kind.BOOLEAN)
"""Kinds that are written without quotes."""

_STRING = rb"'((?:[^']|'')*)'"
_HEX = re.compile(rb"(?:0[xX]|[xX]'|CAST\([xX]')([0-9A-Fa-f]*)(?:' AS TEXT\)|'|)")
_BITS = re.compile(rb"[bB]'([01]*)'")
_BINARY = re.compile(rb"_binary '(.*)'", re.DOTALL)
_ESCAPED = re.compile(rb"E'(.*)'", re.DOTALL)
_UNISTR = re.compile(rb"unistr\(" + _STRING + rb"\)", re.DOTALL)
_REPLACE = re.compile(
    rb"replace\((?P<text>.*),'(?P<token>[^']*)',char\((?P<code>\d{1,9})\)\)", re.DOTALL
)
_PLAIN = re.compile(_STRING, re.DOTALL)
_DEEPEST = 8
"""Calls of replace in one another; SQLite's shell writes two."""

_MYSQL_ESCAPE = re.compile(rb"\\(.)|''", re.DOTALL)
_MYSQL = {b"0": b"\0", b"b": b"\b", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"Z": b"\x1a"}
_MYSQL |= {b"%": b"\\%", b"_": b"\\_"}
_MYSQL_TO_ESCAPE = re.compile(rb"[\0\n\r\x1a'\"\\]")
_MYSQL_ESCAPED = {b"\0": b"\\0", b"\n": b"\\n", b"\r": b"\\r", b"\x1a": b"\\Z"}
_POSTGRESQL_ESCAPE = re.compile(
    rb"\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|x([0-9A-Fa-f]{1,2})|([0-7]{1,3})|(.))|''",
    re.DOTALL,
)
_POSTGRESQL = {b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t"}
_SQLITE_ESCAPE = re.compile(rb"\\(?:\+([0-9A-Fa-f]{6})|U([0-9A-Fa-f]{8})|u?([0-9A-Fa-f]{4})|(\\))")


def meaning(text: bytes, kind: Kind, dialect: Dialect) -> bytes:
    """Return the value that *text* writes in one of the dialect's forms."""
    if text in dialect.words:
        return text
    for pattern, read in _READERS:
        if found := pattern.fullmatch(text):
            return read(found, kind, dialect)
    raise DumpError("a value that is not written as this kind of dump writes them")


def _hex(found: re.Match[bytes], kind: Kind, dialect: Dialect) -> bytes:
    """Return bytes, or the number that MySQL takes them for."""
    digits = found[1].decode("ascii")
    value = bytes.fromhex(digits.zfill(len(digits) + len(digits) % 2))
    is_number = kind in BARE and dialect.blobs in (Blobs.HEX, Blobs.BINARY)
    return b"%d" % int.from_bytes(value) if is_number else value


def _bits(found: re.Match[bytes], kind: Kind, dialect: Dialect) -> bytes:
    """Return bits as PostgreSQL's text, or MySQL's bytes or number."""
    if dialect.blobs is Blobs.BYTEA:
        return found[1]
    number = int(found[1] or b"0", 2)
    return b"%d" % number if kind in BARE else number.to_bytes((len(found[1]) + 7) // 8)


def _binary(found: re.Match[bytes], _kind: Kind, dialect: Dialect) -> bytes:
    if not dialect.backslash:
        return found[1].replace(b"''", b"'")
    return _MYSQL_ESCAPE.sub(
        lambda each: _MYSQL.get(each[1], each[1]) if each[1] else b"'", found[1]
    )


def _postgresql(found: re.Match[bytes], _kind: Kind, _dialect: Dialect) -> bytes:
    """Return the text of E'…'."""
    return _POSTGRESQL_ESCAPE.sub(_postgresql_escape, found[1])


def _postgresql_escape(found: re.Match[bytes]) -> bytes:
    if code := found[1] or found[2]:
        return _character(int(code, 16))
    if found[3] or found[4]:
        return bytes([(int(found[3], 16) if found[3] else int(found[4], 8)) & 0xFF])
    return _POSTGRESQL.get(found[5], found[5]) if found[5] else b"'"


def _unistr(found: re.Match[bytes], _kind: Kind, _dialect: Dialect) -> bytes:
    """Return the text of SQLite's unistr('…')."""
    return _SQLITE_ESCAPE.sub(_sqlite_escape, found[1].replace(b"''", b"'"))


def _sqlite_escape(found: re.Match[bytes]) -> bytes:
    code = found[1] or found[2] or found[3]
    return _character(int(code, 16)) if code else b"\\"


def _character(code: int) -> bytes:
    """Return the character *code* in UTF-8."""
    try:
        return chr(code).encode()
    except (OverflowError, ValueError):
        raise DumpError("a value with the number of a character that there is not") from None


def _replace(found: re.Match[bytes], kind: Kind, dialect: Dialect) -> bytes:
    """Return the text of replace('…','token',char(10)); its first may be such a call as well."""
    calls = [found]
    while deeper := _REPLACE.fullmatch(calls[-1]["text"]):
        calls.append(deeper)
        if len(calls) > _DEEPEST:
            raise DumpError("a value in more calls of replace than SQLite writes")
    inner = calls[-1]["text"]
    plain = _PLAIN.fullmatch(inner)
    text = plain[1].replace(b"''", b"'") if plain else meaning(inner, kind, dialect)
    for each in reversed(calls):
        text = text.replace(each["token"], _character(int(each["code"])))
    return text


_READERS: tuple[
    tuple[re.Pattern[bytes], Callable[[re.Match[bytes], Kind, Dialect], bytes]], ...
] = (
    (_HEX, _hex),
    (_BITS, _bits),
    (_BINARY, _binary),
    (_ESCAPED, _postgresql),
    (_UNISTR, _unistr),
    (_REPLACE, _replace),
)


def text(value: bytes, dialect: Dialect) -> bytes:
    """Return how text with one of the dialect's special bytes is written."""
    if dialect.blobs is Blobs.BYTEA:
        return b"E'%s'" % value.replace(b"\\", b"\\\\").replace(b"'", b"''")
    if b"\0" in value:
        return b"CAST(X'%s' AS TEXT)" % value.hex().encode()
    written = b"'%s'" % value.replace(b"'", b"''")
    for letter, code in ((b"\r", 13), (b"\n", 10)):
        if letter in value:
            token = _token(written, code)
            written = b"replace(%s,'%s',char(%d))" % (written.replace(letter, token), token, code)
    return written


def _token(text: bytes, code: int) -> bytes:
    """Return what stands for the character *code* in *text*, and is not in it."""
    number, token = 0, b"\\%03o" % code
    while token in text:
        number += 1
        token = b"(%d.%d)" % (code, number)
    return token


def blob(value: bytes, dialect: Dialect) -> bytes:
    """Return how *value*, bytes of any kind, is written."""
    return _BLOBS[dialect.blobs](value, dialect)


def _binary_string(value: bytes, dialect: Dialect) -> bytes:
    if not dialect.backslash:
        return b"_binary '%s'" % value.replace(b"'", b"''")
    return b"_binary '%s'" % _MYSQL_TO_ESCAPE.sub(
        lambda each: _MYSQL_ESCAPED.get(each[0], b"\\" + each[0]), value
    )


_BLOBS: Mapping[Blobs, Callable[[bytes, Dialect], bytes]] = {
    Blobs.HEX: lambda value, _: b"0x" + value.hex().upper().encode() if value else b"''",
    Blobs.BINARY: _binary_string,
    Blobs.X: lambda value, _: b"X'%s'" % value.hex().encode(),
    Blobs.BYTEA: lambda value, _: b"E'\\\\x%s'" % value.hex().encode(),
}


def bytea(value: bytes) -> bytes:
    """Return the bytes that PostgreSQL's bytea writes as *value*."""
    try:
        if value.startswith(b"\\x"):
            return bytes.fromhex(value[2:].decode("ascii"))
    except ValueError:
        pass
    raise DumpError(
        "a bytea that is not written in hexadecimal",
        hint="dump it with bytea_output = hex, which is PostgreSQL's default",
    )
