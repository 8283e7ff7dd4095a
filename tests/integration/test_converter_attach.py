"""What cannot be attached is said when it is attached, and nothing is half attached."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.orm import Session, mapped_column

from migrator import attach_converters, convert, expression, move, python, rename, retype
from migrator.errors import ConverterError, MigratorError
from migrator.transitions import Transition
from tests.converted import expand, foobars, held, kilo, model, queue, remark, root_gb

if TYPE_CHECKING:
    from collections.abc import Callable

INTEGER, TEXT = sa.Integer(), sa.String(50)

plain = python("flavors", pending=lambda row: row.note.is_not(None), move=lambda *_keys: None)
shown = replace(
    plain, attribute="name", load=expression(sql=lambda row: row.name), save=lambda *_row: None
)
dated = retype(
    "flavors", "topic", to="queue", up=lambda row: row.topic, marker="m", types={"topic": sa.Date()}
)
made = sa.Computed("id + 1")

WRONG: dict[str, tuple[Callable[[], Any], Any, str]] = {
    "no class": (lambda: model("other"), foobars, "no class of the models maps table 'flavors'"),
    "no column": (lambda: model("flavors"), foobars, "have no column 'foobars' of table 'flavors'"),
    "old column mapped": (
        lambda: model("flavors", foobars=INTEGER, memory_mb=INTEGER),
        foobars,
        r"the models map flavors\.memory_mb themselves",
    ),
    "marker mapped": (
        lambda: model("flavors", queue=TEXT, queue_counts=INTEGER),
        queue,
        r"the models map flavors\.queue_counts themselves",
    ),
    "a primary key": (
        lambda: model("flavors", id=None, foobars=mapped_column(INTEGER, primary_key=True)),
        foobars,
        r"flavors\.foobars is a primary key",
    ),
    "a computed column": (
        lambda: model("flavors", foobars=mapped_column(INTEGER, made)),
        foobars,
        r"flavors\.foobars is computed by the database",
    ),
    "a type not told": (
        lambda: model("flavors", root_gb=INTEGER),
        replace(root_gb, types={}),
        r"the type of the old column flavors\.root_mb is not known",
    ),
    "no filler": (
        lambda: model("flavors", queue=TEXT),
        dated,
        r"nobody knows what new rows shall have in flavors\.topic",
    ),
    "no attribute": (lambda: model("flavors"), plain, "declares no attribute"),
    "an attribute taken": (
        lambda: model("flavors", name=TEXT),
        shown,
        "has an attribute 'name' already",
    ),
    "no column elsewhere": (
        lambda: model("extras", id=None, flavor_id=mapped_column(INTEGER, primary_key=True)),
        remark,
        "have no column 'remark' of table 'extras'",
    ),
    "a column that moves is not mapped": (
        lambda: _unmapped(),
        foobars,
        r"no class maps flavors\.foobars",
    ),
    "skip reads what is not there": (
        lambda: model("flavors", foobars=INTEGER),
        replace(foobars, skip=lambda row: row.nowhere == 1),
        "skip= of 'flavors' is no condition: there is no column 'nowhere'",
    ),
    "an expression reads what is not there": (
        lambda: model("flavors", root_gb=INTEGER),
        retype(
            "flavors", "root_mb", to="root_gb", up=lambda row: row.x, types={"root_mb": INTEGER}
        ),
        r"flavors\.root_gb: there is no column 'x'",
    ),
    "a kind of the user's own": (
        lambda: model("flavors"),
        Transition(table="flavors"),  # type: ignore[abstract]
        "the transition Transition of 'flavors' declares no attribute",
    ),
}


def _unmapped() -> Any:
    class Flavor:
        pass

    registry = orm.registry()
    columns = (sa.Column("id", INTEGER, primary_key=True), sa.Column("foobars", INTEGER))
    table = sa.Table("flavors", registry.metadata, *columns)
    registry.map_imperatively(Flavor, table, exclude_properties=["foobars"])
    return Flavor


@pytest.mark.parametrize("what", WRONG)
def test_it_is_refused_with_the_reason(what: str) -> None:
    make, transition, reason = WRONG[what]
    flavor = make()
    columns = set(flavor.__table__.c.keys())
    with pytest.raises(MigratorError, match=reason):
        attach_converters([flavor], transition)
    assert set(flavor.__table__.c.keys()) == columns


@pytest.mark.parametrize("models", [None, "Base", int, sa.MetaData()])
def test_what_is_no_model_is_said(models: Any) -> None:
    with pytest.raises(ConverterError, match="the models are no base, registry or mapped classes"):
        attach_converters(models, foobars)


def in_schemas(*schemas: str | None) -> list[Any]:
    said = ({} if schema is None else {"schema": schema} for schema in schemas)
    return [model("flavors", foobars=INTEGER, __table_args__=each) for each in said]


def test_a_transition_is_about_one_schema() -> None:
    plain, audit = in_schemas(None, "audit")
    attach_converters([plain, audit], foobars)
    assert ("memory_mb" in plain.__table__.c, "memory_mb" in audit.__table__.c) == (True, False)
    (cloud,) = in_schemas("cloud")
    attach_converters([cloud], foobars)
    assert "memory_mb" in cloud.__table__.c


def test_a_transition_of_several_schemas_is_refused() -> None:
    both = in_schemas("a", "b")
    with pytest.raises(ConverterError, match="the models map 'flavors' in several schemas"):
        attach_converters(both, foobars)
    attach_converters(both, replace(foobars, schema="b"))
    assert ["memory_mb" in each.__table__.c for each in both] == [False, True]
    with pytest.raises(ConverterError, match="no class of the models maps table 'flavors'"):
        attach_converters(both, replace(foobars, schema="c"))


def test_what_is_no_transition_is_said() -> None:
    with pytest.raises(ConverterError, match="'foobars' is no transition"):
        attach_converters(model("flavors", foobars=INTEGER), "foobars")  # type: ignore[arg-type]


def test_attaching_twice_is_refused() -> None:
    flavor = kilo(foobars).Flavor
    for again in (foobars, rename("flavors", "other", to="foobars")):
        with pytest.raises(ConverterError, match=r"flavors\.foobars has a converter already"):
            attach_converters([flavor], again)
    with pytest.raises(ConverterError, match=r"flavors\.memory_mb themselves, or another"):
        attach_converters([flavor], rename("flavors", "memory_mb", to="ram"))


def test_a_column_that_is_changing_cannot_be_the_target_of_another_change() -> None:
    flavor = model("flavors", newest=INTEGER)
    attach_converters([flavor], rename("flavors", "foobars", to="newest"))
    with pytest.raises(ConverterError, match=r"flavors\.foobars has a converter already"):
        attach_converters([flavor], foobars)


def test_a_source_elsewhere_in_the_same_table_is_refused() -> None:
    with pytest.raises(MigratorError, match="would move to its own table 'flavors'"):
        move("flavors", "note", to="flavors.name", on={"id": "id"})


# Fillers: what new rows have in a source that may not be NULL.


@pytest.mark.parametrize(
    ("transition", "given", "filled"),
    [
        (queue, {"queue": "q"}, "q"),
        (queue, {"queue": None}, ""),
        (replace(queue, filler="none"), {}, "none"),
        (
            convert(
                "flavors",
                "topic",
                to={"queue": lambda row: row.topic},
                down={"topic": expression(python=lambda row: row.queue.upper())},
                marker="queue_counts",
                types={"topic": TEXT},
            ),
            {"queue": "q"},
            "Q",
        ),
    ],
)
def test_new_rows_have_something_in_the_old_column(
    engine: sa.Engine, transition: Any, given: dict[str, Any], filled: str
) -> None:
    expand(engine)
    flavor = kilo(transition).Flavor
    with Session(engine) as session:
        session.add(flavor(**given))
        session.commit()

    assert held(engine, 1, "topic", "queue_counts") == (filled, 1)


@pytest.mark.parametrize(
    ("type_", "filler"),
    [
        (sa.Integer(), 0),
        (sa.Boolean(), False),
        (sa.Float(), 0.0),
        (sa.LargeBinary(), b""),
        (sa.Date(), date(1970, 1, 1)),
    ],
)
def test_types_have_a_value_for_nothing_or_are_told_one(
    engine: sa.Engine, type_: Any, filler: Any
) -> None:
    old = sa.Table(
        "strict",
        sa.MetaData(),
        sa.Column("id", INTEGER, primary_key=True),
        sa.Column("old", type_, nullable=False),
        sa.Column("new", type_),
        sa.Column("moved", sa.SmallInteger, nullable=False, server_default="0"),
    )
    old.create(engine)
    strict = model("strict", new=type_)
    told = {"filler": filler} if isinstance(type_, sa.Date) else {}
    attach_converters([strict], rename("strict", "old", to="new", marker="moved", **told))
    with Session(engine) as session:
        session.add(strict())
        session.commit()

    assert held(engine, 1, "old", "new", "moved", table=old) == (filler, None, 1)
