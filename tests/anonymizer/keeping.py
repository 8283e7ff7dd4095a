"""Whole dumps in tests, masked by real plans: all is kept, or one column is masked, or every one.

To mask every column with `Same` takes each value apart and writes it again, and so must change
nothing.
"""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any
from unittest.mock import patch

import sqlalchemy as sa

from anonymizer import policy
from anonymizer.container import container
from anonymizer.engine import Engine
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.masking import Request, mask
from anonymizer.models import Models
from anonymizer.plan import make_plan

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from anonymizer.plan import Plan
    from anonymizer.schema import Schema
    from anonymizer.stream import Tally

KEY = Key(bytes(range(32)))
KEPT = {"public": "a test looks whether it stays"}
ALL_SAME: Mapping[str, Any] = {"*": Decision(mask="same")}
"""Every column is masked with `Same`, which has to be among the masks."""


def plan_of(
    source: Path, chosen: Mapping[str, Any], types: Mapping[str, str] | None = None
) -> Plan:
    """Return a plan for what is at *source*: *chosen* has decisions by column, others are kept.

    *types* are those of columns, where the dump says none.
    """
    schema = container(str(source)).schema()
    tables = {
        _quoted(name.schema, name.name): {
            "columns": {each: chosen.get(each, KEPT) for each in columns},
            "types": {each: said for each, said in (types or {}).items() if each in columns},
        }
        for name, columns in _decidable(schema).items()
    }
    decisions = policy.parse({"tables": tables}, "test")
    plan = make_plan(Models.of(sa.MetaData()), decisions, schema=schema)
    return _all_same(plan) if chosen is ALL_SAME else plan


def _all_same(plan: Plan) -> Plan:
    decision = ALL_SAME["*"]
    tables = tuple(
        replace(table, columns=tuple(replace(each, decision=decision) for each in table.columns))
        for table in plan.tables
    )
    return replace(plan, tables=tables)


def _decidable(schema: Schema) -> Mapping[Any, list[str]]:
    """Return the columns that need decisions, but for parts of tables and what is computed."""
    return {
        name: [each for each in columns if each not in schema.generated.get(name, ())]
        for name, columns in schema.tables.items()
        if name not in schema.partitions
    }


def _quoted(*parts: str | None) -> str:
    return ".".join('"' + each.replace('"', '""') + '"' for each in parts if each is not None)


def masked(
    source: Path,
    target: Path,
    chosen: Mapping[str, Any],
    *,
    jobs: int = 1,
    types: Mapping[str, str] | None = None,
) -> Tally:
    """Mask *source* into *target*, where nothing is."""
    engine = Engine(plan=plan_of(source, chosen, types), key=KEY)
    return mask(Request(source=str(source), target=str(target), engine=engine, jobs=jobs))


@contextmanager
def in_blocks_of(size: int) -> Iterator[None]:
    """Have this process read dumps in blocks of *size* bytes."""
    with (
        patch("anonymizer.dumps.pg_split.BLOCK", size),
        patch("anonymizer.dumps.pg_inserts.BLOCK", size),
        patch("anonymizer.dumps.pg_plain._ENOUGH", size // 2),
        patch("anonymizer.dumps.compression.BLOCK", size),
        patch("anonymizer.dumps.window.CHUNK", size),
        patch("anonymizer.dumps.script.CHUNK", size),
        patch("anonymizer.dumps.split.CHUNK", size),
        patch("anonymizer.dumps.pg_custom.CHUNK", size),
    ):
        yield
