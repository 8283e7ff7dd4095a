"""Converters of values whose old place is in another table, and of forms of their own."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import Session

from migrator import attach_converters, expression, move, python
from migrator.errors import ConverterError
from migrator.services import mapped_columns
from tests.converted import EXTRAS, FLAVORS, change, expand, held, kilo, model, remark, store

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from types import SimpleNamespace

INTEGER, TEXT = sa.Integer(), sa.String(50)


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    expand(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def cloud() -> SimpleNamespace:
    return kilo(remark)


@pytest.fixture
def key(engine: sa.Engine) -> int:
    """A flavor with a note that has not moved, beside its row of extras."""
    expand(engine)
    key = store(engine, note="old")
    return store(engine, EXTRAS, flavor_id=key, colour="red")


def places(engine: sa.Engine, key: int) -> tuple[Any, ...]:
    return (*held(engine, key, "note"), *held(engine, key, "remark", table=EXTRAS))


# A column of another table.


@pytest.mark.parametrize("value", ["new", "", None])
def test_a_changed_attribute_clears_the_other_table(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, key: int, value: str | None
) -> None:
    extra = session.get_one(cloud.Extra, key)
    assert extra.remark == "old"
    extra.remark = value
    session.commit()

    assert places(engine, key) == (None, value)
    assert extra.remark == value


def test_an_unrelated_change_leaves_the_other_table(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, key: int
) -> None:
    extra = session.get_one(cloud.Extra, key)
    extra.colour = "blue"
    change(engine, key, note="late")
    session.commit()

    assert places(engine, key) == ("late", None)
    assert extra.remark == "late"


def test_a_new_row_takes_over(engine: sa.Engine, session: Session, cloud: SimpleNamespace) -> None:
    told, untold = store(engine, note="old"), store(engine, note="kept")
    session.add_all([cloud.Extra(flavor_id=told, remark="new"), cloud.Extra(flavor_id=untold)])
    session.commit()

    assert places(engine, told) == (None, "new")
    assert places(engine, untold) == ("kept", None)
    assert session.get_one(cloud.Extra, untold).remark == "kept"


def test_a_deleted_row_does_not_come_back(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, key: int
) -> None:
    session.delete(session.get_one(cloud.Extra, key))
    session.commit()

    assert held(engine, key, "note") == (None,)


def test_a_rollback_takes_both_back(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, key: int
) -> None:
    extra = session.get_one(cloud.Extra, key)
    extra.remark = "new"
    session.flush()
    session.rollback()

    assert (extra.remark, places(engine, key)) == ("old", ("old", None))


BULK: dict[str, Callable[[Session, Any, int], Any]] = {
    "update": lambda session, extra, _key: session.execute(sa.update(extra).values(remark="new")),
    "update by key": lambda session, extra, key: session.execute(
        sa.update(extra), [{"flavor_id": key, "remark": "new"}]
    ),
    "update mappings": lambda session, extra, key: session.bulk_update_mappings(
        extra, [{"flavor_id": key, "remark": "new"}]
    ),
    "update of the table": lambda session, extra, _key: session.execute(
        extra.__table__.update().values(remark="new")
    ),
    "insert": lambda session, extra, _key: session.execute(
        sa.insert(extra), [{"flavor_id": 98, "remark": "new"}, {"flavor_id": 99, "remark": "x"}]
    ),
    "insert values": lambda session, extra, _key: session.execute(
        sa.insert(extra).values({extra.flavor_id: 98, extra.remark: "new"})
    ),
    "insert of the table": lambda session, extra, _key: session.execute(
        extra.__table__.insert(), {"flavor_id": 98, "remark": "new"}
    ),
}


@pytest.mark.parametrize("way", BULK)
def test_statements_that_cannot_clear_the_other_table_are_refused(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, key: int, way: str
) -> None:
    with pytest.raises(ConverterError, match=r"extras\.remark cannot clear the old value"):
        BULK[way](session, cloud.Extra, key)
    session.rollback()

    assert places(engine, key) == ("old", None)


def test_a_flush_that_failed_excuses_no_later_statement(
    session: Session, cloud: SimpleNamespace, key: int
) -> None:
    session.add(cloud.Extra(flavor_id=key, remark="twice"))
    with pytest.raises(sa.exc.IntegrityError):
        session.flush()
    session.rollback()
    with pytest.raises(ConverterError, match="cannot clear"):
        session.execute(sa.update(cloud.Extra).values(remark="new"))


def test_statements_about_something_else_pass(
    engine: sa.Engine, session: Session, cloud: SimpleNamespace, key: int
) -> None:
    session.execute(sa.update(cloud.Extra).values(colour="blue"))
    session.execute(sa.insert(cloud.Extra), [{"flavor_id": 98, "colour": "green"}])
    session.commit()

    assert places(engine, key) == ("old", None)


def test_a_value_can_be_converted_on_its_way(engine: sa.Engine, session: Session) -> None:
    number = move(
        "flavors",
        "note",
        to="extras.colour",
        on={"id": "flavor_id"},
        up=expression(sql=lambda row: sa.case((row.note != "?", row.note + "!"))),
    )
    cloud = kilo(number)
    for note in ("a", "?"):
        key = store(engine, note=note)
        store(engine, EXTRAS, flavor_id=key, colour="kept")

    shown = session.scalars(sa.select(cloud.Extra.colour).order_by(cloud.Extra.flavor_id))
    assert shown.all() == ["a!", "kept"]


# A form of its own: the title, with the colours of the extras, in a document.


def load(row: Any) -> Any:
    colour = sa.select(EXTRAS.c.colour).where(EXTRAS.c.flavor_id == row.id)
    found = sa.func.coalesce(colour.correlate_except(EXTRAS).scalar_subquery(), "null")
    return found + sa.literal(" ") + sa.func.coalesce(row.name, "")


def save(connection: sa.Connection, row: Mapping[str, Any], value: Any) -> None:
    theirs = EXTRAS.c.flavor_id == row["id"]
    connection.execute(sa.delete(EXTRAS).where(theirs))
    text = json.dumps(value)
    connection.execute(sa.insert(EXTRAS).values(flavor_id=row["id"], colour=text, remark=""))


def moved(_connection: sa.Connection, _keys: Sequence[tuple[Any, ...]]) -> None:
    raise AssertionError("no batch runs here")


free = python(
    "flavors",
    pending=lambda row: row.note.is_not(None),
    move=moved,
    writes=("extras",),
    attribute="document",
    load=expression(sql=load, python=lambda selected: json.loads(selected.split(" ")[0])),
    save=save,
)


@pytest.fixture
def flavor() -> Any:
    flavor = model("flavors", name=TEXT, foobars=INTEGER)
    attach_converters([flavor], free)
    return flavor


def test_an_attribute_of_its_own_is_loaded_and_saved(
    engine: sa.Engine, session: Session, flavor: Any
) -> None:
    key = store(engine, name="n")
    store(engine, EXTRAS, flavor_id=key, colour='{"a":1}')
    loaded = session.get_one(flavor, key)
    assert loaded.document == {"a": 1}
    assert session.scalars(sa.select(flavor.document)).all() == [{"a": 1}]
    loaded.document = None
    session.add(flavor(document=[1]))
    session.commit()

    assert (loaded.document, held(engine, key, "colour", table=EXTRAS)) == (None, ("null",))
    assert session.scalars(sa.select(flavor.document).order_by(flavor.id)).all() == [None, [1]]


def test_an_unrelated_change_saves_nothing(
    engine: sa.Engine, session: Session, flavor: Any
) -> None:
    key = store(engine, name="n")
    store(engine, EXTRAS, flavor_id=key, colour="1", remark="untouched")
    session.get_one(flavor, key).name = "new"
    session.commit()

    assert held(engine, key, "colour", "remark", table=EXTRAS) == ("1", "untouched")


IN_BULK: dict[str, Callable[[Session, Any], Any]] = {
    "insert": lambda session, flavor: session.execute(sa.insert(flavor), [{"document": [1]}]),
    "update": lambda session, flavor: session.execute(
        sa.update(flavor), [{"id": 1, "document": [1]}]
    ),
    "insert mappings": lambda session, flavor: session.bulk_insert_mappings(
        flavor, [{"document": [1]}]
    ),
    "update mappings": lambda session, flavor: session.bulk_update_mappings(
        flavor, [{"id": 1, "document": [1]}]
    ),
    "save objects": lambda session, flavor: session.bulk_save_objects([flavor(document=[1])]),
}


@pytest.mark.parametrize("way", IN_BULK)
def test_an_attribute_of_its_own_is_refused_in_bulk(
    engine: sa.Engine, session: Session, flavor: Any, way: str
) -> None:
    key = store(engine, name="n")
    with pytest.raises(ConverterError, match=r"a bulk statement cannot write Flavors\.document"):
        IN_BULK[way](session, flavor)
    session.bulk_save_objects([session.get_one(flavor, key), flavor(name="new")])
    session.commit()

    assert session.scalars(sa.select(FLAVORS.c.name).order_by(FLAVORS.c.id)).all() == ["n", "new"]


@pytest.mark.parametrize(
    "compare",
    [
        lambda attribute: attribute == 1,
        lambda attribute: attribute.in_([1]),
        lambda attribute: attribute.desc(),
        lambda attribute: 1 + attribute,
    ],
)
def test_what_python_completes_cannot_be_compared(
    flavor: Any, compare: Callable[[Any], Any]
) -> None:
    with pytest.raises(ConverterError, match="no query can filter or sort by it"):
        compare(flavor.document)


def test_the_columns_elsewhere_are_known_to_services(flavor: Any) -> None:
    cloud = kilo()

    assert {"flavors.note", "flavors.id", "hosts.name"} <= mapped_columns(cloud.Base)
    assert {"extras.colour", "extras.flavor_id"} <= mapped_columns(flavor)
    assert flavor.__table__.info["migrator"] == {"extras.colour", "extras.flavor_id"}
    assert FLAVORS.info == {}
