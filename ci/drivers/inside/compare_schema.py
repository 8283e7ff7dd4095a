"""Compare the database with the models of the tree: one JSON object on standard output.

    python compare_schema.py MODELS...

MODELS are modules with a `metadata`, or `module:name` of a base or a metadata. It runs in the
sandbox, in the environment of the tree under test, and imports nothing of ci. The database's
URL is in CI_DATABASE_URL. What is told are the kinds of differences and the names of things.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

OURS = ("alembic_version", "migrator_")
"""How the tables of the tools themselves begin."""


def main(models: Sequence[str]) -> int:
    """Print how the database differs from *models*."""
    stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    sys.path.insert(0, os.getcwd())  # noqa: PTH109 - the root of the tree
    metadata = [_metadata(each) for each in models]
    found = _connected(
        os.environ["CI_DATABASE_URL"],
        lambda connection: compare_metadata(
            _context(connection),
            metadata if len(metadata) > 1 else metadata[0],  # type: ignore[arg-type]
        ),
    )
    told = sorted({each for difference in found for each in _described(difference)})
    stream.write(json.dumps({"event": "schema", "differences": told}) + "\n")
    stream.close()
    return 0


def _context(connection: sa.Connection) -> MigrationContext:
    return MigrationContext.configure(
        connection, opts={"include_name": _is_theirs, "compare_type": True}
    )


def _connected(url: str, ask: Callable[[sa.Connection], Any]) -> Any:
    """Return what *ask* finds over a connection, also by a driver that is asynchronous."""
    engine = sa.create_engine(url)
    if not getattr(engine.dialect, "is_async", False):
        with engine.connect() as connection:
            return ask(connection)
    from sqlalchemy.ext.asyncio import AsyncEngine  # older ones have none

    async def run() -> Any:
        async with AsyncEngine(engine).connect() as connection:
            return await connection.run_sync(ask)

    return asyncio.run(run())


def _metadata(spec: str) -> sa.MetaData:
    module, _, name = spec.partition(":")
    found: Any = import_module(module)
    for each in (name or "metadata").split("."):
        found = getattr(found, each)
    metadata: sa.MetaData = getattr(found, "metadata", found)
    return metadata


def _is_theirs(name: str | None, kind: str, _parents: object) -> bool:
    return kind != "table" or not (name or "").startswith(OURS)


def _described(difference: Any) -> Iterator[str]:
    """Yield a line for *difference*: its kind, its table, and the thing itself."""
    if isinstance(difference, list):
        for each in difference:
            yield from _described(each)
        return
    kind, *rest = difference
    names = [_name(each) for each in rest]
    yield " ".join([str(kind), *dict.fromkeys(name for name in names if name)])


def _name(thing: object) -> str:
    """Return the name of *thing*: of a column or a constraint with its table's before it."""
    if isinstance(thing, str):
        return thing
    name = getattr(thing, "name", None)
    if not isinstance(name, str):
        return ""
    table = getattr(thing, "table", None)
    return f"{table.name}.{name}" if isinstance(table, sa.Table) else name


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
