"""pgroll, where its binary is on the path: the same rename as its alter_column with a backfill."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks.measure import process
from benchmarks.table import back

if TYPE_CHECKING:
    import sqlalchemy as sa

MIGRATION = {
    "operations": [
        {
            "add_column": {
                "table": "flavors",
                "up": "memory_mb",
                "column": {"name": "foobars2", "type": "integer", "nullable": True},
            }
        }
    ]
}


def prepare(url: sa.URL, engine: sa.Engine, rows: int) -> None:
    """Make the table anew and let pgroll know the schema as it is."""
    remove(engine)
    back(engine, rows)
    process(["pgroll", "--postgres-url", _url(url), "init"])
    process(
        ["pgroll", "--postgres-url", _url(url), "baseline", "00_start", tempfile.mkdtemp(), "-y"]
    )


def remove(engine: sa.Engine) -> None:
    """Remove what pgroll has made, so that the table can be dropped."""
    with engine.begin() as connection:
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS pgroll CASCADE")
        connection.exec_driver_sql("DROP SCHEMA IF EXISTS public_01_foobars CASCADE")


def start(url: sa.URL) -> None:
    """Start the migration, which ends with its backfill, in batches as large as ours get."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "01_foobars.json"
        file.write_text(json.dumps(MIGRATION))
        process(
            ["pgroll", "--postgres-url", _url(url), "start", str(file),
             "--backfill-batch-size", "10000"]
        )  # fmt: skip


def _url(url: sa.URL) -> str:
    host = url.query.get("host") or url.host
    port = url.query.get("port") or url.port or 5432
    return f"postgres://{url.username}@/{url.database}?host={host}&port={port}&sslmode=disable"
