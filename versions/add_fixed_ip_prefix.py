"""Split fixed_ips.cidr, as 10.0.0.7/24, into address and prefix."""

import sqlalchemy as sa

from migrator import Row, expression, split

DIGITS = 3


def digits(row: Row) -> sa.ColumnElement[int]:
    """Return how many digits follow the slash, spelt so that every database knows it."""
    return sa.case(
        (row.cidr.like("%/_"), 1), (row.cidr.like("%/__"), 2), (row.cidr.like("%/___"), 3)
    )


def address(row: Row) -> sa.ColumnElement[str]:
    """Return what stands before the slash, or all of it where there is none."""
    before = sa.func.substr(row.cidr, 1, sa.func.length(row.cidr) - digits(row) - 1)
    return sa.func.coalesce(before, row.cidr)


def prefix(row: Row) -> sa.ColumnElement[int]:
    """Return the number after the slash, or NULL where there is none."""
    after = sa.func.substr(row.cidr, sa.func.length(row.cidr) - digits(row) + 1)
    return sa.cast(after, sa.Integer)


def cut(cidr: str) -> tuple[str, int | None]:
    """Return what stands before the slash of *cidr*, and the number after it if there is one."""
    before, slash, after = cidr.rpartition("/")
    return (before, int(after)) if slash and 0 < len(after) <= DIGITS else (cidr, None)


fixed_ip_prefix = split(
    "fixed_ips",
    "cidr",
    to={
        "address": expression(sql=address, python=lambda row: cut(row.cidr)[0]),
        "prefix": expression(sql=prefix, python=lambda row: cut(row.cidr)[1]),
    },
    types={"cidr": sa.String(64)},
)


def expand(op):
    op.add_column("fixed_ips", sa.Column("address", sa.String(64)))
    op.add_column("fixed_ips", sa.Column("prefix", sa.Integer()))
