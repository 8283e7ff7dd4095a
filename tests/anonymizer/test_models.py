"""Models: modules, bases, registries and plain metadata lead to the same tables."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, registry
from sqlmodel import Field, SQLModel

from anonymizer import mask
from anonymizer.errors import PolicyError
from anonymizer.markup import INFO
from anonymizer.models import Models, load
from cloud import liberty

if TYPE_CHECKING:
    from pathlib import Path

NAMES = {"flavors", "instances"}


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", [*sys.path])


@pytest.mark.parametrize("place", ["cloud.liberty", "cloud.liberty:Base", "cloud.liberty:Flavor"])
def test_models_are_named_by_module_base_or_class(place: str) -> None:
    assert {each.name for each in load(place).tables} >= NAMES


def test_metadata_and_its_base_bring_the_same_tables() -> None:
    by_base, by_metadata = Models.of(liberty.Base), Models.of(liberty.Base.metadata)

    assert set(by_base.tables) == set(by_metadata.tables)
    assert liberty.Flavor in by_base.classes(liberty.Base.metadata.tables["flavors"])


def test_imperative_models_are_found_through_their_registry() -> None:
    known = registry()
    table = sa.Table("imperative", known.metadata, sa.Column("id", sa.Integer, primary_key=True))
    model = type("Imperative", (), {})
    known.map_imperatively(model, table)

    assert list(Models.of(known).classes(table)) == [model]


class Base(DeclarativeBase):
    pass


class Animal(Base):
    __tablename__ = "models_animals"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    name: Mapped[str] = mapped_column(info=mask.text())


class Dog(Animal):
    __tablename__ = "models_dogs"

    id: Mapped[int] = mapped_column(sa.ForeignKey("models_animals.id"), primary_key=True)


def test_a_class_that_inherits_a_table_speaks_for_its_own() -> None:
    models = Models.of(Base)
    tables = Base.metadata.tables

    assert list(models.classes(tables["models_animals"])) == [Animal]
    assert list(models.classes(tables["models_dogs"])) == [Dog]


class Hero(SQLModel, table=True):
    __tablename__ = "models_hero"

    id: int | None = Field(default=None, primary_key=True)
    email: str = Field(sa_column_kwargs={"info": mask.email()})


def test_models_of_sqlmodel_are_found() -> None:
    table = SQLModel.metadata.tables["models_hero"]

    assert table.columns["email"].info[INFO].mask == "email"
    assert Hero in Models.of(SQLModel).classes(table)


def test_models_are_imported_from_where_the_settings_are(tmp_path: Path) -> None:
    (tmp_path / "shop_models.py").write_text(
        "import sqlalchemy as sa\nmeta = sa.MetaData()\nsa.Table('shops', meta, sa.Column('id'))\n"
    )
    assert [each.name for each in load("shop_models", root=tmp_path).tables] == ["shops"]


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("no_such_module_here", "No module named 'no_such_module_here'"),
        ("cloud.liberty:Bse", "cloud.liberty has no 'Bse'"),
        ("json", "json: no table in it"),
    ],
)
def test_what_cannot_be_imported_is_said(place: str, message: str) -> None:
    with pytest.raises(PolicyError, match=message):
        load(place)


def test_an_error_of_the_models_has_its_line_and_no_value(tmp_path: Path) -> None:
    (tmp_path / "broken_models.py").write_text("x = 1\nraise RuntimeError('password=hunter2')\n")
    with pytest.raises(PolicyError) as caught:
        load("broken_models", root=tmp_path)

    assert "broken_models.py, line 2: RuntimeError" in caught.value.message
    assert "hunter2" not in caught.value.message
