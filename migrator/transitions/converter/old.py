"""The old columns, which the models no longer declare: put into the table, last of all."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.sql.util import find_tables

from migrator.errors import ConverterError
from migrator.transitions.converter.stored import column_named, column_of
from migrator.transitions.converter.write import Assigned, Marked, Movement
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable

    from migrator.transitions.columns import Columns

NOTHING: dict[type, Any] = {
    bool: False,
    bytes: b"",
    Decimal: Decimal(0),
    float: 0.0,
    int: 0,
    str: "",
    timedelta: timedelta(0),
}
"""What stands for nothing in a source that may not be NULL."""

_hidden: WeakKeyDictionary[sa.FromClause, set[str]] = WeakKeyDictionary()
"""Table → keys of its old columns, which no class maps."""


def put_into(table: sa.Table, transition: Columns) -> Movement:
    """Give *table* the old columns of *transition*, and let its statements move values.

    They come last: MySQL assigns in the order of the table, and what clears a value has
    to come after what reads it.
    """
    old = [_old_column(table, transition, name) for name in transition.sources]
    old += [sa.Column(name, sa.SmallInteger, nullable=False) for name in transition.markers]
    movement = Movement(table, transition, *old)
    _append(table, old)
    by_python = () if transition.in_sql else transition.targets
    for name in {*movement.names} - {*movement.written, *by_python}:
        column = column_of(table, name)
        _set_default(column, Assigned(movement, column), for_update=True)
    for name in transition.markers:
        _set_default(column_of(table, name), Marked(movement), for_update=False)
    return movement


def put_missing(table: sa.Table, names: Iterable[str]) -> None:
    """Give *table* those columns *names* that it has not got, for expressions that read them."""
    _append(table, [sa.Column(each) for each in names if column_named(table, each) is None])


def _append(table: sa.Table, columns: Collection[sa.Column[Any]]) -> None:
    """Give *table* more columns, which classes that are mapped to it from now on leave out."""
    for column in columns:
        table.append_column(column)
    if not _hidden:
        event.listen(orm.Mapper, "instrument_class", _leave_out)
    _hidden.setdefault(table, set()).update(column.key for column in columns)


def _leave_out(mapper: Any, _class: object) -> None:
    """Leave the old columns out of a class that is about to map its columns."""
    tables = [
        *find_tables(mapper.local_table),
        *(mapper.inherits.tables if mapper.inherits else ()),
    ]
    hidden = [table.c[key] for table in tables for key in _hidden.get(table, ())]
    if hidden:
        mapper.exclude_properties = {*(mapper.exclude_properties or ()), *hidden}


def _set_default(column: sa.Column[Any], value: sa.ColumnElement[Any], *, for_update: bool) -> None:
    """Give *column* what `default=` and `onupdate=` give to a new one."""
    default: Any = sa.ColumnDefault(value, for_update=for_update)
    default._set_parent_with_dispatch(column)  # noqa: SLF001 - what Column() does


def _old_column(table: sa.Table, transition: Columns, name: str) -> sa.Column[Any]:
    """Return the column *name*, which new rows leave empty."""
    type_ = transition.types.get(name)
    if type_ is None and transition.identity:
        type_ = column_of(table, transition.targets[0]).type
    if type_ is None:
        raise ConverterError(
            f"the type of the old column {table.name}.{name} is not known",
            hint=f"say it in the transition: types={{{name!r}: sa.Integer()}}",
        )
    if transition.marker is None:
        return sa.Column(name, type_, default=sa.null())
    filler = _filler(table, transition, name, sa.types.to_instance(type_))
    return sa.Column(name, type_, default=filler, nullable=False)


def _filler(
    table: sa.Table, transition: Columns, name: str, type_: sa.types.TypeEngine[Any]
) -> Callable[[Any], Any]:
    """Return the default that gives a new row a value for a source that may not be NULL."""
    down = (transition.down or {}).get(name)
    keys = {target: column_of(table, target).key for target in transition.targets}
    nothing = _nothing(type_) if transition.filler is None else transition.filler
    if nothing is None:
        raise ConverterError(
            f"nobody knows what new rows shall have in {table.name}.{name}, which may not be NULL",
            hint="say it in the transition: filler=…",
        )

    def fill(context: Any) -> Any:
        given = _parameters(context)
        values = {target: given.get(key) for target, key in keys.items()}
        if down is None or down.python is None or any(each is None for each in values.values()):
            return nothing
        return down.value(Row(values))

    return fill


def _parameters(context: Any) -> dict[str, Any]:
    """Return the values of the row that is inserted, as far as Python knows them."""
    try:
        return dict(context.get_current_parameters())
    except (AttributeError, KeyError):
        # SQLAlchemy cannot tell the rows of insert(Model).values([…]) apart here, and knows
        # none of INSERT … SELECT.
        return {}


def _nothing(type_: sa.types.TypeEngine[Any]) -> Any:
    """Return what stands for nothing in a column of *type_*: 0, '' and the like."""
    try:
        return None if isinstance(type_, sa.Enum) else NOTHING.get(type_.python_type)
    except NotImplementedError:
        return None
