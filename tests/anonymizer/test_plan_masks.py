"""Plans carried out by the real masks: what belongs together stays together."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from anonymizer import mask, public
from anonymizer.check import check
from anonymizer.column import TableName
from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.engine import Engine
from anonymizer.key import Key
from anonymizer.plan import Plan, make_plan

if TYPE_CHECKING:
    from collections.abc import Sequence

ENGINE_KEY = Key(bytes(range(32)))


def metadata() -> sa.MetaData:
    made = sa.MetaData()
    sa.Table(
        "users",
        made,
        sa.Column("id", sa.BigInteger, primary_key=True, info=mask.integer()),
        sa.Column("name", sa.String(80), info=mask.name(subject="id")),
        sa.Column("mail", sa.String(120), unique=True, info=mask.email(subject="id")),
        sa.Column("born", sa.Date, info=mask.date(subject="id")),
    )
    sa.Table(
        "orders",
        made,
        sa.Column("no", sa.Integer, primary_key=True, info=public("a number of ours")),
        sa.Column("user_id", sa.Integer, sa.ForeignKey("users.id")),
        sa.Column("name", sa.String(80), info=mask.name(subject="user_id")),
        sa.Column("placed", sa.DateTime, info=mask.date(subject="user_id")),
        sa.Column("mail", sa.String(120), info=mask.email()),
        sa.Column("data", sa.JSON, info=mask.json(paths={"$.mail": mask.email()})),
    )
    return made


def masked(
    plan: Plan, table: str, columns: Sequence[str], rows: list[list[str]]
) -> list[list[str]]:
    masker = Engine(plan=plan, key=ENGINE_KEY).masker(TableName("public", table), columns)
    assert masker is not None
    data = "".join("\t".join(row) + "\n" for row in rows).encode()
    text, _ = masker.rewrite(
        Rows(
            table=TableName("public", table),
            columns=tuple(columns),
            data=data,
            codec=CopyText(),
            line=1,
            byte=0,
        )
    )
    return [line.split("\t") for line in bytes(text).decode().splitlines()]


def test_keys_people_and_days_fit_together() -> None:
    plan = make_plan(metadata())
    rows = [["7", "Ada L", "ada@x.org", "1815-12-10"], ["8", "Bob", "bob@x.org", "1990-01-01"]]
    users = masked(plan, "users", ["id", "name", "mail", "born"], rows)
    orders = masked(
        plan,
        "orders",
        ["no", "user_id", "name", "placed"],
        [["1", "8", "Bobby", "1990-01-11 10:00:00"], ["2", "7", "A", "1815-12-11 10:00:00"]],
    )
    assert users[0][0] == orders[1][1] not in {"7", "8"}
    assert users[1][0] == orders[0][1]
    assert users[1][1] == orders[0][2]
    days = [
        sa.types.Date().python_type.fromisoformat(each[:10]) for each in (users[1][3], orders[0][3])
    ]
    assert (days[1] - days[0]).days == 10


def test_an_address_inside_of_json_is_the_one_outside() -> None:
    plan = make_plan(metadata())
    row = masked(plan, "orders", ["no", "mail", "data"], [["1", "a@b.org", '{"mail": "a@b.org"}']])[
        0
    ]

    assert row[1] != "a@b.org"
    assert row[1] in row[2]


def test_the_real_masks_find_nothing_wrong_but_the_size_of_a_key() -> None:
    found = check(metadata())

    assert [each.severity for each in found] == ["warning"] * 2
    assert "users.mail" in str(found[1])
    assert "32" in found[0].message
