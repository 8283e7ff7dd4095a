"""Little masks: one for each word, which mask nothing and say what real ones say."""

from __future__ import annotations

import inspect
from dataclasses import field, make_dataclass
from typing import TYPE_CHECKING, Any

from anonymizer import masks
from anonymizer.column import Column, Kind
from anonymizer.masks.base import Distinct
from anonymizer.policy.words import WORDS

if TYPE_CHECKING:
    import pytest

KEPT = {"keep", "null", "category", "digits", "hexadecimal", "integer", "ip", "mac", "uuid"}
LIKELY = {"email", "token", "user_name"}
ONLY = {"integer": {Kind.INTEGER}, "date": {Kind.DATE}, "noise": {Kind.NUMBER, Kind.INTEGER}}


def _needs(self: Any) -> tuple[str, ...]:
    subject = getattr(self, "subject", None)
    return () if subject is None else (subject,)


def _refuses(self: Any, column: Column) -> str | None:
    known = ONLY.get(self.name)
    return f"{column.kind.value} is not its kind" if known and column.kind not in known else None


def _distinct(self: Any, column: Column) -> Distinct:
    del column
    if self.name in KEPT:
        return Distinct.KEPT
    return Distinct.LIKELY if self.name in LIKELY else Distinct.LOST


def little(name: str) -> Any:
    options = inspect.signature(WORDS[name]).parameters if name in WORDS else {}
    fields: list[Any] = [
        (each, Any, field(default=None)) for each in options if each not in {"domain"}
    ]
    body = {"name": name, "needs": property(_needs), "refuses": _refuses, "distinct": _distinct}
    return make_dataclass(name, fields, namespace=body, frozen=True, kw_only=True)


def install(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be little masks only, until the test ends."""
    monkeypatch.setattr(masks, "MASKS", tuple(little(each) for each in (*WORDS, "keep")))
