"""Values whose old place is in another table: written in the flush, next to the row."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event, orm
from typing_extensions import override

from migrator.errors import ConverterError
from migrator.transitions.converter.bulk import refuse_in_bulk
from migrator.transitions.converter.flush import changed_attributes
from migrator.transitions.converter.old import put_missing
from migrator.transitions.converter.read import show
from migrator.transitions.converter.stored import column_of, read_elsewhere, stored
from migrator.transitions.converter.textual import distrust_text
from migrator.transitions.converter.write import said_by
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sqlalchemy.engine import Connection, Dialect

    from migrator.transitions.relocate import Relocate
    from migrator.transitions.transition import Transition

FLUSHED = "migrator_flushed"
"""Key of Connection.info: the transaction in which objects are flushed, and how many."""

_relocated: WeakKeyDictionary[sa.Table, set[str]] = WeakKeyDictionary()
"""Table → keys of its columns, and of their attributes, whose old values are elsewhere."""


# A column of another table.


def show_relocated(table: sa.Table, transition: Relocate) -> frozenset[str]:
    """Let the target read as the old value where there is one; return what else is read."""
    column = column_of(table, transition.target)
    made = transition.value(_old_table(table, transition), stored(table))
    show(column, made)
    if not _relocated:
        event.listen(sa.Engine, "before_execute", _refuse_bulk)
    _relocated.setdefault(table, set()).add(column.key)
    return read_elsewhere(made, table)


def _old_table(table: sa.Table, transition: Relocate) -> sa.TableClause:
    """Return the table that the old values are in, which the models need not know."""
    target = column_of(table, transition.target)
    return sa.table(
        transition.table,
        sa.column(transition.source, target.type if transition.identity else None),
        *(sa.column(mine, column_of(table, theirs).type) for mine, theirs in transition.on.items()),
        schema=transition.schema,
    )


def clear_relocated(mapper: orm.Mapper[Any], table: sa.Table, transition: Relocate) -> None:
    """Clear the old value in the flush that writes the new one, or that deletes its row.

    Before the row, as the batches do: two that lock in two orders would wait for each other.
    """
    old = _old_table(table, transition)
    key = mapper.get_property_by_column(column_of(table, transition.target)).key
    _relocated[table].add(key)
    distrust_text(mapper, key)
    which = {
        mine: mapper.get_property_by_column(column_of(table, theirs)).key
        for mine, theirs in transition.on.items()
    }

    def clear(connection: Connection, target: Any) -> None:
        mine = (old.c[name] == getattr(target, key) for name, key in which.items())
        connection.execute(sa.update(old).where(*mine).values({transition.source: sa.null()}))

    def before(_mapper: object, connection: Connection, target: Any) -> None:
        _count_flushed(connection, 1)
        if changed_attributes(target, (key,)):
            clear(connection, target)

    def after(_mapper: object, connection: Connection, _target: object) -> None:
        _count_flushed(connection, -1)

    def deleted(_mapper: object, connection: Connection, target: Any) -> None:
        clear(connection, target)

    for what in ("insert", "update"):
        event.listen(mapper.class_, f"before_{what}", before, propagate=True)
        event.listen(mapper.class_, f"after_{what}", after, propagate=True)
    event.listen(mapper.class_, "before_delete", deleted, propagate=True)


def _count_flushed(connection: Connection, more: int) -> None:
    """Remember how many objects are between their events of a flush, in this transaction."""
    transaction, count = connection.info.get(FLUSHED, (None, 0))
    now = connection.get_transaction()
    connection.info[FLUSHED] = (now, more + (count if transaction is now else 0))


def _is_flushing(connection: Connection) -> bool:
    """Return whether an object is between its events of a flush, in this transaction."""
    transaction, count = connection.info.get(FLUSHED, (None, 0))
    return bool(count) and transaction is connection.get_transaction()


def _refuse_bulk(
    connection: Connection,
    statement: Any,
    multiparams: Iterable[Any],
    params: Any,
    _options: object,
) -> None:
    """Refuse an INSERT or UPDATE outside of a flush, which could not clear the other table."""
    if not isinstance(statement, (sa.Insert, sa.Update)) or _is_flushing(connection):
        return
    table: Any = statement.table
    relocated = _relocated.get(table, ())
    if not relocated:
        return
    said = {getattr(each, "key", each) for each in said_by(statement)}
    for each in (params, *multiparams):
        said.update(each)
    for key in said.intersection(relocated):
        raise ConverterError(
            f"a statement that sets {table.name}.{key} cannot clear the old value in "
            "the other table",
            hint="load the objects and set the attribute",
        )


# An attribute in a form of its own.


def show_attribute(
    mapper: orm.Mapper[Any], table: sa.Table, transition: Transition
) -> frozenset[str]:
    """Give the class the attribute that *transition* declares; return what else it reads."""
    attribute, load, save = transition.attribute, transition.load, transition.save
    if attribute is None or load is None or save is None:
        raise ConverterError(
            f"the transition {type(transition).__name__} of {transition.table!r} declares no "
            "attribute",
            hint="give it attribute, load and save, or leave it to the batches",
        )
    if hasattr(mapper.class_, attribute):
        raise ConverterError(f"{mapper.class_.__name__} has an attribute {attribute!r} already")
    put_missing(table, transition.columns)
    made = load.column(Row({column.name: column for column in table.columns}))
    shown = made if load.python is None else sa.type_coerce(made, Loaded(made.type, load.python))
    mapper.add_property(attribute, orm.column_property(shown))
    _save_with_row(mapper, attribute, save)
    refuse_in_bulk(mapper, attribute)
    return read_elsewhere(made, table)


def _save_with_row(mapper: orm.Mapper[Any], attribute: str, save: Callable[..., None]) -> None:
    """Call *save* in the flush that writes a changed *attribute*."""

    def flushed(_mapper: object, connection: Connection, target: Any) -> None:
        if not changed_attributes(target, (attribute,)):
            return
        columns = mapper.column_attrs
        row = {
            each.columns[0].name: getattr(target, each.key)
            for each in columns
            if isinstance(each.columns[0], sa.Column)
        }
        save(connection, row, getattr(target, attribute))

    event.listen(mapper.class_, "after_insert", flushed, propagate=True)
    event.listen(mapper.class_, "after_update", flushed, propagate=True)


class Loaded(sa.TypeDecorator[Any]):
    """The type of a value that a function in Python completes after it was selected."""

    impl = sa.types.NullType
    cache_ok = True

    def __init__(self, selected: sa.types.TypeEngine[Any], complete: Callable[[Any], Any]) -> None:
        super().__init__()
        self.selected = selected
        self.complete = complete

    class Comparator(sa.TypeDecorator.Comparator[Any]):
        """Lets no query compare what is selected: the value is another one."""

        @override
        def operate(self, op: Any, *other: Any, **options: Any) -> NoReturn:
            raise ConverterError(
                "an attribute that Python completes can be selected, but no query can "
                "filter or sort by it",
                hint="load the objects and look at them",
            )

        @override
        def reverse_operate(self, op: Any, other: Any, **options: Any) -> NoReturn:
            self.operate(op, other)

    comparator_factory = Comparator

    @override
    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(self.selected)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return self.complete(value)
