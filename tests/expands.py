"""Expands made up at random, of statements that are near what the running code would notice."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.additive import Judge
from migrator.migration import Migration, Phase
from migrator.sql import Kind

if TYPE_CHECKING:
    import random

    from migrator.dialects import Dialect

EXPAND = Migration(number=1, name="made_up", phase=Phase.EXPAND)
TABLES = ("flavors", "flavors", "instances", "extra")
COLUMNS = ("x", "x", "x", "y", "y", "memory_mb", "name", "note", "id")
TYPES = ("INTEGER", "INTEGER", "VARCHAR(20)", "TIMESTAMP", "BOOLEAN")
LITERALS = ("0", "1", "-1", "'a'", "NULL", "TRUE", "5")
OPTIONS = (
    "", "", "", " NULL", " DEFAULT 1", " DEFAULT NULL", " DEFAULT (NULL)", " DEFAULT - NULL",
    " NOT NULL DEFAULT 0", " NOT NULL", " DEFAULT 'a'", " DEFAULT CURRENT_TIMESTAMP",
)  # fmt: skip
CREATED = (
    "CREATE TABLE extra (id INTEGER PRIMARY KEY, x INTEGER, y VARCHAR(20))",
    "CREATE TABLE IF NOT EXISTS extra (id INTEGER PRIMARY KEY, x INTEGER)",
    "CREATE TABLE IF NOT EXISTS flavors (id INTEGER PRIMARY KEY, x INTEGER)",
)


def expand(dialect: Dialect, dice: random.Random) -> list[str]:
    """Return statements that the judge lets through in this order.

    What only locks for long is let through as well: it is vouched for.
    """
    passed: list[str] = []
    for number in range(dice.randint(1, 5)):
        statement = _statement(dialect, dice, number)
        judge = Judge(EXPAND, dialect)
        found = [each for text in (*passed, statement) for each, _ in judge.findings(text)]
        if all(finding.kind is Kind.BLOCKING for finding in found):
            passed.append(statement)
    return passed


def _statement(dialect: Dialect, dice: random.Random, number: int) -> str:
    table = dice.choice(TABLES)
    made = {
        "create": dice.choice(CREATED),
        "column": f"ALTER TABLE {table} ADD COLUMN {_maybe(dialect, dice)}{_column(dice)}",
        "constraint": f"ALTER TABLE {table} ADD {_constraint(dialect, dice)}",
        "both": f"ALTER TABLE {table} ADD {_column(dice)}, ADD {_constraint(dialect, dice)}",
        "unique": f"CREATE UNIQUE INDEX i{number} ON {table} ({_columns(dice)})",
        "index": f"CREATE INDEX i{number} ON {table} ({_columns(dice)})",
        "partial": f"CREATE INDEX i{number} ON {table} (lower({dice.choice(COLUMNS)}))"
        f" WHERE {_condition(dice)}",
        "default": f"ALTER TABLE {table} ALTER COLUMN x SET DEFAULT {dice.choice(LITERALS)}",
    }
    return made[dice.choice([*made, "column", "column", "constraint", "unique"])]


def _maybe(dialect: Dialect, dice: random.Random) -> str:
    return "IF NOT EXISTS " if dialect.name != "sqlite" and dice.random() < 0.2 else ""


def _column(dice: random.Random) -> str:
    more = ["", "", "", " UNIQUE", f" CHECK ({_check(dice)})", " REFERENCES flavors (id)"]
    name, type_, option = dice.choice(COLUMNS), dice.choice(TYPES), dice.choice(OPTIONS)
    return f"{name} {type_}{option}{dice.choice(more)}"


def _columns(dice: random.Random) -> str:
    return ", ".join(dict.fromkeys(dice.choices(COLUMNS, k=dice.randint(1, 2))))


def _constraint(dialect: Dialect, dice: random.Random) -> str:
    late = " NOT VALID" if dialect.capabilities.late_validation and dice.random() < 0.5 else ""
    return dice.choice(
        [
            f"CHECK ({_check(dice)}){late}",
            f"UNIQUE ({_columns(dice)})",
            f"FOREIGN KEY ({dice.choice(COLUMNS)}) REFERENCES flavors (id){late}",
        ]
    )


def _check(dice: random.Random) -> str:
    joined = dice.choice([" AND ", " OR "])
    return joined.join(_condition(dice) for _ in range(dice.randint(1, 3)))


def _condition(dice: random.Random) -> str:
    column, literal = dice.choice(COLUMNS), dice.choice(LITERALS)
    value = dice.choice([column, column, f"lower({column})", f"coalesce({column}, {literal})"])
    return dice.choice(
        [
            f"{value} {dice.choice(['=', '<>', '<', '>='])} {literal}",
            f"{value} IN ({literal}, 2)",
            f"{value} BETWEEN {literal} AND 9",
            f"{value} IS NULL",
            f"{value} IS NOT NULL",
            f"{literal} = {dice.choice(LITERALS)}",
            f"NOT {value} > {literal}",
        ]
    )
