"""What passes unchanged is counted and looked at; what holds data is kept only for a reason."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer import policy
from anonymizer.check.texts import looked_at, sort_of
from anonymizer.cli import run
from anonymizer.column import TableName
from anonymizer.dumps.mysql import MySQL
from anonymizer.dumps.pg_plain import PlainPostgreSQL
from anonymizer.dumps.sqlite_text import SQLiteText
from anonymizer.errors import AnonymizerError, DumpError, PolicyError
from anonymizer.passed import KEEPABLE, Passed, passed_in, summary
from anonymizer.schema import Schema, read_schema
from anonymizer.settings import load_settings
from tests.anonymizer.test_inserts_split import HEAD, TAIL
from tests.databases import fresh
from tests.dumped import dump, libpq_url, restore, with_large_objects
from tests.dumped import run as run_program

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.databases import Database, Servers

MARA = "mara@acme-mail.se"
PASSED = {
    f"COMMENT ON COLUMN public.a.b IS 'ask {MARA}';": ["comment"],
    f"COMMENT ON CONSTRAINT c ON public.a IS '{MARA}';": ["comment"],
    f"SECURITY LABEL FOR x ON TABLE public.a IS '{MARA}';": ["label"],
    f"CREATE TYPE public.t AS ENUM (\n    'a',\n    '{MARA}'\n);": ["label"],
    f"CREATE TABLE public.a (b text DEFAULT '{MARA}'::text);": ["default or constraint"],
    f"CREATE TABLE a (b text, CHECK ((b <> '{MARA}'::text)));": ["default or constraint"],
    f"ALTER TABLE ONLY public.a ALTER COLUMN b SET DEFAULT '{MARA}';": ["default or constraint"],
    f"CREATE TABLE p PARTITION OF w FOR VALUES IN ('{MARA}');": ["default or constraint"],
    f"CREATE DOMAIN public.d AS text DEFAULT '{MARA}';": ["default or constraint"],
    f"CREATE UNIQUE INDEX i ON a USING btree (b) WHERE (b = '{MARA}');": ["default or constraint"],
    f"CREATE FUNCTION public.f() RETURNS text AS $$SELECT '{MARA}'$$;": ["body of code"],
    f"CREATE OR REPLACE VIEW v AS\n SELECT '{MARA}';": ["body of code"],
    f"CREATE MATERIALIZED VIEW v AS SELECT '{MARA}';": ["body of code"],
    f"CREATE EVENT TRIGGER e ON ddl_command_end WHEN TAG IN ('{MARA}');": ["body of code"],
    f"ALTER DATABASE d SET app.who TO '{MARA}';": ["setting"],
    f"CREATE SERVER s FOREIGN DATA WRAPPER w OPTIONS (host '{MARA}');": ["setting"],
    f"CREATE TABLE `a` (`b` int COMMENT 'ask {MARA}') COMMENT='x';": ["comment", "comment"],
    f"CREATE TABLE `a` (`b` enum('x','{MARA}') DEFAULT 'x');": ["default or constraint"],
    f"/*!50003 CREATE*/ /*!50017 DEFINER=`u`@`h`*/ /*!50003 TRIGGER t SET @a='{MARA}' */;": [
        "account",
        "body of code",
    ],
    "/*!50013 CREATE DEFINER=`mara`@`acme-mail.se` SQL SECURITY DEFINER VIEW v AS SELECT 1 */": [
        "account"
    ],
}


@pytest.mark.parametrize("statement", PASSED)
def test_what_passes_is_known_and_looked_at(statement: str) -> None:
    found = list(passed_in(b"\n-- a comment\n" + statement.encode()))
    assert [each.what for each in found] == PASSED[statement]
    said = [str(each) for each in looked_at(Schema(tables={}, passed=tuple(found)))]
    assert len(said) == 1
    assert "an e-mail address" in said[0]
    assert MARA not in said[0] + repr(found)


@pytest.mark.parametrize(
    "statement",
    [
        "CREATE TABLE a (b int DEFAULT nextval('public.s'::regclass));",
        "CREATE TABLE a (b int, c timestamp DEFAULT now());",
        "COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';",
        "COMMENT ON SCHEMA public IS 'standard public schema';",
        "SET search_path = '';",
        "SELECT pg_catalog.set_config('search_path', '', false);",
        "ALTER TABLE a ADD CONSTRAINT c FOREIGN KEY (b) REFERENCES d(e);",
        "CREATE VIEW v AS SELECT 1;",
    ],
)
def test_what_holds_nothing_is_not_counted(statement: str) -> None:
    assert not list(passed_in(statement.encode()))


def test_names_are_looked_at_and_not_shown() -> None:
    schema = Schema(tables={TableName(None, "t"): {"a": None, MARA: None}})
    (found,) = looked_at(schema)
    assert str(found).startswith("t: the name of column 2 looks like an e-mail address")
    assert MARA not in str(found)


@pytest.mark.parametrize(
    ("text", "what"),
    [
        ("host=a password=s3cret", "a password"),
        ("postgresql://u:s3cret@h/d", "a password"),
        ("the password of somebody", None),
        ("http://h/a:b", None),
    ],
)
def test_what_gets_one_in_somewhere_is_named(text: str, what: str | None) -> None:
    assert sort_of(text) == what


def test_a_summary_counts_each_sort() -> None:
    found = [Passed(what=each, name="n", text="t") for each in ("comment", "label", "comment")]
    assert summary(found) == "passed unchanged, look at them: 2 × comment, 1 × label"
    assert summary([]) is None


def test_a_live_database_is_looked_at(database: Database) -> None:
    with database.engine().begin() as connection:
        connection.exec_driver_sql(
            f"CREATE TABLE a (b VARCHAR(40) DEFAULT '{MARA}', c VARCHAR(9) CHECK (c <> 'q'))"
        )
        found = read_schema(connection).passed
    assert {each.what for each in found} == {"default or constraint"}
    assert len(list(looked_at(Schema(tables={}, passed=tuple(found))))) == 1


@pytest.fixture
def commented(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    for database in fresh("postgresql", servers, tmp_path):
        with database.engine().begin() as connection:
            connection.exec_driver_sql("CREATE TABLE a (b text)")
            connection.execute(sa.text(f"COMMENT ON TABLE a IS 'ask {MARA}'"))
        yield database


@pytest.mark.parametrize("option", ["-Fp", "-Fc", "-Fd"])
def test_mask_and_check_name_what_looks_like_data(
    commented: Database, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    dump(commented, option, "--file", tmp_path / "in")
    (tmp_path / "p.toml").write_text('[tables.a.columns]\nb = "text"\n')
    policy = ["--policy", str(tmp_path / "p.toml")]

    assert run(["mask", str(tmp_path / "in"), str(tmp_path / "out"), *policy, "--one-way"]) == 0
    assert run(["check", "--dump", str(tmp_path / "in"), *policy]) == 0

    said = capsys.readouterr()
    for text in said:
        assert "the comment of TABLE public.a looks like an e-mail address" in text
        assert MARA not in text
    assert "passed unchanged, look at them: 1 × comment" in said.err
    manifest = json.loads((tmp_path / "out.anonymized.json").read_text())
    assert len(manifest["passed"]) == 2
    assert manifest["dropped"] == []


KEEP = '[keep]\nlarge_objects = "pictures of what is sold"\n[tables]\n'


@pytest.mark.parametrize("option", ["-Fp", "-Fc", "-Fd"])
def test_large_objects_are_kept_for_a_reason(
    servers: Servers, tmp_path: Path, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    policy, source, target = tmp_path / "p.toml", tmp_path / "in", tmp_path / "out"
    policy.write_text("[defaults]\n")
    for database in with_large_objects(servers, tmp_path):
        dump(database, option, "--file", source)
    command = ["mask", str(source), str(target), "--policy", str(policy), "--one-way"]

    assert run(command) == 2
    line = '[keep] large_objects = "why"'
    assert line in capsys.readouterr().err
    policy.write_text(KEEP)
    assert run(command) == 0
    assert "large_objects are kept: pictures of what is sold" in capsys.readouterr().err
    for other in fresh("postgresql", servers, tmp_path):
        if option == "-Fp":
            restore(other, target.read_bytes())
        else:
            run_program("pg_restore", "--exit-on-error", "-d", libpq_url(other), target)
        with other.engine().connect() as connection:
            assert bytes(connection.execute(sa.text("SELECT lo_get(7)")).scalar_one()) == b"secret"


def test_words_stand_in_settings_and_in_python_too(tmp_path: Path) -> None:
    (tmp_path / "p.py").write_text('keep = {"passwords": "of nobody"}\n')
    assert policy.read(tmp_path / "p.py").keep == {"passwords": "of nobody"}
    (tmp_path / "pyproject.toml").write_text('[tool.anonymizer.keep]\nstatistics = "old"\n')
    assert load_settings(tmp_path).keep == {"statistics": "old"}


@pytest.mark.parametrize("text", ['large_object = "x"', "passwords = true", 'statistics = " "'])
def test_a_word_that_is_not_known_or_has_no_reason_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "p.toml").write_text(f"[keep]\n{text}\n")
    with pytest.raises(PolicyError) as caught:
        policy.read(tmp_path / "p.toml")
    assert "p.toml, line 2: keep." in caught.value.problems[0]
    (tmp_path / "pyproject.toml").write_text(f"[tool.anonymizer.keep]\n{text}\n")
    with pytest.raises(AnonymizerError, match="keep has no reason"):
        load_settings(tmp_path)


def test_accounts_and_samples_are_kept_where_that_is_decided() -> None:
    words = frozenset(KEEPABLE)
    accounts = HEAD + b"CREATE USER x IDENTIFIED BY 'secret';\n" + TAIL
    samples = (
        b"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;\nANALYZE sqlite_schema;\n"
        b"INSERT INTO sqlite_stat4 VALUES('t','i','1','0','0',X'00');\nCOMMIT;\n"
    )
    for format_, text in ((MySQL(), accounts), (SQLiteText(), samples)):
        with pytest.raises(DumpError) as caught:
            list(format_.pieces(io.BytesIO(text)))
        assert "[keep] " in str(caught.value.hint)
        kept = format_.keeping(words).pieces(io.BytesIO(text))
        assert b"".join(each for each in kept if isinstance(each, bytes)) == text
    assert PlainPostgreSQL().keeping(words).keep == words
