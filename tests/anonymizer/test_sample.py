"""Samples of a database make suggestions better, and are nowhere to be seen."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from anonymizer.plan import outline
from anonymizer.schema import read_schema
from anonymizer.suggest import suggest
from anonymizer.suggest.render import lines
from anonymizer.suggest.sample import read_samples

if TYPE_CHECKING:
    import pytest

ROWS: list[dict[str, Any]] = [
    {"id": 1, "x": "ada@lovelace.org", "y": None, "z": b"\0\1"},
    {"id": 2, "x": "grace@hopper.mil", "y": 2.5, "z": None},
    {"id": 3, "x": None, "y": 1e300, "z": b""},
]


def test_values_of_a_database_say_what_a_column_is(
    engine: sa.Engine, capsys: pytest.CaptureFixture[str]
) -> None:
    metadata = sa.MetaData()
    users = sa.Table(
        "Us ers",
        metadata,
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("x", sa.String(80)),
        sa.Column("y", sa.Double),
        sa.Column("z", sa.LargeBinary),
    )
    metadata.create_all(engine)
    with engine.begin() as connection:
        connection.execute(users.insert(), ROWS)
        schema = read_schema(connection)
        samples = read_samples(connection, schema)
    (found,) = samples.values()

    assert found["x"] == ["ada@lovelace.org", "grace@hopper.mil"]
    assert found["z"] == []
    proposals = suggest(outline(metadata), samples)
    text = "\n".join(lines(proposals))
    assert "x: info=mask.email(),  # 0.90: 2 of 2 values are an e-mail address" in text
    assert "lovelace" not in text + capsys.readouterr().out
