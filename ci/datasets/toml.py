"""dataset.toml: what people write of a dump."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from math import inf
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from ci.datasets.dataset import UNITS, Budget, Budgets, Dataset, Measure
from ci.datasets.dump import digest_of, engine_of, find_dump
from ci.errors import DatasetError
from ci.strict import convert, near
from ci.timing import Engine  # noqa: TC001 - read when a table is converted

if TYPE_CHECKING:
    from pathlib import Path

NAME = "dataset.toml"

EXAMPLES = {"seconds": "0.5", "rows": "100000", "bytes": "10000000"}

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Document:
    """All keys of dataset.toml."""

    engine: Engine | None = None
    """None: as the dump looks."""
    dump: Text | None = None
    """None: the only file beside it."""
    project: Text | None = None
    release: Text | None = None
    scale: Annotated[float, Meta(gt=0)] = 1.0
    runs: Annotated[int, Meta(ge=1, le=100)] | None = None
    notes: tuple[Text, ...] = ()
    budgets: Mapping[str, object] = field(default_factory=dict)
    """A number for every step, or a table of them for one."""


def read_toml(path: Path, *, cache: Path | None = None) -> Dataset:
    """Return the dataset that *path*, a dataset.toml, describes; digests are kept in *cache*.

    Raises DatasetError and ConfigurationError for what cannot be read, or means nothing.
    """
    try:
        table = tomllib.loads(path.read_text("utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    document = convert(table, Document, where=str(path))
    folder = path.parent
    dump = find_dump(folder, document.dump, beside=path)
    return Dataset(
        name=folder.resolve().name,
        folder=folder,
        dump=dump,
        engine=engine_of(dump, document.engine, beside=path),
        digest=digest_of(dump, cache=cache),
        project=document.project,
        release=document.release,
        budgets=_budgets(document.budgets, path),
        scale=document.scale,
        runs=document.runs,
        notes=document.notes,
    )


def _budgets(table: Mapping[str, object], path: Path) -> Budgets:
    default: dict[Measure, Budget] = {}
    exceptions: dict[str, Mapping[Measure, Budget]] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            exceptions[key] = _exception(key, value, path)
        else:
            measure = _measure(key, path)
            default[measure] = Budget(measure=measure, limit=_limit(measure, value, path))
    return Budgets(default=default, exceptions=exceptions)


def _exception(step: str, table: Mapping[str, object], path: Path) -> Mapping[Measure, Budget]:
    """Return what *step* may take; an exception says why."""
    reason = table.get("reason")
    if not isinstance(reason, str) or not reason:
        raise DatasetError(
            f"{path}: the budget of {step!r} has no reason",
            hint='add why it may take more: reason = "..."',
        )
    found = {}
    for key, value in table.items():
        if key != "reason":
            measure = _measure(key, path)
            limit = _limit(measure, value, path)
            found[measure] = Budget(measure=measure, limit=limit, reason=reason)
    return found


def _measure(key: str, path: Path) -> Measure:
    known = {each.value.replace("_", "-"): each for each in Measure}
    if key not in known:
        raise DatasetError(f"{path}: no measure is called {key!r}", hint=near(key, known))
    return known[key]


def _limit(measure: Measure, value: object, path: Path) -> float:
    """Return *value* as a limit of *measure*. Raises DatasetError, which says its unit."""
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < inf:
        return value
    key, unit = measure.value.replace("_", "-"), UNITS[measure]
    raise DatasetError(
        f"{path}: the budget {key} is {value!r}, expected a number of {unit}",
        hint=f"without its unit: {key} = {EXAMPLES[unit]}",
    )
