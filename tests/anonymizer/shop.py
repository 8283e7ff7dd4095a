"""Models of a small shop, with a decision on every column, and what is in its tables."""

from __future__ import annotations

import datetime
from decimal import Decimal

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from anonymizer import mask, public


class Base(DeclarativeBase):
    """Every model of the shop."""


class Customer(Base):
    """Somebody who buys."""

    __tablename__ = "customers"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    email: Mapped[str] = mapped_column(sa.String(120), unique=True, info=mask.email())
    name: Mapped[str | None] = mapped_column(sa.String(80), info=mask.name(subject="email"))
    phone: Mapped[str | None] = mapped_column(sa.String(40), info=mask.phone())
    born: Mapped[datetime.date | None] = mapped_column(info=mask.date(subject="id"))
    password: Mapped[str | None] = mapped_column(sa.String(80), info=mask.null())
    note: Mapped[str | None] = mapped_column(sa.Text, info=mask.text())


class Order(Base):
    """What somebody buys."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(primary_key=True, info=public("a number, of no person"))
    customer: Mapped[int] = mapped_column(sa.ForeignKey("customers.id"))
    total: Mapped[Decimal] = mapped_column(sa.Numeric(10, 2), info=mask.noise())
    state: Mapped[str] = mapped_column(sa.String(10), info=public("open or paid"))


def fill(engine: sa.Engine, count: int = 200) -> None:
    """Make the tables and fill them: *count* customers, each with three orders or none."""
    Base.metadata.create_all(engine)
    customers = [
        {
            "id": number,
            "email": f"mara.{number}.olsen@acme-mail.se",
            "name": None if number % 10 == 0 else f"Mara Olsen-{number}th",
            "phone": f"+46 70 {number:07}",
            "born": datetime.date(1950, 1, 1) + datetime.timedelta(days=97 * number),
            "password": f"hunter{number}-hunter",
            "note": f"Tab\there, \\back, 'quote' and\nline: call mara.{number}.olsen@acme-mail.se",
        }
        for number in range(1, count + 1)
    ]
    orders = [
        {"id": 3 * number + each, "customer": number, "total": Decimal(number) / 4, "state": "open"}
        for number in range(1, count + 1)
        for each in range(3 if number % 4 else 0)
    ]
    with engine.begin() as connection:
        connection.execute(sa.insert(Customer), customers)
        connection.execute(sa.insert(Order), orders)


def rows(engine: sa.Engine, model: type[Base]) -> list[sa.Row[tuple[object, ...]]]:
    """Return what is in the table of *model*, as it was filled: by number of orders and such."""
    with engine.connect() as connection:
        return list(connection.execute(sa.select(model.__table__)))
