"""Objects loaded by SQL in text: what it has of converted columns is as it is stored."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event, orm

_converted: WeakKeyDictionary[orm.Mapper[Any], set[str]] = WeakKeyDictionary()
"""Mapper → its attributes that read as something else than their column."""


def distrust_text(mapper: orm.Mapper[Any], *keys: str) -> None:
    """Let the attributes *keys* of objects that SQL in text loads be asked for by a query."""
    if not _converted:
        event.listen(orm.Session, "do_orm_execute", _defer)
    _converted.setdefault(mapper, set()).update(keys)


def _defer(state: orm.ORMExecuteState) -> None:
    """Leave the converted attributes out of what is taken from SQL in text."""
    if not state.is_from_statement:
        return
    statement: Any = state.statement
    if isinstance(statement.element, sa.TextClause | sa.TextualSelect):
        for mapper in state.all_mappers:
            keys = {key for each in mapper.iterate_to_root() for key in _converted.get(each, ())}
            later = (orm.defer(getattr(mapper.class_, key)) for key in keys)
            statement = statement.options(*later)
        state.statement = statement
