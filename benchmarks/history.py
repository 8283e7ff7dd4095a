"""A thousand migrations: `migrator sync` beside `alembic upgrade head`, and their start-up."""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

import sqlalchemy as sa

from benchmarks.measure import Timing, head, in_turn, process, python, row

EXPAND = '''"""Create table t{number}."""
import sqlalchemy as sa


def expand(op):
    op.create_table(
        "t{number}",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(50)),
    )
'''
TEST = '"""Tested elsewhere."""\n'
REVISION = '''"""Create table t{number}."""
import sqlalchemy as sa
from alembic import op

revision = "{number:04}"
down_revision = {down}


def upgrade():
    op.create_table(
        "t{number}",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("name", sa.String(50)),
    )


def downgrade():
    op.drop_table("t{number}")
'''
ENV = """from alembic import context
from sqlalchemy import create_engine, pool

engine = create_engine(context.config.get_main_option("sqlalchemy.url"), poolclass=pool.NullPool)
with engine.connect() as connection:
    context.configure(connection=connection, transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()
"""


def write(folder: Path, count: int, url: str) -> None:
    """Write the same *count* migrations for both tools."""
    (folder / "versions").mkdir(parents=True)
    entries = {str(number): [f"create_t{number}.py"] for number in range(1, count + 1)}
    lines = [f'  "{number}": {json.dumps(files)},' for number, files in entries.items()]
    (folder / "versions.json").write_text(
        "{\n" + "\n".join(lines) + '\n  "releases": {"one": ' + str(count) + "}\n}\n"
    )
    (folder / "pyproject.toml").write_text('[tool.migrator]\nmanifest = "versions.json"\n')
    revisions = folder / "alembic" / "versions"
    revisions.mkdir(parents=True)
    (folder / "alembic" / "env.py").write_text(ENV)
    escaped = url.replace("%", "%%")
    (folder / "alembic.ini").write_text(
        f"[alembic]\nscript_location = alembic\nsqlalchemy.url = {escaped}\n"
    )
    for number in range(1, count + 1):
        (folder / "versions" / f"create_t{number}.py").write_text(EXPAND.format(number=number))
        down = None if number == 1 else f"{number - 1:04}"
        (revisions / f"{number:04}.py").write_text(REVISION.format(number=number, down=repr(down)))


def compare(url: str, folder: Path, count: int, runs: int) -> None:
    """Print the table for one database, which is emptied."""
    write(folder, count, url)
    fresh = partial(empty, url)
    sync = python("-m", "migrator", "--database", url, "sync")
    upgrade = python("-m", "alembic", "upgrade", "head")
    timings = in_turn(
        runs,
        {
            "alembic upgrade head": lambda: process(upgrade, cwd=folder),
            "migrator sync": lambda: process(sync, cwd=folder),
        },
        before=fresh,
    )
    current = python("-m", "alembic", "current")
    status = python("-m", "migrator", "--database", url, "status")
    starts: dict[str, Timing] = {}
    for name, whole, start in (
        ("alembic current", upgrade, current),
        ("migrator status", sync, status),
    ):
        fresh()
        process(whole, cwd=folder)
        starts |= in_turn(max(runs, 5), {name: partial(process, start, cwd=folder)})
    head("command", "seconds (median)", "of alembic's")
    for group in (timings, starts):
        first = next(iter(group.values()))
        for timing in group.values():
            row(timing.name, f"{timing.median:.2f}", f"{timing.median / first.median:.2f}")


def compare_imports(runs: int) -> None:
    """Print what `import migrator` adds to an application that has SQLAlchemy's ORM."""
    plain = python("-c", "import sqlalchemy, sqlalchemy.orm")
    ours = python("-c", "import sqlalchemy, sqlalchemy.orm, migrator")
    timings = in_turn(
        runs,
        {
            "SQLAlchemy": lambda: process(plain),
            "and migrator": lambda: process(ours),
        },
    )
    head("imported", "milliseconds (median)", "more")
    base = timings["SQLAlchemy"].median
    for timing in timings.values():
        row(timing.name, f"{timing.median * 1000:.0f}", f"{(timing.median - base) * 1000:+.0f}")


def empty(url: str) -> None:
    """Drop everything in the database at *url*."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() == "sqlite":
        Path(parsed.database or "").unlink(missing_ok=True)
        return
    engine = sa.create_engine(parsed)
    name = "public" if engine.dialect.name == "postgresql" else parsed.database
    cascade = " CASCADE" if engine.dialect.name == "postgresql" else ""
    with engine.begin() as connection:
        connection.exec_driver_sql(f"DROP SCHEMA {name}{cascade}")
        connection.exec_driver_sql(f"CREATE SCHEMA {name}")
    engine.dispose()
