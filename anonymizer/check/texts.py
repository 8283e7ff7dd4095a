"""Rule: what passes unchanged, as defaults, comments and names, holds nothing of a person."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

import sqlalchemy as sa

from anonymizer.column import TableName
from anonymizer.finding import Finding
from anonymizer.suggest.money import is_card, is_iban
from anonymizer.suggest.network import is_ip
from anonymizer.suggest.people import is_email, is_phone

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

    from anonymizer.check.context import Context
    from anonymizer.schema import Schema

_SORTS = (
    ("an e-mail address", is_email),
    ("an IBAN", is_iban),
    ("a card number", is_card),
    ("a phone number", is_phone),
    ("an IP address", is_ip),
)
_NOBODYS = re.compile(r"0\.0\.0\.0|127\.\d+\.\d+\.\d+|::1?|.*@(.*\.)?example\.(com|net|org)")
_LOGIN = re.compile(
    r"\b(?:password|passwd|pwd)\s*=\s*[^\s=;$%]|://[^\s/:@]+:[^\s/@]+@", re.IGNORECASE
)
"""What somebody gets in with, as the connection strings of databases have it."""
_LONG = re.compile(r"\+?\d[\d ()./-]{6,}\d")


def check(context: Context) -> Iterator[Finding]:
    """Yield defaults, comments, code and names that look like data of a person."""
    if context.schema is not None:
        yield from looked_at(context.schema)
    for draft in context.drafts.values():
        if draft.source is None:
            continue
        yield from _look(draft.source, None, "comment", draft.source.comment)
        for column in draft.source.columns:
            for what, text in _texts(column):
                yield from _look(draft.source, column.name, what, text)


def looked_at(schema: Schema) -> Iterator[Finding]:
    """Yield what passes unchanged, names of tables and columns too, and looks like data."""
    for each in schema.passed:
        if sort := sort_of(each.text):
            message = (
                f"the {each.what} of {each.name} looks like {sort}, and is in the dump as it is"
            )
            yield Finding(rule="text", severity="warning", message=message)
    yield from _names(schema)


def _names(schema: Schema) -> Iterator[Finding]:
    for table, columns in schema.tables.items():
        for place, name in enumerate((table.name, *columns)):
            if sort := sort_of(name):
                what = f"the name of column {place}" if place else "its name"
                message = f"{what} looks like {sort}, and is in the dump as it is"
                yield Finding(rule="text", severity="warning", table=table, message=message)


def sort_of(text: str) -> str | None:
    """Return what of a person *text* holds, None when it looks like nothing of that kind."""
    if _LOGIN.search(text):
        return "a password"
    parts = [part.strip("'\"<>(),;:.") for part in text.split()]
    for part in [*parts, *_LONG.findall(text), text.strip().strip("'")]:
        for what, is_such in _SORTS:
            if part and is_such(part) and not _NOBODYS.fullmatch(part):
                return what
    return None


def _texts(column: sa.Column[Any]) -> Iterator[tuple[str, str | None]]:
    """Yield what of *column* goes into the dump of its table."""
    yield "comment", column.comment
    if isinstance(column.server_default, sa.DefaultClause):
        yield "default", str(column.server_default.arg)


def _look(table: sa.Table, column: str | None, what: str, text: str | None) -> Iterator[Finding]:
    sort = sort_of(text) if text else None
    if sort is not None:
        yield Finding(
            rule="text",
            severity="warning",
            table=TableName(table.schema, table.name),
            column=column,
            message=f"its {what} looks like {sort}, and is in the dump as it is",
        )
