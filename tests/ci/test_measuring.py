"""What is seen of a step while it runs, on real servers: locks, stalls, counters, statements."""

from __future__ import annotations

import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from ci.databases import open_database
from ci.measuring import open_watch
from ci.timing import Access, Engine
from ci.walk import grown
from tests.ci import served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from sqlalchemy.engine import CursorResult

    from ci.databases import Places
    from ci.databases.base import Database
    from ci.measuring.watch import EyeWatch
    from ci.timing import Lock, Observation, Statement

HELD = 0.3
SLOW = 0.3
"""How much later than asked for this machine may do a thing."""
OWN = {Engine.POSTGRESQL: {"options": "-c statement_timeout=0 -c search_path=public"}}
"""What sessions of the code under test say for themselves here, whatever is in the database."""
POSTGRESQL, MARIADB, SQLITE = Engine
servers = pytest.mark.parametrize("engine", [POSTGRESQL, MARIADB], indirect=True)
postgresql = pytest.mark.parametrize("engine", [POSTGRESQL], indirect=True)
mariadb = pytest.mark.parametrize("engine", [MARIADB], indirect=True)
sqlite = pytest.mark.parametrize("engine", [SQLITE], indirect=True)


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with served.places() as made:
        yield made


@pytest.fixture(scope="module", params=list(Engine))
def engine(request: pytest.FixtureRequest) -> Engine:
    return Engine(request.param)


@pytest.fixture(scope="module")
def opened(
    engine: Engine, places: Places, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Database]:
    data = served.shop(engine, tmp_path_factory.mktemp(engine))
    with open_database(data, places) as database:
        database.restore(data)
        database.keep("start")
        yield database


@pytest.fixture
def database(opened: Database) -> Iterator[Database]:
    before = opened.schema()
    yield opened
    opened.end_sessions()
    if opened.schema() != before:
        opened.reset("start")


@pytest.fixture
def watch(database: Database) -> Iterator[EyeWatch]:
    with open_watch(database) as made:
        yield made


@contextmanager
def session(database: Database, **query: str) -> Iterator[Callable[[str], CursorResult[Any]]]:
    """Give what sends statements as the code under test, each committed by itself."""
    url = sa.make_url(database.migrating().url).update_query_dict(query)
    made = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    with made.connect().execution_options(no_parameters=True) as connection:
        yield connection.exec_driver_sql


def seen(
    database: Database,
    watch: EyeWatch,
    *statements: str | float,
    tables: Sequence[str] = ("orders", "customers"),
) -> Observation:
    """Return what is seen while *statements* are sent; a number is seconds to wait."""
    before = database.sizes()
    watch.begin(tables)
    with session(database, **OWN.get(database.engine, {})) as send:
        origin = time.monotonic()
        for each in statements:
            time.sleep(each) if isinstance(each, float) else send(each)
        until = time.monotonic()
    database.end_sessions()
    found = watch.end(origin=origin, until=until)
    return replace(found, counters=grown(found.counters, before, database.sizes()))


def told(found: Observation) -> list[Statement]:
    """Return the statements that are not a tool's own."""
    return [each for each in found.statements if "orders" in each.sql or "customers" in each.sql]


def stalled(found: Observation) -> set[str]:
    return {each.table for each in found.stalls if each.seconds > HELD / 2}


def longest(locks: tuple[Lock, ...] | None, mode: str, *, waited: bool = False) -> Lock:
    found = [each for each in locks or () if each.mode == mode and each.waited is waited]
    return max(found, key=lambda each: each.seconds)


@postgresql
def test_a_lock_is_seen_with_its_mode_and_its_length(database: Database, watch: EyeWatch) -> None:
    exclusive = "LOCK TABLE orders IN ACCESS EXCLUSIVE MODE"
    found = seen(database, watch, 0.1, "BEGIN", exclusive, HELD, "COMMIT", 0.1)
    lock = longest(found.locks, "AccessExclusiveLock")

    assert lock.table == "orders"
    assert lock.blocks is Access.READ
    assert HELD * 0.8 <= lock.seconds <= HELD + SLOW
    assert HELD * 0.7 <= (found.longest_stall(Access.READ) or 0) <= HELD + SLOW
    assert HELD * 0.7 <= (found.longest_stall(Access.WRITE) or 0) <= HELD + SLOW
    assert stalled(found) == {"orders"}


@mariadb
def test_a_metadata_lock_is_seen(database: Database, watch: EyeWatch) -> None:
    found = seen(database, watch, 0.1, "LOCK TABLES orders WRITE", HELD, "UNLOCK TABLES", 0.1)
    lock = longest(found.locks, "SHARED_NO_READ_WRITE")

    assert (lock.table, lock.blocks) == ("orders", Access.READ)
    assert HELD * 0.8 <= lock.seconds <= HELD + SLOW
    assert HELD * 0.7 <= (found.longest_stall(Access.READ) or 0) <= HELD + SLOW
    assert stalled(found) == {"orders"}


@mariadb
def test_the_lock_under_which_a_table_is_copied_is_seen(
    database: Database, watch: EyeWatch
) -> None:
    with session(database) as send:
        send("INSERT INTO orders (id, customer_id, sum) SELECT seq, 1, 1 FROM seq_5000_to_400000")
    found = seen(database, watch, "ALTER TABLE orders MODIFY sum BIGINT, ALGORITHM=COPY")
    lock = longest(found.locks, "SHARED_NO_WRITE")

    assert (lock.table, lock.blocks) == ("orders", Access.WRITE)
    assert lock.seconds >= (found.longest_stall(Access.WRITE) or 0) / 2 > HELD / 2


@postgresql
def test_a_lock_for_writers_alone_does_not_stall_readers(
    database: Database, watch: EyeWatch
) -> None:
    share = "LOCK TABLE orders IN SHARE MODE"
    found = seen(database, watch, "BEGIN", share, HELD, "COMMIT", 0.05)

    assert longest(found.locks, "ShareLock").blocks is Access.WRITE
    assert (found.longest_stall(Access.WRITE) or 0) >= HELD * 0.7
    assert (found.longest_stall(Access.READ) or 0) < HELD / 2


@servers
def test_waiting_is_told_from_holding(database: Database, watch: EyeWatch, engine: Engine) -> None:
    lock, mode = (
        ("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE", "AccessExclusiveLock")
        if engine is POSTGRESQL
        else ("ALTER TABLE orders ADD COLUMN more INT", "EXCLUSIVE")
    )
    other = sa.create_engine(database.probing().url, poolclass=sa.NullPool)
    with other.connect() as application:
        application.exec_driver_sql("SELECT * FROM orders LIMIT 1").all()
        threading.Timer(5 * HELD, application.rollback).start()
        found = seen(database, watch, "BEGIN", lock, "COMMIT")

    waited = longest(found.locks, mode, waited=True).seconds
    held = [each.seconds for each in found.locks or () if each.mode == mode and not each.waited]
    assert HELD / 2 <= waited <= 5 * HELD + SLOW
    assert max(held, default=0) < HELD
    # Who comes after one that waits has to wait as well.
    assert (found.longest_stall(Access.READ) or 0) >= HELD / 2


@sqlite
def test_who_may_not_use_a_file_is_stalled(database: Database, watch: EyeWatch) -> None:
    path = sa.make_url(database.migrating().url).database
    code = (
        "import sqlite3, sys, time; c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        f"c.execute(sys.argv[2]); time.sleep({HELD}); c.execute('ROLLBACK')"
    )
    stalls = {}
    for begin in ("BEGIN IMMEDIATE", "BEGIN EXCLUSIVE"):
        watch.begin(["orders"])
        origin = time.monotonic()
        subprocess.run([sys.executable, "-I", "-c", code, str(path), begin], check=True)
        found = watch.end(origin=origin, until=time.monotonic())
        stalls[begin] = [found.longest_stall(each) or 0 for each in Access]
        assert found.locks is None

    assert stalls["BEGIN IMMEDIATE"][0] == 0
    assert HELD * 0.7 <= stalls["BEGIN IMMEDIATE"][1] <= HELD + 0.2
    assert min(stalls["BEGIN EXCLUSIVE"]) >= HELD * 0.7


@servers
def test_counters_are_those_of_the_step(
    database: Database, watch: EyeWatch, engine: Engine
) -> None:
    done = threading.Event()

    def use() -> None:
        application = sa.create_engine(database.probing().url, poolclass=sa.NullPool)
        with application.connect() as connection:
            while not done.is_set():
                connection.exec_driver_sql("SELECT count(*) FROM customers").all()
                connection.exec_driver_sql("UPDATE customers SET note = 'x' WHERE id <= 100")
                connection.rollback()

    timer = threading.Timer(0.2, use)
    timer.start()
    try:
        found = seen(database, watch, 0.5, "UPDATE orders SET sum = sum + 1 WHERE id <= 500")
    finally:
        done.set()
        timer.join()
    counters = found.counters

    assert counters.rows_written == 500
    assert 500 <= (counters.rows_read or 0) <= 1001
    if engine is POSTGRESQL:  # that of MariaDB is the whole server's
        assert 20_000 < (counters.log_bytes or 0) < 300_000
    assert [each.sql.split()[0] for each in told(found)] == ["UPDATE"]


@servers
def test_nothing_is_counted_of_a_step_that_does_nothing(
    database: Database, watch: EyeWatch
) -> None:
    found = seen(database, watch, 0.5)

    assert (found.counters.rows_read, found.counters.rows_written) == (0, 0)
    assert (found.counters.table_growth, found.counters.index_growth) == (0, 0)
    assert found.counters.temporary_bytes in (0, None)
    assert not told(found)
    assert found.probes >= 12
    assert (found.longest_stall() or 0) < HELD


def test_growth_is_that_of_tables_and_of_indexes(database: Database, watch: EyeWatch) -> None:
    found = seen(database, watch, "CREATE INDEX more ON orders (sum, customer_id, id)")

    assert (found.counters.index_growth or 0) >= 16384
    assert (found.counters.table_growth or 0) <= 8192


MANY = {
    POSTGRESQL: "CREATE TABLE many AS SELECT i, i AS j FROM generate_series(1, 200000) i",
    MARIADB: "CREATE TABLE many AS SELECT seq AS i, seq AS j FROM seq_1_to_200000",
}
SPILT = {
    "sorted rows": (
        POSTGRESQL,
        "SET work_mem = '64kB'",
        "SELECT count(*) FROM (SELECT i FROM generate_series(1, 200000) i ORDER BY -i) s",
    ),
    "an index": (POSTGRESQL, "SET maintenance_work_mem = '1MB'", "CREATE INDEX sorted ON many (i)"),
    "rows of mariadb": (
        MARIADB,
        "SET sort_buffer_size = 65536",
        "CREATE TABLE sorted SELECT i FROM many ORDER BY -i",
    ),
    "an index of mariadb": (MARIADB, "DO 1", "CREATE INDEX sorted ON many (i, j)"),
    "a table of mariadb": (
        MARIADB,
        "SET tmp_memory_table_size = 65536",
        "CREATE TABLE grouped SELECT i, count(*) FROM many GROUP BY i * 2",
    ),
}


@pytest.mark.parametrize(
    ("engine", "setting", "statement"),
    SPILT.values(),
    ids=SPILT,
    indirect=["engine"],
    scope="module",
)
def test_temporary_bytes_are_counted(
    database: Database, watch: EyeWatch, setting: str, statement: str
) -> None:
    with session(database) as send:
        send(MANY[database.engine])
    found = seen(database, watch, setting, statement)
    assert (found.counters.temporary_bytes or 0) > 1 << 20


@postgresql
def test_rows_of_a_table_that_goes_are_never_less_than_none(
    database: Database, watch: EyeWatch
) -> None:
    found = seen(
        database,
        watch,
        "CREATE TABLE copied AS SELECT * FROM orders",
        "DROP TABLE orders",
        "ALTER TABLE copied RENAME TO orders",
        0.2,
    )
    assert (found.counters.rows_written or 0) >= 1000
    assert (found.counters.rows_read or 0) >= 0
    assert found.probes > 4


@servers
def test_statements_are_told_with_their_plans(database: Database, watch: EyeWatch) -> None:
    by_key = "UPDATE orders SET sum = 0 WHERE id = {}"
    scan = "UPDATE customers SET note = 'secret' WHERE id + 0 < 900"
    found = seen(database, watch, *(by_key.format(number) for number in range(5)), *[scan] * 5)
    by_table = {each.sql.split()[1].strip("`"): each for each in told(found)}

    assert by_table["orders"].calls == 5
    assert by_table["customers"].scans == ("customers",)
    assert "secret" not in str(found)
    assert "customers" in (by_table["customers"].plan or "")
    assert not by_table["orders"].scans


@mariadb
def test_what_a_procedure_does_is_not_counted_twice(database: Database, watch: EyeWatch) -> None:
    made = (
        "CREATE PROCEDURE slow() BEGIN UPDATE orders SET sum = 1 WHERE id <= 100; "
        "DO sleep(0.3); END"
    )
    with session(database) as send:
        send(made)
    found = seen(database, watch, "CALL slow()")

    assert found.counters.rows_written == 100
    assert 0.3 <= sum(each.seconds for each in found.statements) <= 0.45


@servers
def test_a_migration_does_not_die_of_a_probe(database: Database, watch: EyeWatch) -> None:
    """A probe that waits for a row holds the table that is changed next."""
    found = seen(
        database,
        watch,
        "BEGIN",
        "UPDATE orders SET sum = 1",
        1.3,
        "ALTER TABLE orders ADD COLUMN more INT",
        "COMMIT",
    )
    assert (found.longest_stall(Access.WRITE) or 0) >= 1.2


@servers
def test_who_writes_other_rows_than_the_first_is_found(database: Database, watch: EyeWatch) -> None:
    some = "UPDATE orders SET sum = 1 WHERE id BETWEEN 301 AND 900"
    found = seen(database, watch, "BEGIN", some, 6 * HELD, "COMMIT")

    assert (found.longest_stall(Access.WRITE) or 0) >= 3 * HELD
    assert stalled(found) == {"orders"}
    assert (found.longest_stall(Access.READ) or 0) < HELD / 2


PARTED = """
CREATE TABLE parted (id int) PARTITION BY LIST ((id % 2));
CREATE TABLE even PARTITION OF parted FOR VALUES IN (0);
CREATE TABLE odd PARTITION OF parted FOR VALUES IN (1);
INSERT INTO parted SELECT generate_series(1, 1000);
"""


@postgresql
def test_who_writes_a_part_of_a_table_is_found(database: Database, watch: EyeWatch) -> None:
    with session(database, **OWN[POSTGRESQL]) as send:
        send(PARTED)
    found = seen(
        database, watch, "BEGIN", "UPDATE odd SET id = id + 2", 6 * HELD, "COMMIT",
        tables=["parted"],
    )  # fmt: skip
    assert (found.longest_stall(Access.WRITE) or 0) >= 3 * HELD


def test_nothing_is_left_of_a_probe(database: Database, watch: EyeWatch) -> None:
    before = database.schema(), {name: each[0] for name, each in database.sizes().items()}
    seen(database, watch, 0.3)

    assert (database.schema(), {n: each[0] for n, each in database.sizes().items()}) == before
    if database.engine is POSTGRESQL:
        asked = "SELECT usename FROM pg_stat_activity WHERE usename IN ('probe', 'app')"
    elif database.engine is MARIADB:
        asked = "SELECT user FROM information_schema.processlist WHERE user IN ('probe', 'app')"
    else:
        return
    made = sa.create_engine(database.watching().url, poolclass=sa.NullPool)
    with made.connect() as connection:
        assert connection.exec_driver_sql(asked).all() == []


@servers
def test_a_table_that_goes_away_ends_nothing(database: Database, watch: EyeWatch) -> None:
    found = seen(
        database,
        watch,
        0.1,
        "DROP TABLE orders" + " CASCADE" * (database.engine is POSTGRESQL),
        0.2,
        "CREATE TABLE orders (id INT)",
        0.2,
    )
    assert found.probes > 8


NAMES = ("a`b", 'a"b', "a'b", "a%b", "a%sb", ":id", "a;b -- c", "ä ö", "a.b", "Select")


def test_hostile_names_of_tables_are_probed(database: Database, watch: EyeWatch) -> None:
    sign = "`" if database.engine is MARIADB else '"'
    with session(database) as send:
        for each in NAMES:
            send(f"CREATE TABLE {sign}{each.replace(sign, 2 * sign)}{sign} (id INT)")
    watch.begin(NAMES)
    time.sleep(0.2)
    found = watch.end(origin=0, until=time.monotonic())

    assert found.probes >= (4 if database.engine is SQLITE else 2 * len(NAMES))
    assert set(NAMES) <= set(database.sizes())
    assert set(NAMES) <= set(database.schema())


EVIL = """
CREATE SCHEMA evil;
CREATE FUNCTION evil.mark() RETURNS int LANGUAGE plpgsql AS $f$ BEGIN
    IF current_setting('is_superuser') = 'on' THEN
        EXECUTE 'ALTER ROLE app SUPERUSER';
    END IF;
    RETURN 1; END $f$;
CREATE FUNCTION evil.current_schema() RETURNS name LANGUAGE sql AS
    $f$ SELECT 'public'::name FROM evil.mark() $f$;
CREATE FUNCTION evil.version() RETURNS text LANGUAGE sql AS
    $f$ SELECT pg_catalog.version() FROM evil.mark() $f$;
CREATE FUNCTION evil.pg_table_size(oid) RETURNS bigint LANGUAGE sql AS
    $f$ SELECT 1::bigint FROM evil.mark() $f$;
CREATE FUNCTION evil.pg_terminate_backend(int) RETURNS bool LANGUAGE sql AS
    $f$ SELECT true FROM evil.mark() $f$;
CREATE FUNCTION evil.equals(name, name) RETURNS bool LANGUAGE sql AS
    $f$ SELECT true FROM evil.mark() $f$;
CREATE OPERATOR evil.= (LEFTARG = name, RIGHTARG = name, FUNCTION = evil.equals);
CREATE VIEW evil.pg_stat_activity AS SELECT * FROM pg_catalog.pg_stat_activity, evil.mark();
CREATE VIEW evil.pg_class AS SELECT * FROM pg_catalog.pg_class, evil.mark();
CREATE TABLE more (id int);
CREATE INDEX of_mark ON more ((id + 1));
ALTER DATABASE app SET search_path = evil, pg_catalog, public;
ALTER DATABASE app SET statement_timeout = '1ms';
"""


@postgresql
def test_nothing_of_a_migration_runs_with_our_rights(database: Database, watch: EyeWatch) -> None:
    with session(database) as send:
        send(EVIL)
    seen(database, watch, 0.1)
    database.keep("after")
    database.reset("after")
    database.schema()
    with session(database, **OWN[POSTGRESQL]) as send:
        found = send("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = 'app'")
        assert found.scalar_one() is False


@postgresql
def test_the_database_that_the_watch_asks_cannot_be_changed(database: Database) -> None:
    url = sa.make_url(database.migrating().url).set(database="postgres")
    made = sa.create_engine(url, isolation_level="AUTOCOMMIT", poolclass=sa.NullPool)
    for statement in (
        "CREATE TABLE public.mine (id int)",
        "CREATE SCHEMA mine",
        "DROP EXTENSION pg_stat_statements CASCADE",
        "CREATE OR REPLACE VIEW public.pg_stat_statements AS SELECT 1",
        "ALTER DATABASE postgres SET search_path = mine",
        "SELECT public.pg_stat_statements_reset()",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
    ):
        with made.connect() as connection, pytest.raises(sa.exc.DBAPIError) as refused:
            connection.exec_driver_sql(statement)
        assert getattr(refused.value.orig, "pgcode", "") == "42501"


def test_a_view_in_the_place_of_a_table_hangs_nothing(database: Database, watch: EyeWatch) -> None:
    """It would read for ever: a probe of it ends nevertheless."""
    forever = (
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 0 FROM n) "
        "SELECT i FROM n WHERE i < 0"
    )
    with session(database) as send:
        send("CREATE TABLE more (id INT)")
    watch.begin(["more"])
    time.sleep(0.1)
    with session(database) as send:
        send("DROP TABLE more")
        send(f"CREATE VIEW more AS {forever}")
        time.sleep(0.2)
        send("DROP VIEW more")
    began = time.monotonic()
    watch.end(origin=began, until=began)
    assert time.monotonic() - began < 10
