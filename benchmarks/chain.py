"""A chain of tables, each of which refers to the one before, as dumps of three kinds."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TABLES = ("users", "orders", "items")
FAN_OUT = 4
"""Rows that refer to one."""
FILLING = "a description of some thirty bytes" * 3
STATEMENT = 1_000_000
"""Letters in one INSERT, as mysqldump writes them."""
INSERT = "INSERT INTO `{}` VALUES "
PG_HEAD = "--\n-- PostgreSQL database dump\n--\n\nSET client_encoding = 'UTF8';\n"
PG_TAIL = "\n--\n-- PostgreSQL database dump complete\n--\n\n"
MYSQL_HEAD = (
    "-- MariaDB dump 10.19  Distrib 10.11.6-MariaDB\n\n"
    "/*!40101 SET NAMES utf8mb4 */;\n"
    "/*!40101 SET @OLD_SQL_MODE=@@SQL_MODE, SQL_MODE='NO_AUTO_VALUE_ON_ZERO' */;\n"
    "/*!40111 SET @OLD_SQL_NOTES=@@SQL_NOTES, SQL_NOTES=0 */;\n"
)
MYSQL_TAIL = (
    "/*!40101 SET SQL_MODE=@OLD_SQL_MODE */;\n/*!40111 SET SQL_NOTES=@OLD_SQL_NOTES */;\n"
    "-- Dump completed on 2026-11-27  9:00:00\n"
)


def tables(items: int) -> Iterator[tuple[str, str | None, int]]:
    """Yield each table, the one that it refers to, and how many rows it has."""
    for at, name in enumerate(TABLES):
        yield name, TABLES[at - 1] if at else None, items // FAN_OUT ** (len(TABLES) - 1 - at)


def rows(count: int) -> Iterator[tuple[int, int, str]]:
    """Yield rows of a table: a key, what it refers to, and some text."""
    for number in range(count):
        yield number, number // FAN_OUT, f"{FILLING}{number % 97}"


def write_copy(path: Path, items: int) -> None:
    """Write what pg_dump would."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(PG_HEAD)
        for name, _, _ in tables(items):
            file.write(f"\nCREATE TABLE public.{name} (\n    id integer NOT NULL,\n")
            file.write("    parent integer NOT NULL,\n    text text\n);\n")
        for name, _, count in tables(items):
            file.write(f"\nCOPY public.{name} (id, parent, text) FROM stdin;\n")
            file.writelines(f"{a}\t{b}\t{text}\n" for a, b, text in rows(count))
            file.write("\\.\n\n")
        for name, parent, _ in tables(items):
            head = f"\nALTER TABLE ONLY public.{name}\n    ADD CONSTRAINT {name}"
            file.write(f"{head}_pkey PRIMARY KEY (id);\n")
            if parent:
                file.write(f"{head}_fk FOREIGN KEY (parent) REFERENCES public.{parent}(id);\n")
        file.write(PG_TAIL)


def write_inserts(path: Path, items: int) -> None:
    """Write what mysqldump would: statements of a million letters."""
    with path.open("w", encoding="utf-8", newline="") as file:
        file.write(MYSQL_HEAD)
        for name, parent, count in tables(items):
            file.write(f"CREATE TABLE `{name}` (\n  `id` int(11) NOT NULL AUTO_INCREMENT,\n")
            file.write("  `parent` int(11) NOT NULL,\n  `text` text DEFAULT NULL,\n")
            key = f",\n  CONSTRAINT `{name}_fk` FOREIGN KEY (`parent`) REFERENCES `{parent}` (`id`)"
            file.write(f"  PRIMARY KEY (`id`){key if parent else ''}\n")
            file.write(f") ENGINE=InnoDB AUTO_INCREMENT={count} DEFAULT CHARSET=utf8mb4;\n")
            for statement in _statements(count):
                file.write(f"{INSERT.format(name)}{statement};\n")
        file.write(MYSQL_TAIL)


def _statements(count: int) -> Iterator[str]:
    held: list[str] = []
    size = 0
    for a, b, text in rows(count):
        held.append(f"({a},{b},'{text}')")
        size += len(held[-1]) + 1
        if size > STATEMENT:
            yield ",".join(held)
            held, size = [], 0
    if held:
        yield ",".join(held)


def write_sqlite(path: Path, items: int) -> None:
    """Write a database of SQLite."""
    with closing(sqlite3.connect(path)) as connection, connection:
        for name, parent, count in tables(items):
            to = f" REFERENCES {parent} (id)" if parent else ""
            columns = f"id INTEGER PRIMARY KEY, parent INTEGER NOT NULL{to}, text TEXT"
            connection.execute(f"CREATE TABLE {name} ({columns})")
            connection.executemany(f"INSERT INTO {name} VALUES (?, ?, ?)", rows(count))  # noqa: S608
