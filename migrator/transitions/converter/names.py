"""The old names: attributes that classes keep where the old value can be computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event, orm
from sqlalchemy.ext.hybrid import hybrid_property

from migrator.errors import ConverterError
from migrator.transitions.converter.read import Refused
from migrator.transitions.converter.stored import column_of
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migrator.transitions.columns import Columns
    from migrator.transitions.transition import Expression

Values = dict[str, Any]

_old_names: WeakKeyDictionary[orm.Mapper[Any], dict[str, OldName]] = WeakKeyDictionary()
"""Mapper → its old names, which bulk statements may say."""


class OldName:
    """An old column as an attribute: computed from the new columns, and written to them.

    *keys* are the attributes that hold the new columns.
    """

    def __init__(self, source: str, transition: Columns, keys: Mapping[str, str]) -> None:
        self.source = source
        self.transition = transition
        self.keys = keys
        self.down: Expression | None = (transition.down or {}).get(source)

    def attribute(self) -> Any:
        """Return the attribute; it can be set where it is the only source."""
        if self.transition.identity:
            return orm.synonym(self.keys[self.transition.targets[0]])
        shown: Any = hybrid_property(_called(self.source, self.read)).expression(self.select)
        if len(self.transition.sources) > 1:
            return shown
        shown = shown.setter(self.write).update_expression(self.update)
        shown.bulk_dml_setter = self.insert  # asked for by SQLAlchemy 2.1
        return shown

    def read(self, of: Any) -> Any:
        """Return the old value of an object; of nothing at all it is None."""
        row = {name: getattr(of, key) for name, key in self.keys.items()}
        if self.down is None or all(value is None for value in row.values()):
            return None
        return self.down.value(Row(row))

    def select(self, cls: Any) -> Any:
        """Return the old value in a query of *cls*, a class or an alias of it."""
        if self.down is None or self.down.sql is None:
            return Refused(f"{self.transition.table}.{self.source}")
        return self.down.sql(Row({name: getattr(cls, key) for name, key in self.keys.items()}))

    def write(self, of: Any, value: Any) -> None:
        """Set the new attributes of an object to what the old *value* becomes."""
        for key, made in self.up(value).items():
            setattr(of, key, made)

    def update(self, cls: Any, value: Any) -> list[tuple[Any, Any]]:
        """Return what an UPDATE of *cls* sets when it sets the old name."""
        return [(getattr(cls, key), made) for key, made in self.up(value).items()]

    def insert(self, _cls: Any, values: Values, value: Any) -> None:
        """Set what a row of a bulk statement has, beside the old name, to what it becomes."""
        values.update(self.up(value))

    def up(self, value: Any) -> Values:
        """Return the new attributes for an old *value*, which may be computed by the database."""
        if len(self.transition.sources) > 1:
            raise ConverterError(
                f"{self.transition.table}.{self.source} alone does not say what "
                f"{', '.join(self.transition.targets)} shall be",
                hint=f"set {', '.join(self.keys.values())}",
            )
        if value is None:
            return dict.fromkeys(self.keys.values())
        row, ups = Row({self.source: value}), self.transition.up
        if isinstance(value, sa.ClauseElement) or hasattr(value, "__clause_element__"):
            return {key: ups[name].column(row) for name, key in self.keys.items()}
        return {key: ups[name].value(row) for name, key in self.keys.items()}


def keep_old_names(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Give the class an attribute for each old column, unless it has one of that name."""
    keys = {
        name: mapper.get_property_by_column(column_of(table, name)).key
        for name in transition.targets
    }
    for source in transition.sources:
        if hasattr(mapper.class_, source):
            continue
        old = OldName(source, transition, keys)
        if transition.identity:
            mapper.add_property(source, old.attribute())
        elif old.down is not None:
            setattr(mapper.class_, source, old.attribute())
        if not _old_names:
            event.listen(orm.Session, "do_orm_execute", _translate)
        _old_names.setdefault(mapper, {})[source] = old


def _called(name: str, method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *method* as a function called *name*: a hybrid is found by that of its getter."""

    def function(of: Any) -> Any:
        return method(of)

    function.__name__ = name
    return function


# A bulk statement with rows of values looks for columns only: SQLAlchemy leaves out any other
# name in silence.


def _translate(state: orm.ORMExecuteState) -> Any:
    """Say the new names in a bulk statement that says old ones."""
    if not (state.is_insert or state.is_update) or not isinstance(state.parameters, list):
        return None
    mapper = state.bind_mapper
    names = {} if mapper is None else _names_of(mapper)
    if not any(name in row for row in state.parameters for name in names):
        return None
    return state.invoke_statement(params=[_added(row, names) for row in state.parameters])


def _names_of(mapper: orm.Mapper[Any]) -> Mapping[str, OldName]:
    """Return the old names of the class of *mapper* and of those that it inherits from."""
    found: dict[str, OldName] = {}
    for each in mapper.iterate_to_root():
        found.update(_old_names.get(each, {}))
    return found


def _added(row: Mapping[str, Any], names: Mapping[str, OldName]) -> Values:
    """Return the new values of the old ones in *row*."""
    added: Values = {}
    for name in names.keys() & row.keys():
        added.update(names[name].up(row[name]))
    return added
