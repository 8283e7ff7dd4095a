"""Check: what is wrong with decisions, what they leak, and the line that cures it."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from anonymizer import mask, public
from anonymizer.check import check
from anonymizer.check.unique import chances
from anonymizer.column import TableName
from anonymizer.models import Models
from anonymizer.plan import make_plan
from anonymizer.policy import parse
from anonymizer.schema import Schema
from tests.anonymizer import little

if TYPE_CHECKING:
    from anonymizer.finding import Finding

KEY = mask.integer()


@pytest.fixture(autouse=True)
def _little(monkeypatch: pytest.MonkeyPatch) -> None:
    little.install(monkeypatch)


def table(*parts: Any, name: str = "users", with_key: bool = True) -> sa.MetaData:
    metadata = sa.MetaData()
    key = [sa.Column("id", sa.Integer, primary_key=True, info=KEY)] if with_key else []
    sa.Table(name, metadata, *key, *parts)
    return metadata


def text(name: str, info: Any, length: int = 80, **options: Any) -> sa.Column[str]:
    return sa.Column(name, sa.String(length), info=info, **options)


def errors(found: list[Finding]) -> list[str]:
    return [str(each) for each in found if each.severity == "error"]


def warnings(found: list[Finding]) -> list[str]:
    return [str(each) for each in found if each.severity == "warning"]


def test_nothing_is_wrong() -> None:
    assert check(table(text("name", mask.name(subject="id")))) == []


def test_what_is_not_decided_has_a_line_to_paste() -> None:
    found = check(table(text("email", None), text("full_name", None)))

    assert errors(found) == [
        "users.email: no decision is made on it",
        "users.full_name: no decision is made on it",
    ]
    assert found[0].paste == 'info=mask.email(subject="id"),'
    assert found[1].paste == 'info=mask.name(subject="id"),'


def test_the_line_for_a_table_without_models_is_toml() -> None:
    policy = {"tables": {"Old.users": {"types": {"e-mail": "text"}}}}
    found = check(sa.MetaData(), parse(policy, "p.toml"))

    assert len(found) == 1
    again = parse(tomllib.loads(found[0].paste or ""), "again")
    assert again.tables[TableName("Old", "users")].columns["e-mail"].decision.mask == "email"


def test_a_mask_that_does_not_exist_or_has_no_such_option() -> None:
    known = mask.email()["anonymizer"]
    wrong = type(known)(mask="emial"), type(known)(mask="email", options={"keep_domian": True})
    found = check(table(*(text(f"c{n}", {"anonymizer": each}) for n, each in enumerate(wrong))))

    assert errors(found) == [
        "users.c0: there is no mask 'emial'; did you mean 'email'?",
        "users.c1: mask.email has no option 'keep_domian'; did you mean 'keep_domain'?",
    ]


def test_a_type_that_a_mask_cannot_serve() -> None:
    assert errors(check(table(text("no", mask.integer())))) == [
        "users.no: mask.integer() cannot serve it: text is not its kind"
    ]


def test_columns_that_a_mask_needs_are_there() -> None:
    loud = sa.Column("loud", sa.String(80), sa.Computed("upper(name)"))
    found = check(
        table(
            text("name", mask.name(subject="idd")), text("mail", mask.email(subject="loud")), loud
        )
    )
    assert errors(found) == [
        "users.mail: it needs 'loud', which the database computes, and most dumps leave out",
        "users.name: it needs 'idd', which is no column of its table; did you mean 'id'?",
    ]


def test_a_unique_column_that_may_collide_is_an_error_or_has_its_probability() -> None:
    found = check(
        table(text("name", mask.name(), unique=True), text("mail", mask.email(), unique=True))
    )
    assert errors(found) == [
        "users.name: the key (name) may get the same value twice: "
        "mask.name() lets values become one"
    ]
    assert warnings(found) == [
        f"users.mail: the key (mail) may get the same value twice: {chances()}"
    ]
    assert chances().startswith("of a million rows two, with a probability of 3e-08")


@pytest.mark.parametrize(
    ("first", "second", "severities"),
    [
        (mask.integer(), mask.integer(), []),
        (mask.integer(), public("x"), []),
        (mask.integer(), mask.noise(), ["error"]),
        (mask.noise(), mask.integer(), ["error"]),
        (mask.noise(), public("x"), ["error"]),
    ],
)
def test_every_column_of_a_composite_key_must_keep_it(
    first: Any, second: Any, severities: list[str]
) -> None:
    parts = [
        sa.Column("a", sa.Integer, primary_key=True, info=first),
        sa.Column("b", sa.Integer, primary_key=True, info=second),
    ]
    found = check(table(*parts, with_key=False))

    assert [each.severity for each in found] == severities


def test_a_key_that_holds_a_kept_key_is_kept() -> None:
    found = check(table(text("name", mask.name()), sa.UniqueConstraint("id", "name", name="both")))

    assert found == []


def test_unique_indexes_are_keys_also_over_expressions_and_conditions() -> None:
    parts = [
        text("name", mask.name()),
        text("plate", mask.digits()),
        text("state", mask.token()),
        sa.Index("ix_name", "name", unique=True),
        sa.Index("ix_low", sa.text("lower(plate)"), unique=True),
        sa.Index("ix_some", "plate", unique=True, postgresql_where=sa.text("state = 'on'")),
    ]
    found = check(table(*parts))

    assert [each.split(" ")[0] for each in errors(found)] == ["users.name:"]
    assert len([each for each in warnings(found) if "ix_low (plate) is computed" in each]) == 1
    assert len([each for each in warnings(found) if "state, which says for which" in each]) == 1


def test_nulls_that_are_equal_are_not_unique() -> None:
    unique = sa.UniqueConstraint("name", postgresql_nulls_not_distinct=True)

    assert len(errors(check(table(text("name", mask.null()), unique)))) == 1
    assert errors(check(table(text("name", mask.null(), unique=True)))) == []


@pytest.mark.parametrize(("info", "count"), [(public("x"), 0), (mask.digits(), 1)])
def test_keys_of_what_is_computed_from_masked_columns(info: Any, count: int) -> None:
    loud = sa.Column("loud", sa.String(80), sa.Computed("upper(plate)"), unique=True)
    found = check(table(text("plate", info), loud))

    assert len([each for each in warnings(found) if "cannot be proved" in each]) == count


def test_unique_texts_without_case() -> None:
    column = sa.Column("mail", postgresql.CITEXT, unique=True, info=mask.digits())

    assert "differ in case only" in warnings(check(table(column)))[0]


FOUND = Schema(
    tables={
        TableName("public", "users"): {"id": "integer", "name": "text", "iban": "varchar(34)"},
        TableName("public", "alembic_version"): {"version_num": "varchar(32)"},
        TableName("app", "We.ird"): {"id": "bigint", "E-Mail": "text"},
        TableName("public", "users_old"): {"id": "integer", "name": "text"},
    },
    keys={TableName("app", "We.ird"): (("id",),)},
    partitions={TableName("public", "users_old"): TableName("public", "users")},
)


def test_tables_and_columns_that_only_the_data_has_can_be_pasted() -> None:
    source = table(text("name", mask.name()))
    found = check(source, schema=FOUND)

    assert errors(found) == [
        "app.We.ird: the data has this table, and neither models nor policy know it",
        "public.alembic_version: the data has this table, and neither models nor policy know it",
        "public.users.iban: the data has this column, and neither models nor policy know it",
    ]
    pasted = parse(tomllib.loads("\n".join(each.paste or "" for each in found)), "pasted")
    assert pasted.tables[TableName("app", "We.ird")].columns["id"].decision.mask == "integer"
    assert errors(check(source, pasted, schema=FOUND)) == []


def test_what_only_the_models_have_is_a_warning() -> None:
    found = check(
        table(text("name", mask.name()), text("old", mask.text())),
        schema=Schema(tables={TableName("public", "users"): {"id": "integer", "name": "text"}}),
    )
    assert [each.severity for each in found] == ["warning"]
    assert found[0].column == "old"
    gone = check(table(), schema=Schema(tables={}))
    assert "the data does not have it" in warnings(gone)[0]


def test_another_type_in_the_data_is_an_error_where_it_is_masked() -> None:
    schema = Schema(tables={TableName(None, "users"): {"id": "text", "n": "text"}})
    found = check(table(sa.Column("n", sa.Integer, info=public("n"))), schema=schema)

    assert errors(found) == ["users.id: it is text in the data, and integer in the models"]
    assert warnings(found) == ["users.n: it is text in the data, and integer in the models"]


def test_generated_columns_are_known() -> None:
    loud = sa.Column("loud", sa.Text, sa.Computed("upper('x')"))
    name = TableName(None, "users")
    schema = Schema(
        tables={name: {"id": "integer", "loud": "text", "more": "text"}},
        generated={name: frozenset({"more"})},
    )
    source = table(loud)

    assert check(source, schema=schema) == []
    assert check(make_plan(source), schema=schema) == []
    made = make_plan(source, schema=schema).tables[0]
    assert [each.decision.mask for each in made.columns] == ["integer", "null", "null"]
    policy = parse({"tables": {"users": {"columns": {"id": "integer"}}}}, "p.toml")
    listed = Schema(
        tables={name: {"id": "integer", "more": "text"}}, generated={name: frozenset({"more"})}
    )
    assert check(sa.MetaData(), policy, schema=listed) == []
    assert len(make_plan(sa.MetaData(), policy, schema=listed).tables[0].columns) == 2


def test_few_values_are_told_apart_by_how_often_they_occur() -> None:
    parts = [
        sa.Column("is_ill", sa.Boolean, info=mask.category(values=[True, False])),
        sa.Column("mood", sa.Enum("good", "bad"), info=mask.category()),
        text("code", mask.token(), length=3),
        text("country", mask.country()),
        text("name", mask.name()),
        sa.Column("gone", sa.Boolean, info=mask.null()),
    ]
    found = [each.column for each in check(table(*parts)) if "few values" in each.message]

    assert found == ["code", "country", "is_ill", "mood"]


@pytest.mark.parametrize(
    ("column", "size"),
    [
        (sa.Column("c", sa.SmallInteger, info=mask.integer()), 65_536),
        (sa.Column("c", sa.Integer, info=mask.integer(low=1, high=999)), 999),
        (text("c", mask.digits(keep=2), length=7), 100_000),
        (text("c", mask.hexadecimal(), length=4), 65_536),
    ],
)
def test_permutations_of_few_values(column: sa.Column[Any], size: int) -> None:
    found = [each for each in warnings(check(table(column))) if "permutation" in each]

    assert len(found) == 1
    assert f"of {size} values, fewer than 1000000" in found[0]


def test_columns_that_say_together_who_somebody_is() -> None:
    parts: list[Any] = [
        sa.Column("birth_date", sa.Date, info=public("x")),
        text("zip", public("x")),
        text("gender", public("x")),
        text("city", mask.city()),
    ]
    found = warnings(check(table(*parts)))

    assert found == ["users: public together may say who somebody is: birth_date, gender, zip"]
    assert check(table(text("city", public("x")), text("zip", public("x")), name="shops")) == []


def test_conditions_on_masked_columns() -> None:
    parts: list[Any] = [
        sa.Column("low", sa.Integer, info=mask.noise()),
        sa.Column("high", sa.Integer, info=mask.noise()),
        sa.Column("kept", sa.Integer, info=public("x")),
        sa.CheckConstraint("low <= high", name="in_order"),
        sa.CheckConstraint("kept > 0"),
        postgresql.ExcludeConstraint(("low", "=")),
    ]
    found = warnings(check(table(*parts)))

    assert found == [
        "users: the CHECK constraint in_order on low, high may not hold any more",
        "users.low: the EXCLUDE constraint on low may not hold any more",
    ]


def test_the_condition_of_an_enum_is_looked_at_once() -> None:
    mood = sa.Enum("good", "bad", native_enum=False, create_constraint=True, name="mood")
    found = warnings(check(table(sa.Column("mood", mood, info=mask.category()))))

    assert len(found) == 1
    assert "few values" in found[0]


def test_an_enum_takes_its_values_only() -> None:
    mood = sa.Enum("good", "bad")
    parts: list[Any] = [
        sa.Column("a", mood, info=mask.text()),
        sa.Column("b", mood, info=mask.constant("sad")),
        sa.Column("c", mood, info=mask.constant("bad")),
        sa.Column("d", mood, info=mask.category(values=["good", "worse"])),
    ]
    assert errors(check(table(*parts))) == [
        "users.a: its type takes 2 values only, none of which mask.text() gives: "
        "use mask.category()",
        "users.b: its type does not take sad",
        "users.d: its type does not take worse",
    ]


def test_sizes_within_a_domain() -> None:
    parts: list[Any] = [
        sa.Column("big", sa.BigInteger, info=mask.integer(domain="users.id")),
        text("mail", mask.email(), length=20),
        text("other", mask.email(), length=200),
        text("first", mask.first_name(subject="id"), length=20),
        text("whole", mask.name(subject="id"), length=50),
    ]
    found = warnings(check(table(*parts)))

    assert found == [
        "users.id: others of its domain 'users.id' have 64 bits and it 32: "
        "larger numbers are refused",
        "users.mail: others of its domain 'email' are longer than its 20: "
        "their pseudonyms may differ",
    ]


class Base(DeclarativeBase):
    pass


class Animal(Base):
    __tablename__ = "check_animals"
    __mapper_args__ = {"polymorphic_on": "sort", "polymorphic_identity": "animal"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(primary_key=True, info=KEY)
    sort: Mapped[str] = mapped_column(info=mask.token())


class Dog(Animal):
    __tablename__ = "check_dogs"
    __mapper_args__ = {"polymorphic_identity": "dog"}  # noqa: RUF012

    id: Mapped[int] = mapped_column(sa.ForeignKey("check_animals.id"), primary_key=True)


def test_the_class_of_a_row_is_kept() -> None:
    assert errors(check(Models.of(Base))) == [
        "check_animals.sort: it says of which class a row is, so Animal cannot be loaded"
    ]


def test_defaults_and_comments_hold_nothing_of_a_person() -> None:
    parts = [
        text("a", mask.text(), server_default="ada@lovelace.org"),
        text("b", mask.text(), comment="ask Ada, +44 20 7946 0958, who made it"),
        text("c", mask.text(), server_default="admin@example.com", comment="since 2019-01-01"),
        text("d", mask.text(), server_default=sa.text("'DE89 3704 0044 0532 0130 00'")),
    ]
    found = check(table(*parts))

    assert [(each.column, each.severity) for each in found] == [
        ("a", "warning"),
        ("b", "warning"),
        ("d", "warning"),
    ]
    assert "lovelace" not in str(found)


def test_findings_are_sorted_and_stable() -> None:
    source = table(text("z", None), text("a", None), text("code", mask.token(), length=2))
    found = check(source)

    assert found == sorted(found, key=lambda each: each.order) == check(source)
    assert [each.severity for each in found] == ["error", "error", "warning"]


def test_a_plan_alone_can_be_checked() -> None:
    source = table(text("name", mask.name(), unique=True))
    plan = make_plan(source)

    assert errors(check(plan)) == errors(check(source))
    assert any(each.paste for each in check(plan, schema=FOUND))
