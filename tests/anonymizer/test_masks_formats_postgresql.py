"""What PostgreSQL writes is masked, and what becomes of it is what PostgreSQL writes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from anonymizer.column import Kind
from anonymizer.masks.find import mask_of
from tests.anonymizer.masking import column, decided, masked

if TYPE_CHECKING:
    from anonymizer.column import Column
    from tests.databases import Database

INET = ["192.0.2.1", "192.0.2.0/24", "::1", "2001:db8::/32", "::ffff:10.0.0.1", "10.1.2.3/8", "::"]
MOMENTS = ["2024-02-29 12:30:45.123456+02", "infinity", "-infinity", "0044-03-15 01:02:03 BC"]
CASES: list[tuple[str, str, dict[str, Any], Column, list[str]]] = [
    ("inet", "ip", {}, column(Kind.OTHER), INET),
    ("cidr", "ip", {}, column(Kind.OTHER), ["10.0.0.0/8", "192.0.2.1/32", "2001:db8::/48", "::/0"]),
    ("macaddr", "mac", {}, column(Kind.OTHER), ["08:00:2b:01:02:03", "aabb.ccdd.eeff"]),
    ("macaddr8", "mac", {"keep_vendor": True}, column(Kind.OTHER), ["08:00:2b:01:02:03:04:05"]),
    ("uuid", "uuid", {}, column(Kind.UUID), ["a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    ("int2", "integer", {}, column(Kind.INTEGER, bits=16), ["1", "32767", "-32768", "0"]),
    ("int8", "integer", {}, column(Kind.INTEGER, bits=64), ["1", "9223372036854775807", "-5"]),
    (
        "date",
        "date",
        {},
        column(Kind.DATE),
        ["2024-02-29", "infinity", "0044-03-15 BC", "12024-01-01"],
    ),
    ("timestamptz", "date_time", {}, column(Kind.DATETIME), MOMENTS),
    ("timestamp", "date_time", {}, column(Kind.DATETIME), ["2024-02-29 12:30:45.5", "infinity"]),
    ("numeric(5,2)", "noise", {}, column(Kind.NUMBER, scale=2), ["999.99", "0.01", "-5", "NaN"]),
    ("numeric", "noise", {}, column(Kind.NUMBER), ["1" * 40 + ".5", "0." + "0" * 30 + "12"]),
    ("float8", "noise", {}, column(Kind.NUMBER), ["1e-05", "1e+300", "-0.1", "Infinity", "12"]),
    ("text[]", "array", {"of": decided("token")}, column(Kind.ARRAY), ['{a,"b c",NULL,"d\\"e"}']),
    (
        "int[]",
        "array",
        {"of": decided("digits")},
        column(Kind.ARRAY),
        ["[0:1][3:4]={{11,22},{33,NULL}}"],
    ),
    ("inet[]", "array", {"of": decided("ip")}, column(Kind.ARRAY), ["{10.0.0.1,::1}"]),
    (
        "jsonb",
        "json",
        {"paths": {"$.a[*].b": decided("token"), "$.n": decided("noise")}, "other": "keep"},
        column(Kind.JSON),
        ['{"a": [{"b": "x\\ty"}, {"b": null}], "n": 12.50, "é": [true]}'.replace("\\t", "-")],
    ),
]


@pytest.mark.parametrize("database", ["postgresql"], indirect=True)
def test_postgresql_takes_what_the_masks_give(database: Database) -> None:
    with database.engine().connect() as connection:
        for type_, mask, options, on, values in CASES:
            before = written(connection, type_, [each.encode() for each in values])
            after = masked(mask_of(decided(mask, **options)), before, of=on)
            assert written(connection, type_, after) == after, type_
            assert len(set(after)) == len(before)
            assert any(each not in after for each in before), type_


def written(connection: sa.Connection, type_: str, values: list[bytes]) -> list[bytes]:
    """Return how PostgreSQL writes *values* of a type."""
    query = sa.text(f"SELECT CAST(CAST(:value AS {type_}) AS text)")
    return [
        str(connection.execute(query, {"value": each.decode()}).scalar_one()).encode()
        for each in values
    ]
