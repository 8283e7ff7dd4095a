"""Peak memory of `migrator online-migrate`, as a whole process, by the size of the table."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from benchmarks.measure import head, process, python, row
from benchmarks.table import back
from migrator.database import open_engine

if TYPE_CHECKING:
    from pathlib import Path

MIGRATION = '''"""Rename flavors.memory_mb to foobars."""
import sqlalchemy as sa
from migrator import rename, retype, expression

flavor_foobars = {transition}


def expand(op):
    op.create_table("other", sa.Column("id", sa.Integer(), primary_key=True))
'''
PEAK = """
import atexit, pathlib, re, runpy, sys

def peak():
    status = pathlib.Path("/proc/self/status").read_text()
    print(re.search(r"VmHWM:\\s+(\\d+)", status)[1])

atexit.register(peak)
sys.argv[0] = "migrator"
runpy.run_module("migrator", run_name="__main__")
"""
"""Runs migrator and prints the most memory that it had, in KiB, as its last line.

What the system says of a process that has ended begins with what its parent had.
"""
KINDS = {
    "in SQL": 'rename("flavors", "memory_mb", to="foobars")',
    "in Python": 'retype("flavors", "memory_mb", to="foobars", '
    "up=expression(python=lambda row: row.memory_mb))",
}


def compare(url: str, sizes: tuple[int, ...], folder: Path) -> None:
    """Print the table for one database."""
    engine = open_engine(url)
    (folder / "versions").mkdir(parents=True)
    manifest = {"1": ["add_flavor_foobars.py"]}
    (folder / "versions.json").write_text(json.dumps(manifest))
    (folder / "pyproject.toml").write_text('[tool.migrator]\nmanifest = "versions.json"\n')
    file = folder / "versions" / "add_flavor_foobars.py"
    head("converted", *(f"{size:,} rows, MB" for size in sizes))
    for name, kind in KINDS.items():
        file.write_text(MIGRATION.format(transition=kind))
        peaks = [_peak(url, engine, size, folder) for size in sizes]
        row(name, *(f"{peak:.0f}" for peak in peaks))
    engine.dispose()


def _peak(url: str, engine: object, size: int, folder: Path) -> float:
    """Return the peak memory of moving *size* rows, in MB."""
    back(engine, size)  # type: ignore[arg-type]
    with engine.begin() as connection:  # type: ignore[attr-defined]
        connection.exec_driver_sql("DROP TABLE IF EXISTS other")
        connection.exec_driver_sql("DROP TABLE IF EXISTS migrator_history")
    command = python("-c", PEAK, "--database", url)
    process([*command, "sync"], cwd=folder)
    said = process([*command, "online-migrate"], cwd=folder).output
    return int(said.split()[-1]) / 1024
