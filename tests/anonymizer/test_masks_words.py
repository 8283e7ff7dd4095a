"""What is true of every mask that gives words, whatever it is given."""

from __future__ import annotations

import pickle
import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer.column import Kind
from anonymizer.errors import PolicyError
from anonymizer.markup import Decision
from anonymizer.masks.address import City, Country, State, Street
from anonymizer.masks.base import Distinct, Mask
from anonymizer.masks.company import Company
from anonymizer.masks.draw import used_pools
from anonymizer.masks.email import Email
from anonymizer.masks.find import mask_of
from anonymizer.masks.host_name import HostName
from anonymizer.masks.name import FirstName, LastName, Name
from anonymizer.masks.phone import Phone, Postcode
from anonymizer.masks.text import Text
from anonymizer.masks.url import Url
from anonymizer.masks.user_name import UserName
from tests.anonymizer.wording import KEY, NASTY, OTHER_KEY, column, masked

WORDS: list[Mask] = [
    City(),
    Company(locale="pl_PL"),
    Country(locale="ja_JP"),
    FirstName(),
    LastName(locale="ru_RU"),
    Name(),
    Name(locale="zh_CN"),
    State(),
    Street(locale="de_DE"),
]
TOKENS: list[Mask] = [
    Email(),
    Email(keep_domain=True),
    Email(locale="ja_JP", domains=("acme.test",)),
    HostName(),
    Url(),
    UserName(locale="fr_FR"),
]
SHAPES: list[Mask] = [Phone(), Phone(keep_prefix=2), Postcode()]
TEXTS: list[Mask] = [Text(), Text(locale="ru_RU"), Text(locale="ja_JP")]
ALL = [*WORDS, *TOKENS, *SHAPES, *TEXTS]

each_mask = pytest.mark.parametrize("mask", ALL, ids=repr)
values = st.lists(
    st.one_of(
        st.sampled_from(NASTY),
        st.binary(max_size=40),
        st.text(max_size=40).map(lambda text: text.encode(errors="ignore")),
    ),
    max_size=12,
)


def is_text(value: bytes) -> bool:
    try:
        return "\0" not in value.decode()
    except UnicodeDecodeError:
        return False


@each_mask
@settings(deadline=None)
@given(values=values)
def test_a_value_becomes_the_same_in_any_company(mask: Mask, values: list[bytes]) -> None:
    together = masked(mask, values)
    assert together == [masked(mask, [each])[0] for each in values]
    assert masked(mask, values[::-1]) == together[::-1]


@each_mask
@settings(deadline=None)
@given(values=values)
def test_text_becomes_text_and_nothing_stays_nothing(mask: Mask, values: list[bytes]) -> None:
    for old, new in zip(values, masked(mask, values), strict=True):
        assert bool(old) == bool(new)
        if is_text(old) or mask not in SHAPES:
            assert is_text(new)


@each_mask
def test_the_key_decides(mask: Mask) -> None:
    some = [b"Maria Lopez %d 555-%d" % (each, each) for each in range(50)]
    assert masked(mask, some, key=KEY) == masked(mask, some, key=KEY)
    same = zip(masked(mask, some), masked(mask, some, key=OTHER_KEY), strict=True)
    assert sum(one == other for one, other in same) < 10


@pytest.mark.parametrize("mask", [*TOKENS, *SHAPES], ids=repr)
def test_distinct_values_stay_distinct(mask: Mask) -> None:
    draw = random.Random(3)  # noqa: S311
    some = {f"+{draw.randrange(10**9)}.ann@{each % 7}.org".encode() for each in range(100_000)}
    assert mask.distinct(column(mask)) is not Distinct.LOST
    assert len(set(masked(mask, some))) == len(some)
    assert len(set(masked(mask, some, length=255))) == len(some)


@pytest.mark.parametrize("mask", WORDS, ids=repr)
def test_no_word_becomes_itself(mask: Mask) -> None:
    assert mask.distinct(column(mask)) is Distinct.LOST
    words = [word.encode() for pool in used_pools(mask, column(mask)) for word in pool.words]
    assert not any(old == new for old, new in zip(words, masked(mask, words), strict=True))
    again = masked(mask, masked(mask, words))
    assert not any(old == new for old, new in zip(masked(mask, words), again, strict=True))


@each_mask
@pytest.mark.parametrize("length", [13, 25, 40, 95, 255])
def test_what_does_not_fit_is_refused_or_cut(mask: Mask, length: int) -> None:
    some = [each for each in NASTY if len(each.decode(errors="replace")) <= length]
    if mask.refuses(column(mask, length=length)) is not None:
        assert length < 100
        return
    made = masked(mask, some, length=length)
    assert max(len(each.decode(errors="replace")) for each in made) <= length
    if mask in TOKENS:
        assert len({*made}) == len({*some})


@pytest.mark.parametrize(
    ("mask", "length", "says"),
    [
        (Email(), 24, "needs 25 characters"),
        (Email(domains=["long-name.test"]), 27, "needs 28"),
        (UserName(), 12, "needs 13"),
        (HostName(), 20, "needs 21"),
        (FirstName(), 1, "fit into 1 characters"),
        (State(locale="de_DE"), 2, "no state_code for de_DE"),
        (City(locale="xx"), None, "no locale 'xx'"),
        (Text(locale="./nowhere"), None, "holds no word.txt"),
    ],
    ids=repr,
)
def test_what_cannot_be_is_refused_before_it_begins(
    mask: Mask, length: int | None, says: str
) -> None:
    assert says in (mask.refuses(column(mask, length=length)) or "")


@each_mask
def test_only_text_is_served(mask: Mask) -> None:
    assert "integer" in (mask.refuses(column(mask, kind=Kind.INTEGER)) or "")
    assert mask.refuses(column(mask, length=255)) is None


def test_codes_where_two_characters_fit() -> None:
    assert {len(each) for each in masked(State(), [b"NY", b"TX"], length=2)} == {2}
    assert {len(each) for each in masked(Country(), [b"DE", b"FR"], length=2)} == {2}


def test_the_pools_that_are_used_are_told() -> None:
    def places(mask: Mask) -> list[str]:
        return [f"{each.locale}/{each.kind}" for each in used_pools(mask, column(mask))]

    assert places(Phone()) == []
    assert places(Url()) == ["en_US/word"]
    assert places(Text(locale="ru_RU")) == ["ru_RU/word", "en_US/word"]
    assert places(Email(locale="de_DE")) == ["de_DE/first_name", "de_DE/last_name"]


@each_mask
def test_no_values_are_no_matter(mask: Mask) -> None:
    assert masked(mask, []) == []


@each_mask
def test_a_mask_goes_to_other_processes(mask: Mask) -> None:
    assert pickle.loads(pickle.dumps(mask)) == mask  # noqa: S301


def test_a_decision_finds_its_mask() -> None:
    assert mask_of(Decision(mask="email", options={"domains": ["a.test"]})) == Email(
        domains=("a.test",)
    )
    with pytest.raises(PolicyError, match=r"mask.email: 'no domain'"):
        mask_of(Decision(mask="email", options={"domains": ["no domain"]}))
    with pytest.raises(PolicyError, match="are a list"):
        mask_of(Decision(mask="email", options={"domains": "a.test"}))
    with pytest.raises(PolicyError, match="keep_prefix=-1"):
        mask_of(Decision(mask="phone", options={"keep_prefix": -1}))
