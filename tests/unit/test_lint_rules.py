"""Each rule of check: what it finds, and what it leaves alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from migrator.dialects import DIALECTS, dialect_named
from migrator.errors import UnreadableError
from migrator.lint import raw_connection
from migrator.lint.check import RULES, check
from migrator.lint.loaded import load_each
from migrator.manifest import Entry
from migrator.migration import read_files
from tests.projects import contract, expand, project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from migrator.lint import Violation

CREATE = expand(
    'op.create_table("flavors", sa.Column("id", sa.Integer, primary_key=True),',
    '    sa.Column("memory_mb", sa.Integer), sa.Column("note", sa.Text))',
)
RENAME = expand(
    'op.add_column("flavors", sa.Column("foobars", sa.Integer))',
    head='flavor_foobars = rename("flavors", "memory_mb", to="foobars")',
)
DROP = contract('op.drop_column("flavors", "memory_mb")', head='completes = ["flavor_foobars"]')
POSTGRESQL = ("postgresql",)


def found(
    folder: Path,
    files: Mapping[str, str],
    dialects: tuple[str, ...] = ("postgresql", "mariadb", "sqlite"),
    **releases: int,
) -> list[Violation]:
    """Return the violations of *files*, but for tests that are missing."""
    manifest = project(folder, files, **releases)
    migrations, failed = load_each(manifest)
    named = [dialect_named(name) for name in dialects]
    violations = [*failed, *check(manifest, migrations, named)]
    return [each for each in violations if each.rule != "missing-test"]


def said(violations: list[Violation]) -> list[tuple[str, str, str]]:
    return [(each.severity, each.rule, each.migration) for each in violations]


def test_a_whole_change_has_nothing_to_say(tmp_path):
    files = {"create.py": CREATE, "add.py": RENAME, "drop.py": DROP}
    assert found(tmp_path, files, juno=2, kilo=3) == []


def test_every_rule_is_in_the_tuple():
    modules = {rule.__module__.rpartition(".")[2] for rule in RULES}
    assert {"additive", "unguarded_drop", "raw_connection", "same_release"} <= modules
    assert len(RULES) == len(set(RULES))


def test_additive_names_the_databases_and_the_line(tmp_path):
    files = {
        "create.py": CREATE,
        "add.py": expand("pass"),
        "add.sqlite.sql": "-- Adds.\nSELECT 1;\nDROP TABLE flavors;\n",
    }
    (violation,) = [each for each in found(tmp_path, files) if each.rule == "additive"]
    assert (violation.severity, violation.dialects) == ("error", ("sqlite",))
    assert (violation.path, violation.line) == (tmp_path / "versions" / "add.sqlite.sql", 3)


def test_what_is_true_of_every_database_is_said_once(tmp_path):
    files = {"create.py": CREATE, "add.py": expand('op.drop_column("flavors", "note")')}
    (violation,) = [each for each in found(tmp_path, files) if each.rule == "additive"]
    assert violation.dialects == ()


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("op.get_bind().connection.cursor()", ".connection"),
        ("op.get_bind().connection.driver_connection", ".driver_connection"),
        ("bind = op.get_bind(); bind.engine.raw_connection()", ".raw_connection"),
        ('getattr(op.get_bind(), "connection")', '"connection"'),
        ("import sqlite3", "import sqlite3"),
        ("from psycopg2 import connect", "import psycopg2"),
        ("import subprocess as s", "import subprocess"),
        ("import os; os.system('x')", "os.system"),
        ("__import__('x')", "__import__"),
        ("exec('x')", "exec"),
        ("from sqlalchemy import create_engine", "create_engine"),
        ("sa.engine_from_config({})", ".engine_from_config"),
        ("op.get_bind().dialect.loaded_dbapi.connect()", ".loaded_dbapi"),
        ("op.get_bind().engine.pool.connect()", ".pool"),
        ("op.get_bind()._dbapi_connection", "._dbapi_connection"),
        ('operator.methodcaller("cursor")', '"cursor"'),
        ("sa.event.listen(op, 'x', print)", ".listen"),
        ("import threading", "import threading"),
        ("op.get_bind().\N{FULLWIDTH LATIN SMALL LETTER C}ursor()", ".cursor"),
    ],
)
def test_raw_connection_is_found_without_importing(tmp_path, line, what):
    text = expand('op.execute("SELECT 1")', f"if 0: {line}")
    rule = [each for each in found(tmp_path, {"a.py": text}) if each.rule == "raw-connection"]
    assert {each.severity for each in rule} == {"error"}
    assert f"{what} goes round what judges statements" in {each.message for each in rule}
    assert {each.line for each in rule} == {9}
    head = 'allow = ["raw-connection"]\nreason = "it only looks"'
    text = expand('op.execute("SELECT 1")', f"if 0: {line}", head=head)
    assert "error" not in {each.severity for each in found(tmp_path, {"a.py": text})}


def test_raw_connection_looks_into_helpers(tmp_path):
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "_helper.py").write_text("import sqlite3\n")
    text = expand('op.execute("SELECT 1")', head="from versions import _helper")
    assert ("error", "raw-connection", "a") in said(found(tmp_path, {"a.py": text}))


def test_a_migration_that_cannot_be_loaded_goes_round_nothing_either(tmp_path):
    (tmp_path / "a.py").write_text("allow = [")
    (tmp_path / "a.sqlite.py").write_text("import sqlite3\n")
    entry = Entry(number=1, files=("a.py", "a.sqlite.py"))
    with pytest.raises(UnreadableError, match=r"a\.sqlite\.py, line 1: import sqlite3 goes round"):
        raw_connection.refuse(entry, tmp_path, read_files(entry, tmp_path))


def test_missing_test_looks_beside_the_migration(tmp_path):
    manifest = project(tmp_path, {"create.py": CREATE, "add.py": RENAME})
    (tmp_path / "versions" / "create_test.py").write_text("")
    rules = said(check(manifest, load_each(manifest)[0]))
    assert ("warning", "missing-test", "add") in rules
    assert ("warning", "missing-test", "create") not in rules


@pytest.mark.parametrize(
    ("releases", "severity"),
    [({"juno": 3}, "error"), ({"juno": 1}, "error"), ({}, "warning"), ({"juno": 2}, None)],
)
def test_same_release_wants_a_contract_in_a_later_one(tmp_path, releases, severity):
    files = {"create.py": CREATE, "add.py": RENAME, "drop.py": DROP}
    rules = said(found(tmp_path, files, **releases))
    assert rules == ([] if severity is None else [(severity, "same-release", "drop")])


@pytest.mark.parametrize(
    ("releases", "severity"), [({"juno": 2}, "info"), ({"juno": 2, "kilo": 3}, "warning")]
)
def test_open_transition_is_no_news_in_the_newest_release(tmp_path, releases, severity):
    files = {"create.py": CREATE, "add.py": RENAME, "later.py": expand()}
    assert said(found(tmp_path, files, **releases)) == [(severity, "open-transition", "add")]


@pytest.mark.parametrize(
    ("line", "head", "what"),
    [
        ('op.drop_column("flavors", "memory_mb")', "", "drops flavors.memory_mb"),
        (
            'op.drop_column("flavors", "note")',
            'completes = ["flavor_foobars"]',
            "drops flavors.note",
        ),
        ('op.drop_table("flavors")', 'completes = ["flavor_foobars"]', "drops flavors"),
        ('op.rename_table("flavors", "f")', "", "renames flavors"),
        ('op.alter_column("flavors", "note", new_column_name="n")', "", "renames flavors.note"),
        (
            'op.alter_column("flavors", "note", type_=sa.String(9), existing_type=sa.Text())',
            "",
            "narrows flavors.note",
        ),
        (
            'op.alter_column("flavors", "note", nullable=False, existing_type=sa.Text())',
            "",
            "narrows flavors.note",
        ),
        (
            'op.create_check_constraint("k", "flavors", "memory_mb > 5")',
            "",
            "refuses writes to flavors by a new check constraint",
        ),
        (
            'op.create_unique_constraint("k", "flavors", ["note"])',
            "",
            "refuses writes to flavors by a new unique constraint",
        ),
        (
            'op.create_index("k", "flavors", ["note"], unique=True)',
            "",
            "refuses writes to flavors by a new unique index",
        ),
        (
            'op.execute("ALTER TABLE flavors ADD CONSTRAINT IF NOT EXISTS k UNIQUE (note)")',
            "",
            "refuses writes to flavors by a new unique constraint",
        ),
        ('op.execute("DELETE FROM flavors")', "", "changes rows or the storage of flavors"),
        ('op.execute("TRUNCATE flavors")', "", "changes rows or the storage of flavors"),
        (
            'op.drop_column("flavors", "Note")',
            'abandons = {"flavors.note": "x"}',
            "drops flavors.Note",
        ),
        ('op.drop_table("flavors")', 'abandons = {"audit.flavors": "x"}', "drops flavors"),
        (
            'op.drop_column("flavors", "foobars")',
            'completes = ["flavor_foobars"]',
            "drops flavors.foobars",
        ),
        ('op.alter_column("flavors", "note", server_default=None)', "", "narrows flavors.note"),
        ('op.execute("DROP SEQUENCE numbers")', "", "drops sequence numbers"),
        ('op.execute("ALTER DOMAIN size ADD CHECK (VALUE > 0)")', "", "narrows domain size"),
        (
            'op.execute("DROP EXTENSION citext CASCADE")',
            "",
            "drops extension citext and, with CASCADE, columns that it does not name",
        ),
    ],
)
def test_unguarded_drop_wants_to_know_what_becomes_of_the_data(tmp_path, line, head, what):
    files = {"create.py": CREATE, "add.py": RENAME, "drop.py": contract(line, head=head)}
    violations = found(tmp_path, files, POSTGRESQL, juno=2, kilo=3)
    unguarded = [each for each in violations if each.rule == "unguarded-drop"]
    assert [(each.severity, each.message) for each in unguarded] == [("error", what)]


@pytest.mark.parametrize(
    ("line", "head"),
    [
        ('op.drop_column("flavors", "note")', 'abandons = {"flavors.note": "nobody reads it"}'),
        ('op.drop_column("flavors", "note")', 'abandons = {"app.flavors.note": "unused"}'),
        ('op.drop_column("flavors", "note")', 'abandons = {"flavors": "all of it goes"}'),
        ('op.drop_table("flavors")', 'abandons = {"flavors": "all of it goes"}'),
        ('op.drop_index("i", "flavors")', ""),
        ('op.drop_constraint("k", "flavors")', ""),
        ('op.alter_column("flavors", "note", nullable=True, existing_type=sa.Text())', ""),
        ('op.alter_column("flavors", "note", server_default="x")', ""),
        ('op.execute("DROP VIEW v")', ""),
        ('op.create_table("new", sa.Column("id", sa.Integer)); op.drop_table("new")', ""),
    ],
)
def test_unguarded_drop_is_content_with_a_reason_and_with_what_holds_no_data(tmp_path, line, head):
    files = {"create.py": CREATE, "drop.py": contract(line, head=head)}
    assert found(tmp_path, files, POSTGRESQL, juno=1, kilo=2) == []


def test_unguarded_drop_lets_a_filled_column_be_required(tmp_path):
    fill = expand(
        'op.add_column("flavors", sa.Column("size", sa.Integer))',
        head='from migrator import fill\nsize = fill("flavors", "size", value=1)',
    )
    require = contract(
        'op.alter_column("flavors", "size", nullable=False, existing_type=sa.Integer())',
        head='completes = ["size"]',
    )
    files = {"create.py": CREATE, "add.py": fill, "require.py": require}
    assert found(tmp_path, files, POSTGRESQL, juno=2, kilo=3) == []


REBUILD = """
CREATE TABLE _new (id INTEGER PRIMARY KEY, {columns});
INSERT INTO _new SELECT id, {columns} FROM flavors;
DROP TABLE flavors;
ALTER TABLE _new RENAME TO flavors;
"""


@pytest.mark.parametrize(
    ("columns", "expected"),
    [
        ("note, foobars", []),
        ("memory_mb, note, foobars", ["completes"]),
        ("foobars", ["drops flavors.note"]),
    ],
)
def test_unguarded_drop_sees_what_a_rebuilt_table_loses(tmp_path, columns, expected):
    files = {
        "create.py": CREATE,
        "add.py": RENAME,
        "drop.py": DROP,
        "drop.sqlite.sql": REBUILD.format(columns=columns),
    }
    violations = found(tmp_path, files, ("sqlite",), juno=2, kilo=3)
    assert [e.rule if e.rule == "completes" else e.message for e in violations] == expected


def test_abandons_and_completes_are_meant(tmp_path):
    files = {
        "create.py": CREATE,
        "add.py": RENAME,
        "drop.py": contract(
            'op.drop_index("i", "flavors")',
            head='completes = ["flavor_foobars"]\nabandons = {"flavors.note": "unused"}',
        ),
    }
    messages = [each.message for each in found(tmp_path, files, juno=2, kilo=3)]
    assert messages == [
        "abandons flavors.note, and leaves it as it is",
        "completes flavor_foobars, and leaves flavors.memory_mb",
    ]


def test_completes_names_what_was_declared_before_and_only_once(tmp_path):
    files = {
        "create.py": CREATE,
        "early.py": DROP,
        "add.py": RENAME,
        "drop.py": DROP,
        "again.py": DROP,
        "unknown.py": contract(head='completes = ["frob"]'),
    }
    violations = found(tmp_path, files, juno=3, kilo=6)
    assert [each.message for each in violations if each.rule == "completes"] == [
        "completes 'flavor_foobars', which add declares only later",
        "completes 'flavor_foobars', as early does already",
        "completes 'flavor_foobars', as early does already",
        "completes 'frob', which no migration declares",
    ]


def test_cascade_takes_more_than_it_names(tmp_path):
    text = contract(
        'op.execute("DROP TABLE flavors CASCADE")', head='abandons = {"flavors": "unused"}'
    )
    violations = found(tmp_path, {"create.py": CREATE, "drop.py": text}, juno=1, kilo=2)
    assert said(violations) == [("warning", "cascade", "drop")]


def test_blocking_index_is_said_of_tables_in_use_only(tmp_path):
    index = expand('op.create_index("by_note", "flavors", ["memory_mb"])')
    files = {"create.py": CREATE + '    op.create_index("i", "flavors", ["id"])\n', "add.py": index}
    (violation,) = found(tmp_path, files)
    assert (violation.severity, violation.rule) == ("warning", "blocking-index")
    assert violation.dialects == ("postgresql",)
    files["add.py"] = expand(
        'op.create_index("by_note", "flavors", ["memory_mb"])',
        head='allow = ["blocking-index"]\nreason = "the table is small"',
    )
    assert {each.severity for each in found(tmp_path, files)} == {"info"}


def test_blocking_foreign_key_is_said(tmp_path):
    text = expand('op.execute("ALTER TABLE flavors ADD COLUMN x INTEGER REFERENCES flavors (id)")')
    violations = found(tmp_path, {"create.py": CREATE, "add.py": text}, POSTGRESQL)
    assert said(violations) == [("warning", "blocking-foreign-key", "add")]


def test_concurrent_alone_and_validated_at_once(tmp_path):
    files = {
        "create.py": CREATE,
        "add.py": expand("pass"),
        "add.postgresql.sql": "ALTER TABLE flavors ADD COLUMN x INTEGER;"
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (x > 1) NOT VALID;"
        "ALTER TABLE flavors VALIDATE CONSTRAINT k;"
        "CREATE INDEX CONCURRENTLY i ON flavors (x);",
    }
    rules = said(found(tmp_path, files, POSTGRESQL))
    assert rules == [
        ("warning", "concurrent-alone", "add"),
        ("warning", "validated-at-once", "add"),
    ]


def test_dialects_differ_compares_tables_and_columns(tmp_path):
    files = {"create.py": CREATE, "add.py": RENAME, "add.sqlite.sql": "SELECT 1"}
    violations = found(tmp_path, files)
    assert [each.message for each in violations if each.rule == "dialects-differ"] == [
        "does not add column flavors.foobars on sqlite, as it does on postgresql, mariadb"
    ]


def test_allowed_is_shown_with_its_reason_and_unused_is_told(tmp_path):
    head = 'allow = ["CREATE FUNCTION", "DO"]\nreason = "nobody calls it"'
    text = expand('op.execute("CREATE FUNCTION f() RETURNS INTEGER RETURN 1")', head=head)
    assert [(e.severity, e.rule, e.message) for e in found(tmp_path, {"a.py": text})] == [
        ("warning", "unused-allow", "allows DO, and sends nothing that needs it"),
        ("info", "allowed", "allows CREATE FUNCTION: nobody calls it"),
        ("info", "allowed", "allows DO: nobody calls it"),
    ]


def test_unrenderable_is_an_error_unless_it_is_known_to_run_unseen(tmp_path):
    line = 'op.get_bind().execute(sa.text("SELECT 1"))'
    rules = [(e.severity, e.rule) for e in found(tmp_path, {"a.py": expand(line)})]
    assert rules == [("error", "unrenderable")]
    text = expand(line, head='allow = ["python"]\nreason = "it looks first"')
    rules = [(e.severity, e.rule) for e in found(tmp_path, {"a.py": text})]
    assert rules == [("info", "unrenderable"), ("info", "allowed")]


def test_unrenderable_for_a_database_that_nobody_needs_is_a_warning(tmp_path):
    line = 'op.create_check_constraint("k", "flavors", "id > 1", postgresql_not_valid=True)'
    files = {"create.py": CREATE, "drop.py": contract(line, head='abandons = {"flavors": "x"}')}
    manifest = project(tmp_path, files)
    migrations = load_each(manifest)[0]

    def severity(needed: str) -> str:
        violations = check(manifest, migrations, DIALECTS, needed=dialect_named(needed))
        return next(each.severity for each in violations if each.rule == "unrenderable")

    assert (severity("postgresql"), severity("sqlite")) == ("warning", "error")


def test_unloadable_migrations_do_not_hide_the_others(tmp_path):
    files = {"broken.py": "def expand(op", "add.py": expand('op.drop_table("x")')}
    rules = said(found(tmp_path, files))
    assert rules == [("error", "unloadable", "broken"), ("error", "additive", "add")]


def test_transition_name_is_taken_once(tmp_path):
    files = {"create.py": CREATE, "add.py": RENAME, "more.py": RENAME}
    assert ("error", "transition-name", "more") in said(found(tmp_path, files))
