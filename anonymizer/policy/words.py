"""The words of the markup, looked up by name: what a file says becomes a decision."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

from anonymizer.errors import PolicyError
from anonymizer.markup import INFO, Decision, Markup, Words, public
from anonymizer.masks.find import near

if TYPE_CHECKING:
    from collections.abc import Callable

WORDS: Mapping[str, Callable[..., Markup]] = {
    name: getattr(Words, name) for name in vars(Words) if not name.startswith("_")
}
"""Every word but `public`."""


def decision_of(written: object) -> Decision:
    """Return the decision that *written* is.

    It is "email", {mask = "email", subject = "id"}, {public = "why"}, or what the markup
    returns. Raises PolicyError when it is none of these.
    """
    found: Decision = markup_of(written)[INFO]
    return found


def markup_of(written: object) -> Markup:
    """Return what the markup would for *written*, as `decision_of` reads it."""
    if isinstance(written, str):
        written = {"mask": written}
    if not isinstance(written, Mapping):
        raise PolicyError(
            f"{type(written).__name__}, expected a decision",
            hint='write {mask = "email"} or {public = "why"}',
        )
    if isinstance(written.get(INFO), Decision):
        return Markup({INFO: written[INFO]})
    if "public" in written:
        return _public(written)
    if "mask" not in written:
        raise PolicyError("neither mask nor public", hint='write {mask = "email"}')
    options = {key: value for key, value in written.items() if key != "mask"}
    return _said(str(written["mask"]), options)


def options_of(decision: Decision) -> dict[str, Any]:
    """Return the options of *decision* that are not what its word says by itself."""
    if decision.mask == "own":
        return {"target": decision.options.get("target"), **decision.options.get("options", {})}
    usual, missing = _usual(decision.mask), object()
    return {
        name: value for name, value in decision.options.items() if usual.get(name, missing) != value
    }


@cache
def _usual(name: str) -> Mapping[str, Any]:
    word = WORDS.get(name)
    if word is None:
        return {}
    return {each.name: each.default for each in inspect.signature(word).parameters.values()}


def _public(written: Mapping[str, Any]) -> Markup:
    others = [key for key in written if key != "public"]
    if others:
        raise PolicyError(f"what is public takes no {others[0]!r}")
    try:
        return public(str(written["public"]))
    except ValueError as error:
        raise PolicyError(str(error)) from error


def _said(name: str, options: dict[str, Any]) -> Markup:
    word = WORDS.get(name)
    if word is None:
        hint = 'write {public = "why"}' if name in {"keep", "public"} else near(name, WORDS)
        raise PolicyError(f"there is no mask {name!r}", hint=hint)
    known = inspect.signature(word).parameters
    is_open = any(each.kind is each.VAR_KEYWORD for each in known.values())
    for option in options:
        if option not in known and not is_open:
            raise PolicyError(f"{name} has no option {option!r}", hint=near(option, known))
    if name == "json" and isinstance(options.get("paths"), Mapping):
        paths = options["paths"].items()
        options = {**options, "paths": {path: markup_of(each) for path, each in paths}}
    if name == "array" and "of" in options:
        options = {**options, "of": markup_of(options["of"])}
    try:
        return word(**options)
    except (TypeError, ValueError) as error:
        raise PolicyError(f"{name}: {error}") from error
