"""A migration: what is hashed is what runs, what is wrong is said with file and line."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

import pytest

from migrator.dialects import DIALECTS, dialect_named
from migrator.errors import MigrationError, TransitionError
from migrator.manifest import Entry, Manifest
from migrator.migration import (
    Migration,
    Phase,
    PythonSource,
    SqlSource,
    hash_files,
    load,
    load_all,
)

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

EXPAND = '''\
"""Rename flavors.memory_mb to foobars.

More is said here.
"""
import sqlalchemy as sa
from migrator import rename

flavor_foobars = rename("flavors", "memory_mb", to="foobars")


def expand(op):
    op.add_column("flavors", sa.Column("foobars", sa.Integer()))
'''

CONTRACT = '''\
"""Drop flavors.memory_mb."""
completes = ["flavor_foobars"]
abandons = {"flavors.colour": "nobody ever saw it"}


def contract(op):
    op.drop_column("flavors", "memory_mb")
'''

EMPTY = "def expand(op):\n    pass\n"


def migration(folder: Path, text: str | bytes, name: str = "m", **files: str) -> Migration:
    """Write a migration and load it; *files* are dialect_suffix=text."""
    written = {f"{name}.py": text} | {
        f"{name}.{each.replace('_', '.')}": content for each, content in files.items()
    }
    return load(entry(folder, written), folder / "versions")


def write(folder: Path, files: Mapping[str, str | bytes]) -> None:
    """Write *files* into versions/."""
    (folder / "versions").mkdir(exist_ok=True)
    for file, text in files.items():
        content = text if isinstance(text, bytes) else text.encode()
        (folder / "versions" / file).write_bytes(content)


def entry(folder: Path, files: Mapping[str, str | bytes], number: int = 1) -> Entry:
    """Write *files* into versions/ and return the entry that lists them."""
    write(folder, files)
    return Entry(number=number, files=tuple(files))


def test_an_expand_declares_transitions_by_the_names_of_their_variables(tmp_path: Path) -> None:
    loaded = migration(tmp_path, EXPAND)

    assert loaded.phase is Phase.EXPAND
    assert loaded.doc == "Rename flavors.memory_mb to foobars."
    assert [each.name for each in loaded.transitions] == ["flavor_foobars"]
    assert loaded.files == (tmp_path / "versions" / "m.py",)


def test_a_contract_says_what_it_completes_and_abandons(tmp_path: Path) -> None:
    loaded = migration(tmp_path, CONTRACT)

    assert loaded.phase is Phase.CONTRACT
    assert loaded.completes == ("flavor_foobars",)
    assert loaded.abandons == {"flavors.colour": "nobody ever saw it"}


def test_without_a_docstring_the_name_says_what_it_does(tmp_path: Path) -> None:
    assert migration(tmp_path, EMPTY, "add_disk").doc == "add disk"


def test_the_most_specific_file_says_what_happens_on_a_dialect(tmp_path: Path) -> None:
    loaded = migration(
        tmp_path, EMPTY, mysql_sql="SELECT 1", mariadb_py=EMPTY, sqlite_sql="SELECT 'é'"
    )
    sources = {each.name: loaded.source(each) for each in DIALECTS}

    assert {name: source.path.name for name, source in sources.items()} == {
        "postgresql": "m.py",
        "mysql": "m.mysql.sql",
        "mariadb": "m.mariadb.py",
        "sqlite": "m.sqlite.sql",
    }
    assert isinstance(sources["mariadb"], PythonSource)
    assert isinstance(sources["sqlite"], SqlSource)
    assert sources["sqlite"].text == "SELECT 'é'"


def test_the_hash_is_over_names_and_bytes_of_every_file(tmp_path: Path) -> None:
    hashes = [
        migration(tmp_path, EMPTY).hash,
        migration(tmp_path, EMPTY + "\n").hash,
        migration(tmp_path, EMPTY, "n").hash,
        migration(tmp_path, EMPTY, sqlite_sql="SELECT 1").hash,
        migration(tmp_path, EMPTY, sqlite_sql="SELECT 2").hash,
        migration(tmp_path, EMPTY, mysql_sql="SELECT 1").hash,
    ]

    assert len(set(hashes)) == len(hashes)
    assert {len(each) for each in hashes} == {64}


def test_the_hash_knows_neither_line_ends_nor_the_order_of_files(tmp_path: Path) -> None:
    unix = migration(tmp_path, EMPTY, sqlite_sql="SELECT 1;\n", mysql_sql="SELECT 2;\n")
    windows = migration(
        tmp_path, EMPTY.replace("\n", "\r\n"), mysql_sql="SELECT 2;\r\n", sqlite_sql="SELECT 1;\r\n"
    )

    assert unix.hash == windows.hash


def test_hash_files_runs_nothing_and_agrees_with_load(tmp_path: Path) -> None:
    listed = entry(tmp_path, {"m.py": EMPTY, "m.sqlite.sql": "SELECT 1"})
    broken = entry(tmp_path, {"n.py": "raise SystemExit"})

    assert hash_files(listed, tmp_path / "versions") == load(listed, tmp_path / "versions").hash
    assert len(hash_files(broken, tmp_path / "versions")) == 64


def test_editing_a_helper_edits_the_migrations_that_import_it(tmp_path: Path) -> None:
    write(tmp_path, {"_units.py": "from versions._more import GB\n", "_more.py": "GB = 1\n"})
    text = "from versions import (\n    _units as units,\n)\nGB = units.GB\n" + EMPTY
    before, alone = migration(tmp_path, text), migration(tmp_path, EMPTY, "n")
    write(tmp_path, {"_more.py": "GB = 2\n"})
    after = migration(tmp_path, text)

    assert before.hash != after.hash
    assert migration(tmp_path, EMPTY, "n").hash == alone.hash


def test_what_runs_is_what_was_hashed(tmp_path: Path) -> None:
    listed = entry(tmp_path, {"m.py": "def expand(op):\n    op.append(1)\n"})
    loaded = load(listed, tmp_path / "versions")
    write(tmp_path, {"m.py": "def expand(op):\n    op.append(2)\n"})
    ran: list[int] = []
    source = loaded.source(dialect_named("sqlite"))
    assert isinstance(source, PythonSource)
    source.function(ran)

    assert ran == [1]


def test_a_file_that_became_a_symlink_is_not_followed(tmp_path: Path) -> None:
    listed = entry(tmp_path, {"m.py": EMPTY})
    (tmp_path / "versions" / "m.py").rename(tmp_path / "elsewhere.py")
    (tmp_path / "versions" / "m.py").symlink_to(tmp_path / "elsewhere.py")

    with pytest.raises(MigrationError, match=r"m: m\.py: cannot be read: "):
        load(listed, tmp_path / "versions")


def test_a_migration_imports_its_neighbours(tmp_path: Path) -> None:
    write(tmp_path, {"add.py": EXPAND, "_units.py": "GB = 1024\n"})
    text = (
        "from versions.add import flavor_foobars\nfrom . import _units\n"
        "completes = ['flavor_foobars']\n"
        "def contract(op):\n    from versions._units import GB\n    op.append(GB)\n"
    )
    loaded = migration(tmp_path, text)
    ran: list[int] = []
    source = loaded.source(dialect_named("sqlite"))
    assert isinstance(source, PythonSource)
    source.function(ran)

    assert loaded.transitions == ()
    assert ran == [1024]


def test_two_folders_of_one_name_do_not_mix(tmp_path: Path) -> None:
    text = "from versions._units import GB\nreason = str(GB)\nallow = ['DO']\n" + EMPTY
    before = {name for name in sys.modules if name.startswith("versions")}
    reasons = []
    for number in (1, 2):
        folder = tmp_path / str(number)
        folder.mkdir()
        write(folder, {"_units.py": f"GB = {number}\n", "__init__.py": ""})
        reasons.append(migration(folder, text).reason)

    assert reasons == ["1", "2"]
    assert {name for name in sys.modules if name.startswith("versions")} == before


def test_what_the_application_imported_under_the_same_name_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    theirs, part = ModuleType("versions"), ModuleType("versions._units")
    theirs.__path__ = [str(tmp_path / "elsewhere")]
    monkeypatch.setitem(sys.modules, "versions", theirs)
    monkeypatch.setitem(sys.modules, "versions._units", part)
    write(tmp_path, {"_units.py": "GB = 7\n"})
    text = "from versions._units import GB\nreason = str(GB)\nallow = ['DO']\n" + EMPTY

    assert migration(tmp_path, text).reason == "7"
    assert sys.modules["versions"] is theirs
    assert sys.modules["versions._units"] is part


WRONG: dict[str, tuple[str | bytes, str, str | None]] = {
    "syntax": ("def expand(op):\n    op.(\n", "line 2: SyntaxError: invalid syntax", None),
    "indent": ("def expand(op):\npass\n", "line 2: IndentationError: ", None),
    "NUL": ("a = 1\0\n", "", None),
    "not UTF-8": (b"a = 1\nb = '\xff'\n", "SyntaxError: ", None),
    "name": ("import os\nfoo\n" + EMPTY, "line 2: NameError: name 'foo' is not defined", None),
    "exit": ("import sys\nsys.exit(3)\n" + EMPTY, "line 2: SystemExit: 3", None),
    "import": (
        "import nowhere\n" + EMPTY,
        "line 1: ModuleNotFoundError: No module named 'nowhere'",
        "a migration imports migrator, sqlalchemy and its neighbours in the folder",
    ),
    "transition": (
        "from migrator import rename\n\nt = rename('t', 'a', to='a')\n" + EMPTY,
        "line 3: 'a' is both source and target",
        None,
    ),
    "empty": (
        "",
        "defines neither expand(op) nor contract(op)",
        "def expand(op) for what only adds, def contract(op) for what drops",
    ),
    "both": (
        EMPTY + "def contract(op):\n    pass\n",
        "line 3: defines both expand() and contract(), expected one of them",
        "the old column goes in a later release: put contract() in its own migration",
    ),
    "alembic": (
        "def upgrade():\n    pass\n",
        "line 1: defines upgrade(), expected expand(op) or contract(op)",
        "alembic's upgrade() is called expand(op) here",
    ),
    "capital": (
        "def Expand(op):\n    pass\n",
        "line 1: 'Expand' means nothing here",
        "did you mean expand?",
    ),
    "no argument": (
        "def expand():\n    pass\n",
        "line 1: expand cannot be called with one argument, expected def expand(op)",
        None,
    ),
    "two arguments": (
        "def expand(op, bind):\n    pass\n",
        "line 1: expand cannot be called with one argument, expected def expand(op)",
        None,
    ),
    "async": (
        "async def expand(op):\n    pass\n",
        "line 1: expand is not a plain function, expected def expand(op)",
        None,
    ),
    "generator": (
        "def expand(op):\n    yield\n",
        "line 1: expand is not a plain function, expected def expand(op)",
        None,
    ),
    "no function": ("expand = 3\n", "line 1: expand cannot be called with one argument", None),
    "imported": (
        "from os.path import join as expand\n",
        "defines neither expand(op) nor contract(op)",
        "def expand(op) for what only adds, def contract(op) for what drops",
    ),
    "complete": (
        CONTRACT.replace("completes", "complete"),
        "line 2: 'complete' means nothing here",
        "did you mean completes?",
    ),
    "abandon": (
        CONTRACT.replace("abandons", "abandon"),
        "line 3: 'abandon' means nothing here",
        "did you mean abandons?",
    ),
    "allowed": (
        "allowed = ['DO']\n" + EMPTY,
        "line 1: 'allowed' means nothing here",
        "did you mean allow?",
    ),
    "reasons": (
        "reasons = 'x'\n" + EMPTY,
        "line 1: 'reasons' means nothing here",
        "did you mean reason?",
    ),
    "allow alone": (
        "allow = ['DO']\n" + EMPTY,
        "line 1: allow without reason",
        'say what may pass and why: allow = ["CREATE FUNCTION"], reason = "…"',
    ),
    "reason alone": (
        "reason = 'because'\n" + EMPTY,
        "line 1: reason without allow",
        'say what may pass and why: allow = ["CREATE FUNCTION"], reason = "…"',
    ),
    "empty reason": (
        "allow = ['DO']\nreason = ' '\n" + EMPTY,
        "line 2: reason is not a text",
        None,
    ),
    "allow text": (
        "allow = 'DO'\nreason = 'x'\n" + EMPTY,
        "line 1: allow is not a list of texts",
        'expected allow = ["…"]',
    ),
    "completes text": (
        "completes = 'flavor_foobars'\ndef contract(op):\n    pass\n",
        "line 1: completes is not a list of texts",
        'expected completes = ["…"]',
    ),
    "completes twice": (
        "completes = ['a', 'a']\ndef contract(op):\n    pass\n",
        "line 1: completes names something twice",
        None,
    ),
    "abandons list": (
        "abandons = ['flavors.colour']\ndef contract(op):\n    pass\n",
        "line 1: abandons does not say why",
        'expected abandons = {"table.column": "why its data may go"}',
    ),
    "abandons empty": (
        "abandons = {'flavors.colour': ''}\ndef contract(op):\n    pass\n",
        "line 1: abandons does not say why",
        'expected abandons = {"table.column": "why its data may go"}',
    ),
    "completes in expand": (
        "completes = ['a']\n" + EMPTY,
        "line 1: an expand declares completes, which only a contract can",
        None,
    ),
    "transition in contract": (
        EXPAND.replace("def expand", "def contract"),
        "line 8: a contract declares the transition 'flavor_foobars'",
        "declare it in the expand that adds its target, and name it in completes",
    ),
    "second name": (
        EXPAND + "again = flavor_foobars\n",
        "line 13: the transition 'flavor_foobars' has a second name 'again'",
        None,
    ),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_migration_is_an_error_with_file_and_line(tmp_path: Path, case: str) -> None:
    text, message, hint = WRONG[case]
    with pytest.raises(MigrationError) as raised:
        migration(tmp_path, text)

    separator = ", " if message.startswith("line") else ": " if message.startswith("def") else ""
    assert str(raised.value).startswith(f"m: m.py{separator}")
    assert message in str(raised.value)
    assert raised.value.hint == hint
    assert raised.value.migration == "m"


def test_a_transition_that_does_not_fit_stays_that_error(tmp_path: Path) -> None:
    with pytest.raises(TransitionError):
        migration(tmp_path, WRONG["transition"][0])


def test_a_table_may_be_called_contracts(tmp_path: Path) -> None:
    text = 'import sqlalchemy as sa\ncontracts = sa.table("contracts")\n' + EMPTY

    assert migration(tmp_path, text).phase is Phase.EXPAND


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "def contract(op):\n    pass\n",
            "m.sqlite.py, line 1: defines contract(), but m.py defines expand()",
        ),
        ("", "m.sqlite.py: defines neither expand(op) nor contract(op)"),
        (
            "allow = ['DO']\nreason = 'x'\n" + EMPTY,
            "m.sqlite.py, line 1: declares allow, which holds for every database",
        ),
        (EXPAND, "m.sqlite.py, line 8: declares flavor_foobars, which holds for every database"),
        ("foo\n", "m.sqlite.py, line 1: NameError: name 'foo' is not defined"),
    ],
)
def test_a_file_for_one_dialect_only_replaces_the_function(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(MigrationError) as raised:
        migration(tmp_path, EMPTY, sqlite_py=text)

    assert raised.value.message.removeprefix("m: ") == message


def test_sql_that_is_not_utf8_is_an_error_with_its_line(tmp_path: Path) -> None:
    listed = entry(tmp_path, {"m.py": EMPTY, "m.sqlite.sql": b"SELECT 1;\nSELECT '\xff'"})
    with pytest.raises(MigrationError, match=r"m: m\.sqlite\.sql, line 2: is not UTF-8"):
        load(listed, tmp_path / "versions")


def manifest(folder: Path, *texts: str) -> Manifest:
    """Write the migrations m1, m2 … and return their manifest."""
    entries = tuple(
        entry(folder, {f"m{number}.py": text}, number) for number, text in enumerate(texts, start=1)
    )
    return Manifest(path=folder / "versions.json", entries=entries)


def test_load_all_loads_all_or_some(tmp_path: Path) -> None:
    written = manifest(tmp_path, EXPAND, EMPTY, CONTRACT)

    assert [each.name for each in load_all(written)] == ["m1", "m2", "m3"]
    assert [each.name for each in load_all(written, {3, 2})] == ["m2", "m3"]


def test_an_init_that_fails_is_an_error_with_its_line(tmp_path: Path) -> None:
    written = manifest(tmp_path, EXPAND)
    write(tmp_path, {"__init__.py": "\nfoo\n"})
    with pytest.raises(MigrationError, match=r"__init__\.py, line 2: NameError: name 'foo'"):
        load_all(written)


def test_two_transitions_of_one_name_are_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        MigrationError, match="m2: the transition 'flavor_foobars' is declared by 'm1' too"
    ):
        load_all(manifest(tmp_path, EXPAND, EXPAND))


@pytest.mark.parametrize(
    ("texts", "hint"),
    [
        ((CONTRACT, EXPAND), "no transition"),
        ((EXPAND.replace("flavor_", "a_"), CONTRACT), "a_foobars"),
    ],
)
def test_completing_what_no_earlier_expand_declares_is_an_error(
    tmp_path: Path, texts: tuple[str, ...], hint: str
) -> None:
    with pytest.raises(MigrationError, match="completes 'flavor_foobars', which no") as raised:
        load_all(manifest(tmp_path, *texts))

    assert raised.value.hint == f"declared before it: {hint}"
