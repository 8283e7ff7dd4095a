"""The table that is masked: people, ten columns, written as each kind of dump would write it."""

from __future__ import annotations

import random
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from anonymizer import mask, public

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

COLUMNS = ("id", "email", "name", "phone", "born", "note", "country", "score", "address", "token")
HEAD = """--
-- PostgreSQL database dump
--

SET client_encoding = 'UTF8';

CREATE TABLE public.people (
    id integer NOT NULL,
    email character varying(120) NOT NULL,
    name character varying(80),
    phone character varying(30),
    born date,
    note text,
    country character(2),
    score numeric(12,2),
    address text,
    token character varying(40)
);

COPY public.people (id, email, name, phone, born, note, country, score, address, token) FROM stdin;
"""
TAIL = """\\.

--
-- PostgreSQL database dump complete
--

"""
MYSQL_HEAD = """-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB, for debian-linux-gnu (x86_64)
/*!40101 SET NAMES utf8mb4 */;
/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;
DROP TABLE IF EXISTS `people`;
CREATE TABLE `people` (
  `id` int(11) NOT NULL,
  `email` varchar(120) NOT NULL,
  `name` varchar(80) DEFAULT NULL,
  `phone` varchar(30) DEFAULT NULL,
  `born` date DEFAULT NULL,
  `note` text DEFAULT NULL,
  `country` char(2) DEFAULT NULL,
  `score` decimal(12,2) DEFAULT NULL,
  `address` text DEFAULT NULL,
  `token` varchar(40) DEFAULT NULL,
  PRIMARY KEY (`id`)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4;
LOCK TABLES `people` WRITE;
"""
MYSQL_TAIL = "UNLOCK TABLES;\n-- Dump completed on 2026-11-27  9:00:00\n"
INSERT = "INSERT INTO `people` VALUES "
STATEMENT = 1_000_000
"""Letters in one INSERT, as mysqldump writes them."""
FIRST = (
    "Ada", "Björn", "Chen", "Dörte", "Elif", "Fátima", "Grace", "Hao", "Inés", "Jürgen", "Kofi",
    "Lê", "María", "Nguyễn", "Olu", "Priya",
)  # fmt: skip
LAST = (
    "Ångström", "Baker", "Çelik", "Díaz", "Eze", "Fischer", "García", "Hansen", "Ito", "Jónsson",
    "Kim", "López", "Müller",
)  # fmt: skip


class Base(DeclarativeBase):
    """Models of one table."""


class Person(Base):
    """Three of ten columns are masked."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True, info=public("a number"))
    email: Mapped[str] = mapped_column(sa.String(120), unique=True, info=mask.email())
    name: Mapped[str | None] = mapped_column(sa.String(80), info=mask.name())
    phone: Mapped[str | None] = mapped_column(sa.String(30), info=mask.phone())
    born: Mapped[str | None] = mapped_column(sa.Date, info=public("measured without"))
    note: Mapped[str | None] = mapped_column(sa.Text, info=public("measured without"))
    country: Mapped[str | None] = mapped_column(sa.CHAR(2), info=public("measured without"))
    score: Mapped[str | None] = mapped_column(sa.Numeric(12, 2), info=public("measured without"))
    address: Mapped[str | None] = mapped_column(sa.Text, info=public("measured without"))
    token: Mapped[str | None] = mapped_column(sa.String(40), info=public("measured without"))


class Every(DeclarativeBase):
    """Models of the same table, all of it masked."""


class MaskedPerson(Every):
    """Ten of ten columns are masked."""

    __tablename__ = "people"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    email: Mapped[str] = mapped_column(sa.String(120), unique=True, info=mask.email())
    name: Mapped[str | None] = mapped_column(sa.String(80), info=mask.name())
    phone: Mapped[str | None] = mapped_column(sa.String(30), info=mask.phone())
    born: Mapped[str | None] = mapped_column(sa.Date, info=mask.date())
    note: Mapped[str | None] = mapped_column(sa.Text, info=mask.text())
    country: Mapped[str | None] = mapped_column(sa.CHAR(2), info=mask.constant("XX"))
    score: Mapped[str | None] = mapped_column(sa.Numeric(12, 2), info=mask.noise())
    address: Mapped[str | None] = mapped_column(sa.Text, info=mask.street())
    token: Mapped[str | None] = mapped_column(sa.String(40), info=mask.hexadecimal())


def people(count: int) -> Iterator[tuple[str | None, ...]]:
    """Yield *count* people; one in twenty has a note with a tab and a line end."""
    draw = random.Random(7)  # noqa: S311 - what is drawn is no secret
    for number in range(1, count + 1):
        first, last = draw.choice(FIRST), draw.choice(LAST)
        note = "seen\tat the\\desk\ntwice" if number % 20 == 0 else "asked for a window seat, twice"
        yield (
            str(number),
            f"{first}.{last}{number}@example{number % 97}.com".lower(),
            f"{first} {last}",
            None if number % 50 == 0 else f"+49 170 {number % 10_000_000:07}",
            f"19{number % 90 + 10}-{number % 12 + 1:02}-{number % 28 + 1:02}",
            note,
            ("DE", "FR", "VN", "TR")[number % 4],
            f"{number % 100_000}.{number % 100:02}",
            f"{number % 300} Long Street, Apartment {number % 40}, Some Larger Town",
            f"{number * 2654435761 % 2**64:016x}",
        )


def write_copy(path: Path, count: int) -> None:
    """Write what pg_dump would."""
    table = str.maketrans({"\\": r"\\", "\t": r"\t", "\n": r"\n"})
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(HEAD)
        for row in people(count):
            values = ("\\N" if each is None else each.translate(table) for each in row)
            file.write("\t".join(values) + "\n")
        file.write(TAIL)


def write_inserts(path: Path, count: int) -> None:
    """Write what mysqldump would: statements of a million letters."""
    table = str.maketrans({"\\": r"\\", "\n": r"\n", "'": r"\'"})
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(MYSQL_HEAD)
        rows: list[str] = []
        size = 0
        for row in people(count):
            texts = ("NULL" if each is None else f"'{each.translate(table)}'" for each in row[1:])
            rows.append(f"({row[0]},{','.join(texts)})")
            size += len(rows[-1]) + 1
            if size > STATEMENT:
                file.write(f"{INSERT}{','.join(rows)};\n")
                rows, size = [], 0
        if rows:
            file.write(f"{INSERT}{','.join(rows)};\n")
        file.write(MYSQL_TAIL)


def write_sqlite(path: Path, count: int) -> None:
    """Write a database of SQLite."""
    engine = sa.create_engine(f"sqlite:///{path}")
    Base.metadata.create_all(engine)
    engine.dispose()
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.executemany(
            f"INSERT INTO people VALUES ({','.join('?' * len(COLUMNS))})",  # noqa: S608
            people(count),
        )
