"""Mistakes that one could make in the batches, each of which is found out.

Each schedule passes with the code as it is. A mutant is the real code with one piece of its
text replaced, so that none of them can fall behind what it is a mutant of.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from migrator.transitions import batch, columns, in_python
from migrator.worker import Worker
from tests import schedules
from tests.databases import why_not
from tests.mutation import Mutant

if TYPE_CHECKING:
    from tests.databases import Database

pytestmark = pytest.mark.thorough

LOCKS = "row_locks"
FALSE_IN_SQL = partial(schedules.values_that_are_false, "in_sql")
FALSE_IN_PYTHON = partial(schedules.values_that_are_false, "in_python")
FALSE_BY_FUNCTION = partial(schedules.values_that_are_false, "by_function")

PREDICATE = ".where(rows.within(), transition.movable(table), "
PENDING = "table.c[name].is_not(None) for name in self.from_"
IN_ONE = """            moved = self._carry(connection, rows)
            self._note(connection, lease, rows, moved.failures)
"""
MUTANTS = (
    Mutant(
        name="the outer predicate is removed",
        function=batch.move_in_sql,
        old=PREDICATE,
        new=".where(rows.within(), ",
        schedule=FALSE_IN_SQL,
    ),
    Mutant(
        name="rows are looked up first, and updated by their keys",
        function=batch.move_in_sql,
        old=PREDICATE,
        new=".where(any_key(rows.key_columns, [tuple(row) for row in connection.execute("
        "sa.select(*rows.key_columns).where(rows.within(), transition.movable(table)))]), ",
        schedule=schedules.writes_that_a_batch_waits_for,
        needs=LOCKS,
    ),
    Mutant(
        name="the predicate stands in a subquery only",
        function=batch.move_in_sql,
        old=PREDICATE,
        new=".where(rows.key_columns[0].in_(sa.select(sa.select(*rows.key_columns).where("
        "rows.within(), transition.movable(table)).limit(100).subquery().c[0])), ",
        schedule=schedules.writes_that_a_batch_waits_for,
        needs="late_validation",
    ),
    Mutant(
        name="compare-and-set is dropped",
        function=in_python._compare_and_set,
        old="""            *(
                rows.dialect.same(_compared(table.c[name]), values.c[f"seen_{name}"])
                for name in transition.reads
            ),
""",
        new="",
        schedule=schedules.writes_after_a_batch_has_read,
        needs=LOCKS,
    ),
    Mutant(
        name="compare-and-set does not ask what is pending",
        function=in_python._compare_and_set,
        old="            transition.movable(table),\n",
        new="",
        schedule=schedules.marked_after_a_batch_has_read,
        needs=LOCKS,
    ),
    Mutant(
        name="rows are replaced instead of updated",
        function=in_python._compare_and_set,
        old="    return connection.execute(statement, execution_options=kept).rowcount\n",
        new="""    for change in changes:
        made = dict(zip((*rows.key, *transition.targets), (*change.key, *change.made)))
        connection.execute(table.delete().where(table.c.id == made["id"]))
        connection.execute(table.insert().values(version=1, **made))
    return len(changes)
""",
        schedule=schedules.writes_after_a_batch_has_read,
        needs=LOCKS,
    ),
    Mutant(
        name="rows are looked at before they are locked",
        function=batch.lock,
        old="statement = statement.with_for_update(of=rows.table)",
        new="pass",
        schedule=schedules.a_write_while_a_function_converts,
        needs=LOCKS,
    ),
    Mutant(
        name="a value that is false is not pending",
        function=columns.Columns.pending,
        old=PENDING,
        new="table.c[name] != 0 for name in self.from_",
        schedule=FALSE_IN_SQL,
    ),
    Mutant(
        name="a value that is false is not pending, in Python",
        function=columns.Columns.pending,
        old=PENDING,
        new="table.c[name] != 0 for name in self.from_",
        schedule=FALSE_IN_PYTHON,
    ),
    Mutant(
        name="a value that is false counts as lost",
        function=in_python._converted,
        old="all(value is None for value in made.values())",
        new="not any(made.values())",
        schedule=FALSE_IN_PYTHON,
    ),
    Mutant(
        name="the checkpoint is committed before its rows",
        function=Worker._move,
        old=IN_ONE,
        new="""            self._note(connection, lease, rows, ())
            connection.connection.commit()
            moved = self._carry(connection, rows)
""",
        schedule=schedules.killed_at_every_point,
    ),
    Mutant(
        name="the checkpoint is committed after its rows",
        function=Worker._move,
        old=IN_ONE,
        new="""            moved = self._carry(connection, rows)
            connection.connection.commit()
            self._note(connection, lease, rows, moved.failures)
""",
        schedule=schedules.a_lease_that_is_taken_away,
        needs=LOCKS,
    ),
    Mutant(
        name="a lease needs no token",
        function=Worker._note,
        old="if not checkpoint.progress(connection, lease, rows.upto or lease.upto):",
        new="if checkpoint.progress(connection, lease, rows.upto or lease.upto) is None:",
        schedule=schedules.a_lease_that_is_taken_away,
        needs=LOCKS,
    ),
    Mutant(
        name="a commit without an answer is sent again",
        function=Worker._move,
        old="was_done=lambda connection: not checkpoint.stands(connection, lease)",
        new="was_done=None",
        schedule=schedules.commits_without_an_answer,
        needs="kill9",
    ),
    Mutant(
        name="the end of the table is the proof",
        function=Worker._go_round,
        old="return True",
        new="return False",
        schedule=schedules.a_row_behind_the_cursor,
    ),
)


def skip_without(database: Database, needs: str | None) -> None:
    if needs and (reason := why_not(database.name, needs)):
        pytest.skip(reason)


def name_of(mutant: Mutant) -> str:
    return mutant.name.replace(" ", "-")


@pytest.mark.parametrize("mutant", MUTANTS, ids=name_of)
def test_a_mutant_is_caught(
    database: Database, mutant: Mutant, monkeypatch: pytest.MonkeyPatch
) -> None:
    skip_without(database, mutant.needs)
    mutant.apply(monkeypatch)

    wrong = mutant.schedule(database)

    print(*wrong, sep="\n")
    assert wrong


NEEDS = {each.schedule: each.needs for each in MUTANTS} | {FALSE_BY_FUNCTION: None}
NEEDS[schedules.writes_that_a_batch_waits_for] = LOCKS
LONG = {schedules.killed_at_every_point}
"""test_online_crash.py goes the same way with processes."""


@pytest.mark.parametrize(
    "schedule",
    [pytest.param(each, marks=pytest.mark.slow if each in LONG else ()) for each in NEEDS],
)
def test_the_code_as_it_is_loses_nothing(database: Database, schedule: Any) -> None:
    skip_without(database, NEEDS[schedule])

    assert schedule(database) == []
