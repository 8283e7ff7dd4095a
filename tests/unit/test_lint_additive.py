"""additive: what an expand may send, one statement after the other, and what a contract may."""

from __future__ import annotations

import pytest

from migrator.dialects import dialect_named
from migrator.errors import NotAdditiveError, UnreadableError
from migrator.lint.additive import Judge, allowed, enforce, judge, refuse
from migrator.migration import Migration, Phase
from tests.statements import BLOCKING, DATA, DESTRUCTIVE, UNREADABLE, of

POSTGRESQL = dialect_named("postgresql")
EXPAND = Migration(number=1, name="add_foobars", phase=Phase.EXPAND)
CONTRACT = Migration(number=2, name="drop_memory_mb", phase=Phase.CONTRACT)
NEW_TABLE = "CREATE TABLE extra (id INTEGER, x INTEGER)"
NEW_COLUMN = "ALTER TABLE flavors ADD COLUMN x INTEGER"


def vouching(*labels: str, phase: Phase = Phase.EXPAND) -> Migration:
    return Migration(number=1, name="add", phase=phase, allow=labels, reason="it only adds")


def refused(*statements: str, name: str = "postgresql", migration: Migration = EXPAND) -> list[str]:
    """Return what is said of *statements*."""
    return [each.message for each in judge(migration, statements, dialect_named(name))]


@pytest.mark.parametrize(
    ("name", "text"), [*of(DESTRUCTIVE), *of(DATA), *of(BLOCKING), *of(UNREADABLE)]
)
def test_an_expand_is_refused_everything_that_is_not_additive(name, text):
    assert refused(text, name=name)
    with pytest.raises((NotAdditiveError, UnreadableError)) as caught:
        refuse(EXPAND, text, dialect_named(name))
    assert "add_foobars" in str(caught.value)


@pytest.mark.parametrize(("name", "text"), [*of(DESTRUCTIVE), *of(DATA)])
def test_what_drops_or_writes_is_refused_whatever_is_allowed(name, text):
    labels = [finding.label for finding, _ in Judge(EXPAND, dialect_named(name)).findings(text)]
    assert refused(text, name=name, migration=vouching(*labels, "DO", "SELECT"))


@pytest.mark.parametrize(("name", "text"), [*of(BLOCKING), *of(UNREADABLE)])
def test_what_cannot_be_judged_passes_when_the_migration_vouches_for_it(name, text):
    labels = [finding.label for finding, _ in Judge(EXPAND, dialect_named(name)).findings(text)]
    migration = vouching(*(f" {label.lower()}  " for label in labels))
    assert refused(text, name=name, migration=migration) == []
    found = {finding.label for finding in allowed(migration, [text], dialect_named(name))}
    assert found == set(labels)


def test_one_label_vouches_for_no_other():
    both = "DO $$ BEGIN END $$; CALL x()"
    assert refused(both, migration=vouching("DO")) == [
        "CALL cannot be judged: what it does cannot be read"
    ]
    assert refused(both, migration=vouching("DO", "CALL")) == []
    assert refused(f"{both}; DROP TABLE flavors", migration=vouching("DO", "CALL"))


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE extra ADD COLUMN y INTEGER NOT NULL",
        "ALTER TABLE extra ADD COLUMN y SERIAL UNIQUE",
        "ALTER TABLE extra ADD PRIMARY KEY (id)",
        "ALTER TABLE extra ADD CONSTRAINT k CHECK (x > 5)",
        "ALTER TABLE extra ADD FOREIGN KEY (x) REFERENCES flavors (id)",
        "CREATE UNIQUE INDEX by_x ON extra (x)",
        "CREATE UNIQUE INDEX by_x ON extra ((1 / x))",
        "CREATE TABLE extra_0 PARTITION OF extra DEFAULT",
        "CREATE TABLE extra_1 PARTITION OF extra FOR VALUES FROM ('2026-01-01') TO (MAXVALUE)",
    ],
)
def test_a_table_that_the_migration_made_is_in_nobodys_use(statement):
    assert refused(NEW_TABLE, statement) == []
    assert refused(statement, NEW_TABLE)
    assert refused(NEW_TABLE.replace("TABLE", "TABLE IF NOT EXISTS"), statement)
    assert refused(NEW_TABLE.replace("extra", "app.extra"), statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (x > 5) NOT VALID",
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (x IN (1, 2) OR x IS NULL) NOT VALID",
        "ALTER TABLE flavors ADD CONSTRAINT k FOREIGN KEY (x) REFERENCES flavors (id) NOT VALID",
        "CREATE UNIQUE INDEX CONCURRENTLY by_x ON flavors (x)",
        "CREATE UNIQUE INDEX by_x ON flavors (x, memory_mb)",
    ],
)
def test_a_constraint_on_a_new_empty_column_refuses_nobody(statement):
    assert refused(NEW_COLUMN, statement) == []
    assert refused(statement)
    assert refused(f"{NEW_COLUMN} DEFAULT 1", statement)
    assert refused(NEW_COLUMN.replace("COLUMN", "COLUMN IF NOT EXISTS"), statement)
    assert refused(NEW_COLUMN.replace("flavors", "instances"), statement)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (x > 5 AND memory_mb > 5) NOT VALID",
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (x IS NOT NULL) NOT VALID",
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (x > 5 AND 1 = 0) NOT VALID",
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (coalesce(x, 0) > 5) NOT VALID",
        "ALTER TABLE flavors ADD CONSTRAINT k CHECK (NOT (x IS NULL)) NOT VALID",
        "CREATE UNIQUE INDEX by_x ON flavors (x) NULLS NOT DISTINCT",
        "ALTER TABLE flavors ADD CONSTRAINT k UNIQUE NULLS NOT DISTINCT (x)",
        "ALTER TABLE flavors ALTER COLUMN x SET DEFAULT 5",
        "ALTER TABLE flavors ALTER COLUMN x SET NOT NULL",
        "ALTER TABLE flavors DROP COLUMN x",
        "DROP TABLE extra",
    ],
)
def test_not_everything_may_be_done_to_what_is_new(statement):
    assert refused(NEW_TABLE, NEW_COLUMN, statement)


def test_a_constraint_in_the_statement_that_adds_its_column_refuses_nobody():
    text = f"{NEW_COLUMN}, ADD CONSTRAINT k CHECK (x > 5) NOT VALID"
    assert refused(text) == []


def test_an_index_of_a_value_in_jsonb_refuses_nobody_but_of_text_it_may():
    index = "CREATE INDEX by_kind ON flavors ((data ->> 'kind'))"
    assert refused(index) == []
    assert refused(index, name="sqlite")


def test_names_of_columns_count_as_the_database_counts_them():
    index = 'CREATE UNIQUE INDEX by_x ON flavors ("X")'
    assert refused(NEW_COLUMN, index)
    assert refused(NEW_COLUMN, index, name="sqlite") == []


def test_a_type_of_plain_values_that_the_migration_made_has_no_constraints():
    column = "ALTER TABLE flavors ADD COLUMN color color"
    assert refused("CREATE TYPE color AS ENUM ('red')", column) == []
    assert refused("CREATE TYPE color AS (a INTEGER)", column)
    assert refused(column) == [
        "TYPE COLOR cannot be judged: the type may have constraints of its own, "
        "and rewrite the table"
    ]


@pytest.mark.parametrize(
    ("name", "new", "statement"),
    [
        ("sqlite", "x INTEGER", "CREATE UNIQUE INDEX i ON flavors (x IS NULL)"),
        ("sqlite", "x INTEGER", "CREATE UNIQUE INDEX i ON flavors (x NOTNULL)"),
        (
            "postgresql",
            "x INTEGER",
            "ALTER TABLE flavors ADD FOREIGN KEY (x, id) REFERENCES pairs (a, b) MATCH FULL"
            " NOT VALID",
        ),
        (
            "mariadb",
            "x DATETIME NULL ON UPDATE CURRENT_TIMESTAMP",
            "CREATE UNIQUE INDEX i ON flavors (x)",
        ),
    ],
)
def test_a_new_column_excuses_only_what_its_null_satisfies(name, new, statement):
    assert refused(f"ALTER TABLE flavors ADD COLUMN {new}", name=name) == []
    assert refused(f"ALTER TABLE flavors ADD COLUMN {new}", statement, name=name)


def test_a_type_of_another_schema_is_another_type():
    made = "CREATE TYPE app.color AS ENUM ('red')"
    assert refused(made, "ALTER TABLE flavors ADD COLUMN x app.color") == []
    assert refused(made, "ALTER TABLE flavors ADD COLUMN x public.color")
    assert refused(made, "ALTER TABLE flavors ADD COLUMN x color")


def test_what_says_that_it_writes_cannot_be_vouched_for_but_in_a_contract():
    written = "DO $$ BEGIN DELETE FROM flavors; DROP TABLE flavors; END $$"
    assert refused(written, migration=vouching("DO")) == [
        "DO is refused in an expand: it says DELETE FROM",
        "DO is refused in an expand: it says DROP",
    ]
    assert refused(written, migration=vouching("DO", phase=Phase.CONTRACT)) == []
    assert refused(written, migration=CONTRACT)


@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE flavors DROP COLUMN memory_mb",
        "ALTER TABLE flavors ALTER COLUMN x SET NOT NULL",
        "DELETE FROM flavors",
        "CREATE TRIGGER x BEFORE INSERT ON flavors EXECUTE FUNCTION f()",
        "ALTER TABLE flavors ADD CONSTRAINT k UNIQUE (x)",
        "SELECT * FROM flavors FOR UPDATE",
    ],
)
def test_a_contract_may_do_what_can_be_read(statement):
    assert refused(statement, migration=CONTRACT) == []


@pytest.mark.parametrize(
    "statement",
    ["DO $$ BEGIN END $$", "CALL x()", "SELECT frob()", "SELECT 'a", "FROB", "COMMIT"],
)
def test_a_contract_may_not_do_what_cannot_be_read(statement):
    assert refused(statement, migration=CONTRACT)


def test_a_contract_may_vouch_for_what_cannot_be_read_but_not_end_the_transaction():
    vouched = vouching("DO", "COMMIT", phase=Phase.CONTRACT)
    assert refused("DO $$ BEGIN END $$", migration=vouched) == []
    assert refused("COMMIT", migration=vouched)


def test_the_error_says_what_and_what_instead():
    with pytest.raises(NotAdditiveError) as caught:
        enforce(EXPAND, [NEW_COLUMN, f"{NEW_COLUMN.replace('x', 'y')} NOT NULL"], POSTGRESQL)
    assert caught.value.message == (
        "add_foobars: ADD COLUMN NOT NULL is refused in an expand: rows that are there, "
        "and those that the running code adds, have no value for it"
    )
    assert "constant default" in (caught.value.hint or "")
