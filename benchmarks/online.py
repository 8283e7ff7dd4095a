"""One million rows: batches of migrator beside what people write by hand."""

from __future__ import annotations

import shutil
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks import pgroll
from benchmarks.measure import Timing, head, in_turn, process, row
from benchmarks.table import PYTHON, RENAME, back, check
from migrator.database import open_engine
from migrator.online import Options, migrate

if TYPE_CHECKING:
    from collections.abc import Callable

SIZES = (1_000, 5_000, 10_000, 50_000)
"""Sizes that the hand-written loop is tried with: the best of them is what counts."""


def by_hand(engine: sa.Engine, rows: int, size: int) -> None:
    """Update ranges of ids in a loop, as a careful person writes it."""
    statement = sa.text(
        "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL "
        "WHERE id > :low AND id <= :high AND memory_mb IS NOT NULL"
    )
    with engine.connect() as connection:
        for low in range(0, rows, size):
            connection.execute(statement, {"low": low, "high": low + size})
            connection.commit()


def at_once(engine: sa.Engine) -> None:
    """Update the whole table in one statement, which nobody may do online."""
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL WHERE memory_mb IS NOT NULL"
        )


class Base(DeclarativeBase):
    """Models of the row-by-row loop."""


class Flavor(Base):
    """A flavor, mapped as it is."""

    __tablename__ = "flavors"
    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str]
    memory_mb: Mapped[int | None]
    foobars: Mapped[int | None]


def row_by_row(engine: sa.Engine, size: int = 50) -> None:
    """Load and save objects, as nova-manage's migrations do: a commit a row."""
    with Session(engine) as session:
        wanted = sa.select(Flavor).where(Flavor.memory_mb.is_not(None)).limit(size)
        while found := session.scalars(wanted).all():
            for flavor in found:
                flavor.foobars, flavor.memory_mb = flavor.memory_mb, None
                session.commit()
            session.expunge_all()


def ours(engine: sa.Engine) -> None:
    """Run the transition as `migrator online-migrate` does."""
    (outcome,) = migrate(engine, [RENAME], Options())
    assert outcome.movable == 0


def ours_in_python(engine: sa.Engine) -> None:
    """Run the same transition, converted in Python."""
    migrate(engine, [PYTHON], Options())


def compare(url: str, rows: int, runs: int) -> None:
    """Print the table for one database."""
    engine, plain = open_engine(url), sa.create_engine(url)
    contenders: dict[str, Callable[[], object]] = {
        f"hand-written loop, ranges of {size:,}": partial(by_hand, plain, rows, size)
        for size in SIZES
    }
    contenders["migrator online-migrate"] = lambda: ours(engine)
    contenders["one UPDATE of the whole table"] = lambda: at_once(plain)
    timings = in_turn(runs, contenders, before=lambda: back(engine, rows))
    check(engine, rows)
    best = min((t for n, t in timings.items() if n.startswith("hand")), key=lambda t: t.median)
    others = list(timings.values()) + list(_tools(url, engine, rows, runs))
    head("way", "rows/s (median)", "of the best hand-written loop")
    for timing in others:
        row(timing.name, f"{rows / timing.median:,.0f}", f"{best.median / timing.median:.2f}")
    engine.dispose()
    plain.dispose()


def compare_python(url: str, rows: int, runs: int) -> None:
    """Print the table of conversions in Python."""
    engine, plain = open_engine(url), sa.create_engine(url)
    timings = in_turn(
        runs,
        {
            "row by row, as nova-manage": lambda: row_by_row(plain),
            "migrator online-migrate, in Python": lambda: ours_in_python(engine),
        },
        before=lambda: back(engine, rows),
    )
    first = next(iter(timings.values()))
    head("way", "rows/s (median)", "times the row-by-row loop")
    for timing in timings.values():
        row(timing.name, f"{rows / timing.median:,.0f}", f"{first.median / timing.median:.1f}")
    engine.dispose()
    plain.dispose()


def _tools(url: str, engine: sa.Engine, rows: int, runs: int) -> list[Timing]:
    """Return the timings of other people's tools, where they are installed."""
    parsed = sa.make_url(url)
    if parsed.get_backend_name() in ("mysql", "mariadb") and shutil.which(
        "pt-online-schema-change"
    ):
        return [_percona(parsed, engine, rows, runs)]
    if parsed.get_backend_name() == "postgresql" and shutil.which("pgroll"):
        return [_pgroll(parsed, engine, rows, runs)]
    return []


def _percona(url: sa.URL, engine: sa.Engine, rows: int, runs: int) -> Timing:
    """Time the copy of the table that pt-online-schema-change makes to rename the column."""
    socket = url.query["unix_socket"]
    command = [
        "pt-online-schema-change",
        "--alter", "CHANGE COLUMN memory_mb foobars2 INTEGER",
        "--execute", "--no-check-alter", "--recursion-method=none", "--no-version-check",
        "--charset=utf8mb4",
        f"S={socket},D={url.database},t=flavors,u={url.username or 'root'}"
        + (f",p={url.password}" if url.password else ""),
    ]  # fmt: skip
    return in_turn(
        runs,
        {"pt-online-schema-change": lambda: process(command)},
        before=lambda: back(engine, rows),
    )["pt-online-schema-change"]


def _pgroll(url: sa.URL, engine: sa.Engine, rows: int, runs: int) -> Timing:
    """Time the backfill of pgroll: a column beside the old one, kept equal by triggers."""
    timings = in_turn(
        runs,
        {"pgroll start": lambda: pgroll.start(url)},
        before=lambda: pgroll.prepare(url, engine, rows),
    )
    pgroll.remove(engine)
    return timings["pgroll start"]
