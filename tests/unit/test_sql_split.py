"""Split: the statements of a text, with the bodies of triggers and routines in one piece."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from migrator.dialects import DIALECTS, dialect_named
from migrator.sql import split


@pytest.mark.parametrize(
    ("name", "statements"),
    [
        ("sqlite", ["SELECT 1", "SELECT ';'"]),
        ("postgresql", ["SELECT $$;$$", "SELECT $a$;$$;$a$", "SELECT E'\\';'"]),
        ("postgresql", ["CREATE RULE r AS ON INSERT TO t DO (DELETE FROM a; DELETE FROM b)"]),
        (
            "postgresql",
            [
                "CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE 1 WHEN 1 THEN 2 END; END",
                "DROP TABLE t",
            ],
        ),
        ("postgresql", ["BEGIN", "SELECT 1", "END"]),
        (
            "sqlite",
            [
                "CREATE TRIGGER x AFTER INSERT ON t WHEN NEW.a > 1 BEGIN"
                " UPDATE t SET a = CASE WHEN 1 THEN 2 END; DELETE FROM u; END",
                "DROP TABLE t",
            ],
        ),
        (
            "mariadb",
            [
                "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN"
                " IF NEW.a THEN SET NEW.b = IF(1, 2, 3); ELSE BEGIN SET @u = 1; END; END IF;"
                " WHILE 1 DO SET @x = REPEAT('a', 3); END WHILE;"
                " CASE 1 WHEN 1 THEN SET @y = 2; END CASE;"
                " REPEAT SET @z = 1; UNTIL 1 END REPEAT; END",
                "DROP TABLE t",
            ],
        ),
        (
            "mariadb",
            [
                "CREATE TRIGGER begin BEFORE INSERT ON t FOR EACH ROW SET @x = 1",
                "DROP TABLE t",
            ],
        ),
        (
            "mariadb",
            [
                "CREATE TRIGGER x BEFORE INSERT ON t FOR EACH ROW BEGIN SELECT begin FROM u; END",
                "DROP TABLE t",
            ],
        ),
        ("mariadb", ["CREATE TABLE begin (case_ INT)", "DROP TABLE t"]),
    ],
)
def test_a_text_is_cut_at_the_ends_of_statements(name, statements):
    assert split(";\n".join(statements) + ";\n", dialect_named(name)) == tuple(statements)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
def test_comments_around_statements_are_no_statements(dialect):
    text = "-- one\n;; /* two */ SELECT 1 /* inside */ + 2 -- three\n; -- four"
    assert split(text, dialect) == ("SELECT 1 /* inside */ + 2",)


def test_text_that_cannot_be_cut_stays_whole():
    text = "SELECT 'a; DROP TABLE t"
    assert split(text, dialect_named("postgresql")) == (text,)


@given(st.text(max_size=60))
def test_nothing_gets_lost_but_terminators_space_and_comments(text):
    for dialect in DIALECTS:
        place = 0
        for statement in split(text, dialect):
            place = text.index(statement, place) + len(statement)
