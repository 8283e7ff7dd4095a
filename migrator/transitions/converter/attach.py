"""Attaching: models are told which transitions their columns go through."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import orm

from migrator.errors import ConverterError
from migrator.transitions.columns import Columns
from migrator.transitions.converter import upsert  # noqa: F401 - it registers how they compile
from migrator.transitions.converter.elsewhere import (
    clear_relocated,
    show_attribute,
    show_relocated,
)
from migrator.transitions.converter.flush import keep_loaded, write_together
from migrator.transitions.converter.load import load_in_python
from migrator.transitions.converter.names import keep_old_names
from migrator.transitions.converter.old import put_into
from migrator.transitions.converter.read import is_shown, show
from migrator.transitions.converter.stored import column_named, column_of, read_elsewhere
from migrator.transitions.converter.textual import distrust_text
from migrator.transitions.relocate import Relocate
from migrator.transitions.transition import READ_ELSEWHERE, Transition

if TYPE_CHECKING:
    from migrator.transitions.converter.write import Movement


def attach_converters(models: Any, *transitions: Transition) -> None:
    """Make the classes of *models* read both formats of *transitions* and write the new one.

    *models* is a declarative base, SQLModel, a `registry`, or an iterable of mapped classes.
    Call it once, after the classes are defined and before they are used. The classes
    declare the new columns; the old ones are the converter's business.

    Raises ConverterError when no class maps the table of a transition, when a class maps
    the old column itself, or when the transition cannot be converted.
    """
    try:
        mappers = list(_mappers(models))
    except (sa.exc.ArgumentError, orm.exc.UnmappedClassError, TypeError) as error:
        raise ConverterError(
            f"the models are no base, registry or mapped classes: {error}",
            hint="attach_converters(Base, transition, …)",
        ) from error
    for transition in transitions:
        if not isinstance(transition, Transition):
            raise ConverterError(f"{transition!r} is no transition")
        for table in _tables(mappers, transition):
            _attach(table, [each for each in mappers if table in each.tables], transition)


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
    """Return the name of the table whose classes show the new value."""
    return transition.other if isinstance(transition, Relocate) else transition.table


def _tables(mappers: Iterable[orm.Mapper[Any]], transition: Transition) -> set[sa.Table]:
    """Return the tables of classes that *transition* is about: one, in each metadata.

    Where it names no schema, the models may: the schema is that of the connection then.
    """
    name = _table_of(transition)
    mapped = {table for each in mappers if isinstance(table := each.local_table, sa.Table)}
    found = {table for table in mapped if table.name == name}
    exact = {table for table in found if table.schema == transition.schema}
    if not exact and transition.schema is None:
        exact = found
    if not exact:
        raise ConverterError(
            f"no class of the models maps table {name!r}",
            hint="import the models first, or leave the transition out; the schema of a table "
            "stands apart: schema='…'",
        )
    if len({table.schema for table in exact}) > 1:
        raise ConverterError(
            f"the models map {name!r} in several schemas",
            hint="say in the transition which one is meant: schema='…'",
        )
    return exact


def _attach(table: sa.Table, mappers: list[orm.Mapper[Any]], transition: Transition) -> None:
    """Attach *transition* to *table* and to the *mappers* that map it."""
    read: frozenset[str] = frozenset()
    if isinstance(transition, Columns):
        read = _attach_columns(table, mappers, transition)
    elif isinstance(transition, Relocate):
        _refuse_target(table, transition.target)
        read = show_relocated(table, transition)
        for mapper in _owners(mappers, column_of(table, transition.target)):
            clear_relocated(mapper, table, transition)
    else:
        for mapper in mappers:
            if mapper.inherits is None or table not in mapper.inherits.tables:
                read |= show_attribute(mapper, table, transition)
    table.info[READ_ELSEWHERE] = table.info.get(READ_ELSEWHERE, frozenset()) | read


def _attach_columns(
    table: sa.Table, mappers: list[orm.Mapper[Any]], transition: Columns
) -> frozenset[str]:
    """Attach a transition between columns of *table*; return what else it reads."""
    for name in transition.targets:
        _refuse_target(table, name)
    for name in (*transition.sources, *transition.markers):
        _refuse_old(table, name)
    targets = {name: column_of(table, name) for name in transition.targets}
    owners = {name: _owners(mappers, column) for name, column in targets.items()}
    movement = put_into(table, transition)
    for name, before in movement.before.items():
        show(column_of(table, name), before)
    read: frozenset[str] = frozenset()
    for name, column in targets.items():
        made = movement.shown[name]
        show(column, made)
        read |= frozenset() if made is None else read_elsewhere(made, table)
        for mapper in () if transition.in_sql else owners[name]:
            load_in_python(mapper, table, transition, name)
    for mapper in owners[transition.targets[0]]:
        _attach_class(mapper, movement)
    return read


def _attach_class(mapper: orm.Mapper[Any], movement: Movement) -> None:
    """Attach what concerns the objects of one class."""
    table, transition = movement.table, movement.transition
    columns = [column_of(table, name) for name in transition.targets]
    keys = frozenset(mapper.get_property_by_column(column).key for column in columns)
    if transition.in_sql:
        keep_loaded(mapper, keys)
    elif len(keys) > 1:
        write_together(mapper, table, transition)
    keep_old_names(mapper, movement)
    distrust_text(mapper, *keys)


def _owners(mappers: list[orm.Mapper[Any]], column: sa.Column[Any]) -> list[orm.Mapper[Any]]:
    """Return the mappers that map *column*, each the first of its hierarchy."""

    def has(mapper: orm.Mapper[Any] | None) -> bool:
        return mapper is not None and mapper.columns.contains_column(column)

    owners = [mapper for mapper in mappers if has(mapper) and not has(mapper.inherits)]
    if not owners:
        raise ConverterError(
            f"no class maps {column.table.name}.{column.name}",
            hint="map the new column: the converter gives its attribute the value of the old one",
        )
    return owners


def _refuse_target(table: sa.Table, name: str) -> None:
    """Refuse a new column that cannot be converted."""
    column = column_of(table, name)
    if column.primary_key:
        raise ConverterError(f"{table.name}.{name} is a primary key, which cannot be converted")
    if is_shown(column):
        raise ConverterError(
            f"{table.name}.{name} has a converter already",
            hint="a change of a column that is changing already waits for the first contract",
        )
    if column.computed is not None:
        raise ConverterError(f"{table.name}.{name} is computed by the database")


def _refuse_old(table: sa.Table, name: str) -> None:
    """Refuse an old column that a model still maps."""
    if column_named(table, name) is not None:
        raise ConverterError(
            f"the models map {table.name}.{name} themselves, or another converter does",
            hint="take it out of the model: the converter maps it, and gives the class "
            "an attribute of that name where the old value can be computed; "
            "where the table is reflected, leave it out by include_columns=",
        )
