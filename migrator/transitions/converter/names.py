"""The old names: attributes that classes keep where the old value can be computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.hybrid import hybrid_property

from migrator.errors import ConverterError
from migrator.transitions.converter.stored import column_of
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Mapping

    from migrator.transitions.columns import Columns
    from migrator.transitions.transition import Expression


def keep_old_names(mapper: orm.Mapper[Any], table: sa.Table, transition: Columns) -> None:
    """Give the class an attribute for each old column, unless it has one of that name."""
    keys = {
        name: mapper.get_property_by_column(column_of(table, name)).key
        for name in transition.targets
    }
    for source in transition.sources:
        if hasattr(mapper.class_, source):
            continue
        if transition.identity:
            mapper.add_property(source, orm.synonym(keys[transition.targets[0]]))
        elif transition.down is not None and source in transition.down:
            old = OldName(source, transition, keys)
            setattr(mapper.class_, source, old.attribute())


class OldName:
    """An old column as an attribute: computed from the new columns, and written to them."""

    def __init__(self, source: str, transition: Columns, keys: Mapping[str, str]) -> None:
        self.source = source
        self.transition = transition
        self.keys = keys
        self.down: Expression = (transition.down or {})[source]

    def attribute(self) -> Any:
        """Return the attribute; it can be set where it is the only source."""
        shown: Any = hybrid_property(self.read).expression(self.select)
        if len(self.transition.sources) > 1:
            return shown
        return shown.setter(self.write).update_expression(self.update)

    def read(self, of: Any) -> Any:
        """Return the old value of an object; of nothing at all it is None."""
        row = {name: getattr(of, key) for name, key in self.keys.items()}
        if all(value is None for value in row.values()):
            return None
        return self.down.value(Row(row))

    def select(self, cls: Any) -> Any:
        """Return the old value in a query of *cls*, a class or an alias of it."""
        if self.down.sql is None:
            raise ConverterError(
                f"{self.transition.table}.{self.source} is computed in Python, so that a query "
                "cannot select, filter or sort by it",
                hint="give the transition sql= beside python= for the way back",
            )
        return self.down.sql(Row({name: getattr(cls, key) for name, key in self.keys.items()}))

    def write(self, of: Any, value: Any) -> None:
        """Set the new attributes of an object to what the old *value* becomes."""
        for name, made in self._up(value).items():
            setattr(of, self.keys[name], made)

    def update(self, cls: Any, value: Any) -> list[tuple[Any, Any]]:
        """Return what an UPDATE of *cls* sets when it sets the old name."""
        return [(getattr(cls, self.keys[name]), made) for name, made in self._up(value).items()]

    def _up(self, value: Any) -> dict[str, Any]:
        """Return the new values of an old one, given as it is or as an expression of SQL."""
        up = self.transition.up.items()
        if value is None:
            return dict.fromkeys(self.transition.targets)
        row = Row({self.source: value})
        if _is_sql(value):
            return {name: made.column(row) for name, made in up}
        return {name: made.value(row) for name, made in up}


def _is_sql(value: Any) -> bool:
    """Return whether *value* is computed by the database."""
    return isinstance(value, sa.ClauseElement) or hasattr(value, "__clause_element__")
