"""Kinds: the types of SQLAlchemy and of databases say what values are."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import mysql, postgresql
from typing_extensions import override

from anonymizer.column import Kind
from anonymizer.plan.kinds import Facts, facts_of, facts_of_name, is_alike

MYSQL, POSTGRESQL, SQLITE = (
    sa.make_url(f"{each}://").get_dialect()() for each in ("mysql", "postgresql", "sqlite")
)


class Money(sa.TypeDecorator[Any]):
    impl = sa.Numeric(10, 2)
    cache_ok = True


class Wrapped(sa.TypeDecorator[Any]):
    impl = Money
    cache_ok = True


class Either(sa.TypeDecorator[Any]):
    impl = sa.Text
    cache_ok = True

    @override
    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(
            postgresql.JSONB() if dialect.name == "postgresql" else sa.Text()
        )


@pytest.mark.parametrize(
    ("given", "facts"),
    [
        (sa.String(20), Facts(kind=Kind.TEXT, length=20)),
        (
            sa.String(9, collation="utf8mb4_general_ci"),
            Facts(kind=Kind.TEXT, length=9, folds_case=True),
        ),
        (sa.SmallInteger(), Facts(kind=Kind.INTEGER, bits=16)),
        (sa.Integer(), Facts(kind=Kind.INTEGER, bits=32)),
        (sa.BigInteger(), Facts(kind=Kind.INTEGER, bits=64)),
        (mysql.TINYINT(), Facts(kind=Kind.INTEGER, bits=8)),
        (mysql.MEDIUMINT(), Facts(kind=Kind.INTEGER, bits=24)),
        (mysql.YEAR(), Facts(kind=Kind.INTEGER, bits=16)),
        (mysql.LONGTEXT(), Facts(kind=Kind.TEXT)),
        (mysql.DATETIME(fsp=6), Facts(kind=Kind.DATETIME)),
        (mysql.BIT(8), Facts(kind=Kind.OTHER, length=8)),
        (mysql.ENUM("a", "b"), Facts(kind=Kind.TEXT, values=("a", "b"))),
        (mysql.SET("a", "b"), Facts(kind=Kind.TEXT)),
        (sa.Numeric(8, 3), Facts(kind=Kind.NUMBER, scale=3, precision=8)),
        (sa.Float(), Facts(kind=Kind.NUMBER)),
        (sa.Double(), Facts(kind=Kind.NUMBER)),
        (sa.Boolean(), Facts(kind=Kind.BOOLEAN)),
        (sa.Date(), Facts(kind=Kind.DATE)),
        (sa.DateTime(timezone=True), Facts(kind=Kind.DATETIME)),
        (sa.Time(), Facts(kind=Kind.TIME)),
        (sa.Interval(), Facts(kind=Kind.OTHER)),
        (sa.Uuid(), Facts(kind=Kind.UUID)),
        (sa.LargeBinary(16), Facts(kind=Kind.BINARY, length=16)),
        (sa.Enum("x", "y", name="e"), Facts(kind=Kind.TEXT, values=("x", "y"))),
        (postgresql.UUID(), Facts(kind=Kind.UUID)),
        (postgresql.INET(), Facts(kind=Kind.TEXT)),
        (postgresql.MACADDR(), Facts(kind=Kind.TEXT)),
        (postgresql.JSONB(), Facts(kind=Kind.JSON)),
        (postgresql.ARRAY(sa.Text), Facts(kind=Kind.ARRAY)),
        (postgresql.HSTORE(), Facts(kind=Kind.OTHER)),
        (postgresql.CITEXT(), Facts(kind=Kind.TEXT, folds_case=True)),
        (postgresql.BYTEA(), Facts(kind=Kind.BINARY)),
        (postgresql.BIT(4), Facts(kind=Kind.OTHER, length=4)),
        (postgresql.INTERVAL(), Facts(kind=Kind.OTHER)),
        (postgresql.TSVECTOR(), Facts(kind=Kind.OTHER)),
        (sa.types.NullType(), Facts(kind=Kind.OTHER)),
        (Money(), Facts(kind=Kind.NUMBER, precision=10, scale=2)),
        (Wrapped(), Facts(kind=Kind.NUMBER, precision=10, scale=2)),
        (Either(), Facts(kind=Kind.TEXT)),
    ],
    ids=repr,
)
def test_types_of_sqlalchemy(given: sa.types.TypeEngine[Any], facts: Facts) -> None:
    assert facts_of(given) == facts


def test_a_dialect_says_which_variant_counts() -> None:
    varied = sa.String(20).with_variant(mysql.BIGINT(), "mysql")

    assert facts_of(varied, MYSQL).bits == 64
    assert facts_of(varied, POSTGRESQL).length == 20
    assert facts_of(Either(), POSTGRESQL).kind is Kind.JSON
    assert facts_of(Either(), SQLITE).kind is Kind.TEXT


@pytest.mark.parametrize(
    ("written", "facts"),
    [
        ("character varying(20)", Facts(kind=Kind.TEXT, length=20)),
        ("VARCHAR(20) COLLATE utf8mb4_bin", Facts(kind=Kind.TEXT, length=20)),
        ("character(2)", Facts(kind=Kind.TEXT, length=2)),
        ("text", Facts(kind=Kind.TEXT)),
        ("bigint", Facts(kind=Kind.INTEGER, bits=64)),
        ("int(10) unsigned", Facts(kind=Kind.INTEGER, bits=32)),
        ("bigint unsigned", Facts(kind=Kind.INTEGER, bits=64)),
        ("double precision", Facts(kind=Kind.NUMBER)),
        ("numeric(12,2)", Facts(kind=Kind.NUMBER, precision=12, scale=2)),
        ("decimal(5)", Facts(kind=Kind.NUMBER, precision=5, scale=0)),
        ("timestamp(6) without time zone", Facts(kind=Kind.DATETIME)),
        ("timestamp with time zone", Facts(kind=Kind.DATETIME)),
        ("time with time zone", Facts(kind=Kind.TIME)),
        ("boolean", Facts(kind=Kind.BOOLEAN)),
        ("bytea", Facts(kind=Kind.BINARY)),
        ("varbinary(16)", Facts(kind=Kind.BINARY, length=16)),
        ("jsonb", Facts(kind=Kind.JSON)),
        ("text[]", Facts(kind=Kind.ARRAY)),
        ("character varying(5)[]", Facts(kind=Kind.ARRAY)),
        ("enum('A','b''c')", Facts(kind=Kind.TEXT, values=("A", "b'c"))),
        ("public.citext", Facts(kind=Kind.TEXT, folds_case=True)),
        ("uuid", Facts(kind=Kind.UUID)),
        ("app.mood", Facts(kind=Kind.OTHER)),
        ("tsvector", Facts(kind=Kind.OTHER)),
        ("", Facts(kind=Kind.OTHER)),
    ],
)
def test_types_as_databases_write_them(written: str, facts: Facts) -> None:
    assert facts_of_name(written) == facts


def test_what_a_database_writes_for_another_kind() -> None:
    assert is_alike(Kind.UUID, Kind.TEXT)
    assert is_alike(Kind.BOOLEAN, Kind.INTEGER)
    assert is_alike(Kind.OTHER, Kind.DATE)
    assert not is_alike(Kind.INTEGER, Kind.TEXT)
    assert not is_alike(Kind.DATE, Kind.DATETIME)
