"""What errors say, and what they must not say."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from migrator.errors import (
    GuardError,
    ManifestError,
    MigrationError,
    MigratorError,
    error_code,
    wrap,
)

MAIL = "bob@secret.example"


def test_line_of_manifest_stands_first() -> None:
    error = ManifestError("two entries are numbered 3", line=4)

    assert str(error) == "line 4: two entries are numbered 3"


def test_migration_is_named() -> None:
    assert str(MigrationError("no phase", migration="add_x")) == "add_x: no phase"


def test_guard_exits_with_three_and_the_rest_with_two() -> None:
    assert GuardError("blocked").exit_code == 3
    assert MigratorError("anything").exit_code == 2


def test_wrapped_error_holds_no_row_data() -> None:
    engine = sa.create_engine("sqlite://")
    with engine.begin() as connection:
        connection.exec_driver_sql("CREATE TABLE t (mail TEXT UNIQUE)")
        connection.execute(sa.text("INSERT INTO t VALUES (:mail)"), {"mail": MAIL})
        with pytest.raises(sa.exc.IntegrityError) as raised:
            connection.execute(sa.text("INSERT INTO t VALUES (:mail)"), {"mail": MAIL})
    error = wrap(raised.value, doing="an insert")

    assert MAIL not in str(error)
    assert str(error) == "an insert failed: IntegrityError SQLITE_CONSTRAINT_UNIQUE"
    engine.dispose()


def test_code_of_a_driver_that_tells_number_first() -> None:
    class OriginalError(Exception):
        pass

    error = sa.exc.OperationalError("SELECT 1", None, OriginalError(1205, "Lock wait timeout"))

    assert error_code(error) == "1205"
