"""Policy files: TOML and Python say the same words, and what is wrong has a line."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer import mask, public
from anonymizer.column import Kind, TableName
from anonymizer.errors import PolicyError
from anonymizer.markup import INFO
from anonymizer.plan import make_plan
from anonymizer.policy import read
from anonymizer.policy.decisions import table_name

if TYPE_CHECKING:
    from pathlib import Path

    from anonymizer.policy.decisions import Decisions

USERS = TableName("public", "users")

POLICY = """
[defaults.names]
"*_at" = {public = "when a row was written"}
[defaults.types]
boolean = {public = "a switch"}

[tables."public.users"]
keys = [["id"]]
references = [{columns = ["org_id"], table = "orgs", to = ["id"]}]
[tables."public.users".columns]
id = "integer"
email = {mask = "email", subject = "id", domains = ["a.org"]}
data = {mask = "json", paths = {"$.mail" = "email", "$.tags" = {mask = "array", of = "text"}}}
plate = {mask = "own", target = "app.masks:Plate", town = "Ulm"}
kind = {public = "one of three"}
[tables."public.users".types]
email = "varchar(100)"
is_old = "boolean"
seen_at = "timestamp with time zone"
[tables.orgs.columns]
id = {mask = "integer"}
"""


def written(folder: Path, text: str, name: str = "policy.toml") -> Decisions:
    (folder / name).write_text(text, "utf-8")
    return read(folder / name)


def wrong(folder: Path, text: str, name: str = "policy.toml") -> list[str]:
    with pytest.raises(PolicyError) as caught:
        written(folder, text, name)
    return [each.replace(f"{folder}/", "") for each in caught.value.problems or [str(caught.value)]]


def test_a_file_says_the_words_of_the_markup(tmp_path: Path) -> None:
    columns = written(tmp_path, POLICY).tables[USERS].columns
    paths = {"$.mail": mask.email(), "$.tags": mask.array(of=mask.text())}

    assert columns["id"].decision == mask.integer()[INFO]
    assert columns["email"].decision == mask.email(subject="id", domains=["a.org"])[INFO]
    assert columns["data"].decision == mask.json(paths=paths)[INFO]
    assert columns["plate"].decision == mask.own("app.masks:Plate", town="Ulm")[INFO]
    assert columns["kind"].decision == public("one of three")[INFO]
    assert columns["email"].place == f"{tmp_path}/policy.toml, line 12"


def test_tables_without_models_are_planned(tmp_path: Path) -> None:
    decisions = written(tmp_path, POLICY.replace("data = ", "# ").replace("plate = ", "# "))
    plan = make_plan(sa.MetaData(), decisions)
    users = plan.find(USERS)

    assert users is not None
    assert users.keys == (("id",),)
    assert users.references[0].table == TableName(None, "orgs")
    kinds = {each.name: each.kind for each in users.columns}
    assert kinds["id"] is Kind.INTEGER
    assert kinds["seen_at"] is Kind.DATETIME
    assert [each.length for each in users.columns if each.name == "email"] == [100]


def test_python_says_the_same(tmp_path: Path) -> None:
    found = written(
        tmp_path,
        "from anonymizer import mask, public\n"
        "defaults = {'types': {bool: public('a switch')}}\n"
        "tables = {'public.users': {'columns': {'id': mask.integer(), 'email': 'email'}}}\n",
        "policy.py",
    )
    assert found.tables[USERS].columns["id"].decision == mask.integer()[INFO]
    assert found.tables[USERS].columns["email"].decision == mask.email()[INFO]
    assert found.types[bool].decision.mask == "keep"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ('[tables.users.columns]\nx = "emial"', "line 2: tables.users.columns.x: there is no mask"),
        ('[tables.users.columns]\nx = "emial"', "did you mean 'email'?"),
        ('[tables.users.columns]\n\nx = {mask = "email", sbject = "id"}', "line 3"),
        ('[tables.users.columns]\nx = {mask = "email", sbject = "id"}', "did you mean 'subject'?"),
        ('[tables.users.columns]\nx = {public = ""}', "needs a reason"),
        ('[tables.users.columns]\nx = {public = "a", mask = "email"}', "takes no 'mask'"),
        ('[tables.users.columns]\nx = "keep"', 'write {public = "why"}'),
        ("[tables.users.columns]\nx = 3", "int, expected a decision"),
        ('[tables.users.columns]\nx = {mask = "array"}', "array: "),
        ("[tables.users]\ncolums = 3", "unknown key 'colums' (did you mean 'columns'?)"),
        ("[table.users]", "line 1: table: unknown key 'table' (did you mean 'tables'?)"),
        ("[tables]\nusers = 3", "line 2: tables.users: int, expected a table"),
        ('[tables."a.b.c".columns]', "is no name of a table"),
        ("[tables.users]\nkeys = 3", "tables.users.keys: int, expected a list"),
        ("[tables.users]\nkeys = [[]]", "a list without a column"),
        ("[tables.users]\nreferences = 3", "int, expected a list"),
        ("[tables.users]\nreferences = [{columns = ['a'], to = ['b']}]", "without 'table'"),
        (
            "[tables.users]\nreferences = [{columns = ['a'], table = 'x', to = ['b', 'c']}]",
            "1 columns refer to 2",
        ),
        ("[tables.users\n", "policy.toml: "),
    ],
)
def test_what_is_wrong_has_its_line(tmp_path: Path, text: str, problem: str) -> None:
    found = wrong(tmp_path, text)

    assert len(found) == 1
    assert problem in found[0]


def test_all_that_is_wrong_is_said_at_once(tmp_path: Path) -> None:
    assert len(wrong(tmp_path, '[tables.a.columns]\nx = "no"\ny = "never"\nz = "email"\n')) == 2


def test_an_error_in_python_has_its_line(tmp_path: Path) -> None:
    assert wrong(tmp_path, "\ntables = {}\n1 / 0\n", "p.py") == [
        "p.py, line 3: ZeroDivisionError: division by zero"
    ]
    assert "p.py, line 1: SyntaxError" in wrong(tmp_path, "tables = {", "p.py")[0]
    assert "neither `tables` nor `defaults`" in wrong(tmp_path, "x = 1", "p.py")[0]


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="cannot be read"):
        read(tmp_path / "none.toml")


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("users", TableName(None, "users")),
        ("public.users", TableName("public", "users")),
        ('"a.b"."c""d"', TableName("a.b", 'c"d')),
        ('"Us ers"', TableName(None, "Us ers")),
    ],
)
def test_names_of_tables_may_be_quoted(text: str, name: TableName) -> None:
    assert table_name(text) == name


def test_a_file_that_is_nested_without_end_is_refused(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="nested too deeply"):
        written(tmp_path, "a = " + "[" * 20_000)


def test_unknown_columns_are_problems(tmp_path: Path) -> None:
    source = sa.MetaData()
    sa.Table("users", source, sa.Column("id", sa.Integer, info=mask.integer()))
    decisions = written(tmp_path, '[tables.users.columns]\nemial = "email"')
    with pytest.raises(PolicyError, match=r"line 2: there is no such column"):
        make_plan(source, decisions)


def test_columns_that_models_do_not_map_are_decided_on_with_their_type(tmp_path: Path) -> None:
    source = sa.MetaData()
    sa.Table("users", source, sa.Column("id", sa.Integer, info=mask.integer()))
    text = '[tables.users.columns]\nold = "email"\n[tables.users.types]\nold = "varchar(20)"'
    plan = make_plan(source, written(tmp_path, text))

    assert [(each.name, each.length) for each in plan.tables[0].columns] == [
        ("id", None),
        ("old", 20),
    ]
