"""Words and masks agree: each word has its mask, of the same options with the same defaults."""

from __future__ import annotations

import dataclasses
import inspect
from importlib import import_module
from typing import Any

import pytest

from anonymizer import mask
from anonymizer.markup import INFO
from anonymizer.masks import MASKS
from anonymizer.masks.find import mask_of
from anonymizer.policy.words import WORDS

BY_NAME = {each.name: each for each in MASKS}
NEEDED = {
    "array": mask.array(of=mask.text()),
    "category": mask.category(values=["a", "b"]),
    "constant": mask.constant("x"),
    "json": mask.json(paths={"$.a": mask.text()}),
    "own": mask.own(f"{__name__}:Mine"),
}
"""What is said of words that have to be told something."""


def options(name: str) -> dict[str, Any]:
    """Return the options of a word, with their defaults."""
    known = inspect.signature(WORDS[name]).parameters.values()
    found = {each.name: each.default for each in known if each.name != "domain"}
    if name == "own":
        return {"target": found["target"], "options": {}}
    return found


def fields(made: Any) -> dict[str, Any]:
    """Return the options of a mask, with their defaults."""
    found = {}
    for each in dataclasses.fields(made):
        if each.default_factory is not dataclasses.MISSING:
            found[each.name] = each.default_factory()
        elif each.default is not dataclasses.MISSING:
            found[each.name] = each.default
        else:
            found[each.name] = inspect.Parameter.empty
    return found


def test_each_word_has_its_mask_and_each_mask_its_word() -> None:
    assert set(BY_NAME) == set(WORDS) | {"keep"}
    assert len(BY_NAME) == len(MASKS)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_mask_has_the_options_of_its_word(name: str) -> None:
    assert fields(BY_NAME[name]) == options(name)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_mask_is_a_value_with_options_by_name(name: str) -> None:
    made: Any = BY_NAME[name]

    assert made.__dataclass_params__.frozen
    assert all(each.kw_only for each in dataclasses.fields(made))
    assert "__slots__" in vars(made)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_what_a_word_says_its_mask_takes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    if name == "own":
        base = import_module("anonymizer.masks.own").OwnMask
        monkeypatch.setitem(globals(), "Mine", type("Mine", (base,), {}))
    said = NEEDED[name] if name in NEEDED else WORDS[name]()
    decision = said[INFO]

    assert mask_of(decision).name == decision.mask == name
    assert isinstance(mask_of(decision).needs, tuple)


@pytest.mark.parametrize("name", sorted(n for n in WORDS if "subject" in options(n)))
def test_a_subject_is_needed(name: str) -> None:
    assert mask_of(WORDS[name](subject="id")[INFO]).needs == ("id",)
