"""Publish: a canary never gets out, wherever it is planted, and what is public is still read."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from ci.publish import Publisher, Vocabulary, paths_of, rounded, words_of
from ci.result import Colour, Failure, Finding, Rule, Walked
from ci.timing import (
    Access,
    Counters,
    Engine,
    Kind,
    Lock,
    Observation,
    Pace,
    Stall,
    Statement,
    Step,
    Timing,
)
from tests.ci.results import result

if TYPE_CHECKING:
    from pathlib import Path

PUBLIC = frozenset({"users", "email", "id", "app", "2", "add_email"})
VOCABULARY = Vocabulary(words=PUBLIC, paths=frozenset({"versions/add_email.py"}))
CANARY = "qzcanary7"
engines = st.sampled_from(Engine)
noise = st.text(st.sampled_from("'\"`\\$/*!-#\n ;(),.[]{}&@:%?=exXuUbBnN_19é\x00\t"), max_size=12)
places = st.sampled_from(
    [
        "'{}'",
        '"{}"',
        "`{}`",
        "[{}]",
        "$${}$$",
        "$tag${}$tag$",
        "E'{}'",
        "e'\\'{}'",
        "U&'{}'",
        'U&"{}"',
        "X'{}'",
        "b'{}'",
        "N'{}'",
        "_utf8'{}'",
        "_utf8mb4 '{}'",
        "/* {} */",
        "/*! {} */",
        "/*+ {} */",
        "-- {}\n",
        "# {}\n",
        "AS {}",
        "AS x{}",
        "{}.{}",
        "{}()",
        "{}'x'",
        ":{}",
        "@{}",
        "%({})s",
        "${}",
        "'a''{}'",
        "'a\\'{}'",
        "1{}",
        "0x{}",
        "{}",
    ]
)


def publisher(engine: Engine = Engine.POSTGRESQL) -> Publisher:
    return Publisher(VOCABULARY, engine)


@given(engines, st.lists(st.tuples(noise, places, noise), min_size=1, max_size=4))
@example(Engine.MARIADB, [("/*! '*/' '", "{}", "' */")])
@example(Engine.POSTGRESQL, [("'\\' || '", "{}", "'")])
@example(Engine.POSTGRESQL, [("/* /* */ ' */", "'{}'", "")])
def test_a_canary_never_gets_out(engine: Engine, planted: list[tuple[str, str, str]]) -> None:
    text = " ".join(f"{a}{place.replace('{}', CANARY)}{b}" for a, place, b in planted)

    for said in (publisher(engine).statement(text), publisher(engine).plan(text)):
        assert CANARY not in said.lower()


@given(engines, st.text())
def test_any_text_is_said_in_known_words_or_not(engine: Engine, text: str) -> None:
    said = publisher(engine).statement(text)

    assert len(said) < 4100
    assert not {each for each in said if not each.isprintable()}


literals = st.text(st.characters(codec="utf-8", exclude_characters="\\\0"), max_size=30)


@given(engines, literals, st.integers(), st.sampled_from(["", "''"]))
def test_a_literal_is_taken_out_though_its_words_are_known(
    engine: Engine, before: str, number: int, quote: str
) -> None:
    """A value may be a word of the source as well; that does not make it public."""
    value = f"{before} users ".replace("'", quote)
    said = publisher(engine).statement(
        f"SELECT id FROM app WHERE email = '{value}' OR {number} = 1"  # noqa: S608 - never run
    )

    assert said.startswith("SELECT id FROM app WHERE email = ? OR") or said == "…"
    assert "users" not in said


@pytest.mark.parametrize(
    ("engine", "sql", "said"),
    [
        (
            Engine.POSTGRESQL,
            "INSERT INTO users (id, email) VALUES (1, 'a@b.c'), (-2, NULL)",
            "INSERT INTO users(id, email) VALUES (?, …), (- ?, NULL)",
        ),
        (
            Engine.POSTGRESQL,
            "SELECT count(*) FROM \"users\" AS u WHERE u.id IN (1,2,3) AND lower(email) ~ E'\\'x'",
            "SELECT count(*) FROM users AS …1 WHERE …1.id IN (?, …) AND lower(email) ~ ?",
        ),
        (Engine.POSTGRESQL, "DO $f$ BEGIN 'x' END $f$; SELECT $1", "DO ?; SELECT ?"),
        (Engine.POSTGRESQL, "SELECT U&'\\0061' || 'it''s' /* a /* b */ c */", "SELECT ? || ?"),
        (Engine.POSTGRESQL, "SELECT id::text, %(id_1)s, :x -- c", "SELECT id::text, ?, …"),
        (Engine.POSTGRESQL, "SELECT 'a\\' , 'b", "…"),
        (Engine.POSTGRESQL, "SELECT `id`", "…"),
        (Engine.POSTGRESQL, "SELECT 'open", "…"),
        (Engine.POSTGRESQL, "SELECT $a$ open $b$", "…"),
        (Engine.MARIADB, 'SELECT "users", `users`, x\'41\', _utf8"é"', "SELECT ?, users, ?, …"),
        (Engine.MARIADB, "SELECT id # users\nFROM users -- id", "SELECT id FROM users"),
        (Engine.MARIADB, "SELECT 'x\\' OR users -- '", "…"),
        (Engine.POSTGRESQL, "SELECT 'x\\' OR users -- '", "…"),
        (Engine.MARIADB, "SELECT id--1 FROM users", "SELECT id - - ? FROM users"),
        (Engine.MARIADB, "ALTER TABLE users /*!50000 DROP email */", "…"),
        (
            Engine.SQLITE,
            'SELECT [id], `id`, "id" FROM main.users',
            "SELECT id, id, id FROM main.users",
        ),
        (
            Engine.SQLITE,
            "UPDATE users SET email = X'00', id = 1e-5",
            "UPDATE users SET email = ?, id = ?",
        ),
    ],
)
def test_what_is_public_is_read(engine: Engine, sql: str, said: str) -> None:
    assert publisher(engine).statement(sql) == said


def test_an_unknown_name_is_the_same_placeholder_all_along() -> None:
    found = publisher()

    assert found.statement("SELECT * FROM alice") == "SELECT * FROM …1"
    assert found.statement("SELECT * FROM bob JOIN alice") == "SELECT * FROM …2 JOIN …1"
    assert found.names(["public.users", "alice", "users.email", "alice", "a b"]) == (
        *("public.users", "…1", "users.email", "…3"),
    )


def test_what_is_too_long_is_cut_off() -> None:
    found = publisher()
    many = ", ".join(f"users.email AS x{each}" for each in range(5000))

    assert len(found.statement(f"SELECT {many}")) <= 4002
    assert found.statement(f"SELECT {many}").endswith(" …")
    assert found.statement(f"SELECT '{'x' * (1 << 19)}'") == "…"
    assert len(found.names(f"t{each}" for each in range(100))) == 20
    assert len(found.plan("Seq Scan\n" * 1000).split("\n")) == 61


def test_a_plan_is_said_without_its_values() -> None:
    plan = "Seq Scan on users  (cost=0.00..35.50 rows=2550)\n  Filter: (email = 'qzcanary7'::text)"

    assert publisher().plan(plan) == (
        "Seq Scan on users(cost = ? rows = ?)\n  Filter : (email = ?::text)"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("sqlalchemy.exc.IntegrityError", "IntegrityError"),
        ("ValueError", "ValueError"),
        ("app.errors.App", "App"),
        ("Alice", "Exception"),
        ("x.", "Exception"),
        ("IntegrityError: alice@example.org", "Exception"),
        ("ʀ", "Exception"),
    ],
)
def test_an_error_is_a_class_that_people_know(name: str, said: str) -> None:
    assert publisher().error(name) == said


def test_a_failure_holds_nothing_that_a_row_could_hold() -> None:
    step = Step(version="2", name="add_email", kind=Kind.EXPAND, path="versions/add_email.py")
    odd = Step(version="qzcanary7", name="qzcanary7", kind=Kind.EXPAND, path="/etc/qzcanary7")
    found = publisher()
    fine = found.failure(
        Failure(
            rule=Rule.FAILED, error="UniqueViolation", sqlstate="23505", names=("users",), step=step
        )
    )

    assert (fine.sqlstate, fine.names, fine.step) == ("23505", ("users",), step)
    wrong = found.failure(
        Failure(rule=Rule.FAILED, error=CANARY, sqlstate="AL1CE", names=(CANARY,), step=odd)
    )
    assert CANARY not in repr(wrong)
    assert wrong.sqlstate is None


@pytest.mark.parametrize("state", ["42P01", "HY000", "1062", "SQLITE_CONSTRAINT_UNIQUE"])
def test_known_states_get_out(state: str) -> None:
    failure = Failure(rule=Rule.FAILED, error="x", sqlstate=state)
    assert publisher().failure(failure).sqlstate == state


def test_a_dictionary_brings_no_words() -> None:
    target = frozenset({"users"})
    few = Vocabulary.of(target, frozenset({"phones"}), ["a"])
    many = Vocabulary.of(target, frozenset(f"name{each}" for each in range(5001)), ["a"])

    assert few.knows("phones")
    assert many.knows("users")
    assert not many.knows("name1")


def test_a_number_is_a_version_and_no_name() -> None:
    assert publisher().name("2") == "…1"
    assert publisher().statement('SELECT "2" FROM users') == "SELECT …1 FROM users"
    assert publisher().step(Step(version="2", name="id", kind=Kind.EXPAND)).version == "2"


def test_words_are_those_of_files_and_their_names(tmp_path: Path) -> None:
    (tmp_path / "app").mkdir()
    (tmp_path / "app" / "add_phone.py").write_text("class Person: # é\n    Name = 'x-y'")
    (tmp_path / "blob").write_bytes(b"secret\0")
    (tmp_path / "large").write_text("large_word " * 200_000)
    (tmp_path / "link").symlink_to("/etc/passwd")
    (tmp_path / "odd\nname \udcff").write_text("")
    found = words_of(tmp_path)

    assert {"class", "person", "name", "x", "y", "add_phone", "py", "app", "odd"} <= found
    assert not {"secret", "large_word", "root"} & found
    assert words_of(tmp_path, ["app/add_phone.py", "../nothing"]) >= {"person", "nothing"}
    assert "app/add_phone.py" in set(paths_of(tmp_path))


def test_nothing_of_a_walk_holds_a_canary() -> None:
    step = Step(version=CANARY, name=CANARY, kind=Kind.EXPAND, path=CANARY)
    seen = Observation(
        locks=(Lock(table=CANARY, mode="ShareLock", began=0, seconds=1),),
        stalls=(Stall(table=CANARY, access=Access.READ, began=0, seconds=1),),
        statements=(Statement(sql=CANARY, seconds=1, plan=CANARY, scans=(CANARY,)),),
    )
    walked = Walked(
        sha="0" * 40,
        timings=(Timing(step=step, seconds=1, observation=seen),),
        failures=(Failure(rule=Rule.FAILED, error=CANARY, names=(CANARY,), step=step),),
        schema=(f"add_table {CANARY}",),
    )
    assert CANARY not in repr(publisher().walked(walked))


def test_no_number_has_room_for_data() -> None:
    number = 4702111234474983745
    step = Step(version="2", name="id", kind=Kind.MOVE)
    pace = Pace(moved=number, batches=2, rows_per_second=1234567.891, low=0.0, high=2e6)
    seen = Observation(
        counters=Counters(rows_written=number),
        statements=(Statement(sql="SELECT id", seconds=1.23456789, rows=number, calls=number),),
    )
    timing = Timing(step=step, seconds=1.23456789, observation=seen, pace=pace)
    finding = Finding(colour=Colour.RED, rule=Rule.BUDGET, said="", measured=number, against=12345)
    walked = Walked(sha="0" * 40, timings=(timing,))
    found = rounded(replace(result(), change=walked, findings=(finding,)))

    assert found.change
    (told,) = found.change.timings
    assert (told.seconds, told.observation.statements[0].seconds) == (1.23, 1.23)
    assert told.pace
    assert (told.pace.rows_per_second, told.pace.high) == (1.23e6, 2e6)
    assert (found.findings[0].measured, found.findings[0].against) == (4.7e18, 12345)
    assert "47021" not in repr(found)
