"""Strict: a table that people wrote as a value of ours, where no key may mean nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Literal, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ci.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Iterable

Shape = TypeVar("Shape")


def convert(table: Mapping[str, object], shape: type[Shape], *, where: str) -> Shape:
    """Return *table* as *shape*, a dataclass; keys are written with dashes.

    Raises ConfigurationError, with *where* it stands, for a key or a value that means nothing.
    """
    known = _known(table, shape, where)
    try:
        return msgspec.convert(known, shape)
    except msgspec.ValidationError as error:
        raise ConfigurationError(_placed(str(error), where)) from error


def near(said: str, known: Iterable[str]) -> str:
    """Return a hint for *said*, which is none of *known*."""
    names = list(known)
    found = get_close_matches(said, names, n=1)
    return f"did you mean {found[0]!r}?" if found else f"there are {', '.join(names) or 'none'}"


def _placed(said: str, where: str) -> str:
    """Return what msgspec has *said* with the place first, as all our errors have it."""
    problem, _, place = said.partition(" - at `")
    path = place.rpartition("$")[2].rstrip("`").replace("_", "-")
    return f"{where}{path}: {problem[:1].lower()}{problem[1:]}"


def _known(table: Mapping[str, object], shape: type, where: str) -> dict[str, object]:
    """Return *table* with its keys as *shape* names them; refuse the others."""
    hints = get_type_hints(shape)
    names = {each.name.replace("_", "-"): each.name for each in fields(shape)}
    found: dict[str, object] = {}
    for key, value in table.items():
        if key not in names:
            raise ConfigurationError(
                f"{where} has {key!r}, which means nothing", hint=near(key, names)
            )
        found[names[key]] = _inner(value, hints[names[key]], f"{where}.{key}")
    return found


def _inner(value: object, hint: Any, where: str) -> object:
    """Return *value* with the keys of the tables in it named as *hint* has them."""
    inner = next((each for each in (hint, *get_args(hint)) if is_dataclass(each)), None)
    _refuse_no_word(value, hint, where)
    if inner is None or not isinstance(value, dict):
        return value
    if get_origin(hint) is Mapping:
        tables = {
            key: {"ref": each} if isinstance(each, str) else each for key, each in value.items()
        }
        return {key: _inner(each, inner, f"{where}.{key}") for key, each in tables.items()}
    return _known(value, inner, where)  # type: ignore[arg-type]  # a class, as hints have it


def _refuse_no_word(value: object, hint: Any, where: str) -> None:
    """Refuse a text where *hint* is one of some words, and it is none of them."""
    words = next((each for each in (hint, *get_args(hint)) if _is_words(each)), None)
    known = [each.value for each in words] if words else _literals(hint)
    if known and isinstance(value, str) and value not in known:
        raise ConfigurationError(
            f"{where} is {value!r}, which means nothing", hint=near(value, known)
        )


def _is_words(hint: Any) -> bool:
    return isinstance(hint, type) and issubclass(hint, StrEnum)


def _literals(hint: Any) -> list[str]:
    """Return the texts that *hint*, a Literal or None, lets through."""
    found = [
        each
        for part in (hint, *get_args(hint))
        if get_origin(part) is Literal
        for each in get_args(part)
    ]
    return [str(each) for each in found]
