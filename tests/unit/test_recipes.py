"""Recipes: what `migrator new` writes is loaded, rendered for every database, and tested."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.cli import run
from migrator.dialects import DIALECTS, dialect_named
from migrator.errors import ConfigurationError, ManifestError, MigratorError
from migrator.manifest import Manifest
from migrator.migration import Phase, load_all, render
from migrator.recipes import read_recipe, write_contract, write_expand

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _pytest.mark import ParameterSet

pytestmark = pytest.mark.thorough

SHOP = '''\
"""Create a shop."""
import sqlalchemy as sa


def expand(op):
    op.create_table(
        "orders",
        sa.Column("number", sa.String(20), primary_key=True),
        sa.Column("line", sa.Integer(), primary_key=True),
        sa.Column("pieces", sa.Integer()),
        sa.Column("price", sa.Numeric(10, 2)),
        sa.Column("weight", sa.Float()),
        sa.Column("paid", sa.Boolean()),
        sa.Column("state", sa.Enum("open", "done", name="state")),
        sa.Column("placed", sa.DateTime()),
        sa.Column("due", sa.Date()),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("code", sa.String(length=10), nullable=False, unique=True),
        sa.Column("total", sa.Integer(), nullable=False),
        sa.Column("extra", sa.JSON()),
        sa.Column("picture", sa.LargeBinary()),
        sa.Column("uuid", sa.Uuid()),
    )
    op.create_table(
        "addresses",
        sa.Column("id", sa.Integer(), primary_key=True),
        sa.Column("street", sa.String(80)),
        sa.Column("customer", sa.Integer, nullable=False),
        sa.UniqueConstraint("customer"),
    )
'''


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Make a manifest whose first version creates two tables; return its path."""
    (tmp_path / "versions").mkdir()
    (tmp_path / "versions" / "create_shop.py").write_text(SHOP)
    Manifest(path=tmp_path / "versions.json").append(["create_shop.py"]).write()
    return tmp_path / "versions.json"


def new(path: Path, name: str, *options: str) -> int:
    return run(["--manifest", str(path), "new", name, *options])


def passes(path: Path, name: str) -> int:
    """Run the tests beside migration *name* and return how many there are."""
    file = path.parent / "versions" / f"{name}_test.py"
    names: dict[str, object] = {"__file__": str(file)}
    exec(compile(file.read_text(), str(file), "exec"), names)  # noqa: S102 - as pytest would
    tests = [each for name, each in names.items() if name.startswith("test_") and callable(each)]
    for test in tests:
        test()
    return len(tests)


def edit(path: Path, name: str, before: str, after: str) -> None:
    """Change the text of migration *name*."""
    file = path.parent / "versions" / f"{name}.py"
    assert before in file.read_text()
    file.write_text(file.read_text().replace(before, after))


def formatted(path: Path) -> str:
    """Return what ruff would change in the files of the folder."""
    commands = (["format", "--diff", "--quiet"], ["check", "--quiet", "--select", "I,F,E,W,UP,B"])
    return "".join(
        subprocess.run(
            [
                sys.executable,
                "-m",
                "ruff",
                *command,
                "--isolated",
                "--line-length",
                "88",
                "--config",
                "lint.isort.known-first-party = ['migrator']",
                "versions",
            ],
            cwd=path.parent,
            capture_output=True,
            text=True,
            check=False,
        ).stdout
        for command in commands
    )


QUICK = (
    "--rename orders.pieces:amount",
    "--rename orders.price:cost",
    "--rename orders.note:remark",
    "--retype orders.pieces:amount:Numeric(12, 3)",
    "--retype orders.pieces:amount:String(12)",
    "--retype orders.paid:settled:SmallInteger",
    "--retype orders.note:number_of_note:Integer",
    "--split addresses.street:road,house",
    "--split orders.note:first,rest",
    "--fill orders.shipped:Boolean",
    "--fill orders.rate:Numeric(5, 2)=1.50",
    "--add orders.colour:String(20)",
)
MORE = (
    "--rename orders.weight:grams",
    "--rename orders.paid:settled",
    "--rename orders.state:status",
    "--rename orders.placed:ordered",
    "--rename orders.due:expected",
    "--rename orders.code:sku",
    "--rename orders.extra:more",
    "--rename orders.picture:image",
    "--rename addresses.customer:owner",
    "--rename addresses.street:road:String(200)",
    "--retype orders.pieces:amount:BigInteger",
    "--retype orders.pieces:amount:Float",
    "--retype orders.pieces:many:Boolean",
    "--retype orders.total:sum:sa.Numeric(precision=12, scale=2)",
    "--retype orders.price:cost:Float",
    "--retype addresses.street:number:Numeric(9, 1)",
    "--retype addresses.street:number:Float",
    "--split addresses.street:road:Text,house:String(8),floor",
    "--fill orders.shipped:Boolean=true",
    "--fill orders.rank:Integer=7",
    "--fill orders.share:Float",
    '--fill orders.colour:String(20)=it\'s "red" \\ 50%',
    "--fill addresses.since:Integer",
    "--add addresses.since:DateTime",
)


UNIQUE = ("--rename orders.code:sku", "--rename addresses.customer:owner")


def with_contract(recipes: tuple[str, ...]) -> list[str]:
    """Return those of *recipes* whose contract can be written for SQLite as well."""
    return [each for each in recipes if not each.startswith("--add") and each not in UNIQUE]


def slow(recipes: Iterable[str]) -> list[ParameterSet]:
    return [pytest.param(each, marks=pytest.mark.slow) for each in recipes]


@pytest.mark.parametrize("recipe", [*QUICK, *slow(MORE)])
def test_a_recipe_writes_a_migration_whose_test_passes(shop: Path, recipe: str) -> None:
    option, _, text = recipe.partition(" ")
    code = new(shop, "change", option, text)
    changed = load_all(Manifest.load(shop))[-1]

    assert code == 0
    assert changed.phase is Phase.EXPAND
    assert len(changed.transitions) == (option != "--add")
    assert passes(shop, "change") == 1
    assert all("ADD COLUMN" in render(changed, dialect)[0] for dialect in DIALECTS)


@pytest.mark.parametrize("recipe", [*with_contract(QUICK), *slow(with_contract(MORE))])
def test_the_contract_of_a_recipe_has_a_test_that_passes(shop: Path, recipe: str) -> None:
    new(shop, "change", *recipe.split(" ", 1))
    (transition,) = load_all(Manifest.load(shop))[-1].transitions
    code = new(shop, "finish", "--contract", "--completes", transition.name)
    finished = load_all(Manifest.load(shop))[-1]

    assert code == 0
    assert (finished.phase, finished.completes) == (Phase.CONTRACT, (transition.name,))
    assert passes(shop, "finish") == 1


def test_what_is_written_is_formatted(shop: Path) -> None:
    options = (
        "--rename orders.note:remark",
        "--retype orders.pieces:amount:Numeric(12, 3)",
        "--split addresses.street:road,house",
        "--fill orders.shipped:Boolean",
        "--add orders.colour:String(20)",
    )
    for number, option in enumerate(options):
        new(shop, f"change_{number}", *option.split(" ", 1))
    new(shop, "bare")
    new(shop, "drop_note", "--contract", "--completes", "order_remark")
    new(shop, "drop_more", "--completes", "order_shipped", "--completes", "address_street")
    new(shop, "bare_contract", "--contract")

    (shop.parent / "versions" / "create_shop.py").unlink()
    assert formatted(shop) == ""


def test_several_recipes_are_one_migration(shop: Path) -> None:
    recipes = (
        "--rename",
        "orders.pieces:amount",
        "--fill",
        "orders.shipped:Boolean",
        "--add",
        "addresses.since:Date",
        "--add",
        "addresses.until:Date",
    )
    new(shop, "change", *recipes)
    changed = load_all(Manifest.load(shop))[-1]

    assert [each.name for each in changed.transitions] == ["order_amount", "order_shipped"]
    assert len(render(changed, dialect_named("sqlite"))) == 4
    assert passes(shop, "change") == 4


def test_a_line_of_the_manifest_is_appended(shop: Path) -> None:
    before = shop.read_text().splitlines()
    new(shop, "change", "--add", "orders.colour:Text")

    assert shop.read_text().splitlines() == [*before[:2], '  "2": ["change.py"],', *before[2:]]


def test_a_column_that_may_not_be_null_gets_a_marker(shop: Path) -> None:
    new(shop, "change", "--rename", "orders.note:remark")
    text = (shop.parent / "versions" / "change.py").read_text()

    assert 'order_remark = rename("orders", "note", to="remark", marker="remark_counts")' in text
    assert render(load_all(Manifest.load(shop))[-1], dialect_named("postgresql")) == (
        "ALTER TABLE orders ADD COLUMN remark TEXT",
        "ALTER TABLE orders ADD COLUMN remark_counts SMALLINT DEFAULT '0' NOT NULL",
    )


def test_the_contract_of_a_fill_narrows_the_column_everywhere(shop: Path) -> None:
    new(shop, "change", "--fill", "orders.shipped:Boolean")
    new(shop, "finish", "--contract", "--completes", "order_shipped")
    finished = load_all(Manifest.load(shop))[-1]

    assert render(finished, dialect_named("mysql")) == (
        "ALTER TABLE orders MODIFY shipped BOOL NOT NULL",
    )
    assert render(finished, dialect_named("postgresql")) == (
        "ALTER TABLE orders ALTER COLUMN shipped SET NOT NULL",
    )
    assert [each.split()[:2] for each in render(finished, dialect_named("sqlite"))] == [
        ["CREATE", "TRIGGER"]
    ] * 2


@pytest.mark.parametrize(
    ("recipe", "before", "after"),
    [
        ("--rename orders.pieces:amount", '"pieces"', '"total"'),
        (
            "--retype orders.pieces:amount:Numeric(9, 1)",
            "lambda row: row.pieces",
            "lambda row: row.pieces * 10",
        ),
        ("--split addresses.street:road,house", 'split(" "', 'split("-"'),
        ("--fill orders.shipped:Boolean", "value=False", "value=True"),
        ("--add orders.colour:Text", '"colour"', '"color"'),
    ],
)
def test_the_test_that_is_written_can_fail(
    shop: Path, recipe: str, before: str, after: str
) -> None:
    new(shop, "change", *recipe.split(" ", 1))
    edit(shop, "change", before, after)

    with pytest.raises((AssertionError, MigratorError, sa.exc.SQLAlchemyError)):
        passes(shop, "change")


@pytest.mark.parametrize("recipe", UNIQUE)
def test_a_unique_column_needs_a_word_to_the_author(shop: Path, recipe: str) -> None:
    expand = write_expand(shop, "change", [read_recipe("rename", recipe.partition(" ")[2])])
    (transition,) = load_all(Manifest.load(shop))[-1].transitions
    contract = write_contract(shop, "finish", [transition.name])

    assert "is unique: add a unique index on" in expand.notes[0]
    assert "while it is UNIQUE: write finish.sqlite.sql" in contract.notes[-1]


@pytest.mark.parametrize(
    ("recipe", "transition", "before"),
    [
        ("--rename orders.pieces:amount", "order_amount", 'op.drop_column("orders", "pieces")'),
        ("--rename orders.pieces:amount", "order_amount", 'completes = ["order_amount"]'),
    ],
)
def test_the_test_of_a_contract_can_fail(
    shop: Path, recipe: str, transition: str, before: str
) -> None:
    new(shop, "change", *recipe.split(" ", 1))
    new(shop, "finish", "--completes", transition)
    edit(shop, "finish", before, "pass" if "op." in before else "")

    with pytest.raises((AssertionError, MigratorError)):
        passes(shop, "finish")


def test_it_begins_in_an_empty_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    code = run(["new", "add_foobars", "--rename", "flavors.memory_mb:foobars"])
    printed = capsys.readouterr()

    assert code == 0
    assert printed.out.splitlines() == [
        "Wrote versions/add_foobars.py",
        "Wrote versions/add_foobars_test.py",
        "Wrote versions.json",
    ]
    assert printed.err == (
        "Note: no migration says the type of flavors.memory_mb: sa.Integer() is a guess.\n"
    )
    assert passes(tmp_path / "versions.json", "add_foobars") == 1


def test_plain_pytest_runs_what_is_written(tmp_path: Path) -> None:
    path = tmp_path / "db" / "history.json"
    path.parent.mkdir()
    for name, recipe in (("a", "--rename"), ("b", "--split")):
        run(
            [
                "--manifest",
                str(path),
                "new",
                name,
                recipe,
                f"t{name}.x:y:Text" + ",z" * (name == "b"),
            ]
        )
    run(["--manifest", str(path), "new", "c"])
    run(["--manifest", str(path), "new", "d", "--completes", "ta_y", "--completes", "tb_x"])
    root = Path(__file__).parents[2]
    done = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "db/history"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(root), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert re.search(r"\b5 passed", done.stdout), done.stdout + done.stderr


def test_what_was_there_before_the_first_migration_is_made_by_the_test(tmp_path: Path) -> None:
    path = tmp_path / "versions.json"
    write_expand(path, "change", [read_recipe("rename", "flavors.memory_mb:foobars")])
    write_contract(path, "finish", ["flavor_foobars"])
    write_expand(path, "index")
    edit(path, "index", "pass", 'op.create_index("ix", "flavors", ["name"])')
    write_expand(path, "later", [read_recipe("fill", "hosts.up:Boolean")])

    assert passes(path, "later") == 1


def test_a_bare_migration_adds_nothing_and_says_so(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new(shop, "later")

    assert "Note: write what it adds" in capsys.readouterr().err
    assert render(load_all(Manifest.load(shop))[-1], dialect_named("sqlite")) == ()
    assert passes(shop, "later") == 1


def test_the_files_are_one_object_for_programs(
    shop: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new(shop, "later", "--json")
    found = json.loads(capsys.readouterr().out)

    assert found["version"] == 2
    assert [Path(each).name for each in found["files"]] == ["later.py", "later_test.py"]
    assert found["notes"] == ["write what it adds, and let the test say what that is"]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("1st", "'1st' cannot be a migration's name"),
        ("add-disk", "'add-disk' cannot be a migration's name"),
        ("../evil", "'../evil' cannot be a migration's name"),
        ("class", "'class' is a keyword of Python"),
        ("x_test", "'x_test' is a name that pytest takes"),
        ("_x", "'_x' cannot be a migration's name"),
        ("x" * 101, "has 101 characters"),
        ("create_shop", "create_shop is there already, as version 1"),
        ("Create_Shop", "create_shop is there already, as version 1"),
        ("orphan", "orphan_test.py is there already"),
    ],
)
def test_a_name_that_cannot_be_is_refused(shop: Path, name: str, message: str) -> None:
    (shop.parent / "versions" / "orphan_test.py").touch()
    before = {path: path.read_text() for path in shop.parent.rglob("*.*") if path.is_file()}
    with pytest.raises(ManifestError) as raised:
        write_expand(shop, name)

    assert message in raised.value.message
    assert {path: path.read_text() for path in shop.parent.rglob("*.*") if path.is_file()} == before


@pytest.mark.parametrize("earlier", [("first",), ()])
def test_all_is_written_or_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, earlier: tuple[str, ...]
) -> None:
    path = tmp_path / "versions.json"
    for name in earlier:
        write_expand(path, name)
    before = sorted(tmp_path.rglob("*"))

    def fail(_manifest: Manifest) -> None:
        raise ManifestError("the disk is full")

    monkeypatch.setattr(Manifest, "write", fail)
    with pytest.raises(ManifestError, match="the disk is full"):
        write_expand(path, "second")

    assert sorted(tmp_path.rglob("*")) == before


def test_a_manifest_that_is_wrong_is_left_alone(shop: Path) -> None:
    shop.write_text(shop.read_text().replace('"1"', '"2"'))
    with pytest.raises(ManifestError, match="version 2 is the first, expected 1"):
        write_expand(shop, "later")

    assert not (shop.parent / "versions" / "later.py").exists()


@pytest.mark.parametrize(
    ("kind", "text", "message", "hint"),
    [
        ("rename", "orders", "cannot be read, expected TABLE.COLUMN:NEW[:TYPE]", None),
        ("rename", "orders.pieces", "cannot be read, expected TABLE.COLUMN:NEW[:TYPE]", None),
        ("rename", "orders.pieces:", "cannot be read, expected", None),
        ("rename", "orders.pieces:a,b", "cannot be read, expected", None),
        ("rename", "orders.pieces:pieces", "cannot be read, expected", None),
        ("rename", "public.orders.pieces:amount", "cannot be read, expected", None),
        (
            "rename",
            "orders.pieces:from",
            "'from' cannot be a name in a recipe",
            "write a migration without a recipe: migrator new NAME",
        ),
        ("retype", "orders.pieces:amount", "cannot be read, expected TABLE.COLUMN:NEW:TYPE", None),
        ("retype", "orders.pieces:amount:int", "SQLAlchemy has no type 'int'", "did you mean INT?"),
        (
            "retype",
            "orders.pieces:amount:Integr",
            "SQLAlchemy has no type 'Integr'",
            "did you mean Integer?",
        ),
        ("retype", "orders.pieces:amount:select", "SQLAlchemy has no type 'select'", None),
        ("retype", "orders.pieces:amount:String(", "'String(' is not a type", None),
        ("retype", "orders.pieces:amount:String(print(1))", "is not a type", None),
        ("retype", "orders.pieces:amount:os.System", "SQLAlchemy has no type 'System'", None),
        ("split", "orders.note:one", "cannot be read, expected TABLE.COLUMN:NEW[:TYPE],NEW", None),
        ("split", "orders.note:one,one", "cannot be read, expected", None),
        ("fill", "orders.rank", "cannot be read, expected TABLE.NEW:TYPE[=VALUE]", None),
        (
            "fill",
            "orders.rank:Integer=many",
            "'many' cannot be read as a value of sa.Integer()",
            "leave the value out, or write the migration by hand",
        ),
        ("fill", "orders.rank:Boolean=maybe", "'maybe' cannot be read as a value of", None),
        ("fill", "orders.rank:DateTime=now", "'now' cannot be read as a value of", None),
    ],
)
def test_a_recipe_that_cannot_be_read_says_what_is_expected(
    kind: str, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        read_recipe(kind, text)

    assert message in raised.value.message
    assert hint is None or raised.value.hint == hint


@pytest.mark.parametrize(
    ("kind", "text", "message", "hint"),
    [
        (
            "rename",
            "orders.peices:amount",
            "no migration adds a column 'peices' to orders",
            "did you mean pieces?",
        ),
        ("rename", "orders.pieces:note", "orders has a column 'note' already", None),
        ("add", "orders.note:Text", "orders has a column 'note' already", None),
        ("rename", "orders.number:code_2", "it is of the primary key", None),
        ("retype", "orders.placed:day:Date", "no recipe turns sa.DateTime() into sa.Date()", None),
        (
            "retype",
            "orders.price:cost:Integer",
            "no recipe turns sa.Numeric(10, 2) into sa.Integer()",
            None,
        ),
        ("split", "orders.pieces:a,b", "the recipe splits texts, not sa.Integer()", None),
        (
            "fill",
            "orders.since:DateTime",
            "nothing says what to fill it with",
            "say it: --fill orders.since:TYPE=VALUE",
        ),
    ],
)
def test_a_recipe_that_does_not_fit_is_refused(
    shop: Path, kind: str, text: str, message: str, hint: str | None
) -> None:
    with pytest.raises(ConfigurationError) as raised:
        write_expand(shop, "change", [read_recipe(kind, text)])

    assert message in raised.value.message
    assert hint is None or raised.value.hint == hint
    assert not (shop.parent / "versions" / "change.py").exists()


def test_what_moves_already_is_not_moved_twice(shop: Path) -> None:
    write_expand(shop, "change", [read_recipe("rename", "orders.pieces:amount")])
    with pytest.raises(ConfigurationError, match="order_amount of change moves it already"):
        write_expand(shop, "again", [read_recipe("rename", "orders.pieces:count")])


def test_one_column_is_in_one_recipe(shop: Path) -> None:
    recipes = [
        read_recipe("rename", "orders.pieces:amount"),
        read_recipe("fill", "orders.amount:Integer"),
    ]
    with pytest.raises(ConfigurationError, match=r"orders\.amount is in two recipes"):
        write_expand(shop, "change", recipes)


def test_two_columns_may_be_split_in_one_migration(shop: Path) -> None:
    recipes = ("--split", "addresses.street:road,house", "--split", "orders.note:first,rest")
    new(shop, "change", *recipes)

    assert passes(shop, "change") == 2


def test_what_a_contract_dropped_may_come_again(shop: Path) -> None:
    write_expand(shop, "change", [read_recipe("rename", "orders.pieces:amount")])
    write_contract(shop, "finish", ["order_amount"])
    write_expand(shop, "again", [read_recipe("add", "orders.pieces:Integer")])

    assert passes(shop, "again") == 1


def test_an_unknown_transition_cannot_be_completed(shop: Path) -> None:
    write_expand(shop, "change", [read_recipe("rename", "orders.pieces:amount")])
    with pytest.raises(ConfigurationError, match="declares a transition 'order_amonut'") as raised:
        write_contract(shop, "finish", ["order_amonut"])

    assert raised.value.hint == "did you mean order_amount?"


def test_recipes_are_for_expands(shop: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = new(shop, "change", "--contract", "--add", "orders.colour:Text")

    assert code == 2
    assert "--add orders.colour is for an expand, not for a contract" in capsys.readouterr().err


def test_earlier_migrations_are_read_and_not_run(shop: Path) -> None:
    file = shop.parent / "versions" / "create_shop.py"
    file.write_text("raise SystemExit('it ran')\n" + file.read_text())
    write_expand(shop, "change", [read_recipe("rename", "orders.pieces:amount")])

    assert "sa.Integer()" in (shop.parent / "versions" / "change.py").read_text()


def test_values_of_a_type_nobody_knows_are_asked_for(shop: Path) -> None:
    written = write_expand(shop, "change", [read_recipe("rename", "orders.uuid:guid")])

    assert written.notes == ("the test has no rows: give it some with values of sa.Uuid()",)
    with pytest.raises(AssertionError, match="nothing would be tested"):
        passes(shop, "change")


def test_the_reference_application_can_go_on(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    manifest = Manifest.load(root / "versions.json")
    (tmp_path / "versions").mkdir()
    for entry in manifest.entries:
        for file in entry.files:
            text = (root / "versions" / file).read_text()
            (tmp_path / "versions" / file).write_text(text)
    path = tmp_path / "versions.json"
    path.write_text(manifest.text)
    write_expand(path, "change", [read_recipe("rename", "instances.display_name:label")])
    write_expand(path, "more", [read_recipe("retype", "flavors.vcpus:cores:BigInteger")])

    assert 'sa.Column("label", sa.String(255))' in (tmp_path / "versions/change.py").read_text()
    assert passes(path, "change") + passes(path, "more") == 2
