"""config.json: datasets as Turbo Hipster has them.

Its keys are `project`, `type`, `seed_data`, and three maps of limits whose keys are "default" and
steps like "151->152". Names that begin with `_` are people's notes. Users and passwords are
not ours to use; steps down are not run.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import msgspec

from ci.datasets.dataset import Budget, Budgets, Dataset, Measure
from ci.datasets.dump import digest_of, engine_of, find_dump
from ci.errors import DatasetError
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

NAME = "config.json"
ENGINES = {
    "mysql": Engine.MARIADB,
    "mariadb": Engine.MARIADB,
    "percona": Engine.MARIADB,
    "postgresql": Engine.POSTGRESQL,
    "sqlite": Engine.SQLITE,
}
LIMITS = {
    "maximum_migration_times": Measure.SECONDS,
    "XInnodb_rows_changed": Measure.ROWS_WRITTEN,
    "Innodb_rows_read": Measure.ROWS_READ,
}
STEP = re.compile(r"(\d+)->(\d+)")


def read_config(path: Path, *, cache: Path | None = None) -> Dataset:
    """Return the dataset that *path*, a config.json, describes; digests are kept in *cache*.

    Raises DatasetError for what cannot be read.
    """
    try:
        document = msgspec.json.decode(path.read_bytes(), type=dict[str, Any])
    except (OSError, msgspec.DecodeError, RecursionError) as error:
        raise DatasetError(f"{path} cannot be read: {error}") from error
    engine = ENGINES.get(str(document.get("type", "mysql")).lower())
    if engine is None:
        raise DatasetError(f"{path}: type {document['type']!r}, expected {' | '.join(ENGINES)}")
    seed = document.get("seed_data")
    dump = find_dump(path.parent, seed if isinstance(seed, str) else None, beside=path)
    notes = {key: value for key, value in document.items() if key.startswith("_")}
    project = document.get("project")
    return Dataset(
        name=path.parent.resolve().name,
        folder=path.parent,
        dump=dump,
        engine=engine_of(dump, engine, beside=path),
        digest=digest_of(dump, cache=cache),
        project=project if isinstance(project, str) else None,
        budgets=_budgets(document, path),
        notes=tuple(f"{key}: {value}" for key, value in notes.items()),
    )


def _budgets(document: Mapping[str, Any], path: Path) -> Budgets:
    default: dict[Measure, Budget] = {}
    exceptions: dict[str, dict[Measure, Budget]] = {}
    for key, measure in LIMITS.items():
        limits = document.get(key, {})
        if not isinstance(limits, dict):
            raise DatasetError(f"{path}: {key} is no map of limits")
        for step, limit in limits.items():
            if step.startswith("_"):
                continue
            if not isinstance(limit, int | float) or isinstance(limit, bool) or limit < 0:
                raise DatasetError(f"{path}: {key} of {step!r} is no number from 0 on")
            if step == "default":
                default[measure] = Budget(measure=measure, limit=limit)
            elif version := _version(step):
                budget = Budget(
                    measure=measure, limit=limit, reason=f"{path.name} of Turbo Hipster"
                )
                exceptions.setdefault(version, {})[measure] = budget
    return Budgets(default=default, exceptions=exceptions)


def _version(step: str) -> str | None:
    """Return the version that a step up leads to, None for one that leads down."""
    found = STEP.fullmatch(step)
    return found[2] if found and int(found[1]) < int(found[2]) else None
