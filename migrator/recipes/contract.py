"""What a contract is written from: the transitions that it completes, as they are declared."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError
from migrator.recipes.part import COLUMNS_OF, Part, listed, row, scratch_test
from migrator.recipes.source import call, mapping, quoted
from migrator.recipes.types import Type, guessed, imports_for
from migrator.recipes.ways import way

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from migrator.recipes.known import Declared, Known

CHECK_CONTRACT = "from migrator.testing import check_contract"

_REFUSE_NULL = """\
CREATE TRIGGER {table}_{column}_inserted BEFORE INSERT ON {table} WHEN NEW.{column} IS NULL
BEGIN
    SELECT RAISE(ABORT, 'NOT NULL constraint failed: {table}.{column}');
END;
CREATE TRIGGER {table}_{column}_updated BEFORE UPDATE ON {table} WHEN NEW.{column} IS NULL
BEGIN
    SELECT RAISE(ABORT, 'NOT NULL constraint failed: {table}.{column}');
END;
"""


def completed(names: Sequence[str], known: Known) -> tuple[Declared, ...]:
    """Return the transitions called *names*; raise ConfigurationError for one that is not there."""
    found = []
    for name in names:
        if name not in known.transitions:
            near = get_close_matches(name, known.transitions, n=1)
            all_of_them = ", ".join(known.transitions) or "none is declared yet"
            raise ConfigurationError(
                f"--completes: no migration declares a transition {name!r}",
                hint=f"did you mean {near[0]}?" if near else f"transitions: {all_of_them}",
            )
        found.append(known.transitions[name])
    return tuple(found)


def contract_part(declared: Declared, known: Known, migration: str) -> Part:
    """Return what the contract of one transition writes."""
    if declared.kind == "fill" and len(declared.targets) == 1:
        return _narrow(declared, known, migration)
    if declared.table and declared.sources:
        return _drop(declared, known, migration)
    return Part(
        doc=f"complete {declared.name}",
        operations=(f"# What did {declared.name} leave behind?",),
        notes=(f"say in {migration}.py what {declared.name} leaves behind, and test it",),
    )


def _drop(declared: Declared, known: Known, migration: str) -> Part:
    """Return the part that drops the old columns."""
    table, first = quoted(declared.table), declared.sources[0]
    gone = [
        f"assert {quoted(each)} not in columns_of(engine, {table})" for each in declared.sources
    ]
    stays = (
        f"{declared.table}.{declared.marker} stays: abandon it in a later contract, when no "
        "release writes it any more"
    )
    return Part(
        doc=f"drop {declared.table}.{' and '.join(declared.sources)}, moved by {declared.name}",
        operations=tuple(
            call("op.drop_column", [table, quoted(each)], before=4) for each in declared.sources
        ),
        test=_test(
            declared, known, migration, f"{declared.table}_{first}_goes_when_it_is_empty", gone
        ),
        test_imports=(
            CHECK_CONTRACT,
            COLUMNS_OF,
            "import sqlalchemy as sa",
            *imports_for(*_values(declared, known)),
        ),
        needs=_needs(declared, known),
        notes=(*([stays] if declared.marker else []), *_unique(declared, known, migration)),
    )


def _narrow(declared: Declared, known: Known, migration: str) -> Part:
    """Return the part that lets a filled column be NULL no more."""
    (column,) = declared.targets
    type_, guess = _type(declared, known, column)
    arguments = [
        quoted(declared.table),
        quoted(column),
        f"existing_type={type_.text}",
        "nullable=False",
    ]
    empty = f"sa.update(sa.table({quoted(declared.table)}, sa.column({quoted(column)})))"
    refused = [
        f"empty = {empty}.values({column}=None)",
        "with engine.connect() as connection, pytest.raises(sa.exc.DBAPIError):",
        "    connection.execute(empty)",
    ]
    return Part(
        doc=f"let {declared.table}.{column} be NULL no more, filled by {declared.name}",
        operations=(call("op.alter_column", arguments, before=4),),
        imports=("import sqlalchemy as sa",),
        test=_test(declared, known, migration, f"{declared.table}_{column}_is_never_null", refused),
        test_imports=(CHECK_CONTRACT, "import pytest", "import sqlalchemy as sa"),
        needs=_needs(declared, known),
        files={"sqlite.sql": _REFUSE_NULL.format(table=declared.table, column=column)},
        notes=(guess,) if guess else (),
    )


def _test(declared: Declared, known: Known, migration: str, name: str, after: Sequence[str]) -> str:
    """Return the test that the contract waits for two rows, which are all there afterwards."""
    table = known.table(declared.table)
    rows = [
        row(table, number, dict.fromkeys(declared.sources, value))
        for number, value in enumerate(_values(declared, known), start=1)
    ]
    arguments = [
        "engine",
        quoted(migration),
        mapping([(declared.table, listed(rows, before=40))], before=16),
        "manifest=MANIFEST",
    ]
    target = declared.targets[0] if declared.targets else declared.sources[0]
    owner, _, column = target.rpartition(".")
    here = quoted(owner or declared.table)
    counted = [
        f"filled = sa.column({quoted(column)}).is_not(None)",
        f"rows = sa.select(sa.func.count()).select_from(sa.table({here}))",
        "with engine.connect() as connection:",
        f"    assert connection.scalar(rows.where(filled)) == {len(rows)}",
    ]
    body = [call("check_contract", arguments, before=8), "", *after, *counted]
    return scratch_test(name, body)


def _values(declared: Declared, known: Known) -> tuple[str, ...]:
    """Return two values for the old columns, that the transition can convert."""
    if not declared.sources:
        return ("None", "None")
    before, _ = _type(declared, known, declared.sources[0])
    after, _ = _type(declared, known, declared.targets[0] if declared.targets else "")
    there = way(before, after) if declared.kind == "retype" else None
    if there is not None:
        return tuple(value for value, _ in there.values)[:2]
    return before.values[:2] if len(before.values) > 1 else ("0", "1")


def _type(declared: Declared, known: Known, column: str) -> tuple[Type, str | None]:
    """Return the type of a column, and what to say when it is a guess."""
    columns = known.table(declared.table).columns
    places = [column]
    if declared.kind in ("rename", "split") and column in declared.sources:
        places += declared.targets
    for place in places:
        found = columns.get(place)
        if found is not None and found.type is not None:
            return found.type, None
    made = guessed()
    where = f"{declared.table}.{column}"
    return made, f"no migration says the type of {where}: {made.text} is a guess"


def _needs(declared: Declared, known: Known) -> tuple[tuple[str, tuple[tuple[str, str], ...]], ...]:
    """Return the table that has to be there, with the old columns."""
    columns = tuple((each, _type(declared, known, each)[0].text) for each in declared.sources)
    return ((declared.table, columns),)


def _unique(declared: Declared, known: Known, migration: str) -> Iterator[str]:
    """Yield the note that SQLite cannot drop an old column, where it cannot."""
    for source in declared.sources:
        found = known.table(declared.table).columns.get(source)
        if found is not None and found.unique:
            yield (
                f"SQLite cannot drop {declared.table}.{source} while it is UNIQUE: write "
                f"{migration}.sqlite.sql, which makes the table anew"
            )
