"""Strict: a table that people wrote as a value of ours, where no key may mean nothing."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, TypeVar, get_args, get_origin, get_type_hints

import msgspec

from ci.errors import ConfigurationError

Shape = TypeVar("Shape")


def convert(table: Mapping[str, object], shape: type[Shape], *, where: str) -> Shape:
    """Return *table* as *shape*, a dataclass; keys are written with dashes.

    Raises ConfigurationError, with *where* it stands, for a key or a value that means nothing.
    """
    known = _known(table, shape, where)
    try:
        return msgspec.convert(known, shape)
    except msgspec.ValidationError as error:
        said = re.sub(r"\$", where, str(error)).replace("_", "-")
        raise ConfigurationError(f"{said[:1].lower()}{said[1:]}") from error


def _known(table: Mapping[str, object], shape: type, where: str) -> dict[str, object]:
    """Return *table* with its keys as *shape* names them; refuse the others."""
    hints = get_type_hints(shape)
    names = {each.name.replace("_", "-"): each.name for each in fields(shape)}
    found: dict[str, object] = {}
    for key, value in table.items():
        if key not in names:
            near = get_close_matches(key, names, n=1)
            cure = f"did you mean {near[0]!r}?" if near else f"there are {', '.join(names)}"
            raise ConfigurationError(f"{where} has {key!r}", hint=cure)
        found[names[key]] = _inner(value, hints[names[key]], f"{where}.{key}")
    return found


def _inner(value: object, hint: Any, where: str) -> object:
    """Return *value* with the keys of the tables in it named as *hint* has them."""
    inner = next((each for each in (hint, *get_args(hint)) if is_dataclass(each)), None)
    if inner is None or not isinstance(value, dict):
        return value
    if get_origin(hint) is Mapping:
        tables = {
            key: {"ref": each} if isinstance(each, str) else each for key, each in value.items()
        }
        return {key: _inner(each, inner, f"{where}.{key}") for key, each in tables.items()}
    return _known(value, inner, where)  # type: ignore[arg-type]  # a class, as hints have it
