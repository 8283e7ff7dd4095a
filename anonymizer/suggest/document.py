"""What stands in documents: a decision for each path of a sample of JSON texts."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from anonymizer.column import Kind
from anonymizer.markup import INFO, Markup, mask
from anonymizer.plan.kinds import Facts
from anonymizer.suggest.detector import Asked, Suggestion

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MOST = 50
"""Paths; a document with more has data for names, which no list of paths can cover."""
_CONFIDENCE = 0.5
_PLAIN = re.compile(r'[^.\[\]"*\s]+')


def by_paths(asked: Asked, propose: Callable[[Asked], Suggestion]) -> Suggestion | None:
    """Return a decision for each path of the texts that *propose* knows something for.

    None when there are no texts, or they are no documents.
    """
    found: dict[str, list[object]] = defaultdict(list)
    for text in asked.sample if asked.facts.kind is Kind.JSON else ():
        try:
            document = json.loads(text)
        except (ValueError, RecursionError):
            continue
        for path, value in _leaves(document, "$"):
            found[path].append(value)
    if not 0 < len(found) <= MOST:
        return None
    paths = dict(_decided(asked, found, propose))
    reason = f"{len(asked.sample)} documents have {len(found)} paths: add what is missing"
    decision = mask.json(paths=paths, other="null")[INFO]
    return Suggestion(decision=decision, reasons=(reason,), confidence=_CONFIDENCE)


def _decided(
    asked: Asked, found: Mapping[str, list[object]], propose: Callable[[Asked], Suggestion]
) -> Iterator[tuple[str, Markup]]:
    for path, values in sorted(found.items()):
        kind = _kind(values)
        inner = Asked(
            table=asked.table,
            name=re.split(r"[.\[\]*\"]+", path.rstrip('*[]"'))[-1],
            facts=Facts(kind=kind),
            sample=[str(each) for each in values] if kind is Kind.TEXT else (),
        )
        yield path, Markup({INFO: propose(inner).decision})


def _kind(values: list[object]) -> Kind:
    for kind, types in ((Kind.BOOLEAN, bool), (Kind.INTEGER, int), (Kind.NUMBER, (int, float))):
        if all(isinstance(each, types) for each in values):
            return kind
    return Kind.TEXT


def _leaves(value: object, path: str) -> Iterator[tuple[str, object]]:
    """Yield the values of a document that hold no others, with their paths."""
    if isinstance(value, dict):
        for name, each in value.items():
            step = f".{name}" if _PLAIN.fullmatch(name) else f"[{json.dumps(name)}]"
            yield from _leaves(each, f"{path}{step}")
    elif isinstance(value, list):
        for each in value:
            yield from _leaves(each, f"{path}[*]")
    elif value is not None:
        yield path, value
