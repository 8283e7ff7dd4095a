"""Rule: defaults and comments, which pass unchanged, hold nothing of a person."""

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

_SORTS = (
    ("an e-mail address", is_email),
    ("an IBAN", is_iban),
    ("a card number", is_card),
    ("a phone number", is_phone),
    ("an IP address", is_ip),
)
_NOBODYS = re.compile(r"0\.0\.0\.0|127\.\d+\.\d+\.\d+|::1?|.*@(.*\.)?example\.(com|net|org)")
_LONG = re.compile(r"\+?\d[\d ()./-]{6,}\d")


def check(context: Context) -> Iterator[Finding]:
    """Yield defaults and comments that look like data of a person."""
    for draft in context.drafts.values():
        if draft.source is None:
            continue
        yield from _look(draft.source, None, "comment", draft.source.comment)
        for column in draft.source.columns:
            for what, text in _texts(column):
                yield from _look(draft.source, column.name, what, text)


def sort_of(text: str) -> str | None:
    """Return what of a person *text* holds, None when it looks like nothing of that kind."""
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
