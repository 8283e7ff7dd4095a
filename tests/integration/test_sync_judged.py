"""Sync: every statement is judged where it leaves for the database, and the catalogue after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.apply import Noted, Options, sync
from migrator.database import open_engine
from migrator.errors import MigrationError, NotAdditiveError, UnreadableError
from tests.projects import cloud, expand, project
from tests.synced import applied, columns, send

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from migrator.apply import Event
    from migrator.manifest import Manifest
    from tests.databases import Database

POSTGRESQL = pytest.mark.parametrize("database", ["postgresql"], indirect=True)


@pytest.fixture
def engine(database: Database) -> Engine:
    return open_engine(database.url)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return cloud(tmp_path)


def allowed(*lines: str) -> str:
    """Return an expand that looks at the database and is vouched for."""
    return expand(*lines, head='allow = ["python"]\nreason = "it looks"')


DELETES = 'op.get_bind().execute(sa.text("DELETE FROM flavors"))'
ELSEWHERE = (
    "with op.get_bind().engine.connect() as other:",
    '    other.execute(sa.text("DROP TABLE flavors"))',
)


@pytest.mark.parametrize(
    "lines",
    [
        (DELETES,),
        ('op.get_bind().exec_driver_sql("DELETE FROM flavors")',),
        ('op.get_bind().execute(sa.text("DELETE FROM flavors WHERE id = :i"), [{"i": 1}])',),
        ("op.get_bind().execution_options(stream_results=True)", DELETES),
        ('op.execute("DROP TABLE flavors")',),
        ELSEWHERE,
        ('op.get_bind().execute(sa.text("/* a */ deLETE  from flavors"))',),
    ],
)
def test_what_a_live_migration_sends_is_judged_at_the_cursor(
    engine: Engine, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    added = 'op.create_table("zones", sa.Column("id", sa.Integer))'
    manifest = cloud(
        tmp_path, live=allowed("sa.inspect(op.get_bind()).get_table_names()", added, *lines)
    )

    with pytest.raises(NotAdditiveError):
        sync(engine, manifest, Options(expand_only=True))

    assert applied(engine) == [1, 2, 4]
    assert (columns(engine, "zones"), "id" in columns(engine)) == (set(), True)


LOOKS = (
    "bind = op.get_bind()",
    'flavors = sa.Table("flavors", sa.MetaData(), autoload_with=bind)',
    "bind.execute(sa.select(flavors).where(flavors.c.id == 5).limit(1)).all()",
    'bind.execute(sa.text("SELECT \'5%\' WHERE 1 = :one"), {"one": 1}).all()',
)


def test_a_live_migration_is_judged_through_every_driver(driver: Database, tmp_path: Path) -> None:
    engine = open_engine(driver.url)
    deletes = "bind.execute(sa.delete(flavors).where(flavors.c.id == 5))"
    sync(engine, cloud(tmp_path, live=allowed(*LOOKS, ADDS)))
    with pytest.raises(NotAdditiveError, match="DELETE is refused"):
        sync(engine, cloud(tmp_path, live=allowed(*LOOKS, ADDS), more=allowed(*LOOKS, deletes)))

    assert (applied(engine), "swap" in columns(engine)) == ([1, 2, 3, 4, 5], True)


ADDS = 'op.add_column("flavors", sa.Column("swap", sa.Integer))'


@pytest.mark.parametrize(
    "lines",
    [
        ("op.get_bind().commit()",),
        ("op.get_bind().rollback()",),
        ("op.get_bind().get_transaction().commit()",),
        (
            "with op.get_bind().engine.begin() as other:",
            '    other.execute(sa.text("CREATE TABLE zones (id INTEGER)"))',
        ),
    ],
)
@pytest.mark.requires("transactional_ddl")
def test_a_live_migration_leaves_the_transaction_to_the_runner(
    engine: Engine, tmp_path: Path, lines: tuple[str, ...]
) -> None:
    manifest = cloud(tmp_path, live=allowed("sa.inspect(op.get_bind())", ADDS, *lines))

    with pytest.raises((NotAdditiveError, UnreadableError)):
        sync(engine, manifest)

    assert applied(engine) == [1, 2, 3, 4]
    assert (columns(engine, "zones"), "swap" in columns(engine)) == (set(), False)


def test_a_live_migration_that_fails_is_told_with_its_line(engine: Engine, tmp_path: Path) -> None:
    manifest = cloud(
        tmp_path, live=allowed("sa.inspect(op.get_bind())", ADDS, 'raise KeyError("a")')
    )

    with pytest.raises(MigrationError, match=r"live.py, line 11: KeyError: 'a'"):
        sync(engine, manifest)

    assert (applied(engine), "swap" in columns(engine)) == ([1, 2, 3, 4], False)


@pytest.mark.parametrize("head", [(), ('allow = ["python"]', 'reason = "it looks"')])
@pytest.mark.parametrize("top", [True, False])
def test_a_migration_with_an_engine_of_its_own_is_not_even_loaded(
    engine: Engine, tmp_path: Path, head: tuple[str, ...], *, top: bool
) -> None:
    other = tmp_path / "other.db"
    deletes = (
        f'engine = sa.create_engine("sqlite:///{other}")',
        "with engine.begin() as connection:",
        '    connection.execute(sa.text("CREATE TABLE zones (id INTEGER)"))',
    )
    text = expand(*deletes, head="\n".join(head))
    if top:
        text = expand("pass", head="\n".join([*head, *deletes]))

    with pytest.raises(UnreadableError, match=r"\.create_engine goes round"):
        sync(engine, cloud(tmp_path, goes_round=text))

    assert (other.exists(), applied(engine)) == (False, [])


def test_a_live_migration_may_look_and_add(engine: Engine, tmp_path: Path) -> None:
    manifest = cloud(
        tmp_path,
        live=allowed(
            'names = {c["name"] for c in sa.inspect(op.get_bind()).get_columns("flavors")}',
            'for name in ("disk", "swap", "rxtx"):',
            "    if name not in names:",
            '        op.add_column("flavors", sa.Column(name, sa.Integer))',
        ),
    )
    sync(engine, manifest)

    assert {"swap", "rxtx"} <= columns(engine)


@pytest.mark.requires("transactional_ddl")
def test_what_goes_round_the_cursor_is_found_in_the_catalogue(
    engine: Engine, tmp_path: Path
) -> None:
    raw = 'raw = getattr(op.get_bind(), "connec" + "tion")'
    behind = 'getattr(raw, "cur" + "sor")().execute("DROP TABLE flavors")'
    manifest = cloud(tmp_path, live=allowed("op.get_bind().engine", raw, behind))

    with pytest.raises(NotAdditiveError, match=r"table .*flavors is gone"):
        sync(engine, manifest)

    assert applied(engine) == [1, 2, 3, 4]
    assert "foobars" in columns(engine)


@pytest.mark.requires("row_locks")
def test_other_threads_of_the_application_are_not_judged(engine: Engine, tmp_path: Path) -> None:
    other = (
        "import threading",
        "sa.inspect(op.get_bind())",
        "engine = op.get_bind().engine",
        "def work():",
        "    with engine.connect() as connection:",
        '        connection.execute(sa.text("DELETE FROM flavors"))',
        "        engine.logging_name = 'ended'",
        "thread = threading.Thread(target=work)",
        "thread.start()",
        "thread.join()",
    )
    threads = allowed(*other).replace('["python"]', '["python", "raw-connection"]')
    sync(engine, cloud(tmp_path, live=threads))

    assert engine.logging_name == "ended"


@pytest.mark.parametrize(
    "line",
    [
        'op.execute("CREATE TABLE IF NOT EXISTS flavors (other INTEGER)")',
        'op.create_index("ix_id", "flavors", ["id"], if_not_exists=True)',
    ],
)
def test_what_was_there_already_is_told(
    engine: Engine, manifest: Manifest, tmp_path: Path, line: str
) -> None:
    sync(engine, manifest)
    send(engine, "CREATE INDEX ix_id ON flavors (disk)")
    events: list[Event] = []
    sync(engine, cloud(tmp_path, again=expand(line)), on_event=events.append)

    noted = [each.text for each in events if isinstance(each, Noted)]
    assert len(noted) == 1
    assert "was there already" in noted[0]


def test_a_live_migration_cannot_commit_by_alembic(engine: Engine, tmp_path: Path) -> None:
    block = "with op.get_context().autocommit_block(): op.execute('SELECT 1')"
    with pytest.raises(UnreadableError, match=r"autocommit_block\(\) would commit half"):
        sync(engine, cloud(tmp_path, live=allowed("sa.inspect(op.get_bind())", block)))


MARIADB = pytest.mark.parametrize("database", ["mariadb"], indirect=True)
CHARS = (
    "CREATE TABLE flavors (id INTEGER, name VARCHAR(20) CHARACTER SET utf8mb4 NOT NULL,"
    " kind ENUM('a', 'b') NOT NULL DEFAULT 'a')"
)


@MARIADB
@pytest.mark.parametrize(
    "change",
    [
        "name VARCHAR(60) CHARACTER SET utf8mb4 NOT NULL",
        "name VARCHAR(20) CHARACTER SET utf8mb4 NULL",
        "kind ENUM('a', 'b', 'c') NOT NULL DEFAULT 'a'",
    ],
)
def test_a_column_that_is_said_again_may_take_more(
    engine: Engine, tmp_path: Path, change: str
) -> None:
    send(engine, CHARS)
    line = f'op.execute("""ALTER TABLE `flavors` MODIFY {change}""")'
    sync(engine, project(tmp_path, {"wider.py": vouching(line, "MODIFY COLUMN")}))

    assert applied(engine) == [1]


@MARIADB
@pytest.mark.parametrize(
    "change",
    [
        "name VARCHAR(10) CHARACTER SET utf8mb4 NOT NULL",
        "name VARCHAR(64) CHARACTER SET utf8mb4 NOT NULL",
        "name VARCHAR(60) CHARACTER SET latin1 NOT NULL",
        "kind ENUM('a', 'c', 'b') NOT NULL DEFAULT 'a'",
        "kind ENUM('a', 'b', 'c') NOT NULL",
        "id BIGINT",
        "id INTEGER NOT NULL",
    ],
)
def test_a_column_that_is_said_again_and_is_no_wider_is_refused_before_anything_runs(
    engine: Engine, tmp_path: Path, change: str
) -> None:
    send(engine, CHARS)
    line = f'op.execute("""ALTER TABLE flavors MODIFY {change}""")'
    text = vouching(f"{ADDS}\n    {line}", "MODIFY COLUMN")

    with pytest.raises(NotAdditiveError, match="something else than wider"):
        sync(engine, project(tmp_path, {"narrower.py": text}))

    assert (applied(engine), columns(engine)) == ([], {"id", "name", "kind"})


@pytest.mark.requires("transactional_ddl")
def test_rows_that_were_changed_behind_every_judge_are_seen(
    engine: Engine, manifest: Manifest, tmp_path: Path
) -> None:
    sync(engine, manifest)
    send(engine, "INSERT INTO flavors (id) VALUES (1)")
    raw = 'raw = getattr(op.get_bind(), "connec" + "tion")'
    behind = 'getattr(raw, "cur" + "sor")().execute("UPDATE flavors SET disk = 1")'

    with pytest.raises(NotAdditiveError, match="changes or deletes rows of"):
        sync(engine, cloud(tmp_path, live=allowed("op.get_bind().engine", raw, behind, ADDS)))

    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT disk FROM flavors")) is None
    assert "swap" not in columns(engine)


VOUCHED_DELETES = (
    "DO $$ BEGIN EXECUTE 'DELETE ' || 'FROM flavors'; END $$",
    "DO $$ BEGIN PERFORM purge(); END $$",
    "CALL purges()",
    "SELECT purge()",
    "CREATE MATERIALIZED VIEW m AS SELECT * FROM v",
)


@POSTGRESQL
@pytest.mark.parametrize("statement", VOUCHED_DELETES)
def test_nobody_can_vouch_for_what_deletes_rows(
    engine: Engine, tmp_path: Path, statement: str
) -> None:
    send(engine, "CREATE TABLE flavors AS SELECT 1 AS id")
    send(
        engine,
        "CREATE FUNCTION purge() RETURNS int LANGUAGE sql AS 'DELETE FROM flavors RETURNING 1'",
    )
    send(engine, "CREATE PROCEDURE purges() LANGUAGE sql AS 'DELETE FROM flavors'")
    send(engine, "CREATE VIEW v AS SELECT purge() AS x")
    head = 'allow = ["DO", "CALL", "PURGE()"]\nreason = "it only looks"'

    with pytest.raises(NotAdditiveError, match="changes or deletes rows of flavors"):
        sync(engine, project(tmp_path, {"m.py": expand(f'op.execute("{statement}")', head=head)}))

    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM flavors")) == 1


@POSTGRESQL
@pytest.mark.parametrize(
    "query", ["SELECT * FROM v", "SELECT f.purge FROM flavors f", "EXPLAIN ANALYZE SELECT * FROM v"]
)
def test_a_query_is_not_sent_for_it_may_call_what_writes(
    engine: Engine, tmp_path: Path, query: str
) -> None:
    send(engine, "CREATE TABLE flavors AS SELECT 1 AS id")
    purge = "LANGUAGE sql AS 'DELETE FROM flavors RETURNING 1'"
    send(engine, f"CREATE FUNCTION purge() RETURNS int {purge}")
    send(engine, f"CREATE FUNCTION purge(flavors) RETURNS int {purge}")
    lines = ('op.execute("CREATE VIEW v AS SELECT purge() AS x")', f'op.execute("{query}")')
    sync(engine, project(tmp_path, {"asks.py": expand(*lines)}))

    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM flavors")) == 1
    assert "v" in sa.inspect(engine).get_view_names()


@POSTGRESQL
def test_a_new_table_hides_none(engine: Engine, manifest: Manifest, tmp_path: Path) -> None:
    sync(engine, manifest)
    name = engine.url.username
    send(engine, f'CREATE SCHEMA "{name}"')
    table = f'op.create_table("flavors", sa.Column("id", sa.Integer), schema={name!r})'

    with pytest.raises(NotAdditiveError, match=r"table public\.flavors is changed"):
        sync(engine, cloud(tmp_path, hiding=expand(table)))


@POSTGRESQL
def test_a_setting_of_one_migration_is_not_that_of_the_next(engine: Engine, tmp_path: Path) -> None:
    asks = 'op.get_bind().info["timeout"] = op.get_bind().scalar(sa.text("SHOW lock_timeout"))'
    files = {
        "sets.py": expand("op.execute(\"SET lock_timeout = '1h'\")"),
        "next.py": allowed(
            asks, "op.execute(f\"CREATE TABLE t{op.get_bind().info['timeout']} ()\")"
        ),
    }
    sync(engine, project(tmp_path, files), Options(lock_timeout=3))

    assert "t3s" in sa.inspect(engine).get_table_names()


VOUCHED = {
    'op.alter_column("flavors", "name", type_=sa.String(90))': "ALTER COLUMN TYPE",
    'op.alter_column("flavors", "name", type_=sa.Text())': "ALTER COLUMN TYPE",
    'op.alter_column("flavors", "price", type_=sa.Numeric(12, 2))': "ALTER COLUMN TYPE",
    'op.alter_column("flavors", "name", nullable=True)': "ALTER COLUMN DROP NOT NULL",
    'op.execute("CREATE OR REPLACE VIEW v AS SELECT id, name, price FROM flavors")': (
        "CREATE OR REPLACE VIEW"
    ),
    "op.execute(\"CREATE OR REPLACE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 2'\")": (
        "CREATE OR REPLACE FUNCTION"
    ),
}
PRESENT = (
    "CREATE TABLE flavors (id integer, name varchar(50) NOT NULL, price numeric(10, 2))",
    "CREATE VIEW v AS SELECT id FROM flavors",
    "CREATE FUNCTION f(int) RETURNS int LANGUAGE sql AS 'SELECT 1'",
)


def vouching(line: str, label: str) -> str:
    return expand(line, head=f'allow = ["{label}"]\nreason = "the running code does not mind"')


@POSTGRESQL
@pytest.mark.parametrize(("line", "label"), VOUCHED.items())
def test_what_only_allows_more_passes_when_it_is_vouched_for(
    engine: Engine, tmp_path: Path, line: str, label: str
) -> None:
    for statement in PRESENT:
        send(engine, statement)
    with pytest.raises(UnreadableError, match=label):
        sync(engine, project(tmp_path, {"looser.py": expand(line)}))

    sync(engine, project(tmp_path, {"looser.py": vouching(line, label)}))

    assert applied(engine) == [1]


@POSTGRESQL
@pytest.mark.parametrize(
    ("line", "lost"),
    [
        ('op.alter_column("flavors", "name", type_=sa.String(40))', "column .*name is changed"),
        ('op.alter_column("flavors", "price", type_=sa.Numeric(12, 3))', "column .*price is"),
        ('op.alter_column("flavors", "id", type_=sa.Text())', "column .*id is changed"),
    ],
)
def test_what_allows_less_is_rolled_back_whoever_vouches_for_it(
    engine: Engine, tmp_path: Path, line: str, lost: str
) -> None:
    send(engine, PRESENT[0])
    manifest = project(tmp_path, {"narrower.py": vouching(line, "ALTER COLUMN TYPE")})

    with pytest.raises(NotAdditiveError, match=lost):
        sync(engine, manifest)

    assert applied(engine) == []
