"""Attributes of mapped classes that show a value whichever format its row is in."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import attributes
from typing_extensions import override

from migrator.errors import ConverterError
from migrator.transitions.columns import NEW_COUNTS

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection, Dialect

    from migrator.transitions.columns import Columns
    from migrator.transitions.transition import Expression

HIDDEN = "_migrator_{}"
"""Name of the attribute that holds an old column, where it has to be loaded."""

Save = Callable[["Connection", Mapping[str, Any], Any], None]
Writes = list[tuple[Any, Any]]


def replace_property(
    mapper: orm.Mapper[Any],
    column: sa.Column[Any],
    shown: sa.ColumnElement[Any] | None,
    writes: Callable[[Any], Writes],
) -> None:
    """Let the attribute of *column* select *shown*, and write *column*.

    Without *shown* it selects the column, and cannot stand in a query. *writes* says what
    an UPDATE of the attribute to a value sets.
    """
    key = mapper.get_property_by_column(column).key

    class Comparator(orm.ColumnProperty.Comparator[Any]):
        """What the attribute is in a query."""

        def _bulk_update_tuples(self, value: Any) -> Writes:
            return writes(value)

        if shown is None:

            def __clause_element__(self) -> Any:
                return Refused(f"{mapper.class_.__name__}.{key}", column)

    label = None if shown is None else shown.label(column.name)
    prop = (
        orm.column_property(column, comparator_factory=Comparator)
        if label is None
        else orm.column_property(label, column, comparator_factory=Comparator)
    )
    # SQLAlchemy warns when add_property() finds the class's attribute in its place.
    type.__delattr__(mapper.class_, key)
    mapper.add_property(key, prop)
    if label is not None:
        # Selected is the expression alone; the mapper knows by now that the column is written.
        del prop.columns[1:]
        _let_aliases_find(mapper, label)


def _let_aliases_find(mapper: orm.Mapper[Any], label: sa.Label[Any]) -> None:
    """Let aliased(Class, subquery) find *label* in the subquery, as it finds columns.

    The ORM looks there only for what it knows: columns of the table and their equivalents.
    """

    def know(*_configured: object) -> None:
        for each in mapper.self_and_descendants:
            each._equivalent_columns[label] = {label}  # noqa: SLF001 - see above

    if mapper.configured:
        know()
    else:
        event.listen(mapper, "mapper_configured", know)


class Refused(sa.ColumnElement[Any]):
    """An attribute that only Python can compute, in a query: compiling it is an error."""

    inherit_cache = False

    def __init__(self, name: str, column: sa.Column[Any]) -> None:
        self.name = name
        self.type = column.type


@compiles(Refused)
def _refused(element: Refused, _compiler: object, **_options: object) -> str:
    raise ConverterError(
        f"{element.name} is converted in Python, so a query cannot select, filter or sort by it",
        hint="give the transition sql= beside python=, or load the objects and look at them",
    )


def attach_old_names(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Give the class an attribute for each old column, where its value can be computed."""
    keys = {name: mapper.get_property_by_column(table.c[name]).key for name in transition.targets}
    for source in transition.sources:
        if hasattr(mapper.class_, source):
            continue
        if transition.identity:
            mapper.add_property(source, orm.synonym(keys[transition.targets[0]]))
        elif transition.down is not None:
            setattr(mapper.class_, source, _old_value(transition, source, keys))


def _old_value(transition: Columns, source: str, keys: Mapping[str, str]) -> Any:
    """Return the attribute that computes the old column *source* from the new ones."""
    down = (transition.down or {})[source]

    def view(of: Any) -> SimpleNamespace:
        return SimpleNamespace(**{name: getattr(of, key) for name, key in keys.items()})

    def read(self: Any) -> Any:
        row = view(self)
        if any(value is None for value in vars(row).values()) or down.python is None:
            return None
        return down.python(row)

    def select(cls: Any) -> Any:
        if down.sql is None:
            raise ConverterError(f"{cls.__name__}.{source} is computed in Python only")
        return down.sql(view(cls))

    shown = hybrid_property(read).expression(select)
    if len(transition.sources) > 1:
        return shown

    def write(self: Any, value: Any) -> None:
        row = SimpleNamespace(**{source: value})
        for name, made in transition.up.items():
            setattr(self, keys[name], _call(made, row))

    def update(cls: Any, value: Any) -> Writes:
        row = SimpleNamespace(**{source: value})
        in_sql = isinstance(value, sa.ClauseElement) or hasattr(value, "__clause_element__")
        return [
            (getattr(cls, keys[name]), made.sql(row) if in_sql and made.sql else _call(made, row))
            for name, made in transition.up.items()
        ]

    return shown.setter(write).update_expression(update)


def _call(made: Expression, row: SimpleNamespace) -> Any:
    """Return what an expression makes of the one value of *row*; nothing of None."""
    if made.python is None:
        raise ConverterError("the old attribute cannot be set: its transition has no python=")
    return None if None in vars(row).values() else made.python(row)


def attach_loaded_in_python(
    mapper: orm.Mapper[Any], table: sa.Table, transition: Columns
) -> None:
    """Convert when rows are loaded, and write all of the new format when any of it changes."""
    keys = {name: mapper.get_property_by_column(table.c[name]).key for name in transition.targets}
    marker = () if transition.marker is None else (transition.marker,)
    hidden = {
        name: HIDDEN.format(name)
        for name in (*transition.reads, *marker)
        if not _is_mapped(mapper, table.c[name])
    }
    for name, key in hidden.items():
        mapper.add_property(key, orm.column_property(table.c[name]))
    read = {
        name: mapper.get_property_by_column(table.c[name]).key
        for name in (*transition.reads, *marker, *transition.targets)
    }

    def convert(target: Any, *_context: Any) -> None:
        row = SimpleNamespace(**{name: getattr(target, key) for name, key in read.items()})
        if not transition.is_pending(row):
            return
        for name, value in transition.convert(row).items():
            attributes.set_committed_value(target, keys[name], value)

    def refreshed(target: Any, context: Any, attrs: Any) -> None:
        if attrs is None or set(attrs) & set(read.values()):
            convert(target, context)

    def save(_mapper: Any, _connection: Any, target: Any) -> None:
        state = sa.inspect(target)
        if not any(state.attrs[key].history.has_changes() for key in keys.values()):
            return
        for key in keys.values():
            getattr(target, key)
            attributes.flag_modified(target, key)
        for name in transition.sources if transition.marker is None else ():
            setattr(target, read[name], None)
        if transition.marker is not None:
            setattr(target, read[transition.marker], NEW_COUNTS)

    cls = mapper.class_
    event.listen(cls, "load", convert, propagate=True, restore_load_context=True)
    event.listen(cls, "refresh", refreshed, propagate=True, restore_load_context=True)
    event.listen(cls, "before_update", save, propagate=True)


def _is_mapped(mapper: orm.Mapper[Any], column: sa.Column[Any]) -> bool:
    """Return whether an attribute of the class holds *column*."""
    try:
        mapper.get_property_by_column(column)
    except orm.exc.UnmappedColumnError:
        return False
    return True


def save_with_row(
    mapper: orm.Mapper[Any], key: str, columns: Mapping[str, sa.Column[Any]], save: Save
) -> None:
    """Call *save* in the flush that writes a changed attribute *key*.

    It is given the values of *columns*, which say which row it is.
    """
    names = {
        name: mapper.get_property_by_column(column).key
        for name, column in columns.items()
        if _is_mapped(mapper, column)
    }

    def flushed(_mapper: Any, connection: Connection, target: Any) -> None:
        history = sa.inspect(target).attrs[key].history
        if history.has_changes():
            row = {name: getattr(target, attribute) for name, attribute in names.items()}
            save(connection, row, getattr(target, key))

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

    @override
    def load_dialect_impl(self, dialect: Dialect) -> sa.types.TypeEngine[Any]:
        return dialect.type_descriptor(self.selected)

    @override
    def process_result_value(self, value: Any, dialect: Dialect) -> Any:
        return self.complete(value)
