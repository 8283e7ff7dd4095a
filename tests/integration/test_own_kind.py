"""A kind of transition of the user's own: converter, batches and guard take it as any other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session
from typing_extensions import override

from migrator import Expression, Moved, Transition, attach_converters
from migrator.online import migrate
from migrator.testing import check_transition
from migrator.transitions import MOST_KEYS, Range, any_key, lock
from tests.converted import FLAVORS, expand, held, model, store

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NOTES = sa.Table(
    "notes",
    sa.MetaData(),
    sa.Column("flavor_id", sa.Integer, nullable=False),
    sa.Column("text", sa.String(50), nullable=False),
)


@dataclass(frozen=True, kw_only=True)
class Scatter(Transition):
    """A column becomes rows of another table; models show the first of them."""

    source: str

    @property
    @override
    def sources(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    @override
    def columns(self) -> tuple[str, ...]:
        return (self.source,)

    @property
    @override
    def tables(self) -> frozenset[str]:
        return frozenset({self.table, "notes"})

    @property
    @override
    def largest_batch(self) -> int:
        return MOST_KEYS

    @override
    def pending(self, table: sa.FromClause) -> sa.ColumnElement[bool]:
        return table.c[self.source].is_not(None)

    @override
    def move(self, connection: sa.Connection, rows: Range) -> Moved:
        table = rows.table
        chosen = any_key(rows.key_columns, lock(connection, self, rows))
        moved = sa.select(*rows.key_columns, table.c[self.source]).where(chosen)
        connection.execute(sa.insert(NOTES).from_select(["flavor_id", "text"], moved))
        emptied = sa.update(table).where(chosen).values({self.source: sa.null()})
        return Moved(completed=connection.execute(emptied).rowcount)

    @property
    @override
    def attribute(self) -> str:
        return "first_note"

    @property
    @override
    def load(self) -> Expression:
        first = sa.select(sa.func.min(NOTES.c.text)).correlate_except(NOTES)

        def shown(row: Any) -> sa.ColumnElement[Any]:
            there = first.where(NOTES.c.flavor_id == row.id).scalar_subquery()
            return sa.func.coalesce(row[self.source], there)

        return Expression(sql=shown)

    @property
    @override
    def save(self) -> Callable[[sa.Connection, Mapping[str, Any], Any], None]:
        def write(connection: sa.Connection, row: Mapping[str, Any], value: Any) -> None:
            mine = {"flavor_id": row["id"], "text": value}
            connection.execute(sa.delete(NOTES).where(NOTES.c.flavor_id == row["id"]))
            connection.execute(sa.insert(NOTES).values(mine))
            emptied = sa.update(FLAVORS).values({self.source: sa.null()})
            connection.execute(emptied.where(FLAVORS.c.id == row["id"]))

        return write


scattered = Scatter(table="flavors", name="scattered", source="note")


def flavors() -> Any:
    flavor = model("flavors", name=sa.String(50))
    attach_converters([flavor], scattered)
    return flavor


@pytest.fixture
def session(engine: sa.Engine) -> Any:
    expand(engine)
    NOTES.create(engine)
    with Session(engine) as session:
        yield session


def test_it_has_batches(engine: sa.Engine, session: Session) -> None:
    keys = [store(engine, note=note) for note in ("", "a", None)]
    (outcome,) = migrate(engine, [scattered])

    assert (outcome.completed, outcome.movable) == (2, 0)
    assert session.execute(sa.select(NOTES)).all() == [(keys[0], ""), (keys[1], "a")]
    assert held(engine, keys[1], "note") == (None,)


def test_it_has_a_converter(engine: sa.Engine, session: Session) -> None:
    key = store(engine, note="old")
    flavor = flavors()
    loaded = session.scalars(sa.select(flavor).where(flavor.first_note == "old")).one()
    loaded.first_note = "new"
    session.commit()

    assert (loaded.first_note, held(engine, key, "note")) == ("new", (None,))
    assert session.execute(sa.select(NOTES)).all() == [(key, "new")]


@pytest.mark.usefixtures("session")
def test_it_can_be_tested_as_any_other(engine: sa.Engine) -> None:
    check_transition(engine, scattered, [({"note": "a"}, {"note": None}), ({}, {"note": None})])
