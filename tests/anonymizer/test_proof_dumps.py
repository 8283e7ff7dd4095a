"""A proof of what real dump tools wrote and real masks changed, and of what slipped by."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from faker import Faker

from anonymizer.dumps import formats
from anonymizer.engine import Engine
from anonymizer.key import Key
from anonymizer.markup import Decision, mask, public
from anonymizer.plan import make_plan
from anonymizer.proof import Verdict, prove
from anonymizer.reading import read_pieces
from anonymizer.stream import Tally, texts
from tests.anonymizer.test_generated import ran

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.plan import Plan
    from anonymizer.proof import Proof
    from anonymizer.reading import Part
    from tests.databases import Database

pytestmark = pytest.mark.thorough

METADATA = sa.MetaData()
PEOPLE = sa.Table(
    "people",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, info=mask.integer()),
    sa.Column("name", sa.String(80), info=mask.name()),
    sa.Column("email", sa.String(120), unique=True, info=mask.email()),
    sa.Column("phone", sa.String(30), info=mask.phone()),
    sa.Column("token", sa.String(40), info=mask.token()),
    sa.Column("note", sa.Text, info=mask.text()),
    sa.Column("born", sa.Date, info=mask.date()),
    sa.Column("state", sa.String(10), info=public("one of three words")),
    sa.Column("log", sa.Text, info=public("what a machine wrote")),
)
KEY = Key(bytes(range(32)))
WITNESS = "Wilhelmina Featherstonehaugh-Smythe"


def rows() -> list[dict[str, object]]:
    fake = Faker("en_US", use_weighting=False)
    fake.seed_instance(7)
    return [
        {
            "id": 7_000 + number * 3,
            "name": fake.name() if number else WITNESS,
            "email": f"{fake.user_name()}{number}@{fake.domain_name()}",
            "phone": f"+1-555-{fake.random_int(10**6, 10**7 - 1)}",
            "token": fake.sha1(),
            "note": None if number % 5 == 0 else fake.paragraph(3),
            "born": fake.date_of_birth(),
            "state": fake.random_element(["new", "active", "gone"]),
            "log": f"seen by robot {number % 7} at {fake.ipv4()}",
        }
        for number in range(400)
    ]


def dump(database: Database, *statements: str) -> bytes:
    with database.engine().begin() as connection:
        METADATA.create_all(connection)
        connection.execute(PEOPLE.insert(), rows())
        for statement in statements:
            connection.exec_driver_sql(statement)
    return ran(database, "sqlite3 pg_dump mariadb-dump", ".dump").encode()


def plan_of(database: Database) -> Plan:
    return make_plan(METADATA, dialect=database.name)


def parts(text: bytes, plan: Plan) -> Iterator[Part]:
    format_ = next(each for each in formats() if each.recognizes(text[: 1 << 16]))
    return read_pieces(format_.pieces(io.BytesIO(text)), plan)


def masked(text: bytes, plan: Plan) -> bytes:
    format_ = next(each for each in formats() if each.recognizes(text[: 1 << 16]))
    pieces = format_.pieces(io.BytesIO(text))
    return b"".join(bytes(each) for each in texts(pieces, Engine(plan=plan, key=KEY), Tally()))


def careless(plan: Plan, column: str) -> Plan:
    """Return *plan* with a column kept that is to be masked."""
    keep = Decision(mask="keep", why="carelessness")
    tables = tuple(
        replace(
            table,
            columns=tuple(
                replace(each, decision=keep) if each.name == column else each
                for each in table.columns
            ),
        )
        for table in plan.tables
    )
    return replace(plan, tables=tables, _found={})


def proved(before: bytes, after: bytes, plan: Plan) -> Proof:
    return prove(parts(before, plan), parts(after, plan), plan)


def test_what_was_masked_is_clean(database: Database) -> None:
    plan = plan_of(database)
    before = dump(database)
    proof = proved(before, masked(before, plan), plan)

    assert proof.verdict is Verdict.CLEAN, (proof.sightings, proof.problems, proof.columns)
    assert proof.rows == 400
    assert {each.column.rpartition(".")[2]: each.strong > 300 for each in proof.columns} == {
        "id": False,
        "name": True,
        "email": True,
        "phone": True,
        "token": True,
        "note": True,
        "born": False,
    }


def test_a_column_that_was_forgotten_is_found(database: Database) -> None:
    plan = plan_of(database)
    before = dump(database)
    for column in ("id", "name", "email", "phone", "token", "note", "born"):
        proof = proved(before, masked(before, careless(plan, column)), plan)
        places = {each.place.rpartition(".")[2] for each in proof.survivors}

        assert column in places, column


def test_a_value_in_a_kept_column_is_found(database: Database) -> None:
    plan = plan_of(database)
    said = f"UPDATE people SET log = 'asked by {WITNESS.lower()}' WHERE id > 8000"  # noqa: S608
    before = dump(database, said)
    proof = proved(before, masked(before, plan), plan)

    assert [each.place.rpartition(".")[2] for each in proof.survivors] == ["log"]


def test_a_value_in_the_schema_is_found(database: Database) -> None:
    plan = plan_of(database)
    view = f"CREATE VIEW witness AS SELECT id FROM people WHERE name <> '{WITNESS}'"  # noqa: S608
    before = dump(database, view)
    proof = proved(before, masked(before, plan), plan)

    assert [each.place for each in proof.survivors] == ["outside of rows"]
    line = proof.survivors[0].spots[0].line
    assert line is not None
    assert WITNESS in before.decode().split("\n")[line - 1]
