"""Tokens end where the server ends them, and where that is in doubt the text is refused."""

import pytest

from migrator.dialects import DIALECTS, dialect_named
from migrator.sql.tokens import UnreadableText, tokens


def values(text: str, name: str) -> list[str]:
    return [token.value for token in tokens(text, dialect_named(name).syntax)]


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("postgresql", "select A -- b\rfrom", ["SELECT", "A", "FROM"]),
        ("mysql", "select A -- b\rfrom", ["SELECT", "A"]),
        ("sqlite", "select A -- b\rfrom", ["SELECT", "A"]),
        ("postgresql", "1 /* /* */ 2 */ 3", ["1", "3"]),
        ("mysql", "1 /* /* */ 2", ["1", "2"]),
        ("sqlite", "1 /* /* */ 2", ["1", "2"]),
        ("mysql", "5--1", ["5", "-", "-", "1"]),
        ("mysql", "5 --\t1", ["5"]),
        ("mysql", "5 --", ["5"]),
        ("postgresql", "5--1", ["5"]),
        ("mysql", "1 # 2\n3", ["1", "3"]),
        ("postgresql", "1 # 2", ["1", "#", "2"]),
        ("postgresql", "E'\\'; --'", ["E'\\'; --'"]),
        ("postgresql", "'a\\b'", ["'a\\b'"]),
        ("sqlite", "'a\\' b", ["'a\\'", "B"]),
        ("postgresql", "$a$ $$ ' $a$ x", ["$a$ $$ ' $a$", "X"]),
        ("postgresql", "a$b$c $1", ["A$B$C", "$1"]),
        ("postgresql", '"a""b"', ['a"b']),
        ("mysql", '`a``b` "x"', ["a`b", '"x"']),
        ("sqlite", '[a b] `c` "d"', ["a b", "c", "d"]),
        ("postgresql", "x::int /* */ ->> 'y'", ["X", "::", "INT", "->>", "'y'"]),
        ("postgresql", "\u017felect größe", ["\u017fELECT", "GRößE"]),
    ],
)
def test_tokens_end_where_the_server_ends_them(name, text, expected):
    assert values(text, name) == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("mysql", "/*!50000 DROP TABLE flavors */"),
        ("mysql", "/*M! DROP TABLE flavors */"),
        ("mariadb", "SELECT 1 /*!, 2 */"),
        ("mysql", "SELECT /*+ SET_VAR(sql_mode='ANSI_QUOTES') */ 1"),
        ("mysql", "'a\\'' , DROP COLUMN b, COMMENT 'x'"),
        ("mysql", "'a\\"),
        ("postgresql", "'a\\'; DROP TABLE flavors; --'"),
        ("postgresql", "E'a'\n'b\\''; DROP TABLE flavors; --'"),
        ("postgresql", "U&'\\0061'"),
        ("postgresql", 'U&"\\0061"'),
        ("postgresql", "\\! rm -rf /"),
        ("postgresql", "SELECT\u00a01"),
        ("postgresql", "SELECT\u20281"),
        ("sqlite", "SELECT \ufeff1"),
        ("sqlite", "SELECT 1\0; DROP TABLE flavors"),
        ("sqlite", "\ud800"),
        ("postgresql", "SELECT 'a"),
        ("postgresql", 'SELECT "a'),
        ("postgresql", "SELECT $$a"),
        ("postgresql", "SELECT 1 /* /* */"),
        ("sqlite", "SELECT 1 /* "),
        ("sqlite", "SELECT [a"),
        ("mysql", "SELECT `a"),
        ("postgresql", 'SELECT ""'),
        ("postgresql", "SELECT 1a"),
        ("mysql", "SELECT 0x"),
        ("postgresql", "SELECT `a`"),
        ("mysql", "SELECT {d '2020-01-01'}"),
        ("postgresql", "SELECT \x0b1"),
    ],
)
def test_text_whose_tokens_are_in_doubt_is_refused(name, text):
    with pytest.raises(UnreadableText):
        values(text, name)


@pytest.mark.parametrize("dialect", DIALECTS, ids=lambda each: each.name)
@pytest.mark.parametrize("text", ["'" * 40_001, "(" * 40_000, "/*" * 40_000, "a." * 40_000])
def test_long_text_is_cut_in_one_pass(dialect, text):
    try:
        assert sum(1 for _ in tokens(text, dialect.syntax)) <= len(text)
    except UnreadableText:
        assert "(" not in text
