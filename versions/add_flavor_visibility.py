"""Merge flavors.disabled and is_public into visibility; no contract is due yet."""

import sqlalchemy as sa

from migrator import Row, expression, merge


def visibility(row: Row) -> sa.ColumnElement[str]:
    """Return the word for what the columns of a flavor say."""
    return sa.case(
        (row.disabled.is_(True), "disabled"), (row.is_public.is_(False), "private"), else_="public"
    )


def visibility_of(row: Row) -> str:
    """Return the word for what the values of a flavor say."""
    if row.disabled:
        return "disabled"
    return "private" if row.is_public is False else "public"


flavor_visibility = merge(
    "flavors",
    ("disabled", "is_public"),
    to="visibility",
    up=expression(sql=visibility, python=visibility_of),
    types={"disabled": sa.Boolean(), "is_public": sa.Boolean()},
)


def expand(op):
    op.add_column("flavors", sa.Column("visibility", sa.String(16)))
