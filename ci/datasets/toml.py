"""dataset.toml: what people write of a dump."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, TypeAlias

from msgspec import Meta

from ci.datasets.dataset import Budget, Budgets, Dataset, Measure
from ci.datasets.dump import digest_of, find_dump, guess_engine
from ci.errors import DatasetError
from ci.strict import convert
from ci.timing import Engine  # noqa: TC001 - read when a table is converted

if TYPE_CHECKING:
    from pathlib import Path

NAME = "dataset.toml"

Text: TypeAlias = Annotated[str, Meta(min_length=1, max_length=500)]
Limit: TypeAlias = Annotated[float, Meta(ge=0)]


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
    budgets: Mapping[str, Limit | Mapping[str, Limit | Text]] | None = None


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
        engine=document.engine or guess_engine(dump),
        digest=digest_of(dump, cache=cache),
        project=document.project,
        release=document.release,
        budgets=_budgets(document.budgets or {}, path),
        scale=document.scale,
        runs=document.runs,
        notes=document.notes,
    )


def _budgets(table: Mapping[str, float | Mapping[str, float | str]], path: Path) -> Budgets:
    default: dict[Measure, Budget] = {}
    exceptions: dict[str, Mapping[Measure, Budget]] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            exceptions[key] = _exception(key, value, path)
        else:
            measure = _measure(key, path)
            default[measure] = Budget(measure=measure, limit=value)
    return Budgets(default=default, exceptions=exceptions)


def _exception(step: str, table: Mapping[str, float | str], path: Path) -> Mapping[Measure, Budget]:
    """Return what *step* may take; an exception says why."""
    reason = table.get("reason")
    if not isinstance(reason, str):
        raise DatasetError(
            f"{path}: the budget of {step!r} has no reason",
            hint='add why it may take more: reason = "..."',
        )
    found = {}
    for key, value in table.items():
        if key == "reason":
            continue
        if isinstance(value, str):
            raise DatasetError(f"{path}: {key} of {step!r} is a text, expected a number")
        measure = _measure(key, path)
        found[measure] = Budget(measure=measure, limit=value, reason=reason)
    return found


def _measure(key: str, path: Path) -> Measure:
    try:
        return Measure(key.replace("-", "_"))
    except ValueError:
        known = ", ".join(each.replace("_", "-") for each in Measure)
        raise DatasetError(
            f"{path}: no measure is called {key!r}", hint=f"there are {known}"
        ) from None
