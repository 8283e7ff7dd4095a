"""Decisions that stand outside of models: what a policy file says, read and checked."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.column import Reference, TableName

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.markup import Decision

Types: TypeAlias = "Mapping[str | type, Said]"
"""Decisions by a type: a class of Python or SQLAlchemy, the name of one, or of a Kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Said:
    """A decision, and where it is written."""

    decision: Decision
    place: str


@dataclass(frozen=True, slots=True, kw_only=True)
class TableDecisions:
    """What a policy says of one table; of one without models it may say the types as well."""

    place: str
    columns: Mapping[str, Said] = field(default_factory=dict)
    types: Mapping[str, str] = field(default_factory=dict)
    """As a database writes them: "varchar(20)"."""
    keys: tuple[tuple[str, ...], ...] = ()
    references: tuple[Reference, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Decisions:
    """Everything that a policy says."""

    tables: Mapping[TableName, TableDecisions] = field(default_factory=dict)
    names: Mapping[str, Said] = field(default_factory=dict)
    """Defaults by a name of columns, or a pattern of names with * and ?."""
    types: Types = field(default_factory=dict)
    keep: Mapping[str, str] = field(default_factory=dict)
    """What passes although it holds data and is no column, of `passed.KEEPABLE`, and why."""


_PART = r'(?:"((?:[^"]|"")+)"|([^".]+))'
_NAME = re.compile(rf"(?:{_PART}\.)?{_PART}")


def table_name(written: str) -> TableName:
    """Return the table that *written* names, as users, public.users or public."Us.ers".

    Raises ValueError when it is none of these.
    """
    match = _NAME.fullmatch(written.strip())
    if match is None:
        raise ValueError(f'{written!r} is no name of a table, expected schema.table or "a.b".c')
    schema = _unquoted(match[1]) or match[2]
    return TableName(schema, _unquoted(match[3]) or match[4])


def _unquoted(part: str | None) -> str | None:
    return None if part is None else part.replace('""', '"')
