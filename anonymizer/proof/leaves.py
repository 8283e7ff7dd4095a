"""Leaves: the single values in a document or an array that is sensitive, or partly so."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

from anonymizer.column import Kind
from anonymizer.markup import KEEP

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from anonymizer.cells import Cells
    from anonymizer.column import Column

_ELEMENT = re.compile(rb'"((?:[^"\\]|\\.)*)"|([^{},"]+)', re.DOTALL)
_ESCAPED = re.compile(rb"\\(.)", re.DOTALL)


def in_part(column: Column) -> bool:
    """Return whether a part of each value of *column* stays as it is."""
    decision = column.decision
    if decision.mask != "json":
        return False
    return decision.options.get("other") == KEEP or any(
        each.mask == KEEP for each in _paths(column).values()
    )


def leaves(column: Column, values: Cells) -> Iterator[bytes]:
    """Yield what stands in documents or arrays of *column* and is sensitive."""
    if column.kind is Kind.JSON or column.decision.mask == "json":
        yield from _documents(column, values)
    elif column.kind is Kind.ARRAY or column.decision.mask == "array":
        yield from _arrays(values)


def _arrays(values: Cells) -> Iterator[bytes]:
    for value in values.to_list():
        for quoted, bare in _ELEMENT.findall(value):
            yield _ESCAPED.sub(rb"\1", quoted) if quoted else bare


def _documents(column: Column, values: Cells) -> Iterator[bytes]:
    paths = _paths(column)
    rest = column.decision.options.get("other") != KEEP
    for value in values.to_list():
        try:
            document = json.loads(value)
        except ValueError:
            continue
        for path, leaf in _walk(document, "$"):
            decision = paths.get(path)
            if decision.mask != KEEP if decision else rest:
                yield leaf


def _paths(column: Column) -> Mapping[str, Any]:
    found: Mapping[str, Any] = column.decision.options.get("paths", {})
    return found if column.decision.mask == "json" else {}


def _walk(document: object, path: str) -> Iterator[tuple[str, bytes]]:
    """Yield each single value below *document*, and its path."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield from _walk(value, f"{path}.{key}")
    elif isinstance(document, list):
        for value in document:
            yield from _walk(value, f"{path}[*]")
    elif document is not None and not isinstance(document, bool):
        yield path, str(document).encode("utf-8", "surrogatepass")
