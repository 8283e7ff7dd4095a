"""The old names: attributes that classes keep where the old value can be computed."""

from __future__ import annotations

from itertools import count
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.sql import visitors

from migrator.errors import ConverterError
from migrator.transitions.converter.bulk import say_in_bulk
from migrator.transitions.converter.read import Refused
from migrator.transitions.converter.stored import column_of
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from migrator.transitions.converter.write import Movement
    from migrator.transitions.transition import Expression

Values = dict[str, Any]

_numbers = count()


class OldName:
    """An old column as an attribute: computed from the new columns, and written to them.

    *keys* are the attributes that hold the new columns.
    """

    def __init__(self, source: str, movement: Movement, keys: Mapping[str, str]) -> None:
        self.source = source
        self.transition = movement.transition
        self.column = column_of(movement.table, source)
        self.number = next(_numbers)
        self.keys = keys
        self.down: Expression | None = (self.transition.down or {}).get(source)

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
        row = Row({name: getattr(cls, key) for name, key in self.keys.items()})
        return _steady(self.down.column(row, self.column.type), self.number)

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


class Unread:
    """The attribute of an old column whose value cannot be computed: it can be set at most."""

    def __init__(self, old: OldName) -> None:
        self.old = old

    def __get__(self, _of: object, _class: object = None) -> Any:
        place = f"{self.old.transition.table}.{self.old.source}"
        raise AttributeError(f"the old value of {place} cannot be computed without down=")

    def __set__(self, of: object, value: Any) -> None:
        self.old.write(of, value)


def keep_old_names(mapper: orm.Mapper[Any], movement: Movement) -> None:
    """Give the class an attribute for each old column, unless it has one of that name."""
    table, transition = movement.table, movement.transition
    keys = {
        name: mapper.get_property_by_column(column_of(table, name)).key
        for name in transition.targets
    }
    for source in transition.sources:
        if hasattr(mapper.class_, source):
            continue
        old = OldName(source, movement, keys)
        if transition.identity:
            mapper.add_property(source, old.attribute())
        elif old.down is not None:
            setattr(mapper.class_, source, old.attribute())
        else:
            setattr(mapper.class_, source, Unread(old))
        say_in_bulk(mapper, source, old.up)


def _steady(made: sa.ColumnElement[Any], number: int) -> Any:
    """Return *made* with bound values that have the same names each time that it is made.

    PostgreSQL takes $1 and $2 for two values, and the expressions of GROUP BY for others.
    """
    names = count()

    def named(element: Any, **_options: Any) -> Any:
        if not isinstance(element, sa.BindParameter) or element.expanding:
            return None
        return sa.bindparam(f"migrator_{number}_{next(names)}", element.value, element.type)

    return visitors.replacement_traverse(made, {}, named)


def _called(name: str, method: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Return *method* as a function called *name*: a hybrid is found by that of its getter."""

    def function(of: Any) -> Any:
        return method(of)

    function.__name__ = name
    return function
