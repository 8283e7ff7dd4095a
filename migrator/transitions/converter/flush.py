"""What happens in the flush of an object, around the statement that writes its row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.orm import attributes

from migrator.dialects import dialect_of
from migrator.transitions.converter.load import shown_in_python
from migrator.transitions.converter.read import as_stored
from migrator.transitions.converter.stored import column_of
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sqlalchemy import orm
    from sqlalchemy.engine import Connection

    from migrator.transitions.columns import Columns


def keep_loaded(mapper: orm.Mapper[Any], keys: frozenset[str]) -> None:
    """Keep the values of the attributes *keys* when an UPDATE of others takes them along.

    The ORM forgets what SQL computed, although the value is the one that was loaded:
    with AsyncSession, who asks for it next would have to await it.
    """
    kept: WeakKeyDictionary[Any, dict[str, Any]] = WeakKeyDictionary()

    def before(_mapper: object, _connection: object, target: Any) -> None:
        state = sa.inspect(target)
        changed = changed_attributes(target, keys)
        kept[state] = {key: state.dict[key] for key in keys - changed if key in state.dict}

    def after(_mapper: object, _connection: object, target: Any) -> None:
        state = sa.inspect(target)
        for key, value in kept.pop(state, {}).items():
            if key not in state.dict:
                attributes.set_committed_value(target, key, value)

    event.listen(mapper.class_, "before_update", before, propagate=True)
    event.listen(mapper.class_, "after_update", after, propagate=True)


def changed_attributes(target: Any, keys: Iterable[str]) -> set[str]:
    """Return which of the attributes *keys* of an object have another value than was loaded."""
    state = sa.inspect(target)
    touched = set(keys).intersection(state.committed_state)
    return {key for key in touched if state.attrs[key].history.has_changes()}


def write_together(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Write all targets of a conversion in Python when one of them is written.

    The others are converted from the row as it is now, under a lock: the object may
    have been loaded long ago.
    """
    columns = {name: column_of(table, name) for name in transition.columns}
    keys = {name: mapper.get_property_by_column(columns[name]).key for name in transition.targets}

    def before(_mapper: object, connection: Connection, target: Any) -> None:
        changed = changed_attributes(target, keys.values())
        if not changed or len(changed) == len(keys):
            return
        shown = shown_in_python(transition, _now(mapper, connection, target, columns))
        for name, key in keys.items():
            if key not in changed:
                attributes.set_committed_value(target, key, shown[name])
                attributes.flag_modified(target, key)

    event.listen(mapper.class_, "before_update", before, propagate=True)


def _now(
    mapper: orm.Mapper[Any],
    connection: Connection,
    target: Any,
    columns: Mapping[str, sa.Column[Any]],
) -> Row:
    """Return the stored values of *columns* in the row of *target*, which is locked."""
    identity = zip(mapper.primary_key, sa.inspect(target).identity, strict=True)
    values = {mapper.get_property_by_column(column): value for column, value in identity}
    table = next(iter(columns.values())).table
    query = sa.select(*(as_stored(column).label(name) for name, column in columns.items())).where(
        *(key == values[mapper.get_property_by_column(key)] for key in table.primary_key)
    )
    if dialect_of(connection.dialect).capabilities.row_locks:
        query = query.with_for_update()
    return Row(connection.execute(query).mappings().one())
