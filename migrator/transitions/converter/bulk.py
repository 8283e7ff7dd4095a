"""Bulk statements with rows of values: the old names in them are said as the new ones.

SQLAlchemy looks for columns only there, and leaves out any other name in silence.
"""

from __future__ import annotations

from functools import wraps
from typing import TYPE_CHECKING, Any, NoReturn
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy import event, orm

from migrator.errors import ConverterError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    Up = Callable[[Any], dict[str, Any]]

_old_names: WeakKeyDictionary[orm.Mapper[Any], dict[str, Up]] = WeakKeyDictionary()
"""Mapper → its old names, and what the attributes of the new ones are for an old value."""


def say_in_bulk(mapper: orm.Mapper[Any], name: str, up: Up) -> None:
    """Let the rows of bulk statements say *name*: *up* gives the attributes of a value."""
    if not _old_names:
        event.listen(orm.Session, "do_orm_execute", _translate)
        for legacy in ("bulk_insert_mappings", "bulk_update_mappings"):
            setattr(orm.Session, legacy, _translating(getattr(orm.Session, legacy)))
        orm.Session.bulk_save_objects = _looking(orm.Session.bulk_save_objects)  # type: ignore[method-assign]
    _old_names.setdefault(mapper, {})[name] = up


def refuse_in_bulk(mapper: orm.Mapper[Any], name: str) -> None:
    """Refuse *name* in bulk statements: only the flush of an object writes it."""

    def refuse(_value: object) -> NoReturn:
        raise ConverterError(
            f"a bulk statement cannot write {mapper.class_.__name__}.{name}",
            hint="add the objects to the session, or load them and set the attribute",
        )

    say_in_bulk(mapper, name, refuse)


def _translate(state: orm.ORMExecuteState) -> Any:
    """Say the new names in a bulk statement that says old ones."""
    if not (state.is_insert or state.is_update) or not isinstance(state.parameters, list):
        return None
    mapper = state.bind_mapper
    names = {} if mapper is None else _names_of(mapper)
    if not any(name in row for row in state.parameters for name in names):
        return None
    return state.invoke_statement(params=[_added(row, names) for row in state.parameters])


def _translating(usual: Callable[..., None]) -> Callable[..., None]:
    """Return the legacy method *usual* of sessions, for which SQLAlchemy has no event."""

    @wraps(usual)
    def method(
        session: orm.Session, mapper: Any, mappings: Iterable[Any], *args: Any, **options: Any
    ) -> None:
        names = _names_of(sa.inspect(mapper))
        rows = list(mappings) if names else mappings
        for row in rows if names else ():
            # In place, because the caller may be told the defaults there.
            row.update(_added(row, names))
        usual(session, mapper, rows, *args, **options)

    return method


def _looking(usual: Callable[..., None]) -> Callable[..., None]:
    """Return the legacy method *usual* of sessions, that refuses what it would leave out."""

    @wraps(usual)
    def method(session: orm.Session, objects: Iterable[Any], *args: Any, **options: Any) -> None:
        found = list(objects)
        for state in map(sa.inspect, found):
            said = {key: state.dict.get(key) for key in state.committed_state}
            _added(said, _names_of(state.mapper))
        usual(session, found, *args, **options)

    return method


def _names_of(mapper: orm.Mapper[Any]) -> Mapping[str, Up]:
    """Return the old names of the class of *mapper* and of those that it inherits from."""
    found: dict[str, Up] = {}
    for each in mapper.iterate_to_root():
        found.update(_old_names.get(each, {}))
    return found


def _added(row: Mapping[str, Any], names: Mapping[str, Up]) -> dict[str, Any]:
    """Return the new values of the old ones in *row*."""
    added: dict[str, Any] = {}
    for name in names.keys() & row.keys():
        added.update(names[name](row[name]))
    return added
