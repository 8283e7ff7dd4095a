"""Converters on every way of mapping a class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa
from sqlalchemy import orm
from sqlalchemy.ext.hybrid import hybrid_property
from sqlalchemy.orm import (
    DeclarativeBase,
    Mapped,
    MappedAsDataclass,
    Session,
    mapped_column,
    registry,
)
from sqlmodel import Field, SQLModel
from typing_extensions import override

from migrator import attach_converters, expression, rename, repoint, retype, split
from tests.converted import (
    FLAVORS,
    change,
    expand,
    foobars,
    full_name,
    held,
    model,
    queue,
    slug,
    spec,
    store,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

INTEGER, TEXT = sa.Integer(), sa.String(50)
MEMORY = ("memory_mb", "foobars")
OLD = ("memory_mb", "title", "topic", "given", "family")

PAIR = {
    "left_": expression(python=lambda row: int(row.pair[0])),
    "right_": expression(python=lambda row: int(row.pair[1])),
}


@pytest.fixture
def session(engine: sa.Engine) -> Iterator[Session]:
    expand(engine)
    with Session(engine) as session:
        yield session


@pytest.fixture
def key(engine: sa.Engine) -> int:
    """A row in the old format."""
    expand(engine)
    return store(engine, name="n", memory_mb=512, title="Hello")


def changes(engine: sa.Engine, session: Session, flavor: Any, key: int) -> None:
    """Assert that *flavor* reads the row, finds it, and writes it in the new format."""
    loaded = session.scalars(sa.select(flavor).where(flavor.foobars == 512)).one()
    assert (loaded.foobars, loaded.memory_mb, loaded.slug) == (512, 512, "hello")
    loaded.foobars, loaded.slug = 0, "new"
    session.commit()
    assert held(engine, key, *MEMORY, "title", "slug") == (None, 0, None, "new")
    assert (loaded.foobars, loaded.slug) == (0, "new")


# Ways of mapping.


def test_imperative(engine: sa.Engine, session: Session, key: int) -> None:
    class Flavor:
        pass

    registry = orm.registry()
    names = ("id", "name", "foobars", "slug")
    columns = [sa.Column(name, FLAVORS.c[name].type, primary_key=name == "id") for name in names]
    registry.map_imperatively(Flavor, sa.Table("flavors", registry.metadata, *columns))
    attach_converters(registry, foobars, slug)

    changes(engine, session, Flavor, key)


def test_sqlmodel(engine: sa.Engine, session: Session, key: int) -> None:
    class Typed(SQLModel, registry=orm.registry()):
        pass

    class Flavor(Typed, table=True):
        __tablename__ = "flavors"

        id: int | None = Field(default=None, primary_key=True)
        name: str | None = None
        foobars: int | None = None
        slug: str | None = None

    attach_converters(Typed, foobars, slug)
    flavor = session.get_one(Flavor, key)
    assert flavor.model_dump() == {"id": key, "name": "n", "foobars": 512, "slug": "hello"}
    session.add(Flavor(foobars=7))
    session.commit()
    assert held(engine, key + 1, *MEMORY) == (None, 7)
    changes(engine, session, Flavor, key)


def test_dataclasses(engine: sa.Engine, session: Session, key: int) -> None:
    class Base(MappedAsDataclass, DeclarativeBase):
        pass

    class Flavor(Base):
        __tablename__ = "flavors"

        id: Mapped[int] = mapped_column(primary_key=True, init=False)
        name: Mapped[str | None] = mapped_column(default=None)
        foobars: Mapped[int | None] = mapped_column(default=3)
        slug: Mapped[str | None] = mapped_column(default=None)

    attach_converters(Base, foobars, slug)
    session.add(Flavor(name="x"))
    session.commit()
    assert held(engine, key + 1, *MEMORY) == (None, 3)
    assert "foobars=512, slug='hello')" in repr(session.get_one(Flavor, key))
    changes(engine, session, Flavor, key)


def test_a_list_of_classes(engine: sa.Engine, session: Session, key: int) -> None:
    flavor = model("flavors", foobars=INTEGER, slug=TEXT)
    attach_converters([flavor], foobars, slug)

    changes(engine, session, flavor, key)


def test_other_attribute_names_and_column_keys(
    engine: sa.Engine, session: Session, key: int
) -> None:
    size, text = mapped_column("foobars", INTEGER, key="foo"), mapped_column("slug", TEXT)
    flavor = model("flavors", size=size, text=text)
    attach_converters([flavor], foobars, slug)
    loaded = session.scalars(sa.select(flavor).where(flavor.size == 512)).one()
    assert (loaded.size, loaded.text, loaded.memory_mb) == (512, "hello", 512)

    session.execute(sa.update(flavor).values(size=flavor.size + 1, text="x"))
    session.commit()
    assert held(engine, key, *MEMORY, "title", "slug") == (None, 513, None, "x")
    session.execute(sa.insert(flavor), [{"size": 1, "text": "a"}, {"size": 2, "text": "b"}])
    session.execute(sa.update(flavor), [{"id": key, "size": 5}])
    session.commit()
    assert [held(engine, each, *MEMORY) for each in (key, key + 1)] == [(None, 5), (None, 1)]


def test_deferred_columns(engine: sa.Engine, session: Session, key: int) -> None:
    later: dict[str, Any] = {"deferred": True, "deferred_group": "much"}
    flavor = model(
        "flavors", foobars=mapped_column(INTEGER, **later), slug=mapped_column(TEXT, **later)
    )
    attach_converters([flavor], foobars, slug)
    loaded = session.get_one(flavor, key)
    assert not {"foobars", "slug"} & loaded.__dict__.keys()
    assert (loaded.foobars, loaded.slug) == (512, "hello")
    for options in (orm.undefer_group("much"), orm.undefer("*")):
        session.expunge_all()
        loaded = session.scalars(sa.select(flavor).options(options)).one()
        assert (loaded.__dict__["foobars"], loaded.__dict__["slug"]) == (512, "hello")
    changes(engine, session, flavor, key)


def test_what_classes_say_of_their_attributes(
    engine: sa.Engine, session: Session, key: int
) -> None:
    def checked(_self: object, _name: str, value: Any) -> Any:
        if value == -1:
            raise ValueError("refused")
        return value

    column = mapped_column(INTEGER, info={"unit": "MB"}, doc="Memory.", index=True)
    flavor = model(
        "flavors",
        foobars=column,
        slug=TEXT,
        doubled=orm.column_property(column.column * 2),
        checked=orm.validates("foobars", "slug")(checked),
        much=hybrid_property(lambda self: self.foobars > 100),
    )
    flavor.much = hybrid_property(lambda self: self.foobars > 100)
    attach_converters([flavor], foobars, slug)
    loaded = session.scalars(sa.select(flavor).where(flavor.much, flavor.doubled == 1024)).one()
    assert (loaded.much, loaded.doubled) == (True, 1024)
    assert (flavor.foobars.info, flavor.foobars.property.doc) == ({"unit": "MB"}, "Memory.")
    for name in ("foobars", "memory_mb", "slug"):
        with pytest.raises(ValueError, match="refused"):
            setattr(loaded, name, -1)
    changes(engine, session, flavor, key)


def test_defaults_of_models_and_servers(engine: sa.Engine, session: Session) -> None:
    old = sa.Table(
        "defaults",
        sa.MetaData(),
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("name", TEXT),
        sa.Column("memory", sa.Integer, server_default="512"),
        sa.Column("sort", TEXT, server_default="s"),
        sa.Column("size", sa.Integer, server_default="7"),
        sa.Column("kind", TEXT),
    )
    old.create(engine)
    key = store(engine, old, name="old")
    size = mapped_column(INTEGER, server_default="7")
    kind = mapped_column(TEXT, default="k", onupdate="changed")
    flavor = model("defaults", name=TEXT, size=size, kind=kind)
    memory, sort = rename("defaults", "memory", to="size"), rename("defaults", "sort", to="kind")
    attach_converters([flavor], memory, sort)
    session.add_all([flavor(), flavor(size=None, kind=None)])
    session.commit()
    query = sa.select(flavor.size, flavor.kind).order_by(flavor.id)
    assert session.execute(query).all() == [(512, "s"), (7, "k"), (7, "k")]

    session.get_one(flavor, key).name = "new"
    session.commit()
    names = ("memory", "size", "sort", "kind")
    assert held(engine, key, *names, table=old) == (None, 512, None, "changed")
    assert held(engine, key + 1, *names, table=old) == (None, 7, None, "k")


def test_a_counter_of_versions(engine: sa.Engine, key: int) -> None:
    ram = mapped_column(INTEGER)
    counted = {"__mapper_args__": {"version_id_col": ram}}
    flavor = model("flavors", name=TEXT, foobars=INTEGER, slug=TEXT, ram=ram, **counted)
    attach_converters([flavor], foobars, slug)
    change(engine, key, ram=1)
    with Session(engine, expire_on_commit=False) as session:
        loaded = session.get_one(flavor, key)
        loaded.name = "new"
        session.commit()
        assert (loaded.ram, loaded.foobars) == (2, 512)
        loaded.foobars = 1
        change(engine, key, ram=9)
        with pytest.raises(orm.exc.StaleDataError):
            session.commit()


def test_two_classes_of_one_table(engine: sa.Engine, session: Session, key: int) -> None:
    flavor = model("flavors", foobars=INTEGER, slug=TEXT)
    registry = flavor.registry

    class Small:
        pass

    class Smaller:
        pass

    registry.map_imperatively(Small, flavor.__table__)
    registry.map_imperatively(Smaller, flavor.__table__, include_properties=["id", "foobars"])
    attach_converters(registry, foobars, slug)
    assert session.get_one(Smaller, key).foobars == 512  # type: ignore[attr-defined]
    assert session.get_one(Small, key).slug == "hello"  # type: ignore[attr-defined]
    changes(engine, session, Small, key)
    assert session.scalars(sa.select(flavor.foobars)).all() == [0]


def test_classes_that_are_mapped_later_leave_the_old_columns_out(
    engine: sa.Engine, session: Session, key: int
) -> None:
    base = registry().generate_base()
    kinds = {"polymorphic_on": "name", "polymorphic_identity": "a"}
    flavor = model(
        "flavors", base=base, name=TEXT, foobars=INTEGER, slug=TEXT, queue=TEXT, full_name=TEXT,
        __mapper_args__=kinds,
    )  # fmt: skip
    attach_converters([flavor], foobars, slug, queue, full_name)
    later = type("Later", (flavor,), {"__mapper_args__": {"polymorphic_identity": "n"}})
    beside = type("Beside", (base,), {"__table__": flavor.__table__})

    for each in (later, beside):
        assert not {*OLD, "queue_counts"} & {*sa.inspect(each).column_attrs.keys()}
    assert session.scalars(sa.select(beside.foobars)).all() == [512]  # type: ignore[attr-defined]
    changes(engine, session, later, key)


def test_a_class_of_a_join_is_converted_by_its_tables(
    engine: sa.Engine, session: Session, key: int
) -> None:
    """And keeps a column of the other table that has the name of an old one."""
    flavor = model("flavors", foobars=INTEGER)
    attach_converters([flavor], foobars)
    other = sa.Table(
        "others",
        flavor.metadata,
        sa.Column("flavor_id", INTEGER, primary_key=True, autoincrement=False),
        sa.Column("memory_mb", INTEGER),
    )
    other.create(engine)
    store(engine, other, flavor_id=key, memory_mb=7)
    both = flavor.__table__.join(other, flavor.__table__.c.id == other.c.flavor_id)
    joined = type("Joined", (), {})
    flavor.registry.map_imperatively(joined, both)
    loaded: Any = session.scalars(sa.select(joined)).one()

    assert (loaded.foobars, loaded.memory_mb) == (512, 7)
    loaded.foobars = 0
    session.commit()
    assert held(engine, key, *MEMORY) == (None, 0)


@pytest.mark.parametrize("configured", [False, True])
def test_attached_before_and_after_mappers_are_configured(
    engine: sa.Engine, session: Session, key: int, *, configured: bool
) -> None:
    same = "Flavors.foobars == foreign(remote(Flavors.foobars))"
    others = orm.relationship("Flavors", primaryjoin=same, viewonly=True, uselist=True)
    flavor = model("flavors", foobars=INTEGER, slug=TEXT, others=others)
    alias, condition = orm.aliased(flavor), flavor.foobars == 512
    if configured:
        orm.configure_mappers()
        assert str(alias.foobars)
    attach_converters([flavor], foobars, slug)
    store(engine, foobars=512)

    assert len(session.scalars(sa.select(flavor).where(condition)).all()) == 2
    assert len(session.scalars(sa.select(alias).where(alias.foobars == 512)).all()) == 2
    assert len(session.get_one(flavor, key).others) == 2
    assert session.get_one(flavor, key).slug == "hello"


# Inheritance.


def test_single_table_inheritance(engine: sa.Engine, session: Session, key: int) -> None:
    flavor = model(
        "flavors",
        queue=TEXT,
        foobars=INTEGER,
        __mapper_args__={"polymorphic_on": "queue", "polymorphic_identity": "plain"},
    )
    large = type(
        "Large",
        (flavor,),
        {
            "__mapper_args__": {"polymorphic_identity": "large"},
            "slug": mapped_column(TEXT),
            "vcpus": mapped_column(INTEGER),
            "ram": mapped_column(INTEGER),
        },
    )
    queue = rename("flavors", "topic", to="queue", marker="queue_counts")
    attach_converters(flavor.registry, foobars, slug, spec, queue)
    change(engine, key, topic="large", spec="4x8")
    store(engine, topic="plain", memory_mb=1)

    found = session.scalars(sa.select(flavor).order_by(flavor.foobars)).all()
    assert [type(each) for each in found] == [flavor, large]
    loaded: Any = session.scalars(sa.select(large)).one()
    assert (loaded.foobars, loaded.slug, loaded.vcpus) == (512, "hello", 4)
    loaded.ram, loaded.foobars = 9, 0
    session.add(large(foobars=2, slug="s"))
    session.commit()
    assert held(engine, key, *MEMORY, "spec", "vcpus", "ram") == (None, 0, None, 4, 9)
    assert held(engine, 3, "queue", "queue_counts", *MEMORY) == ("large", 1, None, 2)
    every = orm.with_polymorphic(flavor, "*")
    assert session.scalars(sa.select(every.id).where(every.foobars == 0)).all() == [key]


FAMILY = sa.MetaData()
PARENTS = sa.Table(
    "parents",
    FAMILY,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("sort", TEXT),
    sa.Column("kind", TEXT),
    sa.Column("size_mb", sa.Integer),
    sa.Column("size", sa.Integer),
)
CHILDREN = sa.Table(
    "children",
    FAMILY,
    sa.Column("id", sa.ForeignKey("parents.id"), primary_key=True),
    sa.Column("title", TEXT),
    sa.Column("slug", TEXT),
    sa.Column("pair", TEXT),
    sa.Column("left_", sa.Integer),
    sa.Column("right_", sa.Integer),
)


@pytest.fixture
def family(engine: sa.Engine) -> tuple[Any, Any]:
    """A class and one that inherits from it in a table of its own, with a row of each."""
    FAMILY.create_all(engine)
    named = {"polymorphic_on": "kind", "polymorphic_identity": "parent"}
    parent = model("parents", kind=TEXT, size=INTEGER, __mapper_args__=named)
    child = model(
        "children",
        base=parent,
        id=mapped_column(sa.ForeignKey("parents.id"), primary_key=True),
        slug=TEXT,
        left_=INTEGER,
        right_=INTEGER,
        __mapper_args__={"polymorphic_identity": "child"},
    )
    attach_converters(
        parent.registry,
        rename("parents", "sort", to="kind"),
        rename("parents", "size_mb", to="size"),
        rename("children", "title", to="slug"),
        split("children", "pair", to=PAIR, types={"pair": TEXT}),
    )
    store(engine, PARENTS, id=1, sort="child", size_mb=5)
    store(engine, CHILDREN, id=1, title="t", pair="12")
    store(engine, PARENTS, id=2, sort="parent", size=6)
    return parent, child


def test_joined_inheritance_is_read(session: Session, family: tuple[Any, Any]) -> None:
    parent, child = family
    found = session.scalars(sa.select(parent).order_by(parent.size)).all()
    assert [(type(each), each.size) for each in found] == [(child, 5), (parent, 6)]
    (one,) = session.scalars(sa.select(child).where(child.slug == "t", child.size == 5))
    assert (one.slug, one.left_, one.right_) == ("t", 1, 2)
    session.expunge_all()

    every = orm.with_polymorphic(parent, [child], flat=True)
    query = sa.select(every).where(every.Children.slug == "t").order_by(every.size)
    assert [(each.size, each.left_) for each in session.scalars(query)] == [(5, 1)]


def test_joined_inheritance_is_written(
    engine: sa.Engine, session: Session, family: tuple[Any, Any]
) -> None:
    parent, child = family
    one = session.get_one(child, 1)
    one.size, one.right_ = 0, 7
    session.flush()
    session.add(child(id=3, size=8, slug="new", left_=3, right_=4))
    session.flush()
    session.execute(sa.insert(child), [{"id": 4, "size": 1, "slug": "bulk"}])
    session.commit()

    held_parent = held(engine, 1, "size_mb", "size", "sort", "kind", table=PARENTS)
    held_child = held(engine, 1, "title", "slug", "pair", "left_", "right_", table=CHILDREN)
    assert held_parent == (None, 0, None, "child")
    assert held_child == (None, "t", None, 1, 7)
    assert session.scalars(sa.select(parent.size).order_by(parent.id)).all() == [0, 6, 8, 1]
    assert session.scalars(sa.select(child.slug).order_by(child.id)).all() == ["t", "new", "bulk"]


# Keys and schemas.


def test_composite_keys(engine: sa.Engine, session: Session) -> None:
    parts = sa.Table(
        "parts",
        sa.MetaData(),
        sa.Column("a", sa.Integer, primary_key=True),
        sa.Column("b", sa.String(5), primary_key=True),
        *(sa.Column(name, TEXT) for name in ("pair", "old", "new")),
        *(sa.Column(name, INTEGER) for name in ("left_", "right_")),
    )
    parts.create(engine)
    first, second = (mapped_column(type_, primary_key=True) for type_ in (INTEGER, sa.String(5)))
    part = model("parts", id=None, a=first, b=second, left_=INTEGER, right_=INTEGER, new=TEXT)
    pair = split("parts", "pair", to=PAIR, types={"pair": TEXT})
    attach_converters([part], pair, rename("parts", "old", to="new"))
    for b, value in (("x", "12"), ("y", "34")):
        store(engine, parts, a=1, b=b, pair=value, old="5")
    session.get_one(part, (1, "y")).right_ = 9
    session.commit()

    with engine.connect() as connection:
        assert connection.execute(sa.select(parts).order_by(parts.c.b)).all() == [
            (1, "x", "12", "5", None, None, None),
            (1, "y", None, None, "5", 3, 9),
        ]


def test_tables_of_a_schema(engine: sa.Engine) -> None:
    """Another table of the same name, in the default schema, is left alone."""
    if engine.dialect.name != "postgresql":
        pytest.skip("a schema is a database here")
    metadata = sa.MetaData(schema="other")
    names = ("id", "name", "memory_mb", "foobars", "host_name", "host_id")
    flavors = sa.Table(
        "flavors",
        metadata,
        *(sa.Column(name, FLAVORS.c[name].type, primary_key=name == "id") for name in names),
    )
    hosts = sa.Table("hosts", metadata, sa.Column("id", INTEGER), sa.Column("name", TEXT))
    with engine.begin() as connection:
        connection.execute(sa.schema.CreateSchema("other"))
        metadata.create_all(connection)
        connection.execute(sa.insert(hosts).values(id=4, name="alpha"))
    expand(engine)
    there = {"__table_args__": {"schema": "other"}}
    flavor = model("flavors", name=TEXT, foobars=INTEGER, host_id=INTEGER, **there)
    host = repoint(
        "flavors",
        "host_name",
        to="host_id",
        through="hosts",
        match="name",
        take="id",
        schema="other",
        types={"host_name": TEXT},
    )
    attach_converters([flavor], rename("flavors", "memory_mb", to="foobars", schema="other"), host)
    key = store(engine, flavors, memory_mb=512, host_name="alpha")
    with Session(engine) as session:
        loaded = session.scalars(sa.select(flavor).where(flavor.foobars == 512)).one()
        assert loaded.host_id == 4
        loaded.name = "new"
        session.commit()
    assert held(engine, key, *names[2:], table=flavors) == (None, 512, None, 4)


def test_tables_can_be_created_from_the_models(engine: sa.Engine) -> None:
    """As the tests of an application do it: they are those of the middle of the change."""
    flavor = model("flavors", foobars=mapped_column(INTEGER, index=True), slug=TEXT)
    attach_converters([flavor], foobars, slug)
    flavor.metadata.create_all(engine)
    with Session(engine) as session:
        session.add(flavor(foobars=1, slug="s"))
        session.commit()
        assert session.scalars(sa.select(flavor.foobars)).all() == [1]
    columns = {column["name"] for column in sa.inspect(engine).get_columns("flavors")}
    assert {"memory_mb", "title"} <= columns


# Types of one's own.


class Words(sa.TypeDecorator[Any]):
    """A list of words, stored with spaces between them."""

    impl = sa.String(50)
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: object) -> Any:
        return None if value is None else " ".join(value)

    @override
    def process_result_value(self, value: Any, dialect: object) -> Any:
        return None if value is None else value.split()


def test_types_convert_what_sql_gives(engine: sa.Engine, session: Session, key: int) -> None:
    flavor = model("flavors", slug=Words(), foobars=INTEGER)
    number = retype(
        "flavors",
        "family",
        to="foobars",
        up=lambda row: sa.cast(row.family, sa.Integer),
        types={"family": sa.String(9)},
    )
    attach_converters([flavor], rename("flavors", "title", to="slug"), number)
    change(engine, key, title="a b", family="42")
    loaded = session.scalars(sa.select(flavor).where(flavor.slug == ["a", "b"])).one()
    assert (loaded.slug, loaded.title, loaded.foobars) == (["a", "b"], ["a", "b"], 42)
    loaded.slug = ["c"]
    session.commit()
    assert held(engine, key, "title", "slug", "family", "foobars") == (None, "c", None, 42)
