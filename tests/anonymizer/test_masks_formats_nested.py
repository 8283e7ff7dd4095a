"""json and array: what is inside is masked, and all around it stays byte by byte."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from anonymizer.column import Kind
from anonymizer.errors import LeakError, PolicyError
from anonymizer.markup import INFO, public
from anonymizer.masks.array import Array
from anonymizer.masks.base import Distinct, Setting
from anonymizer.masks.inner import Inner
from anonymizer.masks.json import Json
from anonymizer.masks.paths import steps_of
from tests.anonymizer.masking import KEY, OTHER_KEY, column, decided, masked, refused, unhurried

JSON = column(Kind.JSON)
ARRAY = column(Kind.ARRAY)
TOKEN = decided("token")
DIGITS = decided("digits")
SPACES = st.text(" \t\n\r", max_size=2)
NAMES = st.sampled_from(["a", "b", 'q"', "é", "", "\\", "a b"])
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(codec="utf-8"), max_size=5)
)
TREES = st.recursive(
    SCALARS, lambda each: st.lists(each, max_size=3) | st.dictionaries(NAMES, each, max_size=3)
)


@st.composite
def written(draw: st.DrawFn) -> tuple[Any, bytes]:
    """Return a value, and one of the ways to write it in JSON."""
    value = draw(TREES)
    text = json.dumps(
        value, ensure_ascii=draw(st.booleans()), indent=draw(st.sampled_from([None, 0, 1]))
    )
    if "\n" not in text and '"' not in text:
        text = re.sub(r"([,:\[\]{}])", lambda found: found[1] + draw(SPACES), text)
    return value, text.encode()


def cleared(value: Any, path: tuple[str, ...] = ()) -> Any:
    """Return *value* with null at $.a.*, said again in the plainest way."""
    if path == ("a", "*"):
        return None
    if isinstance(value, dict):
        return {
            name: cleared(each, (*path, "a" if name == "a" and not path else "*"))
            if not path or path == ("a",)
            else each
            for name, each in value.items()
        }
    return value


@unhurried
@given(st.lists(written(), min_size=1))
@example([("", b'""'), (1, b"1"), (2, b"2"), ({"a": {"b": [{}]}}, b'{"a":{"b":[{}]}}')])
def test_what_no_path_leads_to_stays_byte_by_byte(drawn: list[tuple[Any, bytes]]) -> None:
    texts = [text for _, text in drawn]
    mask = Json(paths={"$.never.there": TOKEN}, other="keep")
    assert masked(mask, texts, of=JSON) == texts


@unhurried
@given(st.lists(written(), min_size=1))
def test_paths_lead_where_they_say(drawn: list[tuple[Any, bytes]]) -> None:
    mask = Json(paths={"$.a.*": decided("null")}, other="keep")
    found = masked(mask, [text for _, text in drawn], of=JSON)
    for (value, _), new in zip(drawn, found, strict=True):
        assert json.loads(new) == cleared(value)


@unhurried
@given(st.lists(written(), min_size=1))
def test_nothing_is_left_of_what_is_cleared(drawn: list[tuple[Any, bytes]]) -> None:
    mask = Json(paths={"$.never": TOKEN}, other="null")
    for each in masked(mask, [text for _, text in drawn], of=JSON):
        left = json.loads(each)
        if isinstance(left, list | dict):
            assert all(
                value is None for value in (left.values() if isinstance(left, dict) else left)
            )
        else:
            assert left is None


@unhurried
@given(st.lists(written(), min_size=1))
def test_all_leaves_are_masked(drawn: list[tuple[Any, bytes]]) -> None:
    mask = Json(
        paths={"$" + ".*" * each: decided("constant", value="x") for each in range(30)},
        other="null",
    )
    for (value, _), new in zip(
        drawn, masked(mask, [text for _, text in drawn], of=JSON), strict=True
    ):
        assert_masked(value, json.loads(new))


def assert_masked(before: Any, after: Any) -> None:
    if isinstance(before, dict) and isinstance(after, dict):
        assert list(before) == list(after)
        for name in before:
            assert_masked(before[name], after[name])
    elif isinstance(before, list) and after is not None:
        assert after == [None] * len(before)
    elif before is None or isinstance(before, list | dict):
        assert after is None
    else:
        assert after == "x"


def test_members_items_and_names_in_quotes() -> None:
    text = (
        b'{"user": {"name": "Ann", "n": 1.50}, "tags": ["a1", ["b2"], {"t": "c3"}], "a b": "d4" }'
    )
    paths = {
        "$.user.name": TOKEN,
        "$.user.n": public("a count"),
        "$.tags[*]": TOKEN,
        "$.tags[*][*]": TOKEN,
        "$.tags[*].t": TOKEN,
        '$["a b"]': TOKEN,
    }
    (found,) = masked(Json(paths=paths), [text], of=JSON)
    assert b'"n": 1.50' in found
    assert len(found) == len(text)
    for each in (b"Ann", b"a1", b"b2", b"c3", b"d4"):
        assert each not in found
    shape = re.sub(rb'(?<=")[A-Za-z0-9]+(?="[],} ])', b"x", text)
    assert re.sub(rb'(?<=")[A-Za-z0-9]+(?="[],} ])', b"x", found) == shape


def test_scalars_side_by_side_are_values_of_their_own() -> None:
    texts = [b"1", b"2", b"3", b"true", b'"s"', b"4", b"null", b"5"]
    found = masked(Json(paths={"$": decided("constant", value=7)}), texts, of=JSON)
    assert found == [b"7", b"7", b"7", b"7", b'"7"', b"7", b"null", b"7"]


def test_numbers_stay_exact_and_in_their_order() -> None:
    text = b'{"z":1.10,"a":12345678901234567890.123456789,"e":1E400,"z":0.10,"n":-0}'
    paths = {"$.a": decided("noise")}
    (found,) = masked(Json(paths=paths, other="keep"), [text], of=JSON)
    assert re.fullmatch(
        rb'\{"z":1\.10,"a":1[0-9]{19}\.[0-9]{9},"e":1E400,"z":0\.10,"n":-0\}', found
    )
    assert found != text


def test_a_member_that_stands_twice_is_masked_twice() -> None:
    (found,) = masked(Json(paths={"$.a": DIGITS}), [b'{"a": "11", "a": "22"}'], of=JSON)
    assert not re.search(b"11|22", found)


def test_names_with_escapes_are_found() -> None:
    (found,) = masked(Json(paths={"$.email": TOKEN}), [rb'{"\u0065mail": "abcdefgh"}'], of=JSON)
    assert found.startswith(rb'{"\u0065mail": "')
    assert b"abcdefgh" not in found


def test_strings_are_read_and_written_with_escapes() -> None:
    values = ['a"b', "tab\tend", "back\\slash", "smile 😀", "nul\0", "line\nend"]
    texts = [json.dumps({"k": each}).encode() for each in values]
    mask = Json(paths={"$.k": decided("category", values=values)})
    found = [json.loads(each)["k"] for each in masked(mask, texts, of=JSON)]
    assert sorted(found) == sorted(values)


def test_numbers_and_truths_stay_such_where_the_mask_gives_one() -> None:
    mask = Json(paths={"$[*]": decided("category", values=["1", "true", "x", "01"])})
    (found,) = masked(mask, [b'[1, true, "x", "1"]'], of=JSON)
    assert json.loads(found)[2] in ("1", "true", "x", "01")
    pairs = dict(zip(["1", "true"], json.loads(found), strict=False))
    assert all(isinstance(each, str) == (each in ("x", "01")) for each in pairs.values())


def test_a_null_and_what_is_empty_stay() -> None:
    texts = [b'{"a": null}', b'{"a": {}}', b"{}", b"[]", b"", b"null", b' {"a" : {"b" : null}} ']
    mask = Json(paths={"$.a.b": TOKEN})
    assert masked(mask, texts, of=JSON) == texts


@pytest.mark.parametrize(
    "text",
    [
        b'{"b": 1}',
        b'{"a": {"c": "x"}}',
        b'{"a": "x"}',
        b"[1]",
        b'"x"',
        b'{"Bob@x.org": null}',
        b"7",
        b'{"a": {"b": {"c": 1}}}',
        b'{"a": {"b": ["x"]}}',
        b'{"a": [{"b": "x"}]}',
    ],
)
def test_what_no_path_leads_to_is_refused(text: bytes) -> None:
    error = refused(Json(paths={"$.a.b": TOKEN}), text, of=JSON)
    assert "at no path" in error.message


@pytest.mark.parametrize(
    "text",
    [
        b"{",
        b'{"a": NaN}',
        b"{'a': 1}",
        b'{"a": 1}{"a": 1}',
        b"nul",
        b'"\t"',
        b"[1,]",
        b"\xef\xbb\xbf{}",
        b"[" * 100000,
        b'"\\x"',
        b"01",
        b"1 2",
        b"1,2",
    ],
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    mask = Json(paths={"$.a": TOKEN}, other="keep")
    with pytest.raises(LeakError, match="expected JSON") as caught:
        masked(mask, [b"{}", text], of=JSON)
    assert caught.value.value == 1


def test_no_json_goes_on_in_the_next_value() -> None:
    mask = Json(paths={"$.a": TOKEN}, other="keep")
    with pytest.raises(LeakError, match="expected JSON") as caught:
        masked(mask, [b"{}", b"[1", b"2]", b"3,4,5"], of=JSON)
    assert caught.value.value == 1


def test_a_value_that_a_path_cannot_serve_is_told_by_its_row() -> None:
    mask = Json(paths={"$.list[*]": decided("ip")}, other="keep")
    texts = [b'{"list": ["::1", "::2"]}', b"{}", b'{"list": ["::1", "somewhere"]}']
    with pytest.raises(LeakError, match="IP addresses") as caught:
        masked(mask, texts, of=JSON)
    assert caught.value.value == 2
    assert "somewhere" not in str(caught.value)


def test_public_and_null_are_for_all_that_is_under_a_path() -> None:
    paths = {"$.meta": public("flags"), "$.meta.by": TOKEN, "$.log": decided("null")}
    text = b'{"meta": {"x": [1, {"y": "z"}], "by": "Anna"}, "log": {"Bob": [1, 2]}}'
    (found,) = masked(Json(paths=paths), [text], of=JSON)
    assert found.startswith(b'{"meta": {"x": [1, {"y": "z"}], "by": "')
    assert found.endswith(b'"}, "log": null}')
    assert b"Anna" not in found


def test_a_path_that_masks_goes_before_one_that_keeps() -> None:
    ways = {"$.a": public("shown"), "$.*": DIGITS}, {"$.*": DIGITS, "$.a": public("shown")}
    for paths in ways:
        (found,) = masked(Json(paths=paths), [b'{"a": "123456", "b": "123456"}'], of=JSON)
        assert b"123456" not in found
    first = Json(
        paths={"$.*": decided("constant", value="1"), "$.a": decided("constant", value="2")}
    )
    assert masked(first, [b'{"a": "x"}'], of=JSON) == [b'{"a": "1"}']


def test_bytes_that_are_not_utf_8_are_masked_and_kept() -> None:
    text = b'{"kept": "\xe9t\xe9", "a": "12 \\u00e9"}'
    (found,) = masked(Json(paths={"$.a": DIGITS}, other="keep"), [text], of=JSON)
    assert re.fullmatch(rb'\{"kept": "\xe9t\xe9", "a": "\d\d \xc3\xa9"\}', found)


def test_masks_inside_see_the_columns_of_their_row() -> None:
    mask = Json(paths={"$.at[*]": decided("date", subject="user_id")})
    texts = [b'{"at": ["2024-01-01", "2024-01-02"]}', b'{"at": []}', b'{"at": ["2024-01-01"]}'] * 2
    subjects = [b"1", b"2", b"3", b"2", b"1", b"1"]
    assert mask.needs == ("user_id",)
    found = masked(mask, texts, of=JSON, others={"user_id": subjects})
    first = [json.loads(each)["at"] for each in found]
    assert first[5][0] == first[0][0]
    assert first[2] != first[5]


def test_numbers_inside_are_taken_for_numbers() -> None:
    mask = Json(paths={"$.at": decided("date")})
    texts = [b'{"at": 1709210096}', b'{"at": "2024-02-29"}', b'{"at": 1709210096000}']
    found = [json.loads(each)["at"] for each in masked(mask, texts, of=JSON)]
    assert (found[0] - 1709210096) % 86_400 == 0
    assert found[2] == found[0] * 1000
    assert re.fullmatch(r"202[345]-\d\d-\d\d", found[1])


def test_a_domain_inside_is_that_of_columns() -> None:
    mask = Json(paths={"$.a": decided("token", domain="login")})
    keys = {"login": OTHER_KEY}
    replace = mask.bind(Setting(column=JSON, key=KEY, domains=keys.__getitem__))
    (plain,) = masked(Inner(place="$.a", decision=TOKEN).mask, [b"bobby"], key=OTHER_KEY)
    from tests.anonymizer.masking import scattered

    assert replace(scattered([b'{"a": "bobby"}']), {}).to_list() == [b'{"a": "%s"}' % plain]


@pytest.mark.parametrize(
    "path", ["", "a", "$a", "$.", "$..a", "$[0]", "$.a[", '$["a]', "$.a b", "$.*x"]
)
def test_paths_that_cannot_be(path: str) -> None:
    with pytest.raises(ValueError, match="is no path"):
        steps_of(path)
    with pytest.raises(ValueError, match="is no path"):
        Json(paths={path: TOKEN})


@pytest.mark.parametrize(
    "options", [{"paths": {}}, {"paths": {"$": "x"}}, {"paths": {"$": TOKEN}, "other": "drop"}]
)
def test_json_that_cannot_be(options: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"paths|decision|other"):
        Json(**options)


def test_columns_that_are_not_served() -> None:
    assert Json(paths={"$": TOKEN}).refuses(column(Kind.INTEGER))
    assert Json(paths={"$": TOKEN}).refuses(column(Kind.TEXT)) is None
    assert Json(paths={"$": TOKEN}).distinct(JSON) is Distinct.LOST
    assert Array(of=TOKEN).refuses(column(Kind.JSON))
    assert Array(of=decided("constant", value=None)).refuses(ARRAY)
    assert Json(paths={"$": decided("constant", value=None)}).refuses(JSON)
    with pytest.raises(PolicyError):
        Json(paths={"$": decided("nothing of the kind")}).bind(Setting(column=JSON, key=KEY))


def test_deep_texts() -> None:
    text = b"[" * 900 + b'"x"' + b"]" * 900
    assert masked(Json(paths={"$.a": TOKEN}, other="keep"), [text], of=JSON) == [text]


# Arrays

ELEMENTS = st.lists(
    st.none() | st.text(st.characters(codec="utf-8", exclude_characters="\0"), max_size=6)
)


def array_of(elements: list[str | None]) -> bytes:
    """Return how PostgreSQL writes an array."""
    parts = []
    for each in elements:
        if each is None:
            parts.append("NULL")
        elif each == "" or each.upper() == "NULL" or re.search(r'[{},"\\ \t\n\r\v\f]', each):
            parts.append('"' + re.sub(r'(["\\])', r"\\\1", each) + '"')
        else:
            parts.append(each)
    return ("{" + ",".join(parts) + "}").encode()


@unhurried
@given(st.lists(ELEMENTS, min_size=1))
def test_kept_arrays_are_written_as_they_were(drawn: list[list[str | None]]) -> None:
    texts = [array_of(each) for each in drawn]
    assert masked(Array(of=public("why")), texts, of=ARRAY) == texts


@unhurried
@given(st.lists(ELEMENTS, min_size=1))
def test_elements_are_replaced_and_nulls_stay(drawn: list[list[str | None]]) -> None:
    found = masked(
        Array(of=decided("constant", value='a "b"')), [array_of(each) for each in drawn], of=ARRAY
    )
    expected = [[None if each is None else 'a "b"' for each in row] for row in drawn]
    assert found == [array_of(each) for each in expected]


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        (b"{}", rb"\{\}"),
        (b"", b""),
        (b"{NULL,null}", rb"\{NULL,null\}"),
        (b'{"NULL"}', rb"\{....\}"),
        (b"[1:3]={1,2,3}", rb"\[1:3\]=\{\d,\d,\d\}"),
        (b"[-1:0][2:3]={{11,22},{33,NULL}}", rb"\[-1:0\]\[2:3\]=\{\{\d\d,\d\d\},\{\d\d,NULL\}\}"),
        (
            b'{{"1,2","3}4"},{"5\\"6","7\\\\8"}}',
            rb'\{\{"\d,\d","\d\}\d"\},\{"\d\\"\d","\d\\\\\d"\}\}',
        ),
    ],
)
def test_arrays_keep_their_form(text: bytes, pattern: bytes) -> None:
    of = TOKEN if b'"NULL"' in text else DIGITS
    (found,) = masked(Array(of=of), [text], of=ARRAY)
    assert re.fullmatch(pattern, found), found
    assert found != text or not re.search(rb"\d,|\d\}", text)


@pytest.mark.parametrize(
    "text",
    [
        b"1",
        b"{1",
        b"1}",
        b"{1}}",
        b"{{1}",
        b"{1}x",
        b"x{1}",
        b'{"1}',
        b"{1}{2}",
        b"[1:2]{1}",
        b"[a]={1}",
    ],
)
def test_what_is_no_array_is_refused(text: bytes) -> None:
    with pytest.raises(LeakError, match="arrays") as caught:
        masked(Array(of=DIGITS), [b"{1}", text, b"{2}"], of=ARRAY)
    assert caught.value.value == 1


def test_an_element_that_cannot_be_masked_is_told_by_its_row() -> None:
    with pytest.raises(LeakError) as caught:
        masked(Array(of=decided("ip")), [b"{::1,::2}", b"{}", b"{NULL,home}"], of=ARRAY)
    assert caught.value.value == 2
    assert "home" not in str(caught.value)


def test_elements_are_masked_as_their_mask_says() -> None:
    assert Array(of=DIGITS).distinct(ARRAY) is Distinct.KEPT
    assert Array(of=decided("noise")).distinct(ARRAY) is Distinct.LOST
    assert Array(of={INFO: decided("date", subject="s")}).needs == ("s",)
    with pytest.raises(ValueError, match=r"mask\.null"):
        Array(of=decided("null"))
    with pytest.raises(ValueError, match="no decision"):
        Array(of="digits")
