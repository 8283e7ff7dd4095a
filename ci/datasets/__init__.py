"""Datasets: dumps of real databases, what may be said of them, and how slow is too slow."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.datasets import toml, turbo_hipster
from ci.datasets.dataset import Budget, Budgets, Dataset, Measure
from ci.errors import DatasetError
from ci.strict import near

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

__all__ = ["Budget", "Budgets", "Dataset", "Measure", "find_datasets"]


def find_datasets(
    folders: Sequence[Path], *, project: str | None = None, cache: Path | None = None
) -> tuple[Dataset, ...]:
    """Return the datasets of *project* in *folders*: each is one, or holds some.

    Raises DatasetError when there is none, or when two have one name.
    """
    found: dict[str, Dataset] = {}
    for folder in folders:
        for each in _read(folder, cache):
            if project is not None and each.project not in (None, project):
                continue
            if each.name in found:
                raise DatasetError(
                    f"two datasets are called {each.name!r}: {found[each.name].folder} and "
                    f"{each.folder}"
                )
            found[each.name] = each
    if not found:
        raise DatasetError(
            f"no dataset{f' of {project}' if project else ''} was found"
            f" in {', '.join(map(str, folders)) or 'no folder'}",
            hint=f"a dataset is a folder with a dump and a {toml.NAME}",
        )
    return tuple(found.values())


def _read(folder: Path, cache: Path | None) -> Iterator[Dataset]:
    if not folder.is_dir():
        beside = [each.name for each in folder.parent.glob("*") if each.is_dir()]
        raise DatasetError(
            f"{folder} is no folder, expected a dataset or a folder of datasets",
            hint=near(folder.name, beside) if beside else None,
        )
    for each in (folder, *sorted(each for each in folder.iterdir() if each.is_dir())):
        if (each / toml.NAME).is_file():
            yield toml.read_toml(each / toml.NAME, cache=cache)
        elif (each / turbo_hipster.NAME).is_file():
            yield turbo_hipster.read_config(each / turbo_hipster.NAME, cache=cache)
