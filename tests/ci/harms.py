"""Harms: what a migration can do to those who use its table, and what is to be found of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.datasets.dataset import Measure
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Mapping

POSTGRESQL, MARIADB, SQLITE = Engine
ROWS = {POSTGRESQL: 3_000_000, MARIADB: 1_500_000, SQLITE: 5_000_000}
"""So many that each harm takes far longer than its budget, also where nothing else runs."""
BUDGETS = """
[budgets]
stall = {seconds}
lock = {seconds}
rows-written = {rows}
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """The table that is harmed, and columns of it."""

    name: str = "people"
    key: str = "id"
    number: str = "number"
    texts: tuple[str, str] = ("name", "note")


def harms_of(table: Table) -> Mapping[str, str]:
    """Return what revisions do, by their names, each above the one before."""
    lock = {
        "postgresql": f"LOCK TABLE {table.name} IN ACCESS EXCLUSIVE MODE",
        "sqlite": f"UPDATE {table.name} SET age = 1 WHERE {table.key} = 1",  # noqa: S608 - ours
    }
    both = f"LOCK TABLES {table.name} WRITE, alembic_version WRITE"
    upper = f"SET age = 1, {table.texts[1]} = upper({table.texts[1]})"
    return {
        "bbb_harmless": f'op.add_column("{table.name}", sa.Column("age", sa.Integer))',
        "ccc_rewrite": f'with op.batch_alter_table("{table.name}") as table:\n'
        f'    table.alter_column("{table.number}", type_=sa.BigInteger)',
        "ddd_index": f'op.create_index("of_it", "{table.name}", {list(table.texts)}, '
        "mariadb_length=40)",
        "eee_lock": f"name = op.get_bind().dialect.name\nop.execute({lock}.get(name, '{both}'))\n"
        "time.sleep(4)\nif name in ('mysql', 'mariadb'): op.execute('UNLOCK TABLES')",
        "fff_backfill": f'op.execute("UPDATE {table.name} {upper}")',
    }


STALLS = {Measure.STALL}
LOCKS = {Measure.STALL, Measure.LOCK}
ROWS_WRITTEN = {Measure.ROWS_WRITTEN}
WRITES = {Measure.STALL, Measure.ROWS_WRITTEN}
DESERVED: Mapping[Engine, Mapping[str, set[Measure]]] = {
    POSTGRESQL: {
        "ccc_rewrite": LOCKS,
        "ddd_index": LOCKS,
        "eee_lock": LOCKS,
        "fff_backfill": WRITES,
    },
    # It builds an index beside the writers, whatever the statement says.
    MARIADB: {"ccc_rewrite": LOCKS | ROWS_WRITTEN, "eee_lock": LOCKS, "fff_backfill": WRITES},
    # All that is seen of it is that its file is locked.
    SQLITE: dict.fromkeys(("ccc_rewrite", "ddd_index", "eee_lock", "fff_backfill"), STALLS),
}
"""Budgets that each is over with ROWS: these and no others."""
DESERVED_BY_FEW: Mapping[Engine, Mapping[str, set[Measure]]] = {
    POSTGRESQL: {"eee_lock": LOCKS, "fff_backfill": ROWS_WRITTEN},
    MARIADB: {"ccc_rewrite": ROWS_WRITTEN, "eee_lock": LOCKS, "fff_backfill": ROWS_WRITTEN},
    SQLITE: {"eee_lock": STALLS},
}
"""The same in a table of a few thousand rows, which nobody waits for."""
