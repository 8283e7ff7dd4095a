"""What a process maps: every column that its models may name."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

from migrator.errors import ConfigurationError
from migrator.transitions.transition import READ_ELSEWHERE

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sqlalchemy.orm import registry

Models: TypeAlias = "registry | type | Iterable[type]"
"""What a process maps: a registry, a declarative base, or the mapped classes themselves."""


def mapped_columns(models: Models) -> frozenset[str]:
    """Return every column of every table that *models* map, as 'table.column'.

    Columns that a converter keeps out of sight are among them: they stand in the table, or
    in its `info` where they are of a table that the models need not map.
    """
    tables: set[sa.FromClause] = set()
    for known in _registries(models):
        known.configure()
        tables.update(known.metadata.tables.values())
        tables.update(table for mapper in known.mappers for table in mapper.tables)
    if not tables:
        raise ConfigurationError("the models of this service map no table")
    found = (table for table in tables if isinstance(table, sa.Table))
    return frozenset(
        name
        for table in found
        for name in (
            *(f"{table.fullname}.{column.name}" for column in table.columns),
            *table.info.get(READ_ELSEWHERE, ()),
        )
    )


def _registries(models: Models) -> Iterable[registry]:
    from sqlalchemy.orm import registry  # the command line comes here without the ORM

    if isinstance(models, registry):
        return (models,)
    if isinstance(models, type):
        known = getattr(models, "registry", None) or getattr(models, "_sa_registry", None)
        if not isinstance(known, registry):
            raise ConfigurationError(f"{models.__name__} is no declarative base or mapped class")
        return (known,)
    return {sa.inspect(model).registry: None for model in models}
