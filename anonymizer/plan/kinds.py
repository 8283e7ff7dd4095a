"""Kinds: what the values of a column are, by its type in SQLAlchemy or in a database."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from anonymizer.column import Kind

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """What a type says of the values of a column."""

    kind: Kind
    length: int | None = None
    bits: int | None = None
    scale: int | None = None
    precision: int | None = None
    """Digits of a NUMBER, those after the point with them."""
    values: tuple[str, ...] = ()
    """All that an Enum may be."""
    folds_case: bool = False
    """Whether values are equal that differ in case only."""


_KINDS: tuple[tuple[tuple[type[Any], ...], Kind], ...] = (
    ((sa.Boolean,), Kind.BOOLEAN),
    ((sa.Integer,), Kind.INTEGER),
    ((sa.Numeric, sa.Float), Kind.NUMBER),
    ((sa.DateTime,), Kind.DATETIME),
    ((sa.Date,), Kind.DATE),
    ((sa.Time,), Kind.TIME),
    ((sa.Uuid,), Kind.UUID),
    ((sa.LargeBinary, sa.BINARY, sa.VARBINARY), Kind.BINARY),
    ((sa.JSON,), Kind.JSON),
    ((sa.ARRAY,), Kind.ARRAY),
    ((sa.String,), Kind.TEXT),
)
_OWN = {
    **dict.fromkeys(("YEAR", "OID"), Kind.INTEGER),
    **dict.fromkeys(("INET", "CIDR", "MACADDR", "MACADDR8"), Kind.TEXT),
}
"""Types that one database has, as SQLAlchemy calls them: to import them all takes a while."""
_BITS = {"TINYINT": 8, "YEAR": 16, "MEDIUMINT": 24, "small_integer": 16, "big_integer": 64}


def facts_of(given: TypeEngine[Any], dialect: sa.Dialect | None = None) -> Facts:
    """Return what the type *given* says, as it is on *dialect* where one is known."""
    if isinstance(given, sa.Interval):
        # Where a database has none it is written as the moment so long after 1970.
        return Facts(kind=Kind.OTHER)
    found = _bare(given, dialect)
    made: Any = type(found)
    kind = _kind_of(made)
    values = tuple(found.enums) if isinstance(found, sa.Enum) else ()
    if kind is Kind.INTEGER:
        return Facts(
            kind=kind, bits=next((_BITS[each] for each in _names(made) if each in _BITS), 32)
        )
    if kind is Kind.NUMBER:
        scale, precision = getattr(found, "scale", None), getattr(found, "precision", None)
        is_exact = not isinstance(found, sa.Float)
        return Facts(kind=kind, scale=scale, precision=precision if is_exact else None)
    collation = str(getattr(found, "collation", None) or "").lower()
    folds = "CITEXT" in _names(made) or collation.endswith(("_ci", "nocase"))
    has_length = not values and "SET" not in _names(made)
    length = getattr(found, "length", None) if has_length else None
    return Facts(kind=kind, length=length, values=values, folds_case=folds)


@cache
def _kind_of(given: type) -> Kind:
    for types, kind in _KINDS:
        if issubclass(given, types):
            return kind
    return next((_OWN[each] for each in _names(given) if each in _OWN), Kind.OTHER)


@cache
def _names(given: type) -> tuple[str, ...]:
    """Return what SQLAlchemy calls the type *given*, and those that it is one of."""
    found = (vars(each).get("__visit_name__") for each in given.__mro__)
    return tuple(each for each in found if isinstance(each, str))


def _bare(given: TypeEngine[Any], dialect: sa.Dialect | None) -> TypeEngine[Any]:
    """Return the type that *given* is underneath: without decorators, of *dialect*."""
    found = given.dialect_impl(dialect) if dialect is not None else given
    while isinstance(found, TypeDecorator):
        inner = found.load_dialect_impl(dialect) if dialect is not None else found.impl
        found = inner if isinstance(inner, TypeEngine) else inner()
    return found


_NAMED: dict[str, tuple[Kind, int | None]] = {
    **dict.fromkeys(("bool", "boolean"), (Kind.BOOLEAN, None)),
    **dict.fromkeys(("tinyint",), (Kind.INTEGER, 8)),
    **dict.fromkeys(("smallint", "int2", "smallserial", "year"), (Kind.INTEGER, 16)),
    **dict.fromkeys(("mediumint",), (Kind.INTEGER, 24)),
    **dict.fromkeys(("int", "integer", "int4", "serial", "oid"), (Kind.INTEGER, 32)),
    **dict.fromkeys(("bigint", "int8", "bigserial"), (Kind.INTEGER, 64)),
    **dict.fromkeys(("numeric", "decimal", "dec", "real", "float"), (Kind.NUMBER, None)),
    **dict.fromkeys(("float4", "float8", "double", "double precision"), (Kind.NUMBER, None)),
    "date": (Kind.DATE, None),
    **dict.fromkeys(("datetime", "timestamp", "timestamptz"), (Kind.DATETIME, None)),
    **dict.fromkeys(("time", "timetz"), (Kind.TIME, None)),
    "uuid": (Kind.UUID, None),
    **dict.fromkeys(("bytea", "blob", "tinyblob", "mediumblob"), (Kind.BINARY, None)),
    **dict.fromkeys(("longblob", "binary", "varbinary"), (Kind.BINARY, None)),
    **dict.fromkeys(("json", "jsonb"), (Kind.JSON, None)),
    **dict.fromkeys(("char", "character", "varchar", "character varying"), (Kind.TEXT, None)),
    **dict.fromkeys(("bpchar", "nchar", "nvarchar", "clob", "name"), (Kind.TEXT, None)),
    **dict.fromkeys(("text", "tinytext", "mediumtext", "longtext", "citext"), (Kind.TEXT, None)),
    **dict.fromkeys(("inet", "inet4", "inet6", "cidr"), (Kind.TEXT, None)),
    **dict.fromkeys(("macaddr", "macaddr8", "enum", "set"), (Kind.TEXT, None)),
}
_TYPE = re.compile(
    r"\s*([A-Za-z_][\w ]*?)\s*(?:\(([^)]*)\)|$|\s(?=unsigned|with|without|char|coll))"
)
_VALUE = re.compile(r"'((?:[^']|'')*)'")
_SCHEMA = re.compile(r'^(?:pg_catalog|public)\.|^"|"$')


def facts_of_name(written: str) -> Facts:
    """Return what a type as a database writes it says: "character varying(20)", "int[]"."""
    text = _SCHEMA.sub("", written.strip().lower())
    match = _TYPE.match(text.removesuffix("[]"))
    if text.endswith("]") or match is None:
        return Facts(kind=Kind.ARRAY if match else Kind.OTHER)
    name = match[1]
    kind, bits = _NAMED.get(name, (Kind.OTHER, None))
    numbers = [int(each) for each in re.findall(r"\d+", match[2] or "")]
    if kind is Kind.NUMBER:
        return _number(name, numbers)
    # A value of an enum may have digits in it, and its letters as they are written.
    values = _VALUE.findall(written) if name == "enum" else ()
    sized = kind in {Kind.TEXT, Kind.BINARY} and name not in {"enum", "set"}
    return Facts(
        kind=kind,
        bits=bits,
        length=numbers[0] if numbers and sized else None,
        values=tuple(each.replace("''", "'") for each in values),
        folds_case=name == "citext",
    )


def _number(name: str, numbers: Sequence[int]) -> Facts:
    if not numbers or name in {"float", "double", "real", "double precision"}:
        return Facts(kind=Kind.NUMBER)
    scale = numbers[1] if len(numbers) > 1 else 0
    return Facts(kind=Kind.NUMBER, precision=numbers[0], scale=scale)


_ALIKE = (
    {Kind.TEXT, Kind.JSON, Kind.UUID},
    {Kind.INTEGER, Kind.BOOLEAN},
    {Kind.BINARY, Kind.UUID},
)


def is_alike(first: Kind, second: Kind) -> bool:
    """Return whether a database may write values of one kind for those of the other."""
    either = {first, second}
    return first is second or Kind.OTHER in either or any(either <= group for group in _ALIKE)
