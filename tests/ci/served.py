"""Databases of ci for tests: places that are short enough for sockets, and datasets made here."""

from __future__ import annotations

import hashlib
import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from ci.databases import Places
from ci.datasets.dataset import Dataset
from ci.timing import Engine

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from _pytest.mark import ParameterSet

    from ci.databases.base import Database

SHOP = {
    Engine.POSTGRESQL: """
CREATE TYPE mood AS ENUM ('glad', 'sad; or so');
CREATE TABLE customers (
    id serial PRIMARY KEY, name varchar(80) NOT NULL DEFAULT 'it''s', mood mood, note text);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int REFERENCES customers, sum numeric(9,2));
CREATE INDEX orders_customer ON orders (customer_id) WHERE sum > 0;
CREATE FUNCTION nothing() RETURNS trigger LANGUAGE plpgsql AS $f$
BEGIN
GRANT ALL ON orders TO nobody_here; -- '; this line is no statement of the script
RETURN NEW; END $f$;
INSERT INTO customers (name, note)
SELECT 'customer ' || i, E'a\\nb\\\\.\\n\\\\.' FROM generate_series(1, 1000) i;
INSERT INTO orders SELECT i, i, i FROM generate_series(1, 1000) i;
""",
    Engine.MARIADB: """
CREATE TABLE customers (
    id int AUTO_INCREMENT PRIMARY KEY, name varchar(80) NOT NULL DEFAULT 'it''s',
    mood enum('glad', 'sad; or so'), note text) ENGINE=InnoDB;
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id int, sum decimal(9,2),
    KEY of_customer (customer_id), CONSTRAINT customer FOREIGN KEY (customer_id)
    REFERENCES customers (id)) ENGINE=InnoDB;
INSERT INTO customers (name, note)
SELECT concat('customer ', seq), 'a\\nb; \\\\! # ' FROM seq_1_to_1000;
INSERT INTO orders SELECT seq, seq, seq FROM seq_1_to_1000;
CREATE VIEW totals AS SELECT customer_id, sum(sum) AS total FROM orders GROUP BY customer_id;
DELIMITER ;;
CREATE TRIGGER capital BEFORE INSERT ON customers FOR EACH ROW BEGIN
SET NEW.name = upper(NEW.name); -- it's
END;;
CREATE PROCEDURE who() BEGIN SELECT current_user(); END;;
DELIMITER ;
""",
    Engine.SQLITE: """
PRAGMA foreign_keys=OFF;
BEGIN TRANSACTION;
CREATE TABLE customers (id INTEGER PRIMARY KEY, name VARCHAR(80) NOT NULL DEFAULT 'it''s', note);
CREATE TABLE orders (id INTEGER PRIMARY KEY, customer_id INT REFERENCES customers, sum NUMERIC);
CREATE INDEX orders_customer ON orders (customer_id) WHERE sum > 0;
INSERT INTO customers (name, note)
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 1000)
SELECT 'customer ' || i, 'a
.shell touch /tmp/never' FROM n;
INSERT INTO orders SELECT id, id, id FROM customers;
COMMIT;
""",
}
"""A script for each engine, with what a reader of scripts may stumble over."""


def some_slow(cases: Iterable[str], *, each_time: int) -> list[ParameterSet]:
    """Return *cases* for parametrize; those after the first few run with what is slow."""
    return [
        pytest.param(case, marks=[pytest.mark.slow] if place >= each_time else [])
        for place, case in enumerate(cases)
    ]


@contextmanager
def places(**options: object) -> Iterator[Places]:
    """Give places in a folder of their own, which servers of root may pass through."""
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    folder.chmod(0o711)
    try:
        yield Places(runs=folder / "runs", states=folder / "states", **{"flush": False, **options})  # type: ignore[arg-type]
    finally:
        shutil.rmtree(folder)


def dataset(engine: Engine, dump: Path) -> Dataset:
    """Return a dataset of a dump that was just made."""
    files = sorted(dump.rglob("*")) if dump.is_dir() else [dump]
    content = b"".join(each.read_bytes() for each in files if each.is_file())
    digest = hashlib.sha256(content).hexdigest()
    return Dataset(name="shop", folder=dump.parent, dump=dump, engine=engine, digest=digest)


def shop(engine: Engine, folder: Path, text: str | None = None) -> Dataset:
    """Return a dataset whose dump is the script of *engine*, or *text*."""
    dump = folder / "shop.sql"
    dump.write_text(SHOP[engine] if text is None else text)
    return dataset(engine, dump)


def superuser(database: Database, *statements: str) -> list[str]:
    """Return what the last of *statements* finds, as who holds the whole server."""
    engine = sa.create_engine(database.watching().url, poolclass=sa.NullPool)
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        for each in statements[:-1]:
            connection.exec_driver_sql(each)
        return [str(row[0]) for row in connection.exec_driver_sql(statements[-1])]


def shell(database: Database, command: str) -> list[str]:
    """Return what a shell of the server prints: COPY … FROM PROGRAM is what a superuser has."""
    quoted = command.replace("'", "''")
    return superuser(
        database,
        "CREATE TABLE IF NOT EXISTS public.printed (line text)",
        "TRUNCATE public.printed",
        f"COPY public.printed FROM PROGRAM '{quoted}'",
        "SELECT line FROM public.printed",
    )
