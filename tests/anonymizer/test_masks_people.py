"""Names, e-mail addresses and user names: those of one person agree, and none are confused."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest

from anonymizer.cells import Cells
from anonymizer.column import Column, Kind, Table, TableName
from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.engine import Engine
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.masks.base import Setting
from anonymizer.masks.email import Email
from anonymizer.masks.handle import slug
from anonymizer.masks.name import FirstName, LastName, Name
from anonymizer.masks.tag import recased, tokens
from anonymizer.masks.user_name import UserName
from anonymizer.stream import Rewriter
from tests.anonymizer.wording import KEY, OTHER_KEY, column, masked

if TYPE_CHECKING:
    from pathlib import Path

IDS = {"id": [b"%d" % each for each in range(200)]}
PEOPLE = [b"Person %d" % each for each in range(200)]


@pytest.mark.parametrize("locale", ["en_US", "de_DE", "pl_PL"])
def test_all_that_a_person_is_called_agrees(locale: str) -> None:
    about: dict[str, Any] = {"locale": locale, "subject": "id"}
    names = masked(Name(**about), PEOPLE, others=IDS)
    firsts = masked(FirstName(**about), PEOPLE, others=IDS)
    lasts = masked(LastName(**about), PEOPLE, others=IDS)
    mails = masked(Email(**about), PEOPLE, others=IDS)
    users = masked(UserName(**about), PEOPLE, others=IDS)
    for name, first, last, mail, user in zip(names, firsts, lasts, mails, users, strict=True):
        assert name == first + b" " + last
        spelt = slug(first.decode()), slug(last.decode())
        assert mail.decode().lower().split(".")[:2] == [*spelt]
        assert user.decode().lower().split("_")[:2] == [*spelt]


def test_a_name_draws_as_what_has_it_for_its_subject() -> None:
    names = masked(Name(), PEOPLE)
    mails = masked(Email(subject="name"), IDS["id"], others={"name": PEOPLE})
    spelt = [b".".join(mail.split(b".")[:2]) for mail in mails]
    assert spelt == [name.lower().replace(b" ", b".") for name in names]


def test_nobody_is_drawn_by_the_value() -> None:
    ids = {"id": [b"", b"", b"7", b"7"]}
    made = masked(Name(subject="id"), [b"Ann Fox", b"Bo Ray", b"Cy Orr", b"Di Poe"], others=ids)
    assert made[:2] == masked(Name(), [b"Ann Fox", b"Bo Ray"])
    assert made[2] == made[3]


def test_the_domain_of_the_subject_counts() -> None:
    mask = Name(subject="id")
    given = Cells.of(PEOPLE), {"id": Cells.of(IDS["id"])}
    here = Setting(column=column(mask), key=KEY, keys={"id": OTHER_KEY})
    there = Setting(column=column(mask), key=OTHER_KEY, keys={"id": OTHER_KEY})
    assert mask.bind(here)(*given).to_list() == mask.bind(there)(*given).to_list()


@dataclass(frozen=True, slots=True)
class OneTable:
    """A plan of one table."""

    table: Table

    def find(self, name: TableName) -> Table | None:
        return self.table if name == self.table.name else None


def rewritten(table: str, key: str, data: bytes) -> bytes:
    """Return rows of a table whose name is masked by *key*, which refers to users.id."""
    name = TableName(None, table)
    kept = Decision(mask="keep", why="a number")
    told = Decision(mask="name", options={"subject": key})
    columns = (
        Column(name=key, kind=Kind.INTEGER, decision=kept, domain="users.id"),
        Column(name="name", decision=told, domain=f"{table}.name"),
    )
    engine = Engine(plan=OneTable(Table(name=name, columns=columns)), key=Key(KEY))
    rows = Rows(table=name, columns=(key, "name"), data=data, codec=CopyText(), line=1, byte=0)
    return bytes(Rewriter(engine)(rows)[0])


def test_a_person_has_one_name_in_every_table() -> None:
    data = b"1\tAnn Fox\n2\tBo Ray\n"
    users, orders = rewritten("users", "id", data), rewritten("orders", "user_id", data)
    assert users == orders != data


def test_case_alone_stays_case_alone() -> None:
    lower, upper, mixed = masked(Email(), [b"ann@x.com", b"ANN@X.COM", b"Ann@x.com"])
    assert lower == lower.lower()
    assert len({lower, upper, mixed}) == 3
    assert lower == upper.lower() == mixed.lower()
    assert masked(Name(), [b"ann fox"]) == masked(Name(), [b"Ann Fox"])


def test_upper_case_is_never_lost() -> None:
    numbers = np.arange(50, dtype=np.uint64) * np.uint64(2**57 - 1)
    lower = tokens(numbers)
    upper = recased(lower, np.zeros(50, np.uint64))
    assert (upper != lower).any(axis=1).all()
    assert (upper | 0x20 == lower).all()


def test_mail_goes_nowhere() -> None:
    reserved = re.compile(r"[a-z]+\.[a-z]+\.[a-z2-7]{13}@example\.(com|net|org)")
    assert all(reserved.fullmatch(mail.decode().lower()) for mail in masked(Email(), PEOPLE))
    ours = masked(Email(domains=("a.test", "b.test")), PEOPLE)
    assert {mail.partition(b"@")[2] for mail in ours} == {b"a.test", b"b.test"}


@pytest.mark.parametrize(
    ("mail", "ends"),
    [
        (b"ann@acme.co.uk", b"@acme.co.uk"),
        (b"ann@home@acme.com", b"@acme.com"),
        (b"@ann.fox", b"@example.org"),
        (b"ann fox", b"@example.com"),
        (b"ann@fox", b"@example.net"),
        (b"ann@fox, bo@ray.org (Bo)", b"@example.com"),
        ("ann@müller.de".encode(), b"@example.net"),
    ],
)
def test_only_a_domain_is_kept(mail: bytes, ends: bytes) -> None:
    (made,) = masked(Email(keep_domain=True), [mail])
    kept = ends.startswith(b"@acme")
    assert made.endswith(ends) if kept else b"@example." in made


def test_a_domain_goes_where_no_token_fits() -> None:
    long, short = b"a@" + b"d" * 40 + b".org", b"a@dd.org"
    made = masked(Email(keep_domain=True), [long, short], length=50)
    assert made[1].endswith(b"@dd.org")
    assert b"@example." in made[0]
    assert all(len(each) <= 50 for each in made)


def test_names_that_do_not_fit_are_left_out_from_the_end() -> None:
    assert all(
        re.fullmatch(rb"[a-z2-7]{13}", each) for each in masked(UserName(), IDS["id"], length=13)
    )
    whole = masked(UserName(), IDS["id"])
    for one, other in zip(whole, masked(UserName(), IDS["id"], length=25), strict=True):
        first, last, token = one.split(b"_")
        spellings = b"_".join([first, last, token]), first + b"_" + token, token
        assert other == next(each for each in spellings if len(each) <= 25)


def test_a_name_that_is_too_long_is_another_one() -> None:
    whole, short = masked(Name(), PEOPLE), masked(Name(), PEOPLE, length=13)
    assert max(map(len, short)) == 13
    assert all(other == one for one, other in zip(whole, short, strict=True) if len(one) <= 13)


def test_no_name_becomes_itself(tmp_path: Path) -> None:
    for kind, words in (("first_name", "Ann\nBo\n"), ("last_name", "Fox\nRay\n")):
        (tmp_path / f"{kind}.txt").write_text(words)
    names = [b"Ann Fox", b"Ann Ray", b"Bo Fox", b"Bo Ray"]
    for key in range(20):
        made = masked(Name(locale=str(tmp_path)), names, key=bytes([key]) * 32, length=10)
        assert {*made} <= {*names}
        assert not any(old == new for old, new in zip(names, made, strict=True))


def test_last_names_come_first_where_they_do() -> None:
    (japanese,) = masked(Name(locale="ja_JP", subject="id"), [b"x"], others={"id": [b"1"]})
    (last,) = masked(LastName(locale="ja_JP", subject="id"), [b"x"], others={"id": [b"1"]})
    assert japanese.startswith(last + b" ")


@pytest.mark.parametrize(
    ("word", "spelt"),
    [
        ("José", "jose"),
        ("Weiß", "weiss"),
        ("Łukasz", "lukasz"),
        ("O'Brien-Fox", "obrienfox"),
        ("王", ""),
    ],
)
def test_names_are_spelt_in_ascii(word: str, spelt: str) -> None:
    assert slug(word) == spelt
