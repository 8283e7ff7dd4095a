"""What a migration sends, written down without a database: exactly, and for every dialect."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from migrator.dialects import DIALECTS, dialect_named
from migrator.errors import MigrationError, UnreadableError
from migrator.manifest import Entry
from migrator.migration import Migration, load, render

if TYPE_CHECKING:
    from pathlib import Path

POSTGRESQL = dialect_named("postgresql")
MYSQL = dialect_named("mysql")
SQLITE = dialect_named("sqlite")


def expand(folder: Path, body: str, **files: str) -> Migration:
    """Write an expand with *body* and load it; *files* are dialect_suffix=text."""
    lines = "".join(f"    {line}\n" for line in body.splitlines())
    written = {"m.py": f"import sqlalchemy as sa\n\ndef expand(op):\n{lines}"}
    written |= {f"m.{each.replace('_', '.')}": text for each, text in files.items()}
    (folder / "versions").mkdir()
    for name, text in written.items():
        (folder / "versions" / name).write_text(text)
    return load(Entry(number=1, files=tuple(written)), folder / "versions")


ADD = """\
op.add_column("flavors", sa.Column("foobars", sa.Integer(), server_default="5%"))
op.create_index("ix", "flavors", ["foobars"])"""

GOLDEN = {
    "postgresql": (
        "ALTER TABLE flavors ADD COLUMN foobars INTEGER DEFAULT '5%'",
        "CREATE INDEX ix ON flavors (foobars)",
    ),
    "mysql": (
        "ALTER TABLE flavors ADD COLUMN foobars INTEGER DEFAULT '5%'",
        "CREATE INDEX ix ON flavors (foobars)",
    ),
    "mariadb": (
        "ALTER TABLE flavors ADD COLUMN foobars INTEGER DEFAULT '5%'",
        "CREATE INDEX ix ON flavors (foobars)",
    ),
    "sqlite": (
        "ALTER TABLE flavors ADD COLUMN foobars INTEGER DEFAULT '5%'",
        "CREATE INDEX ix ON flavors (foobars)",
    ),
}


def test_operations_are_spelt_for_every_dialect(tmp_path: Path) -> None:
    migration = expand(tmp_path, ADD)

    assert {each.name: render(migration, each) for each in DIALECTS} == GOLDEN


def test_rendering_twice_is_the_same(tmp_path: Path) -> None:
    migration = expand(tmp_path, ADD)

    assert render(migration, SQLITE) == render(migration, SQLITE)


def test_names_are_quoted_as_each_database_does(tmp_path: Path) -> None:
    migration = expand(tmp_path, 'op.add_column("order", sa.Column("a%b", sa.Text()))')

    assert render(migration, POSTGRESQL) == ('ALTER TABLE "order" ADD COLUMN "a%b" TEXT',)
    assert render(migration, MYSQL) == ("ALTER TABLE `order` ADD COLUMN `a%b` TEXT",)


def test_text_stays_as_it_is(tmp_path: Path) -> None:
    text = "SELECT '100%', '%%', '12:30', 'a\tb', 'x;y', '\\:z', 1::int"
    migration = expand(tmp_path, f'op.execute(r"{text}")')

    assert render(migration, POSTGRESQL) == (
        "SELECT '100%', '%%', '12:30', 'a\tb', 'x;y', ':z', 1::int",
    )


def test_values_are_written_in_their_place(tmp_path: Path) -> None:
    body = """\
flags = sa.table("flags", sa.column("name", sa.String()), sa.column("n", sa.Integer()))
op.execute(flags.insert().values(name="it's 5%: x", n=None))
op.execute(flags.update().values(n=2).where(flags.c.n.in_([1, 2])))
op.execute(sa.text("SELECT :x").bindparams(x=3))
op.bulk_insert(flags, [{"name": "a", "n": 1}, {"name": "b", "n": 2}])"""

    assert render(expand(tmp_path, body), SQLITE) == (
        "INSERT INTO flags (name, n) VALUES ('it''s 5%: x', NULL)",
        "UPDATE flags SET n=2 WHERE flags.n IN (1, 2)",
        "SELECT 3",
        "INSERT INTO flags (name, n) VALUES ('a', 1)",
        "INSERT INTO flags (name, n) VALUES ('b', 2)",
    )


def test_several_statements_in_one_text_are_cut(tmp_path: Path) -> None:
    migration = expand(tmp_path, 'op.execute("SELECT 1; SELECT 2 -- more\\n; ;")')

    assert [each.split("--")[0].strip() for each in render(migration, SQLITE)] == [
        "SELECT 1",
        "SELECT 2",
    ]


def test_a_file_of_sql_is_taken_as_it_is(tmp_path: Path) -> None:
    text = "SELECT '5%', ':x';\nCREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END;\n"
    migration = expand(tmp_path, "pass", sqlite_sql=text)

    assert render(migration, POSTGRESQL) == ()
    assert render(migration, SQLITE) == (
        "SELECT '5%', ':x'",
        "CREATE TRIGGER t AFTER INSERT ON a BEGIN SELECT 1; SELECT 2; END",
    )


def test_an_autocommit_block_leaves_the_transaction_to_the_sender(tmp_path: Path) -> None:
    body = """\
with op.get_context().autocommit_block():
    op.create_index("ix", "t", ["a"], postgresql_concurrently=True)
op.execute("COMMIT")"""

    assert render(expand(tmp_path, body), POSTGRESQL) == (
        "CREATE INDEX CONCURRENTLY ix ON t (a)",
        "COMMIT",
    )


def test_types_of_postgresql_come_before_their_table(tmp_path: Path) -> None:
    body = 'op.create_table("t", sa.Column("mood", sa.Enum("a", "b", name="moods")))'
    statements = render(expand(tmp_path, body), POSTGRESQL)

    assert [each.partition("(")[0].strip() for each in statements] == [
        "CREATE TYPE moods AS ENUM",
        "CREATE TABLE t",
    ]


def test_the_global_operations_of_alembic_are_the_same(tmp_path: Path) -> None:
    migration = expand(tmp_path, "from alembic import op as everywhere\neverywhere.drop_table('t')")

    assert render(migration, SQLITE) == ("DROP TABLE t",)


def test_alembics_global_is_free_again_after_a_failure(tmp_path: Path) -> None:
    with pytest.raises(MigrationError):
        render(expand(tmp_path, "op.drop_table('t')\n1 / 0"), SQLITE)

    from alembic import op

    with pytest.raises((AttributeError, NameError)):
        op.drop_table("t")


def test_the_dialect_can_be_asked_for(tmp_path: Path) -> None:
    body = 'op.execute("SELECT \'" + op.get_bind().dialect.name + "\'")'
    migration = expand(tmp_path, body)

    assert [render(migration, each)[0] for each in DIALECTS] == [
        "SELECT 'postgresql'",
        "SELECT 'mysql'",
        "SELECT 'mariadb'",
        "SELECT 'sqlite'",
    ]


def test_ddl_may_go_through_the_bind(tmp_path: Path) -> None:
    body = 'sa.Table("t", sa.MetaData(), sa.Column("a", sa.Text())).create(op.get_bind())'

    assert [each.split("(")[0].strip() for each in render(expand(tmp_path, body), SQLITE)] == [
        "CREATE TABLE t"
    ]


UNREADABLE = {
    "execute": (
        "rows = op.get_bind().execute(sa.text('SELECT 1')).all()",
        "op.get_bind().execute() needs a database",
    ),
    "scalar": (
        "op.get_bind().scalar(sa.text('SELECT 1'))",
        "op.get_bind().scalar needs a database",
    ),
    "driver": (
        "op.get_bind().exec_driver_sql('SELECT 1')",
        "op.get_bind().exec_driver_sql needs a database",
    ),
    "begin": (
        "with op.get_bind().begin_nested():\n    pass",
        "op.get_bind().begin_nested needs a database",
    ),
    "inspect": ("sa.inspect(op.get_bind())", "sa.inspect() needs a database"),
    "session": (
        "from sqlalchemy.orm import Session\nSession(op.get_bind()).execute(sa.text('SELECT 1'))",
        "needs a database",
    ),
    "async": ("op.run_async(lambda bind: None)", "op.run_async() needs a database"),
    "batch": (
        "with op.batch_alter_table('t') as batch:\n    batch.drop_column('a')",
        "batch_alter_table() has to look at the table in a database",
    ),
    "parameters": (
        "op.get_context().impl._exec(sa.text('SELECT :x'), multiparams=[{'x': 1}])",
        "parameters are given beside a statement",
    ),
}


@pytest.mark.parametrize("case", UNREADABLE)
def test_what_asks_the_database_is_unreadable_and_says_what_to_do(
    tmp_path: Path, case: str
) -> None:
    body, message = UNREADABLE[case]
    with pytest.raises(UnreadableError) as raised:
        render(expand(tmp_path, body), SQLITE)

    assert message in raised.value.message
    assert raised.value.message.startswith("m: m.py, line ")
    assert raised.value.hint


FAILING = {
    "colon": (
        "op.execute(\"SELECT 'x' LIKE ':y'\")",
        "line 4: ':y' is read as a parameter, and nobody gives its value",
        r"write '\:y' for a colon, or give it with text(…).bindparams()",
    ),
    "exception": ("op\n{}['k']", "line 5: KeyError: 'k'", None),
    "alembic": (
        "op.alter_column('t', 'a', nullable=False)",
        "line 4: CommandError: All MySQL CHANGE/MODIFY COLUMN operations require the existing type",
        None,
    ),
    "neighbour": (
        "from versions.nowhere import x",
        "line 4: ModuleNotFoundError: No module",
        "a mig",
    ),
}


@pytest.mark.parametrize("case", FAILING)
def test_a_failure_names_the_file_and_the_line(tmp_path: Path, case: str) -> None:
    body, message, hint = FAILING[case]
    with pytest.raises(MigrationError) as raised:
        render(expand(tmp_path, body), MYSQL)

    assert message in raised.value.message
    assert (raised.value.hint or "").startswith(hint or "")
    assert not isinstance(raised.value, UnreadableError)


def test_the_dialect_of_an_engine_is_left_as_it_was(tmp_path: Path) -> None:
    made: Any = sa.make_url("postgresql+psycopg2://").get_dialect()
    theirs = made(paramstyle="pyformat")
    before = theirs.identifier_preparer.quote("a%b")
    migration = expand(tmp_path, "op.execute(\"SELECT '5%'\")\nop.drop_column('t', 'a%b')")

    assert render(migration, POSTGRESQL, theirs) == (
        "SELECT '5%'",
        'ALTER TABLE t DROP COLUMN "a%b"',
    )
    assert theirs.identifier_preparer.quote("a%b") == before == '"a%%b"'
    assert theirs.paramstyle == "pyformat"


@pytest.mark.parametrize(
    ("body", "hint"),
    [
        ('op.create_foreign_key("fk", "a", "b", ["x"], ["id"])', "ADD COLUMN … REFERENCES"),
        ('op.bulk_insert(sa.table("a", sa.column("x")), [{"x": 1}])', "say the type"),
    ],
)
def test_what_the_library_says_is_said_with_a_cure(tmp_path: Path, body: str, hint: str) -> None:
    with pytest.raises(MigrationError, match=r"m\.py, line 4") as caught:
        render(expand(tmp_path, body), SQLITE)
    assert hint in (caught.value.hint or "")
