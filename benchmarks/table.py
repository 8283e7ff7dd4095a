"""The table that is migrated: narrow, one secondary index, filled by the database itself."""

from __future__ import annotations

from dataclasses import replace

import sqlalchemy as sa

from migrator import rename, retype
from migrator.transitions import Transition, expression

METADATA = sa.MetaData()
FLAVORS = sa.Table(
    "flavors",
    METADATA,
    sa.Column("id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("name", sa.String(50), nullable=False, index=True),
    sa.Column("memory_mb", sa.Integer),
    sa.Column("foobars", sa.Integer),
    sa.Column("padding", sa.String(60)),
    mysql_engine="InnoDB",
)

RENAME: Transition = replace(rename("flavors", "memory_mb", to="foobars"), name="flavor_foobars")
PYTHON: Transition = replace(
    retype("flavors", "memory_mb", to="foobars", up=expression(python=lambda row: row.memory_mb)),
    name="flavor_in_python",
)


def fill(engine: sa.Engine, rows: int) -> None:
    """Make the table anew with *rows* rows, none of them migrated."""
    METADATA.drop_all(engine)
    METADATA.create_all(engine)
    numbers = sa.text(
        "INSERT INTO flavors (id, name, memory_mb, padding) "
        "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < :rows) "
        "SELECT i, 'flavor', i % 4096, 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx' FROM n"
    )
    with engine.begin() as connection:
        if engine.dialect.name in ("mysql", "mariadb"):
            connection.exec_driver_sql(f"SET SESSION max_recursive_iterations = {rows + 10}")
        connection.execute(numbers, {"rows": rows})
    settle(engine)


def back(engine: sa.Engine, rows: int) -> None:
    """Bring the table back to where nothing is migrated, as fresh as it was."""
    with engine.begin() as connection:
        for name in ("migrator_checkpoint", "migrator_lease", "migrator_quarantine"):
            connection.exec_driver_sql(f"DROP TABLE IF EXISTS {name}")
    fill(engine, rows)


def settle(engine: sa.Engine) -> None:
    """Let the database finish what it would do in the background of the next measurement."""
    statements = {
        "postgresql": ("VACUUM ANALYZE flavors", "CHECKPOINT"),
        "sqlite": ("ANALYZE",),
    }.get(engine.dialect.name, ("ANALYZE TABLE flavors",))
    # An engine of its own: migrator's begins a transaction on SQLite, whatever the level.
    plain = sa.create_engine(engine.url, isolation_level="AUTOCOMMIT")
    with plain.connect() as connection:
        for statement in statements:
            connection.exec_driver_sql(statement).close()
    plain.dispose()


def check(engine: sa.Engine, rows: int) -> None:
    """Raise unless every row is migrated, exactly."""
    with engine.connect() as connection:
        right = connection.scalar(
            sa.select(sa.func.count()).where(
                FLAVORS.c.memory_mb.is_(None), FLAVORS.c.foobars == FLAVORS.c.id % 4096
            )
        )
    if right != rows:
        raise RuntimeError(f"{right} of {rows} rows are right")
