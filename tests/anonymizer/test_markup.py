"""The markup: words return what `info` holds, and models hand it on."""

from __future__ import annotations

import subprocess
import sys
from typing import Annotated

import pytest
import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from anonymizer import mask, public
from anonymizer.markup import INFO, Decision, Words
from anonymizer.policy.words import WORDS, options_of

Email = Annotated[str, mapped_column(sa.String(200), info=mask.email())]


class Base(DeclarativeBase):
    pass


class Person(Base):
    __tablename__ = "markup_people"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    email: Mapped[Email]
    second: Mapped[Email] = mapped_column(info={"label": "the other one"})
    third: Mapped[Email] = mapped_column(info=public("it is ours"))
    named: Mapped[str] = mapped_column(info=mask.name(locale="de_DE") | {"label": "who"})
    both: Mapped[Email] = mapped_column(info=mask.url() | {"label": "where"})


def decision(name: str) -> Decision:
    found: Decision = Person.__table__.columns[name].info[INFO]
    return found


def test_a_word_names_its_mask_and_all_its_options() -> None:
    assert mask.digits(keep=3, domain="plates") == {
        INFO: Decision(mask="digits", options={"keep": 3}, domain="plates")
    }


def test_annotated_types_hand_their_decision_on() -> None:
    assert decision("email") == decision("second") == mask.email()[INFO]


def test_a_column_goes_before_its_annotated_type() -> None:
    assert decision("third").mask == "keep"
    assert decision("third").why == "it is ours"
    assert decision("both").mask == "url"


class Mixin:
    email: Mapped[Email] = mapped_column(info=mask.url())


class Mixed(Mixin, Base):
    __tablename__ = "markup_mixed"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())


def test_a_column_of_a_mixin_does_so_too() -> None:
    assert Mixed.__table__.columns["email"].info[INFO].mask == "url"


def test_something_else_may_stand_beside_a_decision() -> None:
    assert options_of(decision("named")) == {"locale": "de_DE"}
    assert Person.__table__.columns["named"].info["label"] == "who"


@pytest.mark.parametrize("word", sorted(WORDS))
def test_each_word_says_in_a_sentence_what_it_does(word: str) -> None:
    said = WORDS[word].__doc__ or ""

    assert said.split("\n")[0].endswith(".")


def test_what_is_inside_of_json_and_arrays_is_a_decision() -> None:
    made = mask.json(paths={"$.a": mask.array(of=mask.email())})[INFO]
    inner: Decision = made.options["paths"]["$.a"]

    assert inner.options["of"] == mask.email()[INFO]


def test_json_takes_nothing_but_markup() -> None:
    with pytest.raises(TypeError, match="str, expected mask"):
        mask.json(paths={"$.a": "email"})  # type: ignore[dict-item]


def test_public_needs_a_reason() -> None:
    with pytest.raises(ValueError, match="needs a reason"):
        public(" ")


def test_ones_own_mask_is_named_with_its_options() -> None:
    made = Words.own("app.masks:Plate", town="Ulm")[INFO]

    assert made.options == {"target": "app.masks:Plate", "options": {"town": "Ulm"}}


def test_ones_own_mask_has_a_module() -> None:
    with pytest.raises(ValueError, match=r"expected 'package\.module:Class'"):
        mask.own("Plate")


def test_markup_needs_the_standard_library_only() -> None:
    code = "import sys, anonymizer; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    others = {name.partition(".")[0] for name in done.stdout.split()}

    assert not others & {"numpy", "pyarrow", "sqlalchemy", "cryptography", "typing_extensions"}
