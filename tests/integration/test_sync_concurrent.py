"""What sync builds concurrently: outside a transaction, and never left or taken half done."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator import history
from migrator.apply import Options, Waiting, sync
from migrator.database import open_engine
from migrator.errors import StepError
from tests.projects import cloud, expand, project
from tests.synced import send

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from migrator.apply import Event
    from tests.databases import Database

pytestmark = pytest.mark.requires("concurrent_index")

COLUMNS = tuple(f'op.add_column("flavors", sa.Column("{name}", sa.Integer))' for name in "ab")
INDEX = 'op.create_index("ix", "flavors", ["foobars"], postgresql_concurrently=True)'
INDEX_UNLESS = INDEX.replace("concurrently=True", "concurrently=True, if_not_exists=True")
UNIQUE = (
    'op.create_index("ix_name", "flavors", ["name"], unique=True, postgresql_concurrently=True)'
)


@pytest.fixture
def engine(database: Database) -> Engine:
    return open_engine(database.url)


def indexes(engine: Engine) -> dict[str, bool]:
    """Return the indexes of flavors and whether each is valid."""
    query = (
        "SELECT c.relname, x.indisvalid FROM pg_index x JOIN pg_class c ON c.oid = x.indexrelid "
        "WHERE x.indrelid = CAST('flavors' AS regclass) AND NOT x.indisprimary"
    )
    with engine.connect() as connection:
        return dict(tuple(row) for row in connection.execute(sa.text(query)))


def test_an_index_is_built_outside_a_transaction(engine: Engine, tmp_path: Path) -> None:
    sync(engine, cloud(tmp_path, index=expand(COLUMNS[0], INDEX, COLUMNS[1])))

    assert indexes(engine) == {"ix": True}
    assert {"a", "b"} <= {each["name"] for each in sa.inspect(engine).get_columns("flavors")}
    with engine.connect() as connection:
        row = history.read(connection)[-1]
    assert (row.version, row.statement, row.complete) == (5, 3, True)


@pytest.mark.parametrize("index", [INDEX, INDEX_UNLESS])
def test_an_invalid_index_is_built_again_and_never_accepted(
    engine: Engine, tmp_path: Path, index: str
) -> None:
    sync(engine, cloud(tmp_path))
    leave_invalid(engine)
    assert indexes(engine) == {"ix": False}

    sync(engine, cloud(tmp_path, index=expand(index)))

    assert indexes(engine) == {"ix": True}


def leave_invalid(engine: Engine) -> None:
    """Leave what a concurrent build leaves that fails: two rows are equal under a unique index."""
    send(engine, "INSERT INTO flavors (id, foobars) VALUES (1, 7), (2, 7)")
    with (
        engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection,
        pytest.raises(sa.exc.IntegrityError),
    ):
        connection.execute(sa.text("CREATE UNIQUE INDEX CONCURRENTLY ix ON flavors (foobars)"))


def test_a_failed_build_leaves_no_invalid_index(engine: Engine, tmp_path: Path) -> None:
    send(engine, "CREATE TABLE flavors (id INTEGER PRIMARY KEY, name VARCHAR(20))")
    send(engine, "INSERT INTO flavors VALUES (1, 'a'), (2, 'a')")
    allow = 'allow = ["CREATE UNIQUE INDEX"]\nreason = "names are unique"'

    with pytest.raises(StepError, match="statement 1 of 1"):
        sync(engine, project(tmp_path, {"unique.py": expand(UNIQUE, head=allow)}))

    assert indexes(engine) == {}


def test_an_index_of_another_table_is_neither_dropped_nor_taken_for_it(
    engine: Engine, tmp_path: Path
) -> None:
    sync(engine, cloud(tmp_path))
    leave_invalid(engine)
    send(engine, "CREATE TABLE zones (id INTEGER)")
    manifest = cloud(
        tmp_path, index=expand(INDEX_UNLESS.replace('"flavors", ["foobars"]', '"zones", ["id"]'))
    )

    with pytest.raises(StepError, match="no valid index 'ix' on 'zones'"):
        sync(engine, manifest)
    assert indexes(engine) == {"ix": False}


def cut_short(engine: Engine, tmp_path: Path, how: str) -> tuple[StepError, int]:
    """Return how a build ends that *how* ends while it waits, and how often it said that it does.

    What it waits for is gone once it says so again.
    """
    sync(engine, cloud(tmp_path))
    blocker = engine.connect()
    blocker.execute(sa.text("INSERT INTO flavors (id) VALUES (1)"))
    waits: list[Waiting] = []

    def listen(event: Event) -> None:
        if not isinstance(event, Waiting):
            return
        waits.append(event)
        if len(waits) > 1:
            blocker.close()
            return
        query = (
            "SELECT {}(pid) FROM pg_stat_progress_create_index WHERE datname = current_database()"
        )
        send(engine, query.format(how))

    manifest = cloud(tmp_path, index=expand(INDEX))
    with blocker, pytest.raises(StepError) as caught:
        sync(engine, manifest, Options(lock_timeout=0.2), on_event=listen)
    return caught.value, len(waits)


def test_a_build_that_is_cancelled_is_cleaned_up_and_says_whom_that_waits_for(
    engine: Engine, tmp_path: Path
) -> None:
    error, waits = cut_short(engine, tmp_path, "pg_cancel_backend")

    assert "57014" in error.message
    assert (waits, indexes(engine)) == (2, {})


def test_a_build_whose_session_is_lost_is_left_to_the_next_run(
    engine: Engine, tmp_path: Path
) -> None:
    error, waits = cut_short(engine, tmp_path, "pg_terminate_backend")
    assert "the connection was lost" in error.message
    assert (waits, indexes(engine)) == (1, {"ix": False})

    sync(engine, cloud(tmp_path, index=expand(INDEX)))
    assert indexes(engine) == {"ix": True}
