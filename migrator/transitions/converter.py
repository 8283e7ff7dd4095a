"""A converter: the transition read as the way a mapped class loads and saves.

The target attribute selects an expression over both formats and writes the new one, so
that the ORM itself keeps loads, filters and bulk statements in agreement. The old format
is cleared by defaults of its column (`default`, `onupdate`), which go along with every
INSERT and UPDATE that SQLAlchemy writes for the table.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.compiler import compiles

from migrator.errors import ConverterError
from migrator.transitions.attributes import (
    Loaded,
    attach_loaded_in_python,
    attach_old_names,
    replace_property,
    save_with_row,
)
from migrator.transitions.columns import NEW_COUNTS, Columns
from migrator.transitions.free import Free
from migrator.transitions.relocate import Relocate

if TYPE_CHECKING:
    from sqlalchemy.engine import Connection
    from sqlalchemy.sql.compiler import SQLCompiler

    from migrator.transitions.transition import Transition

ATTACHED = "migrator"
"""Key of Table.info: the old columns, as 'table.column', that attached converters use."""


def attach_converters(models: Any, *transitions: Transition) -> None:  # noqa: ANN401 - of many kinds
    """Make the classes of *models* read both formats of *transitions* and write the new one.

    *models* is a declarative base, SQLModel, a `registry`, or an iterable of mapped classes.
    Call it once, after the classes are defined and before they are used. The classes
    declare the new columns; the old ones are the converter's business.

    Raises ConverterError when no class maps the table of a transition, when a class maps
    the old column itself, or when the transition cannot be converted.
    """
    mappers = list(_mappers(models))
    for transition in transitions:
        owners = [mapper for mapper in mappers if _maps(mapper, transition)]
        if not owners:
            raise ConverterError(
                f"no class of the models maps table {_table_of(transition)!r}",
                hint="import the models first, or leave the transition out",
            )
        for mapper in owners:
            _attach(mapper, transition)


def _mappers(models: Any) -> Iterator[orm.Mapper[Any]]:
    """Yield the mappers of *models*, whichever way they are given."""
    if isinstance(models, orm.registry):
        yield from models.mappers
        return
    for name in ("registry", "_sa_registry"):
        registry = getattr(models, name, None)
        if isinstance(registry, orm.registry) and "__mapper__" not in vars(models):
            yield from registry.mappers
            return
    classes = models if isinstance(models, Iterable) else (models,)
    yield from (orm.class_mapper(each, configure=False) for each in classes)


def _table_of(transition: Transition) -> str:
    """Return the name of the table whose class shows the new value."""
    return transition.other if isinstance(transition, Relocate) else transition.table


def _maps(mapper: orm.Mapper[Any], transition: Transition) -> bool:
    """Return whether *mapper* is the first of its hierarchy that maps the table."""
    table = mapper.local_table
    if not isinstance(table, sa.Table) or table.name != _table_of(transition):
        return False
    if transition.schema is not None and table.schema != transition.schema:
        return False
    return mapper.inherits is None or mapper.inherits.local_table is not table


def _attach(mapper: orm.Mapper[Any], transition: Transition) -> None:
    """Attach the converter of *transition* to one mapper."""
    table = mapper.local_table
    if not isinstance(table, sa.Table):
        raise ConverterError(f"{mapper.class_.__name__} is not mapped to a table")
    if isinstance(transition, Columns):
        _attach_columns(mapper, table, transition)
    elif isinstance(transition, Relocate):
        _attach_relocated(mapper, table, transition)
    elif isinstance(transition, Free):
        _attach_free(mapper, table, transition)
    else:
        raise ConverterError(
            f"a {type(transition).__name__} has no converter",
            hint="leave it to the batches, or derive it from a kind that has one",
        )
    used = {f"{transition.table}.{name}" for name in transition.sources}
    table.info[ATTACHED] = table.info.get(ATTACHED, frozenset()) | used


# – columns of one table –


def _attach_columns(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Attach a transition between columns of *table*."""
    _look(mapper, table, transition)
    for name in transition.sources:
        table.append_column(_old_column(table, transition, name))
    if transition.marker is not None:
        table.append_column(sa.Column(transition.marker, sa.SmallInteger, default=NEW_COUNTS))
    clear = {name: value for name, value in transition.clear(table) if name in transition.sources}
    if transition.in_sql:
        _attach_in_sql(mapper, table, transition)
    else:
        for name in transition.targets:
            replace_property(mapper, table.c[name], None, _writes(table, name, clear))
        attach_loaded_in_python(mapper, table, transition)
    attach_old_names(mapper, table, transition)


def _look(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Refuse what would go wrong later: a wrong column, an old column that is mapped."""
    where = mapper.class_.__name__
    for name in transition.targets:
        if name not in table.c:
            raise ConverterError(
                f"{where} has no column {name!r} of table {table.name!r}",
                hint="declare the new column in the model",
            )
        if table.c[name].primary_key:
            raise ConverterError(f"{where}.{name} is a primary key, which cannot be converted")
        if table.c[name].onupdate is not None:
            raise ConverterError(f"{where}.{name} has an onupdate, or is converted already")
    for name in (*transition.sources, *([transition.marker] if transition.marker else [])):
        if name in table.c:
            raise ConverterError(
                f"{where} maps {table.name}.{name} itself",
                hint="take it out of the model: the converter maps it, and gives the class "
                "an attribute of that name where the old value can be computed",
            )


def _old_column(table: sa.Table, transition: Columns, name: str) -> sa.Column[Any]:
    """Return the column *name*, which the model no longer declares."""
    type_ = transition.types.get(name)
    if type_ is None and transition.identity:
        type_ = table.c[transition.targets[0]].type
    if type_ is None:
        raise ConverterError(
            f"the type of the old column {table.name}.{name} is not known",
            hint=f"say it in the transition: types={{{name!r}: sa.Integer()}}",
        )
    if transition.marker is not None:
        return sa.Column(name, type_, default=_filler(transition, name, type_), nullable=False)
    return sa.Column(name, type_, default=sa.null())


def _filler(transition: Columns, name: str, type_: Any) -> Any:
    """Return the default that gives a new row a value for a source that may not be NULL."""
    down = (transition.down or {}).get(name)
    filler = _empty(type_) if transition.filler is None else transition.filler

    def fill(context: Any) -> Any:
        try:
            given = context.get_current_parameters()
        except KeyError:
            # SQLAlchemy cannot tell the rows of insert(Model).values([…]) apart here.
            return filler
        complete = all(given.get(target) is not None for target in transition.targets)
        if not complete or down is None or down.python is None:
            return filler
        return down.python(SimpleNamespace(**given))

    return fill


def _empty(type_: Any) -> Any:
    """Return what stands for nothing in a column of *type_*: 0, '' and the like."""
    try:
        return sa.types.to_instance(type_).python_type()
    except (NotImplementedError, TypeError):
        return None


def _attach_in_sql(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Show an expression over both formats, and let the conversion ride along with UPDATEs."""
    shown = {name: transition.value(table, name) for name in transition.targets}
    lost = transition.lost(table) if transition.sources else None
    for name, value in shown.items():
        replace_property(mapper, table.c[name], value, _writes(table, name, {}))
        _on_update(table.c[name], value)
    for name, value in transition.clear(table):
        column = table.c[name]
        if lost is None or name == transition.marker:
            _on_update(column, value)
        else:
            alone = len(transition.sources) == 1
            _on_update(column, Cleared(lost, column, alone=alone))


def _on_update(column: sa.Column[Any], value: sa.ColumnElement[Any]) -> None:
    """Set *column* to *value* in every UPDATE of its table that does not name it."""
    default = sa.ColumnDefault(value, for_update=True)
    default._set_parent_with_dispatch(column)  # noqa: SLF001 - what Column(onupdate=…) does


def _writes(table: sa.Table, name: str, clear: Mapping[str, Any]) -> Any:
    """Return what an UPDATE that sets the attribute of column *name* sets."""

    def writes(value: Any) -> list[tuple[Any, Any]]:
        return [(table.c[name], value), *((table.c[old], new) for old, new in clear.items())]

    return writes


class Cleared(sa.ColumnElement[Any]):
    """NULL, except that a value whose conversion would lose it stays.

    MySQL assigns from left to right: once the first of several sources is cleared, it
    can no longer tell whether the conversion was a loss.
    """

    inherit_cache = False

    def __init__(
        self, lost: sa.ColumnElement[bool], column: sa.Column[Any], *, alone: bool
    ) -> None:
        self.kept = sa.case((lost, column), else_=sa.null())
        self.alone = alone
        self.type = column.type


@compiles(Cleared)
def _cleared(element: Cleared, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.kept, **options))


@compiles(Cleared, "mysql")
@compiles(Cleared, "mariadb")
def _cleared_in_order(element: Cleared, compiler: SQLCompiler, **options: Any) -> str:
    return str(compiler.process(element.kept if element.alone else sa.null(), **options))


# – values of another table –


def _attach_relocated(mapper: orm.Mapper[Any], table: sa.Table, transition: Relocate) -> None:
    """Attach a transition whose old value is in another table."""
    if transition.target not in table.c:
        raise ConverterError(f"{mapper.class_.__name__} has no column {transition.target!r}")
    column = table.c[transition.target]
    old = sa.table(
        transition.table,
        sa.column(transition.source, column.type),
        *(sa.column(mine, table.c[theirs].type) for mine, theirs in transition.on.items()),
        schema=transition.schema,
    )
    replace_property(mapper, column, transition.value(old, table), _refuse_bulk(mapper, column))

    def empty(connection: Connection, row: Mapping[str, Any], _value: Any) -> None:
        which = (old.c[mine] == row[theirs] for mine, theirs in transition.on.items())
        connection.execute(sa.update(old).where(*which).values({transition.source: None}))

    key = mapper.get_property_by_column(column).key
    columns = {theirs: table.c[theirs] for theirs in transition.on.values()}
    save_with_row(mapper, key, columns, empty)


def _refuse_bulk(mapper: orm.Mapper[Any], column: sa.Column[Any]) -> Any:
    """Return what refuses an UPDATE of many rows, which could not clear the other table."""

    def refuse(_value: Any) -> list[tuple[Any, Any]]:
        raise ConverterError(
            f"an UPDATE of {mapper.class_.__name__}.{column.key} in bulk cannot clear the "
            "old value in the other table",
            hint="load the objects and set the attribute",
        )

    return refuse


def _attach_free(mapper: orm.Mapper[Any], table: sa.Table, transition: Free) -> None:
    """Attach the attribute that a transition in a form of its own declares."""
    if transition.attribute is None or transition.load is None or transition.save is None:
        raise ConverterError(
            f"the transition of {transition.table!r} declares no attribute",
            hint="give it attribute=, load= and save=, or leave it to the batches",
        )
    if hasattr(mapper.class_, transition.attribute):
        raise ConverterError(
            f"{mapper.class_.__name__} has an attribute {transition.attribute!r} already"
        )
    shown = transition.load.column(table)
    if transition.load.python is not None:
        shown = sa.type_coerce(shown, Loaded(shown.type, transition.load.python))
    mapper.add_property(transition.attribute, orm.column_property(shown))
    save_with_row(mapper, transition.attribute, dict(table.c), transition.save)
