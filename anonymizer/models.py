"""Models: the tables of an application, and the classes that are mapped to them."""

from __future__ import annotations

import importlib
import sys
import traceback
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Mapper, registry

from anonymizer.errors import PolicyError, UnreadableError
from anonymizer.masks.find import near

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

MAX_MESSAGE = 300
_META = sa.MetaData
_TOLD = (ImportError, SyntaxError, NameError, AttributeError, TypeError, sa.exc.ArgumentError)
"""Errors of which the text is shown: it speaks of code, not of rows or passwords."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Models:
    """Tables, and the classes mapped to each: those that inherit come after their bases."""

    tables: tuple[sa.Table, ...]
    mappers: Mapping[sa.Table, tuple[Mapper[object], ...]] = field(default_factory=dict)
    bases: tuple[type, ...] = ()
    """Classes that have MetaData and no table of their own."""

    @classmethod
    def of(cls, *sources: object) -> Models:
        """Return the models that *sources* hold.

        A source is a base, a registry, a mapped class, a table, MetaData, or a module of them.
        """
        every = [part for source in sources for part in _parts(source)]
        mappers = list(dict.fromkeys(mapper for part in every for mapper in _mappers(part)))
        tables = dict.fromkeys(table for part in every for table in _tables(part))
        tables.update(dict.fromkeys(table for mapper in mappers for table in _mapped(mapper)))
        by_table: dict[sa.Table, list[Mapper[object]]] = {}
        for mapper in sorted(mappers, key=lambda each: len(each.class_.__mro__)):
            for table in _mapped(mapper):
                by_table.setdefault(table, []).append(mapper)
        return cls(
            tables=tuple(tables),
            mappers={table: tuple(each) for table, each in by_table.items()},
            bases=tuple(dict.fromkeys(_bases(every, mappers))),
        )

    def classes(self, table: sa.Table) -> Iterator[type]:
        """Yield the classes that speak for *table*: those mapped to it, or else its base."""
        mappers = self.mappers.get(table, ())
        yield from (mapper.class_ for mapper in mappers)
        if not mappers:
            for base in self.bases:
                if _attribute(base, "metadata") is table.metadata:
                    yield base


def load(*places: str, root: Path | None = None) -> Models:
    """Import what each of *places* names, "app.models" or "app.models:Base", from *root*.

    Raises PolicyError when it cannot be imported, or has no table.
    """
    here = str((root or Path.cwd()).absolute())
    if here not in sys.path:
        sys.path.insert(0, here)
    found = Models.of(*(_imported(place) for place in places))
    if not found.tables:
        raise UnreadableError(
            f"{', '.join(places)}: no table in it",
            hint="name a module that imports every model, or 'module:Base'",
        )
    return found


def _imported(place: str) -> object:
    module, _, name = place.partition(":")
    try:
        found: object = importlib.import_module(module)
    except (Exception, SystemExit) as error:
        raise _unimportable(module, error) from error
    for part in name.split(".") if name else ():
        if not hasattr(found, part):
            hint = near(part, (each for each in vars(found) if not each.startswith("_")))
            raise UnreadableError(f"{module} has no {part!r}", hint=hint)
        found = getattr(found, part)
    return found


def _unimportable(module: str, error: BaseException) -> PolicyError:
    last = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{last.filename}, line {last.lineno}: " if "importlib" not in last.filename else ""
    hint = None
    if isinstance(error, ModuleNotFoundError):
        hint = "run it where `python -c 'import …'` finds the module"
    said = type(error).__name__
    if isinstance(error, _TOLD):
        said = f"{said}: {error}"[:MAX_MESSAGE]
    return UnreadableError(f"{module} cannot be imported: {place}{said}", hint=hint)


def _parts(source: object) -> Sequence[object]:
    return list(vars(source).values()) if isinstance(source, ModuleType) else [source]


def _mappers(part: object) -> Iterator[Mapper[object]]:
    """Yield the mappers of *part* and of everything that its registry or its base knows."""
    if isinstance(part, registry):
        yield from part.mappers
    if not isinstance(part, type) or not isinstance(_attribute(part, "metadata"), sa.MetaData):
        return
    known = _attribute(part, "registry")
    if isinstance(known, registry):
        yield from known.mappers
    for each in _subclasses(part):
        mapper = _mapper(each)
        if mapper is not None:
            yield mapper


def _attribute(part: type, name: str) -> object:
    """Return an attribute, None where even asking for it fails."""
    try:
        return getattr(part, name, None)
    except Exception:
        return None


def _mapper(model: Any) -> Mapper[object] | None:
    found: object = sa.inspect(model, raiseerr=False)
    return found if isinstance(found, Mapper) else None


def _bases(parts: Sequence[object], mappers: Sequence[Mapper[object]]) -> Iterator[type]:
    """Yield the classes that bring MetaData: plain tables of it inherit what they decide."""
    classes = [each for each in parts if isinstance(each, type)]
    for each in [*classes, *(mapper.class_ for mapper in mappers)]:
        having = [one for one in each.__mro__ if isinstance(_attribute(one, "metadata"), _META)]
        if having and _mapper(having[-1]) is None:
            yield having[-1]


def _subclasses(base: type) -> Iterator[type]:
    yield base
    below: list[type] = base.__subclasses__()
    for each in below:
        yield from _subclasses(each)


def _tables(part: object) -> Iterable[sa.Table]:
    """Return the tables of the MetaData that *part* is or belongs to."""
    if isinstance(part, sa.MetaData):
        return part.tables.values()
    if isinstance(part, sa.Table | registry):
        return part.metadata.tables.values()
    held = _attribute(part, "metadata") if isinstance(part, type) else None
    return held.tables.values() if isinstance(held, sa.MetaData) else ()


def _mapped(mapper: Mapper[object]) -> list[sa.Table]:
    """Return the tables that are the class's own, and not those of what it inherits."""
    local: object = mapper.local_table
    if isinstance(local, sa.Table):
        return [local]
    tables: Sequence[object] = mapper.tables
    return [table for table in tables if isinstance(table, sa.Table)]
