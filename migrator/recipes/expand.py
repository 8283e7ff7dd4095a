"""What an expand is written from: a recipe, and what earlier migrations say of its table."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.errors import ConfigurationError
from migrator.recipes.part import COLUMNS_OF, Part, listed, row, scratch_test, walk
from migrator.recipes.place import Place, source_of, variable_for
from migrator.recipes.source import call, enclosed, mapping, quoted
from migrator.recipes.types import imports_for
from migrator.recipes.ways import way_or_error

if TYPE_CHECKING:
    from migrator.recipes.known import Known
    from migrator.recipes.spec import Recipe
    from migrator.recipes.types import Type

CHECK_TRANSITION = "from migrator.testing import check_transition"

Pairs = Sequence[tuple[str, dict[str, str]]]
"""Value of the old column, and what the new columns hold for it: all as source."""

Rows = Sequence[tuple[dict[str, str], dict[str, str]]]
"""Columns of a row before and after."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """A transition that moves values from a column that is there to new ones."""

    kind: str
    doc: str
    arguments: Sequence[str]
    """What the kind is given after table and column."""
    targets: Sequence[tuple[str, Type]]
    pairs: Pairs
    helper: str = ""
    notes: tuple[str, ...] = ()


def expand_part(recipe: Recipe, known: Known, migration: str, taken: Collection[str]) -> Part:
    """Return what *recipe* writes; raise ConfigurationError when it does not fit what is known."""
    table = known.table(recipe.table)
    for name, _ in recipe.targets:
        if name in table.columns:
            raise ConfigurationError(
                f"{recipe.option}: {recipe.table} has a column {name!r} already"
            )
    place = Place(
        migration=migration,
        recipe=recipe,
        table=table,
        name=variable_for(recipe, taken),
        column=source_of(recipe, known),
    )
    builders = {"rename": _rename, "retype": _retype, "split": _split, "fill": _fill, "add": _add}
    return builders[recipe.kind](place)


def _rename(place: Place) -> Part:
    """Return the part that gives a column another name."""
    new, asked = place.recipe.targets[0]
    return _moving(
        place,
        Change(
            doc=f"rename {place.where} to {new}",
            kind="rename",
            arguments=[f"to={quoted(new)}"],
            targets=[(new, asked or place.type)],
            pairs=[(each, {new: each}) for each in place.type.values],
        ),
    )


def _retype(place: Place) -> Part:
    """Return the part that gives a column another type."""
    ((new, after),) = place.recipe.targets
    assert after is not None  # noqa: S101 - the recipe has been checked
    there = way_or_error(place.type, after, place.recipe.option)
    return _moving(
        place,
        Change(
            doc=f"make {place.where} {after.text.removeprefix('sa.')}, called {new}",
            kind="retype",
            arguments=[
                f"to={quoted(new)}",
                f"up={there.source(place.source)}",
                f"types={{{quoted(place.source)}: {place.type.text}}}",
            ],
            targets=[(new, after)],
            pairs=[(value, {new: made}) for value, made in there.values],
        ),
    )


CUT = '''\
def {name}(value):
    """Return the parts of {source}, as many as there are columns for them."""
    parts = value.split(" ", {last})
    return [*parts, *[None] * ({count} - len(parts))]'''


def _split(place: Place) -> Part:
    """Return the part that splits a column, at spaces until the author says where."""
    targets = [(name, asked or place.type) for name, asked in place.recipe.targets]
    for each in (place.type, *(type_ for _, type_ in targets)):
        if each.family != "string":
            raise ConfigurationError(
                f"{place.recipe.option}: the recipe splits texts, not {each.text}",
                hint="add the columns with --add and declare split(…, to={…}) by hand",
            )
    names = [name for name, _ in targets]
    cut = f"cut_{place.name}"
    made = [
        (name, f"expression(python=lambda row: {cut}(row.{place.source})[{number}])")
        for number, name in enumerate(names)
    ]
    whole = [quoted(name) for name in names]
    alone = [whole[0], *["None"] * (len(names) - 1)]
    nothing = [quoted(""), *alone[1:]]
    return _moving(
        place,
        Change(
            doc=f"split {place.where} into {', '.join(names[:-1])} and {names[-1]}",
            kind="split",
            arguments=[
                f"to={mapping(made, before=7)}",
                f"types={{{quoted(place.source)}: {place.type.text}}}",
            ],
            targets=targets,
            pairs=[
                (quoted(" ".join(names)), dict(zip(names, whole, strict=True))),
                (whole[0], dict(zip(names, alone, strict=True))),
                (quoted(""), dict(zip(names, nothing, strict=True))),
            ],
            helper=CUT.format(name=cut, source=place.where, last=len(names) - 1, count=len(names)),
            notes=(f"{cut}() splits {place.where} at spaces: say there where to split it",),
        ),
    )


def _moving(place: Place, change: Change) -> Part:
    """Return the part of a transition that empties a column, or marks its row."""
    columns = [_added(place, name, type_.text) for name, type_ in change.targets]
    settled = {place.source: "None"}
    arguments = list(change.arguments)
    if place.marker is not None:
        columns.append(_added(place, place.marker, "sa.SmallInteger()", needed=True))
        arguments.append(f"marker={quoted(place.marker)}")
        settled = {place.marker: "1"}
    rows = [({place.source: value}, {**settled, **after}) for value, after in change.pairs]
    # To SQLAlchemy, None is a value of JSON, which is not NULL.
    if place.nullable and rows and place.type.family != "json":
        empty = dict.fromkeys([place.source, *(name for name, _ in change.targets)], "None")
        rows.append(({place.source: "None"}, empty))
    declared = [quoted(place.recipe.table), quoted(place.source), *arguments]
    return Part(
        doc=change.doc,
        operations=tuple(columns),
        imports=_imports(change.kind, *arguments),
        helper=change.helper,
        transition=f"{place.name} = {call(change.kind, declared, before=len(place.name) + 3)}",
        test=_transition_test(
            place, f"{place.recipe.table}_{place.source}_becomes_{change.targets[0][0]}", rows
        ),
        test_imports=_test_imports(rows),
        needs=((place.recipe.table, ((place.source, place.type.text),)),),
        notes=(*_notes(place), *change.notes, *([] if rows else [_no_rows(place)])),
    )


def _fill(place: Place) -> Part:
    """Return the part that adds a column and fills it."""
    ((new, made),) = place.recipe.targets
    assert made is not None  # noqa: S101 - the recipe has been checked
    value = place.recipe.value or made.nothing
    if value is None:
        raise ConfigurationError(
            f"{place.recipe.option}: nothing says what to fill it with",
            hint=f"say it: --fill {place.recipe.table}.{new}:TYPE=VALUE",
        )
    declared = [quoted(place.recipe.table), quoted(new), f"value={value}"]
    rows: list[tuple[dict[str, str], dict[str, str]]] = [({}, {new: value})]
    rows += [({new: each}, {new: each}) for each in made.values if each != value][:1]
    return Part(
        doc=f"fill {place.recipe.table}.{new}",
        operations=(_added(place, new, made.text),),
        imports=_imports("fill", value),
        transition=f"{place.name} = {call('fill', declared, before=len(place.name) + 3)}",
        test=_transition_test(place, f"{place.recipe.table}_{new}_is_filled", rows),
        test_imports=_test_imports(rows),
        needs=((place.recipe.table, ()),),
    )


def _add(place: Place) -> Part:
    """Return the part that adds a column, and nothing moves."""
    ((new, made),) = place.recipe.targets
    assert made is not None  # noqa: S101 - the recipe has been checked
    table = quoted(place.recipe.table)
    return Part(
        doc=f"add {place.recipe.table}.{new}",
        operations=(_added(place, new, made.text),),
        imports=("import sqlalchemy as sa",),
        test=scratch_test(
            f"{place.recipe.table}_{new}_is_added",
            [walk(place.migration), "", f"assert {quoted(new)} in columns_of(engine, {table})"],
        ),
        test_imports=(COLUMNS_OF,),
        needs=((place.recipe.table, ()),),
    )


def _added(place: Place, name: str, type_: str, *, needed: bool = False) -> str:
    """Return the operation that adds a column, which may be NULL unless *needed*."""
    options = ["nullable=False", 'server_default="0"'] if needed else []
    column = call("sa.Column", [quoted(name), type_, *options], before=8)
    return call("op.add_column", [quoted(place.recipe.table), column], before=4)


def _transition_test(place: Place, name: str, rows: Rows) -> str:
    """Return the test that the transition makes of each row what is said."""
    pairs = [
        enclosed("(", [row(place.table, number, before), mapping(after.items())], ")", before=16)
        for number, (before, after) in enumerate(rows, start=1)
    ]
    arguments = ["engine", quoted(place.name), listed(pairs, before=88), "manifest=MANIFEST"]
    return scratch_test(
        name,
        [walk(place.migration), "", call("check_transition", arguments, before=8)],
    )


def _imports(kind: str, *arguments: str) -> tuple[str, ...]:
    """Return the imports of a module that declares a transition."""
    found = ["import sqlalchemy as sa", f"from migrator import {kind}"]
    if any("expression(" in each for each in arguments):
        found.append("from migrator import expression")
    return (*found, *imports_for(*arguments))


def _test_imports(rows: Rows) -> tuple[str, ...]:
    """Return the imports of a test of *rows*."""
    values = [value for pair in rows for side in pair for value in side.values()]
    return (CHECK_TRANSITION, *imports_for(*values))


def _notes(place: Place) -> Iterator[str]:
    """Yield what the author has to know of the column that is there."""
    if place.guessed:
        yield f"no migration says the type of {place.where}: {place.type.text} is a guess"
    if place.column is not None and place.column.unique:
        new = place.recipe.targets[0][0]
        yield f"{place.where} is unique: add a unique index on {new} once all rows are moved"


def _no_rows(place: Place) -> str:
    """Return the note that the test has no rows, because nothing is known of their values."""
    return f"the test has no rows: give it some with values of {place.type.text}"
