"""Read: the verdict on each statement, and that no spelling changes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from migrator.dialects import DIALECTS, dialect_named
from migrator.sql import Kind, on_table, read, read_all
from migrator.sql.tokens import Sort, tokens
from tests.statements import ACCEPTED, BLOCKING, DATA, DESTRUCTIVE, UNREADABLE, of

if TYPE_CHECKING:
    import random

REFUSED = {
    Kind.BLOCKING: of(BLOCKING),
    Kind.DATA: of(DATA),
    Kind.DESTRUCTIVE: of(DESTRUCTIVE),
    Kind.UNREADABLE: of(UNREADABLE),
}
CUTTABLE = [
    (name, text)
    for name, text in [*of(ACCEPTED), *(pair for pairs in REFUSED.values() for pair in pairs)]
    if read(text, dialect_named(name)).label != "UNCLEAR TEXT"
]


def kind_of(text: str, name: str) -> Kind:
    return read(text, dialect_named(name)).kind


@pytest.mark.parametrize(("name", "text"), of(ACCEPTED))
def test_what_only_adds_or_reads_is_accepted(name, text):
    statement = read(text, dialect_named(name))
    assert statement.kind in (Kind.ADDITIVE, Kind.HARMLESS)
    assert statement.why == ""


@pytest.mark.parametrize(
    ("kind", "name", "text"),
    [(kind, name, text) for kind, pairs in REFUSED.items() for name, text in pairs],
)
def test_everything_else_is_refused_with_its_reason(kind, name, text):
    statement = read(text, dialect_named(name))
    assert statement.kind is kind
    assert statement.why
    assert statement.label


def respelt(text: str, name: str, dice: random.Random) -> str:
    """Return *text* with other space, comments and case where they mean nothing."""
    parts: list[str] = []
    at = 0
    for token in tokens(text, dialect_named(name).syntax):
        # A space after two dashes would make them a comment.
        if token.start > at or (dice.random() < 0.3 and parts[-1:] != ["-"]):
            parts.append(blank(name, dice))
        parts.append(cased(token.text, dice) if token.sort is Sort.WORD else token.text)
        at = token.end
    return "".join([*parts, blank(name, dice)])


def cased(word: str, dice: random.Random) -> str:
    return "".join(dice.choice((letter.upper(), letter.lower())) for letter in word)


def blank(name: str, dice: random.Random) -> str:
    kinds = [" ", "\t", "\n", "\r\n", "\f", "/**/", "/* DROP TABLE x; ' */", "-- '; DROP\n"]
    kinds += {
        "mariadb": ["#\n", "# ' \"\n", "/* -- */", "-- x\rDROP\n"],
        "postgresql": ["/* /* ' */ */", "--x\r", "/*! x */"],
        "sqlite": ["/* /* */", "--x\rDROP\n"],
    }[name]
    return "".join([" ", *dice.choices(kinds, k=dice.randint(1, 3)), " "])


@settings(max_examples=600)
@given(st.sampled_from(CUTTABLE), st.randoms(use_true_random=False))
def test_no_spelling_changes_a_verdict(case, dice):
    name, text = case
    plain = read(text, dialect_named(name))
    spelt = read(respelt(text, name, dice), dialect_named(name))
    assert (spelt.kind, spelt.label) == (plain.kind, plain.label)
    if dialect_named(name).syntax.folds:
        assert spelt.effects == plain.effects


@settings(max_examples=200)
@given(st.sampled_from(CUTTABLE), st.sampled_from(CUTTABLE))
def test_of_several_statements_the_worst_counts(first, second):
    name = first[0]
    assume(second[0] == name)
    parts = [kind_of(first[1], name), kind_of(second[1], name)]
    both = f"{first[1]}\n;\n{second[1]}"
    assert list(Kind).index(kind_of(both, name)) >= max(map(list(Kind).index, parts))


WORDS = sorted({word for _, text in CUTTABLE for word in text.split()})


@settings(max_examples=500)
@given(
    st.one_of(st.text(), st.lists(st.sampled_from([*WORDS, "(", ")", ",", ";", "."])).map(" ".join))
)
def test_reading_never_fails(text):
    for dialect in DIALECTS:
        for statement in (read(text, dialect), *read_all(text, dialect)):
            assert statement.kind in (Kind.ADDITIVE, Kind.HARMLESS) or statement.why


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
@pytest.mark.parametrize(
    "text",
    [
        "SELECT " + "(" * 20_000 + "1" + ")" * 20_000,
        "CREATE TABLE t (x INTEGER DEFAULT " + "(" * 20_000 + "1" + ")" * 20_000 + ")",
        "CREATE TABLE t (" + ", ".join(f"c{number} INTEGER" for number in range(5_000)) + ")",
        "SELECT '" + "a" * 3_000_000 + "'",
    ],
    ids=["parentheses", "default", "columns", "string"],
)
def test_deep_and_long_statements_are_read(dialect, text):
    assert read(text, dialect).kind in (Kind.ADDITIVE, Kind.HARMLESS)


def test_what_is_longer_than_any_migration_is_refused():
    assert kind_of("SELECT '" + "a" * 5_000_000 + "'", "sqlite") is Kind.UNREADABLE


@pytest.mark.parametrize("text", ["", "  ;; ", "-- x", "/* x */"])
def test_nothing_is_harmless(text):
    assert kind_of(text, "postgresql") is Kind.HARMLESS
    assert read_all(text, dialect_named("postgresql")) == ()


@pytest.mark.parametrize(
    ("name", "text", "effects"),
    [
        ("postgresql", "ALTER TABLE App.Flavors ADD Foo INT", ["add column app.flavors.foo"]),
        ("postgresql", 'ALTER TABLE "Flavors" ADD "Foo" INT', ["add column Flavors.Foo"]),
        ("mariadb", "ALTER TABLE `Flavors` ADD Foo INT", ["add column Flavors.Foo"]),
        ("sqlite", "ALTER TABLE [Flavors] ADD Foo INT", ["add column Flavors.Foo"]),
        ("postgresql", "DROP TABLE a, B.c CASCADE", ["drop table a", "drop table b.c"]),
        ("postgresql", f"DROP TABLE {'x' * 70}", [f"drop table {'x' * 63}"]),
        ("mariadb", "DROP INDEX i ON t", ["drop index t.i"]),
        ("sqlite", "ALTER TABLE t RENAME a TO b", ["rename column t.a to b"]),
        ("mariadb", "ALTER TABLE t CHANGE a b INT", ["rename column t.a to b"]),
        ("mariadb", "ALTER TABLE t CHANGE a a BIGINT", ["alter column t.a"]),
        ("mariadb", "RENAME TABLE a TO b, c TO d", ["rename table a to b", "rename table c to d"]),
        ("postgresql", "CREATE TABLE t (a INT)", ["add table t"]),
        ("postgresql", "CREATE INDEX i ON s.t (a)", ["add index s.t.i"]),
        ("postgresql", "CREATE INDEX ON t (a)", ["add index t"]),
        ("postgresql", "ALTER TYPE m ADD VALUE 'it''s'", ["add value m.it's"]),
        ("sqlite", "CREATE TRIGGER x AFTER INSERT ON t BEGIN SELECT 1; END", ["add trigger t.x"]),
        ("sqlite", "INSERT OR IGNORE INTO t VALUES (1)", ["alter table t"]),
        ("postgresql", "TRUNCATE ONLY t", ["alter table t"]),
        ("postgresql", "ALTER TABLE t VALIDATE CONSTRAINT k", ["validate constraint t.k"]),
    ],
)
def test_effects_have_the_names_that_the_database_keeps(name, text, effects):
    found = read(text, dialect_named(name)).effects
    assert [effect.describe() for effect in found] == effects


@pytest.mark.parametrize(
    ("text", "concurrent"),
    [
        ("CREATE INDEX CONCURRENTLY i ON t (a)", True),
        ("DROP INDEX CONCURRENTLY i", True),
        ("CREATE INDEX i ON t (a)", False),
        ("ALTER TYPE m ADD VALUE 'x'", False),
    ],
)
def test_what_runs_outside_a_transaction_is_known(text, concurrent):
    assert read(text, dialect_named("postgresql")).concurrent is concurrent


@pytest.mark.parametrize(
    ("text", "moved"),
    [
        ("ALTER TABLE flavors MODIFY a INT", "ALTER TABLE scratch MODIFY a INT"),
        ("alter online table `a`.`b c` MODIFY a INT", "alter online table scratch MODIFY a INT"),
        ("/* TABLE x */ ALTER TABLE IF EXISTS t1 WAIT 5 ADD x INT",) * 2,
    ],
)
def test_an_alter_can_be_made_one_of_another_table(text, moved):
    found = on_table(text, "scratch", dialect_named("mariadb"))
    assert found == moved.replace(" t1 ", " scratch ")
