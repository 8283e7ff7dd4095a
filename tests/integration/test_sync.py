"""Sync: what is applied, in which order, what is refused, and where a failure is gone on from."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator import history
from migrator.apply import Accepted, Finished, Options, Retried, Started, look, sync
from migrator.database import open_engine
from migrator.errors import (
    GuardError,
    HistoryDivergedError,
    LockedError,
    NotAdditiveError,
    PlanError,
    StepError,
    UnreadableError,
)
from migrator.lock import runner_lock
from tests.projects import CLOUD, cloud, contract, expand, project
from tests.synced import applied, columns, events_of, rows, send

if TYPE_CHECKING:
    from pathlib import Path

    from sqlalchemy.engine import Engine

    from migrator.apply import Event
    from migrator.manifest import Manifest
    from tests.databases import Database

NOW = Options(lock_timeout=0.2, attempts=2)
"""For tests in which no lock is ever to be had."""


@pytest.fixture
def engine(database: Database) -> Engine:
    return open_engine(database.url)


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    return cloud(tmp_path)


# What is applied


def test_everything_is_applied_in_order(engine: Engine, manifest: Manifest) -> None:
    found = events_of(engine, manifest)

    assert applied(engine) == [1, 2, 3, 4]
    assert columns(engine) == {"id", "foobars", "vcpus", "disk"}
    started = [each.version for each in found if isinstance(each, Started)]
    assert started == [each.version for each in found if isinstance(each, Finished)] == [1, 2, 3, 4]


def test_what_is_applied_is_noted_though_the_next_cannot_begin(
    engine: Engine, manifest: Manifest
) -> None:
    def refuse(event: Event) -> None:
        if isinstance(event, Started) and event.version == 2:
            raise InterruptedError

    with pytest.raises(InterruptedError):
        sync(engine, manifest, on_event=refuse)

    assert [(each.version, each.complete, each.intent) for each in rows(engine)] == [
        (1, True, None)
    ]


def test_a_second_sync_has_nothing_to_do(engine: Engine, manifest: Manifest) -> None:
    sync(engine, manifest)
    before = rows(engine)

    outcome = sync(engine, manifest)

    assert (outcome.version, outcome.finished) == (4, ())
    assert rows(engine) == before


def test_sync_goes_no_further_than_its_target(engine: Engine, manifest: Manifest) -> None:
    assert sync(engine, manifest, Options(target="juno")).version == 2
    assert applied(engine) == [1, 2]
    assert "disk" not in columns(engine)


def test_only_expands_leave_the_contract_for_a_later_sync(
    engine: Engine, manifest: Manifest
) -> None:
    outcome = sync(engine, manifest, Options(expand_only=True))
    assert applied(engine) == [1, 2, 4]
    assert [(each.version, each.pending) for each in outcome.left] == [(3, ())]

    sync(engine, manifest)
    assert applied(engine) == [1, 2, 3, 4]
    assert "memory_mb" not in columns(engine)


def test_contracts_that_are_left_say_what_rows_still_need(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(target="1"))
    send(engine, "INSERT INTO flavors (id, memory_mb) VALUES (1, 0)")

    outcome = sync(engine, manifest, Options(expand_only=True))

    assert [each.pending for each in outcome.left] == [("flavor_foobars",)]


def test_an_older_target_can_take_the_contract_that_was_left(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(expand_only=True))

    assert [each.version for each in sync(engine, manifest, Options(target="3")).finished] == [3]
    with pytest.raises(PlanError, match="beyond the target 3"):
        sync(engine, manifest, Options(target="3"))


def test_percent_signs_and_colons_reach_the_database_as_they_are(
    engine: Engine, tmp_path: Path
) -> None:
    manifest = project(
        tmp_path,
        {
            "create_rates.py": expand(
                'op.create_table("rates", sa.Column("id", sa.Integer, primary_key=True),',
                '    sa.Column("100% :x %s", sa.String(20), server_default="50%% :y"))',
            )
        },
    )
    sync(engine, manifest)
    table = sa.Table("rates", sa.MetaData(), autoload_with=engine)

    with engine.begin() as connection:
        connection.execute(table.insert().values(id=1))
        assert connection.execute(sa.select(table.c["100% :x %s"])).scalar_one() == "50%% :y"


def test_a_file_for_one_database_replaces_the_function(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    manifest = project(
        tmp_path,
        {
            "create_zones.py": expand('op.create_table("elsewhere", sa.Column("id", sa.Integer))'),
            f"create_zones.{database.name}.sql": "CREATE TABLE zones (id INTEGER);\n"
            "CREATE TABLE racks (id INTEGER);",
        },
    )
    sync(engine, manifest)

    assert {"zones", "racks"} <= set(sa.inspect(engine).get_table_names())
    assert "elsewhere" not in sa.inspect(engine).get_table_names()


def test_an_engine_of_the_application_is_good_enough(
    database: Database, manifest: Manifest
) -> None:
    sync(database.engine(), manifest)

    assert applied(database.engine()) == [1, 2, 3, 4]


def test_every_driver_will_do(driver: Database, tmp_path: Path) -> None:
    engine = open_engine(driver.url)
    index = 'op.create_index("ix", "flavors", ["disk"], postgresql_concurrently=True)'
    sync(engine, cloud(tmp_path, add_index=expand(index)))

    assert applied(engine) == [1, 2, 3, 4, 5]
    assert [each["name"] for each in sa.inspect(engine).get_indexes("flavors")] == ["ix"]


# What is refused before anything runs


def test_nothing_runs_when_one_expand_of_the_plan_is_refused(
    engine: Engine, tmp_path: Path
) -> None:
    manifest = cloud(tmp_path, drop_vcpus=expand('op.drop_column("flavors", "vcpus")'))

    with pytest.raises(NotAdditiveError, match="drop_vcpus"):
        sync(engine, manifest)
    assert rows(engine) == ()
    assert columns(engine) == set()


def test_what_needs_a_database_to_be_known_is_refused_unless_allowed(
    engine: Engine, tmp_path: Path
) -> None:
    manifest = cloud(tmp_path, look=expand("sa.inspect(op.get_bind())"))

    with pytest.raises(UnreadableError, match="look"):
        sync(engine, manifest)
    assert rows(engine) == ()


def test_a_blocked_contract_is_refused_before_the_first_step(
    engine: Engine, tmp_path: Path
) -> None:
    last = dict(reversed(list(CLOUD.items())[2:]))
    manifest = project(tmp_path, dict(list(CLOUD.items())[:2]) | last)
    sync(engine, manifest, Options(target="2"))
    send(engine, "INSERT INTO flavors (id, memory_mb) VALUES (1, 512)")
    before = rows(engine)

    with pytest.raises(GuardError) as refused:
        sync(engine, manifest)

    assert refused.value.exit_code == 3
    assert (rows(engine), "disk" in columns(engine)) == (before, False)


def test_a_contract_whose_transition_begins_in_the_same_run_is_refused_where_rows_are(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(target="1"))
    send(engine, "INSERT INTO flavors (id, memory_mb) VALUES (1, 512)")

    with pytest.raises(GuardError, match="flavor_foobars has not begun"):
        sync(engine, manifest)
    assert applied(engine) == [1]


def test_the_guard_is_overridden_for_one_contract_only(engine: Engine, tmp_path: Path) -> None:
    manifest = project(
        tmp_path,
        CLOUD
        | {
            "drop_disk.py": contract(
                'op.drop_column("flavors", "disk")', head='abandons = {"flavors.disk": "x"}'
            )
        },
    )

    with pytest.raises(PlanError, match="2 contracts at once"):
        sync(engine, manifest, Options(override="we know"))


def test_an_override_drops_in_spite_of_rows_and_is_remembered(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(target="2"))
    send(engine, "INSERT INTO flavors (id, memory_mb) VALUES (1, 512)")

    sync(engine, manifest, Options(target="3", override="the values are known to be wrong"))

    assert "memory_mb" not in columns(engine)
    assert "the values are known to be wrong" in (rows(engine)[2].note or "")


# What fails, and is gone on from


MENDED = (
    'op.add_column("flavors", sa.Column("a", sa.Integer))',
    'op.add_column("flavors", sa.Column("b", sa.Integer))',
    'op.add_column("flavors", sa.Column("c", sa.Integer))',
)
FAILING = (MENDED[0], MENDED[0], MENDED[2])


def failed(engine: Engine, tmp_path: Path) -> StepError:
    """Return the error of a migration whose second statement is refused."""
    manifest = cloud(tmp_path, add_more=expand(*FAILING))
    with pytest.raises(StepError) as caught:
        sync(engine, manifest)
    return caught.value


def test_a_refused_statement_is_named_without_what_the_driver_says(
    engine: Engine, tmp_path: Path
) -> None:
    error = failed(engine, tmp_path)

    assert error.number == 5
    assert "migration 5 'add_more', statement 2 of 3 (ADD COLUMN)" in error.message
    assert "duplicate column" in error.message.lower() or "already exists" in error.message
    assert error.hint is not None


UNIQUE = 'op.create_index("ix_name", "names", ["name"], unique=True, postgresql_concurrently=True)'


def test_what_a_driver_says_of_rows_is_not_told(engine: Engine, tmp_path: Path) -> None:
    send(engine, "CREATE TABLE names (name VARCHAR(20))")
    send(engine, "INSERT INTO names VALUES ('canary'), ('canary')")
    manifest = cloud(
        tmp_path, unique=expand(UNIQUE, head='allow = ["CREATE UNIQUE INDEX"]\nreason = "x"')
    )

    with pytest.raises(StepError) as caught:
        sync(engine, manifest)

    assert "canary" not in f"{caught.value!r} {caught.value.__cause__!r}"
    assert "5 'unique', statement 1 of 1" in caught.value.message


@pytest.mark.requires("transactional_ddl")
def test_a_failure_leaves_nothing_behind(engine: Engine, tmp_path: Path) -> None:
    failed(engine, tmp_path)

    assert applied(engine) == [1, 2, 3, 4]
    assert len(rows(engine)) == 4
    assert "a" not in columns(engine)


def test_a_mended_migration_goes_on_where_it_failed(engine: Engine, tmp_path: Path) -> None:
    failed(engine, tmp_path)

    sync(engine, cloud(tmp_path, add_more=expand(*MENDED)))

    assert applied(engine) == [1, 2, 3, 4, 5]
    assert {"a", "b", "c"} <= columns(engine)


@pytest.mark.parametrize("name", ["a", "b", "c"])
def test_whichever_statement_fails_the_rest_is_done_later(
    engine: Engine, tmp_path: Path, name: str
) -> None:
    manifest = cloud(tmp_path, add_more=expand(*MENDED))
    sync(engine, manifest, Options(target="4"))
    send(engine, f"ALTER TABLE flavors ADD COLUMN {name} INTEGER")
    with pytest.raises(StepError, match=f"statement {'abc'.index(name) + 1} of 3"):
        sync(engine, manifest)
    with pytest.raises(StepError):
        sync(engine, manifest)
    send(engine, f"ALTER TABLE flavors DROP COLUMN {name}")

    assert [each.version for each in sync(engine, manifest).finished] == [5]
    assert {"a", "b", "c"} <= columns(engine)


def without_transactions(database: Database) -> None:
    if database.name != "mariadb":
        pytest.skip("DDL is transactional: nothing is ever half applied")


def test_a_half_applied_migration_must_keep_what_is_done(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    without_transactions(database)
    failed(engine, tmp_path)

    with pytest.raises(HistoryDivergedError, match="its first 1 statements are no longer"):
        sync(engine, cloud(tmp_path, add_more=expand(*reversed(MENDED))))
    assert "c" not in columns(engine)


def test_a_half_applied_migration_cannot_be_left_behind(
    engine: Engine, database: Database, tmp_path: Path
) -> None:
    without_transactions(database)
    failed(engine, tmp_path)

    with pytest.raises(PlanError, match="migration 5 is half applied"):
        sync(engine, cloud(tmp_path, add_more=expand(*MENDED)), Options(target="4"))


# What was interrupted and cannot be told


def interrupted(engine: Engine, manifest: Manifest, statement: str) -> None:
    """Leave the history as a run that was killed leaves it, with *statement* on its way."""
    sync(engine, manifest, Options(target="4"))
    (job,) = look(engine, manifest).jobs
    record = history.HistoryRecord(
        migration=job.migration, statements=job.texts, started_at=rows(engine)[0].started_at
    )
    with engine.begin() as connection:
        record.intend(connection, 0, statement)


@pytest.fixture
def unknown(engine: Engine, database: Database, tmp_path: Path) -> Manifest:
    """A migration on its way whose statement the catalogue cannot tell."""
    without_transactions(database)
    lines = ('op.execute("CREATE VIEW v AS SELECT 1")', MENDED[0])
    manifest = cloud(tmp_path, add_more=expand(*lines, head='allow = ["VIEW"]\nreason = "x"'))
    interrupted(engine, manifest, "a statement that was edited since")
    return manifest


def test_what_cannot_be_told_is_asked(engine: Engine, unknown: Manifest) -> None:
    with pytest.raises(StepError, match="it is not known whether") as caught:
        sync(engine, unknown)

    assert caught.value.hint is not None
    assert "--interrupted ran" in caught.value.hint


def test_the_operator_says_that_it_did_not_run(engine: Engine, unknown: Manifest) -> None:
    sync(engine, unknown, Options(interrupted=False))

    assert applied(engine)[-1] == 5
    assert "v" in sa.inspect(engine).get_view_names()


def test_the_operator_says_that_it_ran(engine: Engine, unknown: Manifest) -> None:
    sync(engine, unknown, Options(interrupted=True))

    assert applied(engine)[-1] == 5
    assert "v" not in sa.inspect(engine).get_view_names()


@pytest.mark.parametrize("done", [False, True])
def test_the_catalogue_tells_whether_a_statement_ran(
    engine: Engine, database: Database, tmp_path: Path, *, done: bool
) -> None:
    without_transactions(database)
    manifest = cloud(tmp_path, add_more=expand(*MENDED))
    sync(engine, manifest, Options(target="4"))
    text = look(engine, manifest).jobs[0].texts[0]
    interrupted(engine, manifest, text)
    if done:
        send(engine, text)

    sync(engine, manifest)

    assert {"a", "b", "c"} <= columns(engine)


# What was edited


def test_an_edited_migration_is_refused_and_can_be_accepted(engine: Engine, tmp_path: Path) -> None:
    sync(engine, cloud(tmp_path, add_more=expand(*MENDED)))
    manifest = cloud(tmp_path, add_more=expand(*MENDED, doc="Said better"))

    with pytest.raises(HistoryDivergedError, match="line 6: migration 5 'add_more' was edited"):
        sync(engine, manifest)
    found = events_of(engine, manifest, Options(accepted=(5,)))

    assert found == [Accepted(version=5, name="add_more")]
    assert sync(engine, manifest).finished == ()
    assert "accepted" in (rows(engine)[4].note or "")


def test_a_database_ahead_of_the_manifest_is_refused(engine: Engine, tmp_path: Path) -> None:
    sync(engine, cloud(tmp_path, add_more=expand(*MENDED)))

    (tmp_path / "versions" / "add_more.py").unlink()
    with pytest.raises(HistoryDivergedError, match="line 6: the database is ahead of the manifest"):
        sync(engine, cloud(tmp_path))


# Who is in the way


@pytest.mark.thorough
def test_a_second_operator_is_refused(engine: Engine, manifest: Manifest) -> None:
    with (
        engine.connect() as connection,
        runner_lock(connection),
        pytest.raises(LockedError, match="another migrator runs"),
    ):
        sync(engine, manifest)
    assert rows(engine) == ()


@pytest.mark.requires("row_locks")
def test_sessions_in_the_way_are_named_when_no_lock_was_to_be_had(
    engine: Engine, manifest: Manifest
) -> None:
    sync(engine, manifest, Options(target="1"))
    found: list[Event] = []

    with engine.connect() as reader:
        reader.execute(sa.text("SELECT id FROM flavors"))
        number = reader.scalar(sa.text(session_number(reader)))
        with pytest.raises(LockedError) as caught:
            sync(
                engine,
                manifest,
                Options(lock_timeout=1, attempts=2, expand_only=True),
                on_event=found.append,
            )

    assert f"session {number}" in caught.value.message
    assert "SELECT" not in caught.value.message
    assert [each.attempt for each in found if isinstance(each, Retried)] == [1]
    assert applied(engine) == [1]


def session_number(connection: sa.Connection) -> str:
    name = "pg_backend_pid" if connection.dialect.name == "postgresql" else "connection_id"
    return f"SELECT {name}()"


def test_a_lock_that_comes_free_is_waited_for(engine: Engine, manifest: Manifest) -> None:
    sync(engine, manifest, Options(target="1"))
    blocker = engine.connect()
    blocker.execute(sa.text("SELECT id FROM flavors"))

    options = Options(lock_timeout=0.2, attempts=20, sleep=lambda _seconds: blocker.close())
    found = events_of(engine, manifest, options)

    assert applied(engine) == [1, 2, 3, 4]
    assert [each.attempt for each in found if isinstance(each, Retried)] == [1]


def test_what_no_lock_was_had_for_goes_on_later(engine: Engine, manifest: Manifest) -> None:
    sync(engine, manifest, Options(target="1"))
    with engine.connect() as blocker:
        blocker.execute(sa.text("SELECT id FROM flavors"))
        with pytest.raises(LockedError):
            sync(engine, manifest, NOW)

    assert applied(engine) == [1]
    sync(engine, manifest)
    assert applied(engine) == [1, 2, 3, 4]
