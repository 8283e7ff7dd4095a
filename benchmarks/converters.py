"""Loading objects with converters attached, beside loading the same class without."""

from __future__ import annotations

import gc
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from benchmarks.measure import head, in_turn, row
from benchmarks.table import RENAME, back
from migrator import attach_converters
from migrator.database import open_engine


def _models() -> Any:
    class Base(DeclarativeBase):
        pass

    class Flavor(Base):
        __tablename__ = "flavors"
        id: Mapped[int] = mapped_column(primary_key=True)
        name: Mapped[str]
        foobars: Mapped[int | None]
        padding: Mapped[str | None]

    return Base, Flavor


def _load(engine: sa.Engine, flavor: Any) -> None:
    with Session(engine) as session:
        session.scalars(sa.select(flavor)).all()


def compare(url: str, rows: int, runs: int) -> None:
    """Print the table for one database; half of the rows are converted."""
    engine = open_engine(url)
    back(engine, rows)
    with engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL WHERE id % 2 = 0"
            if engine.dialect.paramstyle == "qmark"
            else "UPDATE flavors SET foobars = memory_mb, memory_mb = NULL WHERE mod(id, 2) = 0"
        )
    _base, plain = _models()
    base, converting = _models()
    attach_converters(base, RENAME)
    timings = in_turn(
        runs,
        {"without": lambda: _load(engine, plain), "with": lambda: _load(engine, converting)},
        before=gc.collect,
    )
    head("converters", "objects/s (median)", "time of without")
    for timing in timings.values():
        row(
            timing.name,
            f"{rows / timing.median:,.0f}",
            f"{timing.median / timings['without'].median:.2f}",
        )
    engine.dispose()
