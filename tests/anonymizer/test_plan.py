"""The plan: one decision for every column, inherited where keys lead, by domains."""

from __future__ import annotations

import pickle
import subprocess
import sys
from datetime import datetime
from enum import Enum
from pathlib import Path
from typing import Any, ClassVar

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from anonymizer import mask, public
from anonymizer.column import Column, TableName
from anonymizer.errors import PolicyError
from anonymizer.markup import Defaults
from anonymizer.models import Models
from anonymizer.plan import Plan, make_plan, outline
from anonymizer.policy import parse

KEY = mask.integer()


def column(plan: Plan, place: str) -> Column:
    table, _, name = place.rpartition(".")
    schema, _, table = table.rpartition(".")
    found = plan.find(TableName(schema or None, table))
    assert found is not None
    known = found.column(name)
    assert known is not None
    return known


def tables(*made: tuple[str, list[Any]]) -> sa.MetaData:
    metadata = sa.MetaData()
    for name, parts in made:
        schema, _, table = name.rpartition(".")
        sa.Table(table, metadata, *parts, schema=schema or None)
    return metadata


def key(name: str = "id", **options: Any) -> sa.Column[int]:
    return sa.Column(name, sa.Integer, primary_key=True, **options)


def refer(name: str, to: str, **options: Any) -> sa.Column[Any]:
    return sa.Column(name, sa.ForeignKey(to), **options)


def problems(source: sa.MetaData | Models, policy: Any = None) -> list[str]:
    with pytest.raises(PolicyError) as caught:
        make_plan(source, parse(policy, "p.toml") if policy else None)
    return list(caught.value.problems)


def test_foreign_keys_inherit_what_is_decided_on_the_key() -> None:
    plan = make_plan(
        tables(
            ("users", [key(info=KEY), refer("boss_id", "users.id")]),
            ("orders", [refer("user_id", "users.id", primary_key=True)]),
            ("items", [refer("buyer", "orders.user_id", primary_key=True)]),
        )
    )
    for place in ("users.id", "users.boss_id", "orders.user_id", "items.buyer"):
        assert column(plan, place).decision.mask == "integer"
        assert column(plan, place).domain == "users.id"


def test_composite_keys_are_followed_column_by_column() -> None:
    plan = make_plan(
        tables(
            ("tenants", [key(info=public("a number of ours"))]),
            ("users", [refer("tenant", "tenants.id", primary_key=True), key("no", info=KEY)]),
            (
                "app.logins",
                [
                    key("of_tenant"),
                    key("of_user"),
                    sa.ForeignKeyConstraint(["of_tenant", "of_user"], ["users.tenant", "users.no"]),
                ],
            ),
        )
    )
    assert column(plan, "app.logins.of_tenant").decision.mask == "keep"
    assert column(plan, "app.logins.of_user").domain == "users.no"
    found = plan.find(TableName("app", "logins"))
    assert found is not None
    assert found.keys == (("of_tenant", "of_user"),)
    assert found.references[0].to == ("tenant", "no")


def test_keys_that_refer_to_each_other_have_one_domain() -> None:
    plan = make_plan(
        tables(
            ("a", [refer("id", "b.id", primary_key=True, info=KEY)]),
            ("b", [refer("id", "a.id", primary_key=True)]),
        )
    )
    assert column(plan, "a.id").domain == column(plan, "b.id").domain == "a.id"
    assert column(plan, "b.id").decision.mask == "integer"


def test_a_key_decided_otherwise_is_a_problem_with_both_places() -> None:
    found = problems(
        tables(
            ("users", [key(info=KEY)]),
            ("orders", [refer("user_id", "users.id", primary_key=True, info=public("why not"))]),
        )
    )
    assert len(found) == 1
    assert "orders.user_id" in found[0]
    assert 'public("why not") at the model\'s column orders.user_id' in found[0]
    assert "users.id, to which it refers, mask.integer() at" in found[0]


def test_a_key_may_be_cut_off() -> None:
    plan = make_plan(
        tables(
            ("users", [key(info=KEY)]),
            ("orders", [key(info=KEY), refer("user_id", "users.id", info=mask.null())]),
        )
    )
    assert column(plan, "orders.user_id").decision.mask == "null"


def test_a_key_drawn_from_its_row_cannot_be_followed() -> None:
    name = sa.Column("email", sa.String(50), unique=True, info=mask.email(subject="id"))
    found = problems(
        tables(
            ("users", [key(info=KEY), name]),
            ("orders", [key(info=KEY), refer("buyer", "users.email")]),
        )
    )
    assert len(found) == 1
    assert "which orders.buyer cannot follow" in found[0]


def test_what_is_not_decided_is_a_problem_once_for_a_key_and_its_followers() -> None:
    found = problems(
        tables(("users", [key()]), ("orders", [refer("user_id", "users.id", primary_key=True)]))
    )
    assert found == [
        "users.id: no decision is made on it, nor on what refers to it: orders.user_id"
    ]


def test_only_the_key_counts_when_just_a_follower_is_decided() -> None:
    found = problems(
        tables(
            ("users", [key()]),
            ("orders", [refer("user_id", "users.id", primary_key=True, info=KEY)]),
        )
    )
    assert found == [
        "users.id: no decision is made on it, but orders.user_id refers to it: mask.integer()"
    ]


def test_words_are_domains_and_numbers_belong_to_their_column() -> None:
    parts = [
        key(info=KEY),
        sa.Column("mail", sa.String(80), info=mask.email()),
        sa.Column("ours", sa.String(80), info=mask.email(keep_domain=True)),
        sa.Column("shop", sa.String(80), info=mask.email(domain="shops")),
        sa.Column("day", sa.Date, info=mask.date()),
        sa.Column("moment", sa.DateTime, info=mask.date_time()),
        sa.Column("plate", sa.String(9), info=mask.digits()),
    ]
    found = make_plan(tables(("public.users", parts))).tables[0]

    assert {each.name: each.domain for each in found.columns} == {
        "id": "users.id",
        "mail": "email",
        "ours": "email(keep_domain=True)",
        "shop": "shops",
        "day": "date",
        "moment": "date",
        "plate": "users.plate",
    }
    assert all(each.domain == each.decision.domain for each in found.columns)


def test_what_is_drawn_from_one_subject_has_its_domain_in_every_table() -> None:
    def name(subject: str) -> sa.Column[str]:
        return sa.Column("name", sa.String(80), info=mask.name(subject=subject))

    plan = make_plan(
        tables(
            ("users", [key(info=KEY), name("id")]),
            ("orders", [key(info=KEY), refer("user_id", "users.id"), name("user_id")]),
        )
    )
    assert column(plan, "users.name").domain == column(plan, "orders.name").domain
    assert column(plan, "users.name").domain == "subject users.id"


def test_decisions_inside_json_have_the_domain_of_their_word() -> None:
    paths = {"$.mail": mask.email(), "$.no": mask.digits(), "$.of": mask.name(subject="id")}
    data = sa.Column("data", sa.JSON, info=mask.json(paths=paths))
    plan = make_plan(tables(("users", [key(info=KEY), data])))
    inner = column(plan, "users.data").decision.options["paths"]

    assert inner["$.mail"].domain == "email"
    assert inner["$.no"].domain == "users.data paths $.no"
    assert inner["$.of"].domain == "subject users.id"


def test_masks_of_one_domain_agree() -> None:
    found = problems(
        tables(
            ("a", [key(info=mask.integer(domain="ids"))]),
            ("b", [key(info=mask.integer(low=1, high=9, domain="ids"))]),
        )
    )
    assert len(found) == 1
    assert "b.id: it is of the domain 'ids'" in found[0]
    assert "a.id of that domain" in found[0]


def test_a_domain_said_at_the_key_is_that_of_its_followers() -> None:
    plan = make_plan(
        tables(
            ("users", [key(info=mask.integer(domain="people"))]),
            ("orders", [refer("user_id", "users.id", primary_key=True)]),
            ("log", [key(info=mask.integer(domain="people"))]),
        )
    )
    assert {each.columns[0].domain for each in plan.tables} == {"people"}


def test_columns_of_one_domain_take_what_the_smallest_takes() -> None:
    plan = make_plan(
        tables(
            ("users", [sa.Column("id", sa.BigInteger, primary_key=True, info=KEY)]),
            (
                "log",
                [
                    sa.Column(
                        "user", sa.Integer, primary_key=True, info=mask.integer(domain="users.id")
                    )
                ],
            ),
            (
                "short",
                [key(info=public("a number")), sa.Column("m", sa.String(9), info=mask.email())],
            ),
            (
                "long",
                [key(info=public("a number")), sa.Column("m", sa.String(99), info=mask.email())],
            ),
        )
    )
    assert column(plan, "users.id").bits == column(plan, "log.user").bits == 32
    assert column(plan, "long.m").length == 99


def test_a_key_to_what_nobody_knows_is_told() -> None:
    source = tables(("orders", [key(info=KEY), refer("user_id", "users.id", info=KEY)]))
    found = outline(source).findings

    assert [(each.severity, each.column) for each in found] == [("warning", "user_id")]
    assert "it refers to users.id, which neither models nor policy know" in found[0].message
    assert column(make_plan(source), "orders.user_id").domain == "orders.user_id"


class Color(Enum):
    RED = "r"
    BLUE = "b"


def test_an_enum_says_its_values_and_a_number_its_bounds() -> None:
    parts = [
        key(info=KEY),
        sa.Column("color", sa.Enum(Color), info=mask.category()),
        sa.Column("pay", sa.Numeric(4, 2), info=mask.noise(low=0)),
    ]
    plan = make_plan(tables(("users", parts)))

    assert column(plan, "users.color").decision.options["values"] == ("RED", "BLUE")
    assert column(plan, "users.pay").decision.options == {"share": 0.1, "low": 0, "high": 99.99}


def test_generated_columns_need_no_decision_and_identities_do() -> None:
    parts = [
        sa.Column("id", sa.Integer, sa.Identity(), primary_key=True),
        sa.Column("name", sa.String(80), info=mask.name()),
        sa.Column("loud", sa.String(80), sa.Computed("upper(name)")),
    ]
    made = outline(tables(("users", parts)))

    assert [str(each) for each in made.findings] == ["users.id: no decision is made on it"]
    assert [(each.name, each.decision.mask) for each in made.plan.tables[0].columns] == [
        ("name", "name"),
        ("loud", "null"),
    ]


def test_unique_columns_and_keys_are_known() -> None:
    parts = [
        key(info=KEY),
        sa.Column("a", sa.String(8), unique=True, info=mask.token()),
        sa.Column("b", sa.String(8), info=mask.token()),
        sa.Index("two", "a", "b", unique=True),
        sa.Index("low", sa.text("lower(b)"), unique=True),
    ]
    made = make_plan(tables(("users", parts))).tables[0]

    assert made.keys == (("id",), ("a",), ("a", "b"))
    assert [each.name for each in made.columns if each.unique] == ["id", "a"]


class Base(DeclarativeBase):
    __anonymizer__: ClassVar[Defaults] = {
        "*_count": public("a count"),
        bool: public("a switch"),
        sa.DateTime: mask.date_time(),
    }


class Stamped:
    __anonymizer__: ClassVar[Defaults] = {"changed_at": public("when a row was changed")}

    changed_at: Mapped[datetime]


class Thing(Stamped, Base):
    __tablename__ = "plan_things"

    id: Mapped[int] = mapped_column(primary_key=True, info=KEY)
    seen_at: Mapped[datetime]
    is_old: Mapped[bool]
    view_count: Mapped[int]


class Special(Stamped, Base):
    __tablename__ = "plan_specials"
    __anonymizer__: ClassVar[Defaults] = {
        "changed_at": mask.constant("2000-01-01"),
        "is_old": mask.null(),
    }

    id: Mapped[int] = mapped_column(sa.ForeignKey("plan_things.id"), primary_key=True)
    is_old: Mapped[bool | None]
    new_count: Mapped[int] = mapped_column(info=mask.noise())


plain = sa.Table("plan_plain", Base.metadata, sa.Column("hit_count", sa.Integer))


def test_bases_and_mixins_decide_for_what_inherits_them() -> None:
    plan = make_plan(Models.of(Base))

    assert column(plan, "plan_things.changed_at").decision.why == "when a row was changed"
    assert column(plan, "plan_things.seen_at").decision.mask == "date_time"
    assert column(plan, "plan_things.is_old").decision.why == "a switch"
    assert column(plan, "plan_things.view_count").decision.why == "a count"
    assert column(plan, "plan_plain.hit_count").decision.why == "a count"


def test_what_is_nearer_goes_before_what_is_inherited() -> None:
    plan = make_plan(Models.of(Base))

    assert column(plan, "plan_specials.changed_at").decision.mask == "constant"
    assert column(plan, "plan_specials.is_old").decision.mask == "null"
    assert column(plan, "plan_specials.new_count").decision.mask == "noise"
    assert column(plan, "plan_specials.id").domain == "plan_things.id"


def test_a_key_goes_before_what_is_said_of_columns_like_it() -> None:
    policy = {"defaults": {"types": {"integer": {"public": "a number"}}}}
    source = tables(
        ("users", [key(info=KEY)]), ("orders", [refer("user_id", "users.id", primary_key=True)])
    )
    plan = make_plan(source, parse(policy, "p.toml"))

    assert column(plan, "orders.user_id").decision.mask == "integer"


class Slipped(DeclarativeBase):
    __anonymizer__: ClassVar[Defaults] = {"name": public("a label"), "*_day": mask.date()}


class Customer(Slipped):
    __tablename__ = "plan_customers"
    __anonymizer__: ClassVar[Defaults] = {"nmae": mask.name()}

    id: Mapped[int] = mapped_column(primary_key=True, info=KEY)
    name: Mapped[str]


def test_names_that_no_column_has_are_errors() -> None:
    policy = {"defaults": {"names": {"emial": "email", "na*": "name"}}}
    found = outline(Models.of(Slipped), parse(policy, "p.toml")).findings

    assert sorted(each.message.partition("; ")[0].rpartition(".__")[-1] for each in found) == [
        "anonymizer__['*_day']: no column is called so",
        "anonymizer__['nmae']: no column is called so",
        "p.toml: defaults.names.emial: no column is called so",
    ]


def test_an_enum_is_no_text() -> None:
    policy = {"defaults": {"types": {"string": "text", str: "text", "text": "text"}}}
    source = tables(("users", [sa.Column("color", sa.Enum("red", "blue"))]))

    assert len(problems(source, policy)) == 1


def test_a_column_is_known_by_its_name_and_not_by_its_key() -> None:
    policy = {"defaults": {"names": {"born_*": "date"}, "types": {"integer": "integer"}}}
    parts = [
        sa.Column("born_on", sa.Date, key="born"),
        sa.Column("no", sa.Integer, key="number", primary_key=True),
        sa.Column("boss", sa.ForeignKey("users.number"), key="b"),
        sa.UniqueConstraint("born"),
    ]
    plan = make_plan(tables(("users", parts)), parse(policy, "p.toml"))

    assert column(plan, "users.born_on").unique
    assert column(plan, "users.boss").domain == "users.no"


def test_two_patterns_that_differ_are_a_problem() -> None:
    policy = {"defaults": {"names": {"*_at": {"public": "when"}, "born_*": "date"}}}
    found = problems(tables(("users", [sa.Column("born_at", sa.Date)])), policy)

    assert len(found) == 1
    assert "decided twice: at p.toml: defaults.names.*_at, and at" in found[0]


def test_model_and_policy_do_not_differ() -> None:
    policy = {"tables": {"public.users": {"columns": {"id": {"public": "a number"}}}}}
    found = problems(tables(("users", [key(info=KEY)])), policy)

    assert len(found) == 1
    assert "p.toml: tables.public.users.columns.id" in found[0]


def test_a_policy_names_a_table_once() -> None:
    columns = {"columns": {"id": {"mask": "integer"}}}
    found = problems(sa.MetaData(), {"tables": {"users": columns, "public.users": columns}})

    assert found == [
        "public.users: p.toml: tables.public.users: it is there already, at p.toml: tables.users"
    ]


def test_what_is_no_decision_is_a_problem() -> None:
    found = problems(tables(("users", [key(info={"anonymizer": "email"})])))

    assert "its info has a str under 'anonymizer', expected a decision" in found[0]


def test_schemas_that_mean_the_same_are_the_same() -> None:
    plan = make_plan(tables(("public.a", [key(info=KEY)]), ("b", [key(info=KEY)])))

    assert plan.find(TableName(None, "a")) == plan.find(TableName("public", "a")) is not None
    assert plan.find(TableName("public", "b")) is not None
    assert plan.find(TableName("app", "b")) is None
    moved = make_plan(tables(("b", [key(info=KEY)])), default_schema="app")
    assert moved.find(TableName("app", "b")) is not None
    assert moved.find(TableName("public", "b")) is None


def test_parts_of_a_table_are_decided_as_it_is() -> None:
    plan = make_plan(tables(("log", [key(info=KEY)])))
    year, month = TableName("public", "log_2026"), TableName("app", "log_2026_01")
    parted = plan.with_partitions({month: year, year: TableName("public", "log")})
    found = parted.find(month)

    assert found is not None
    assert found.columns == plan.tables[0].columns
    assert parted.find(TableName(None, "log_2026")) is not None


def test_the_digest_says_what_is_decided_and_not_in_which_order() -> None:
    def digest(*order: str, note: Any = None) -> str:
        decided = {"a": KEY, "b": note or mask.text()}
        made = ((name, [sa.Column("x", sa.Integer, info=decided[name])]) for name in order)
        return make_plan(tables(*made)).digest

    assert digest("a", "b") == digest("b", "a")
    assert digest("a", "b") != digest("a", "b", note=mask.text(locale="de_DE"))
    assert digest("a", "b") != digest("a", "b", note=mask.text(domain="notes"))
    assert digest("a", "b") != digest("a")
    assert digest("a", "b", note=public("x")) != digest("a", "b", note=public("y"))


def test_a_plan_goes_to_other_processes() -> None:
    plan = make_plan(Models.of(Base))
    again: Plan = pickle.loads(pickle.dumps(plan))  # noqa: S301

    assert again == plan
    assert again.find(TableName(None, "plan_things")) == plan.find(TableName(None, "plan_things"))


def test_every_process_has_the_same_digest() -> None:
    code = "from tests.anonymizer.test_plan import *\nprint(make_plan(Models.of(Base)).digest)"
    root = Path(__file__).parent.parent.parent
    done = [
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            cwd=root,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(root)},
        ).stdout.strip()
        for seed in ("1", "2")
    ]

    assert done == [make_plan(Models.of(Base)).digest] * 2
