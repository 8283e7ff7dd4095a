"""Keys: what identifies a row, and how it is kept as text."""

from __future__ import annotations

import hashlib
import json
from base64 import b64decode, b64encode
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

from migrator.errors import OnlineError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

Key = tuple[Any, ...]

MICROSECOND = timedelta(microseconds=1)
KEYS_PER_STATEMENT = 200

_TAGGED: dict[str, tuple[type, Callable[[Any], object], Callable[[Any], object]]] = {
    "uuid": (UUID, str, UUID),
    "decimal": (Decimal, str, Decimal),
    "datetime": (datetime, datetime.isoformat, datetime.fromisoformat),
    "date": (date, date.isoformat, date.fromisoformat),
    "time": (time, time.isoformat, time.fromisoformat),
    "microseconds": (timedelta, lambda each: each // MICROSECOND, lambda each: each * MICROSECOND),
    "bytes": (bytes, lambda each: b64encode(each).decode(), b64decode),
}
"""What JSON has no type for: tag → type, to JSON, from JSON; datetime is a date, so first."""


def dumps(key: Key) -> str:
    """Return *key* as JSON text that `loads` reads back to the same values."""
    return json.dumps([_encoded(value) for value in key], ensure_ascii=False)


def loads(text: str) -> Key:
    """Return the key that `dumps` wrote."""
    return tuple(_decoded(value) for value in json.loads(text))


def digest(key: Key) -> str:
    """Return what stands for *key* where every other key has to be told from it."""
    return hashlib.sha256(dumps(key).encode()).hexdigest()


def _encoded(value: Any) -> Any:
    if value is None or isinstance(value, str | int | float):
        return value
    for tag, (type_, encode, _decode) in _TAGGED.items():
        if isinstance(value, type_):
            return {tag: encode(value)}
    raise OnlineError(
        f"a key of type {type(value).__name__} cannot be kept in a checkpoint",
        hint="give the transition another unique key: key=('column',)",
    )


def _decoded(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, text),) = value.items()
    return _TAGGED[tag][2](text)


def portions(keys: Sequence[Key]) -> Iterator[Sequence[Key]]:
    """Yield *keys* in portions that every database takes in one statement."""
    for start in range(0, len(keys), KEYS_PER_STATEMENT):
        yield keys[start : start + KEYS_PER_STATEMENT]
