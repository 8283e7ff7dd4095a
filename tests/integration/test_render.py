"""What is rendered is what the database receives, through every driver."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.dialects import dialect_of
from migrator.manifest import Entry
from migrator.migration import load, render

if TYPE_CHECKING:
    from pathlib import Path

    from tests.databases import Database

EXPAND = """\
import sqlalchemy as sa


def expand(op):
    notes = op.create_table(
        "notes",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("a%b", sa.String(80), server_default="5% :x"),
        sa.Column("paid", sa.Boolean(), server_default=sa.false()),
    )
    op.execute(notes.insert().values({"a%b": "100%s %% %(x)s :y \\\\ it's"}))
    op.execute(r"INSERT INTO notes (id) VALUES (9); UPDATE notes SET paid = NULL WHERE id = 9")
"""


@pytest.mark.parametrize("asked", ["engine", "plain"])
def test_rendered_text_arrives_as_it_is(driver: Database, tmp_path: Path, asked: str) -> None:
    (tmp_path / "m.py").write_text(EXPAND)
    engine = driver.engine()
    with engine.begin() as connection:
        dialect = dialect_of(connection.dialect)
        theirs = connection.dialect if asked == "engine" else None
        statements = render(load(Entry(number=1, files=("m.py",)), tmp_path), dialect, theirs)
        for text in statements:
            connection.exec_driver_sql(text, execution_options={"no_parameters": True})
        notes = sa.Table("notes", sa.MetaData(), autoload_with=connection)
        found = connection.execute(sa.select(notes.c["a%b"]).order_by(notes.c.id)).scalars().all()

    assert len(statements) == 4
    assert found == ["100%s %% %(x)s :y \\ it's", "5% :x"]
