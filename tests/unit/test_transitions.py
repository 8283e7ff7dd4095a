"""Transitions that are declared wrongly: each says so, at the latest before a row is touched."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator import Row, convert, expression, fill, merge, move, python, rename, retype, split
from migrator.errors import TransitionError
from tests.converted import FLAVORS, foobars

if TYPE_CHECKING:
    from collections.abc import Callable

DECLARED: dict[str, tuple[Callable[[], Any], str]] = {
    "one name for both": (lambda: rename("t", "a", to="a"), "'a' is both source and target"),
    "a list for a name": (lambda: rename("t", ["a"], to="b"), "expected names of columns"),  # type: ignore[arg-type]
    "a text for a tuple": (
        lambda: rename("t", "a", to="b", key="uuid"),  # type: ignore[arg-type]
        "key= is 'uuid', expected names of columns",
    ),
    "a text for columns": (
        lambda: retype("t", "a", to="b", up=lambda row: row.a, also_reads="c"),  # type: ignore[arg-type]
        "also_reads= is 'c', expected",
    ),
    "a type that is none": (
        lambda: rename("t", "a", to="b", types={"a": "integer"}),
        "the type of 'a' is 'integer', expected one of SQLAlchemy",
    ),
    "a type of something else": (
        lambda: rename("t", "a", to="b", types={"c": sa.Integer()}),
        "'c' has a type, but no part in the transition",
    ),
    "a merge of one": (
        lambda: merge("t", "ab", to="c", up=lambda row: row.a),
        "names at least two source columns",
    ),
    "a split into one": (
        lambda: split("t", "a", to={"b": lambda row: row.a}),
        "names at least two target columns",
    ),
    "no target": (lambda: convert("t", "a", to={}), "no target column is named for table 't'"),
    "a way back to nowhere": (
        lambda: convert("t", "a", to={"b": lambda row: row.a}, down={"c": lambda row: row.b}),
        "'c' is no source of table 't'",
    ),
    "a value for a function": (lambda: retype("t", "a", to="b", up=5), "5 makes no value"),  # type: ignore[arg-type]
    "no reading": (lambda: expression(), "an expression needs sql, python or one function"),
    "filled with nothing": (lambda: fill("t", "a", value=None), "'a' cannot be filled with None"),
    "no table": (lambda: move("t", "a", to="b", on={"id": "id"}), "'b' names no table"),
    "a decision": (
        lambda: retype("t", "a", to="b", up=lambda row: 1 if row.a == 2 else row.a),
        "the function decides with if, and, or",
    ),
    "a decision about rows to skip": (
        lambda: rename("t", "a", to="b", skip=lambda row: row.c == 1 or row.d == 1),
        "skip= decides with if, and, or",
    ),
    "a decision about what is pending": (
        lambda: python("t", pending=lambda row: row.a == 1 and row.b == 2, move=print),
        "pending= decides with if, and, or",
    ),
}


@pytest.mark.parametrize("what", DECLARED)
def test_it_is_refused_when_it_is_declared(what: str) -> None:
    declare, reason = DECLARED[what]
    with pytest.raises(TransitionError, match=reason):
        declare()


IN_SQL: dict[str, tuple[Callable[[Row], Any], str]] = {
    "a column that is not there": (lambda row: row.memry, "there is no column 'memry'"),
    "an item that is not there": (lambda row: row["memry"], "there is no column 'memry'"),
    "a formatted text": (lambda row: f"{row.note}!", "reads columns, and is 'str' in SQL"),
    "a look-up": (lambda row: {1: 2}.get(row.vcpus, 0), "reads columns, and is 'int' in SQL"),
    "a method of Python": (lambda row: row.note.lower(), "cannot be read as SQL"),
    "a part": (lambda row: row.note[0], "cannot be read as SQL"),
    "a truth": (lambda row: int(row.vcpus), "cannot be read as SQL"),
    "a SELECT": (lambda _row: sa.select(sa.literal(1)), "is 'Select' in SQL"),
}


@pytest.mark.parametrize("what", IN_SQL)
def test_what_cannot_be_sql_is_refused_before_a_batch(what: str) -> None:
    up, reason = IN_SQL[what]
    transition = retype("flavors", "memory_mb", to="foobars", up=up)
    with pytest.raises(TransitionError, match=reason):
        list(transition.assign(FLAVORS))


@pytest.mark.parametrize(
    ("up", "reason"),
    [
        (lambda row: row.name, "there is no column 'name' to read"),
        (lambda row: sa.func.lower(row.memory_mb), "where Python needs a value"),
    ],
)
def test_what_cannot_be_python_is_no_failure_of_a_row(up: Any, reason: str) -> None:
    transition = retype("flavors", "memory_mb", to="foobars", up=expression(python=up))
    with pytest.raises(TransitionError, match=reason):
        transition.convert(Row({"memory_mb": 1}))


@pytest.mark.parametrize("skip", [lambda row: row.nope == 1, lambda row: row.note is None])
def test_a_predicate_is_a_condition_over_columns(skip: Any) -> None:
    moving = python("flavors", pending=skip, move=print)
    with pytest.raises(TransitionError, match="pending= of 'flavors' is no condition"):
        moving.pending(FLAVORS)
    waiting = rename("flavors", "memory_mb", to="foobars", skip=skip)
    with pytest.raises(TransitionError, match="skip= of 'flavors' is no condition"):
        waiting.movable(FLAVORS)


def test_a_function_may_give_what_is_the_same_for_every_row() -> None:
    filled = fill("flavors", "locked", value=lambda _row: False)
    assert [name for name, _value in filled.assign(FLAVORS)] == ["locked"]
    assert [name for name, _value in foobars.assign(FLAVORS)] == ["foobars", "memory_mb"]
