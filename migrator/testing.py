"""Testing: a scratch database, a walk through the manifest, a check of what moves and goes.

What the test of a migration stands on; an application's tests may use it as well::

    def test_memory_mb_becomes_foobars():
        with scratch() as engine:
            walk_to(engine, "add_flavor_foobars")
            check_transition(
                engine,
                flavor_foobars,
                [({"memory_mb": 512}, {"memory_mb": None, "foobars": 512})],
            )
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy import orm

from migrator.apply import Options, sync
from migrator.config import load_settings
from migrator.database import open_engine
from migrator.errors import GuardError
from migrator.manifest import Manifest
from migrator.migration import load_all
from migrator.online import migrate
from migrator.transitions.batch import key_of, reflect
from migrator.transitions.columns import Columns
from migrator.transitions.converter import attach_converters
from migrator.transitions.relocate import Relocate

if TYPE_CHECKING:
    from migrator.transitions import Transition
    from migrator.transitions.keys import Key

__all__ = ["check_contract", "check_transition", "columns_of", "scratch", "walk_to"]

Values = Mapping[str, Any]
"""Column → value."""

UNNAMED = "transition_under_test"


@contextmanager
def scratch() -> Iterator[sa.Engine]:
    """Yield an engine on an empty SQLite database, which is removed afterwards."""
    with TemporaryDirectory(prefix="migrator-") as folder:
        engine = open_engine(f"sqlite:///{Path(folder) / 'scratch.db'}")
        yield engine
        engine.dispose()


def walk_to(engine: sa.Engine, target: int | str, *, manifest: Path | str | None = None) -> None:
    """Apply every version up to *target*: a number, a release or the name of a migration.

    As `migrator sync` does it: data has to be moved before the guard lets a contract
    pass. *manifest* is the one of [tool.migrator] in pyproject.toml if not given.
    """
    loaded = _load(manifest)
    if target == 0:
        return
    entry = loaded.entry_named(str(target))
    sync(engine, loaded, Options(target=str(target if entry is None else entry.number)))


def check_transition(
    engine: sa.Engine,
    transition: Transition | str,
    rows: Sequence[tuple[Values, Values]],
    *,
    manifest: Path | str | None = None,
) -> None:
    """Assert that *transition* makes of each row what is said: pairs of before and after.

    A row is inserted as it is before. A mapped class with the converter shows it, and
    finds it, as it shall be after, while it is pending and once a batch has moved it; then
    its columns hold that, 'table.column' being the target of a move. Exactly the rows that
    change are moved, and none of them twice: no other row of the table may be pending.
    *transition* may be the name of one that a migration of *manifest* declares.
    """
    named = _named(transition, manifest)
    changing = sum(_changes(before, after) for before, after in rows)
    if not changing:
        raise AssertionError("no row of the starting set changes: nothing would be tested")
    with engine.begin() as connection:
        table = reflect(connection, named)
        _look_for_names(table, named, rows)
        wanted = {_insert(connection, table, before): after for before, after in rows}
    _check_objects(engine, named, table, wanted)
    _expect("rows moved", _move(engine, named), changing)
    _check_columns(engine, table, wanted)
    if isinstance(named, Relocate):
        _check_elsewhere(engine, named, table, wanted)
    _check_objects(engine, named, table, wanted)
    _expect("rows moved when there are none", _move(engine, named), 0)


def check_contract(
    engine: sa.Engine,
    contract: str,
    rows: Mapping[str, Sequence[Values]],
    *,
    manifest: Path | str | None = None,
) -> None:
    """Assert that *contract* is refused while *rows* are pending, and passes once they moved.

    *rows* are those of each table, inserted when all that comes before the contract is
    applied to the empty database of *engine*.
    """
    entry = _load(manifest).entry_named(contract)
    if entry is None:
        raise AssertionError(f"the manifest has no migration {contract!r}")
    walk_to(engine, entry.number - 1, manifest=manifest)
    for table, values in rows.items():
        _insert_all(engine, table, values)
    before = {table: columns_of(engine, table) for table in rows}
    try:
        walk_to(engine, contract, manifest=manifest)
    except GuardError:
        _expect("columns", {table: columns_of(engine, table) for table in rows}, before)
    else:
        raise AssertionError(f"{contract} was let through while rows were pending")
    for transition in _completed(_load(manifest), contract):
        _move(engine, transition)
    walk_to(engine, contract, manifest=manifest)


def columns_of(engine: sa.Engine, table: str) -> list[str]:
    """Return the names of the columns that *table* has now."""
    return [column["name"] for column in sa.inspect(engine).get_columns(table)]


def _load(manifest: Path | str | None) -> Manifest:
    """Return the manifest at a path, or the one that the settings name."""
    return Manifest.load(
        load_settings(Path.cwd(), None if manifest is None else Path(manifest)).manifest
    )


def _named(transition: Transition | str, manifest: Path | str | None) -> Transition:
    """Return the transition that is meant, with a name."""
    if not isinstance(transition, str):
        return transition if transition.name else replace(transition, name=UNNAMED)
    for migration in load_all(_load(manifest)):
        for declared in migration.transitions:
            if declared.name == transition:
                return declared
    raise AssertionError(f"no migration declares a transition {transition!r}")


def _completed(manifest: Manifest, contract: str) -> list[Transition]:
    """Return the transitions that *contract* completes."""
    migrations = load_all(manifest)
    named = {name for each in migrations if each.name == contract for name in each.completes}
    declared = (transition for each in migrations for transition in each.transitions)
    return [transition for transition in declared if transition.name in named]


def _look_for_names(
    table: sa.Table, transition: Transition, rows: Sequence[tuple[Values, Values]]
) -> None:
    """Assert that what is said of *rows* is there: what is misspelt would not be looked at."""
    known = {*table.c.keys(), *_shown(transition), *transition.targets}
    said = {name for before, after in rows for name in (*before, *after)}
    if unknown := said - known:
        raise AssertionError(f"{table.name} has no column {', '.join(sorted(unknown))}")


def _insert_all(engine: sa.Engine, table: str, rows: Sequence[Values]) -> None:
    """Insert *rows* into the table called *table*."""
    with engine.begin() as connection:
        reflected = sa.Table(table, sa.MetaData(), autoload_with=connection, resolve_fks=False)
        for values in rows:
            _insert(connection, reflected, values)


def _changes(before: Values, after: Values) -> bool:
    """Return whether a column of *after* is not as it was."""
    return any(before.get(name) != value for name, value in after.items())


def _insert(connection: sa.Connection, table: sa.Table, values: Values) -> Key:
    """Insert a row in its old form and return its key."""
    made = connection.execute(sa.insert(table).values(dict(values)))
    return tuple(made.inserted_primary_key or ())


def _move(engine: sa.Engine, transition: Transition) -> int:
    """Run the batches of *transition* and return how many rows they moved."""
    (outcome,) = migrate(engine, [transition])
    _expect("rows that could not be converted", outcome.failed, 0)
    return outcome.completed


def _check_columns(engine: sa.Engine, table: sa.Table, wanted: Mapping[Key, Values]) -> None:
    """Assert that the columns hold what is *wanted* of each row."""
    keys = list(table.primary_key.columns)
    with engine.connect() as connection:
        for key, after in wanted.items():
            which = (column == value for column, value in zip(keys, key, strict=True))
            found = connection.execute(sa.select(table).where(*which)).mappings().one()
            for name in after.keys() & found.keys():
                _expect(f"{table.name}.{name} of row {key}", found[name], after[name])


def _check_elsewhere(
    engine: sa.Engine, transition: Relocate, table: sa.Table, wanted: Mapping[Key, Values]
) -> None:
    """Assert that the row of the other table holds what is *wanted* of each row."""
    names = (transition.target, *transition.on.values())
    there = sa.table(transition.other, *map(sa.column, names), schema=transition.schema)
    keys, (place,) = list(table.primary_key.columns), transition.targets
    with engine.connect() as connection:
        for key, after in wanted.items():
            which = (column == value for column, value in zip(keys, key, strict=True))
            query = sa.select(there.c[transition.target]).where(
                transition.matches(table, there), *which
            )
            if place in after:
                _expect(f"{place} of row {key}", connection.scalar(query), after[place])


def _check_objects(
    engine: sa.Engine, transition: Transition, table: sa.Table, wanted: Mapping[Key, Values]
) -> None:
    """Assert that a mapped class with the converter shows and finds what is *wanted*."""
    shown = _shown(transition)
    if not shown:
        return
    model = _model(transition, table)
    with orm.Session(engine) as session:
        for key, after in wanted.items():
            loaded = session.get_one(model, key)
            for name in shown & after.keys():
                what = f"attribute {name} of row {key}"
                _expect(what, getattr(loaded, name), after[name])
                if isinstance(transition, Columns) and transition.in_sql:
                    query = sa.select(model).where(getattr(model, name) == after[name])
                    if loaded not in session.scalars(query).all():
                        raise AssertionError(f"{what}: no query for its value finds it")


def _shown(transition: Transition) -> frozenset[str]:
    """Return the attributes that a converter of *transition* gives to a class."""
    if isinstance(transition, Columns):
        return frozenset(transition.targets)
    return frozenset() if transition.attribute is None else frozenset({transition.attribute})


def _model(transition: Transition, table: sa.Table) -> type[Any]:
    """Return a class that maps *table* as a release does that knows the new columns only."""
    old = set(transition.sources)
    if isinstance(transition, Columns) and transition.marker is not None:
        old.add(transition.marker)
    key = key_of(transition, table)
    columns = (
        sa.Column(column.name, column.type, primary_key=column.name in key)
        for column in table.c
        if column.name not in old
    )
    registry = orm.registry()
    made = type("Model", (), {})
    mapped = sa.Table(table.name, sa.MetaData(), *columns, schema=table.schema)
    registry.map_imperatively(made, mapped)
    attach_converters([made], transition)
    return made


def _expect(what: str, found: object, wanted: object) -> None:
    """Assert that *found* is *wanted*."""
    if found != wanted:
        raise AssertionError(f"{what}: found {found!r}, expected {wanted!r}")
