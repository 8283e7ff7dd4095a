"""How a column that only Python can convert is loaded: together with what it is made of."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sqlalchemy import event
from sqlalchemy.orm.interfaces import LoaderStrategy
from typing_extensions import override

from migrator.errors import TransitionError
from migrator.transitions.columns import OLD_COUNTS
from migrator.transitions.converter.read import as_stored
from migrator.transitions.converter.stored import column_of
from migrator.transitions.transition import Row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import sqlalchemy as sa
    from sqlalchemy import orm

    from migrator.transitions.columns import Columns

    Get = Callable[[Any], Any]

LOADED_AT_ONCE = (("deferred", False), ("instrument", True))
"""What the ORM calls the way a column is loaded that is not deferred, or not any more."""

log = logging.getLogger(__name__)

_said: set[tuple[str, str]] = set()
"""Columns, and errors in converting them, that were warned of."""


class Converting(LoaderStrategy):
    """Loads a column and what it is made of in one statement, and converts the row.

    One statement, because between two of them a batch may have moved the row.
    """

    __slots__ = ("columns", "target", "transition", "usual")

    def __init__(
        self, usual: LoaderStrategy, table: sa.Table, transition: Columns, target: str
    ) -> None:
        super().__init__(usual.parent_property, LOADED_AT_ONCE)
        self.usual = usual
        self.transition = transition
        self.target = target
        names = dict.fromkeys((target, *transition.columns))
        self.columns = {name: column_of(table, name) for name in names}

    @override
    def init_class_attribute(self, mapper: orm.Mapper[Any]) -> None:
        self.is_class_level = True
        self.usual.init_class_attribute(mapper)

    @override
    def setup_query(
        self,
        compile_state: Any,
        query_entity: Any,
        path: Any,
        loadopt: Any,
        adapter: Any,
        column_collection: Any = None,
        memoized_populators: Any = None,
        check_for_adapt: bool = False,
        **kwargs: Any,
    ) -> None:
        there = self._there(adapter, present_only=check_for_adapt)
        for column in there.values():
            compile_state._append_dedupe_col_collection(column, column_collection)  # noqa: SLF001

    @override
    def create_row_processor(
        self,
        context: Any,
        query_entity: Any,
        path: Any,
        loadopt: Any,
        mapper: Any,
        result: Any,
        adapter: Any,
        populators: Any,
    ) -> None:
        if get := self.found(result, adapter):
            populators["quick"].append((self.key, self._reader(get)))
        else:
            populators["expire"].append((self.key, True))

    def found(self, result: Any, adapter: Any) -> dict[str, Get]:
        """Return what gets each column from a row of *result*; nothing unless it has them all."""
        get = {
            name: result._getter(column, raiseerr=False)  # noqa: SLF001 - it is what loaders use
            for name, column in self._there(adapter, present_only=False).items()
        }
        return get if all(get.values()) else {}

    def _there(self, adapter: Any, *, present_only: bool) -> dict[str, sa.Column[Any]]:
        """Return the columns of the row where *adapter* finds them, all of them or none.

        A subquery of objects has no old columns: the attribute is loaded when it is asked for.
        """
        if adapter is None:
            return {name: as_stored(column) for name, column in self.columns.items()}
        own = self.columns[self.target]
        found = adapter.adapt_check_present(own) if present_only else adapter.columns[own]
        if found is None:
            return {}
        there = {
            name: column if found.table is column.table else adapter.columns[column]
            for name, column in self.columns.items()
        }
        if any(column is None or column.table is not found.table for column in there.values()):
            return {}
        return {name: as_stored(column) for name, column in there.items()}

    def _reader(self, get: dict[str, Get]) -> Get:
        """Return what gives the value of the target for a row of the result."""
        is_pending, now = self._pending(get), get[self.target]

        def read(row: Any) -> Any:
            if not is_pending(row):
                return now(row)
            values = Row({name: each(row) for name, each in get.items()})
            return shown_in_python(self.transition, values)[self.target]

        return read

    def _pending(self, get: dict[str, Get]) -> Get:
        """Return what says whether a row of the result is pending; it is asked of each."""
        if self.transition.marker is not None:
            marker = get[self.transition.marker]
            return lambda row: marker(row) == OLD_COUNTS
        if not self.transition.sources:
            now = get[self.target]
            return lambda row: now(row) is None
        if len(self.transition.sources) == 1:
            source = get[self.transition.sources[0]]
            return lambda row: source(row) is not None
        sources = [get[name] for name in self.transition.sources]
        return lambda row: any(source(row) is not None for source in sources)


def _later(usual: Any, converting: Converting) -> Any:
    """Return the way *usual* of loading a deferred column, that converts what a query has of it.

    It is of the same class: the ORM asks for it to find the columns of a group.
    """

    def create_row_processor(self: Any, *arguments: Any) -> None:
        *_query, result, adapter, _populators = arguments
        there = converting.found(result, adapter)
        loader: Any = converting if there else super(kind, self)
        loader.create_row_processor(*arguments)

    members = {"__slots__": (), "create_row_processor": create_row_processor}
    kind = type("Later", (type(usual),), members)
    later = kind(usual.parent_property, usual.strategy_key)
    later.is_class_level = usual.is_class_level
    return later


def shown_in_python(transition: Columns, row: Row) -> Mapping[str, Any]:
    """Return what readers see in the targets of *row*, given as it is stored."""
    now = {name: row[name] for name in transition.targets}
    if not transition.is_pending(row):
        return now
    try:
        made = transition.convert(row)
    except TransitionError:
        raise  # it concerns every row
    except Exception as error:
        # A row that cannot be converted must not hide the others from who loads them; the
        # batches set it apart. What was raised may hold its data.
        _say(f"{transition.table}.{transition.targets[0]}", type(error).__name__)
        return now
    lost = not transition.null_ok and all(value is None for value in made.values())
    return now if lost else made


def _say(place: str, error: str) -> None:
    """Log that a row could not be converted: loudly once, and not again for each of thousands."""
    level = logging.DEBUG if (place, error) in _said else logging.WARNING
    _said.add((place, error))
    log.log(level, "%s of a row could not be converted: %s", place, error)


def load_in_python(
    mapper: orm.Mapper[Any], table: sa.Table, transition: Columns, target: str
) -> None:
    """Let the attribute of column *target* be converted as rows come in."""
    prop: Any = mapper.get_property_by_column(column_of(table, target))

    def put(*_configured: object) -> None:
        usual = prop._get_strategy(LOADED_AT_ONCE)  # noqa: SLF001 - the ORM has no other way in
        converting = Converting(usual, table, transition, target)
        converting.is_class_level = usual.is_class_level
        prop._strategies[LOADED_AT_ONCE] = converting  # noqa: SLF001
        if prop.strategy is usual:
            prop.strategy = converting
        else:
            prop.strategy = _later(prop.strategy, converting)
            prop._strategies[prop.strategy_key] = prop.strategy  # noqa: SLF001

    if mapper.configured:
        put()
    else:
        event.listen(mapper, "mapper_configured", put)
    for each in mapper.self_and_descendants:
        _select_whole_rows(each, prop.key)


def _select_whole_rows(mapper: Any, key: str) -> None:
    """Let attribute *key* be refreshed by a query for the object, as loaders know it.

    Of classes that inherit, the ORM selects the columns of missing attributes themselves.
    """
    usual = mapper._optimized_get_statement  # noqa: SLF001 - the ORM has no other way in

    def statement(state: Any, attribute_names: Any) -> Any:
        return None if key in attribute_names else usual(state, attribute_names)

    mapper._optimized_get_statement = statement  # noqa: SLF001
