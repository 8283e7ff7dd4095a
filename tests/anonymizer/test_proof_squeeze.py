"""Squeezing: the same as one letter after the other, and blind to what is between words."""

from __future__ import annotations

import unicodedata

import numpy as np
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.proof.grade import Grade, grades
from anonymizer.proof.prints import Prints
from anonymizer.proof.squeeze import Squeezed, contiguous, squeeze
from tests.anonymizer.planted import MASKED, notes, original, proved

BETWEEN = st.text(st.sampled_from(" \t\n.,;:-_/@+()[]{}'\"\\|–—…“”€👩 "), min_size=1, max_size=4)
WORDS = st.text(
    st.characters(codec="utf-8", categories=["Lu", "Ll", "Nd"], max_codepoint=0xFFFF),
    min_size=1,
    max_size=12,
)


def squeezed(values: list[bytes]) -> Squeezed:
    data, bounds = contiguous(Cells.of(values))
    return squeeze(data.tobytes(), bounds)


def slowly(text: str) -> bytes:
    """Squeeze *text* one letter after the other."""
    return b"".join(_letter(each) for each in text)


def _letter(letter: str) -> bytes:
    written = letter.encode()
    if len(written) > 3:
        return b"" if written.startswith(b"\xf0\x9f") else written
    if not (letter.isalnum() or unicodedata.category(letter).startswith("M")):
        return b""
    others = [letter.casefold().encode(), letter.lower().encode(), written]
    return next(each for each in others if len(each) == len(written))


@settings(deadline=None)
@given(st.lists(st.text()))
@example(["", "ÄÖÜß", "Ǆ", "ﬁn", "x\u0301", "Ω", "\uffff", "a👩b", ""])
def test_squeezing_is_as_slow_squeezing(texts: list[str]) -> None:
    found = squeezed([each.encode() for each in texts])

    assert found.cells.to_list() == [slowly(each) for each in texts]
    assert len(found.words) == len(texts)


@settings(deadline=None)
@given(st.lists(st.binary()))
def test_bytes_of_no_encoding_are_squeezed(values: list[bytes]) -> None:
    found = squeezed(values)

    assert len(found.ends) == len(values)
    assert (np.diff(found.ends) >= 0).all()


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), st.data())
def test_what_stands_between_words_makes_no_difference(
    words: list[str], data: st.DataObject
) -> None:
    texts = [
        "".join(f"{data.draw(BETWEEN)}{word}" for word in words) + data.draw(BETWEEN)
        for _ in range(2)
    ]
    one, two = squeezed([each.encode() for each in texts]).cells.to_list()

    assert one == two


@settings(deadline=None)
@given(st.lists(WORDS, min_size=1, max_size=6), BETWEEN, st.lists(WORDS, max_size=3), BETWEEN)
def test_a_value_is_found_wherever_words_begin_and_end(
    words: list[str], between: str, others: list[str], around: str
) -> None:
    value = squeezed([between.join(words).encode()])
    prints = Prints()
    if grades(value, Kind.TEXT)[0] == Grade.SHORT:
        return
    prints.add(value.cells, np.zeros(1, np.uint16))
    prints.finish()
    text = " ".join([*others, around.join(words).upper() or "", *others])
    if slowly(text).count(value.cells.to_list()[0]) == 0:
        return  # a letter that has another size in upper case

    assert len(prints.look(squeezed([b"before", text.encode(), b"after"])).prints) >= 1


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), max_size=60), st.text(max_size=60))
def test_nothing_is_found_that_is_not_there(before: str, after: str) -> None:
    text = before + after
    secrets = ["Kanarija Zwitscher", "kanarija@example.com", "0170 99998888777"]
    for each in secrets:
        text = text.replace(each, "")
    assume(b"nothing" not in slowly(text))  # which another column of the original holds
    proof = proved([MASKED, notes(text)], before=original(secrets))

    assert not proof.sightings
