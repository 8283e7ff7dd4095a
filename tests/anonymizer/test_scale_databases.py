"""Real databases made smaller and larger: the reference application, and a shop of music."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

import pytest
import sqlalchemy as sa
from sqlalchemy.schema import AddConstraint, CreateTable

from anonymizer.column import Column, Kind, Reference, Table
from anonymizer.markup import Decision
from anonymizer.scale import First, Part, Scaler, Seen, Size, Wishes
from cloud.generate import fill
from migrator.testing import walk_to
from tests.anonymizer.schemas import KEY, distinct, name_of
from tests.databases import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from anonymizer.scale.classes import Place
    from tests.databases import Database, Servers

pytestmark = pytest.mark.thorough

KINDS: tuple[tuple[type[sa.types.TypeEngine[Any]], Kind], ...] = (
    (sa.Integer, Kind.INTEGER),
    (sa.Numeric, Kind.NUMBER),
    (sa.DateTime, Kind.DATETIME),
    (sa.Boolean, Kind.BOOLEAN),
)
KEPT = Decision(mask="keep", why="a test")
CLOUD_RULES: Mapping[Place, str] = {(name_of("instances"), "uuid"): "uuid"}
CHINOOK = "ANONYMIZER_TEST_CHINOOK"
"""Names a folder with the scripts of the Chinook database, Chinook_PostgreSql.sql and so on."""
SCRIPTS = {
    "sqlite": "Chinook_Sqlite.sqlite",
    "postgresql": "Chinook_PostgreSql.sql",
    "mariadb": "Chinook_MySql.sql",
}
Rows: TypeAlias = "dict[str, list[dict[str, Any]]]"


@pytest.fixture
def other(database: Database, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    """Another fresh database of the same server."""
    folder = tmp_path / "other"
    folder.mkdir()
    yield from fresh(database.name, servers, folder)


def table_of(table: sa.Table) -> Table:
    keys = [tuple(table.primary_key.columns.keys())]
    keys += [
        tuple(each.columns.keys())
        for each in (*table.constraints, *table.indexes)
        if isinstance(each, sa.UniqueConstraint) or (isinstance(each, sa.Index) and each.unique)
    ]
    return Table(
        name=name_of(table.name),
        columns=tuple(column_of(each) for each in table.columns),
        keys=tuple(dict.fromkeys(key for key in keys if key)),
        references=tuple(
            Reference(
                columns=tuple(each.columns.keys()),
                table=name_of(each.referred_table.name),
                to=tuple(element.column.name for element in each.elements),
            )
            for each in table.foreign_key_constraints
        ),
    )


def column_of(column: sa.Column[Any]) -> Column:
    kind = next((kind for of, kind in KINDS if isinstance(column.type, of)), Kind.TEXT)
    return Column(
        name=column.name,
        kind=kind,
        bits=32 if kind is Kind.INTEGER else None,
        nullable=bool(column.nullable) and not column.primary_key,
        decision=KEPT,
        domain=f"{column.table.name}.{column.name}",
    )


def read(engine: sa.Engine) -> tuple[sa.MetaData, Rows]:
    metadata = sa.MetaData()
    metadata.reflect(engine)
    for name in [name for name in metadata.tables if name.startswith("migrator_")]:
        metadata.remove(metadata.tables[name])
    with engine.connect() as connection:
        rows = {
            name: [dict(row) for row in connection.execute(sa.select(table)).mappings()]
            for name, table in metadata.tables.items()
        }
    return metadata, rows


def part_of(rows: Sequence[Mapping[str, Any]], columns: Sequence[str]) -> Part:
    texts = [
        [None if row[name] is None else str(row[name]).encode() for name in columns] for row in rows
    ]
    return Part.of(texts, columns)


def scaled(tables: Sequence[Table], rows: Rows, scaler: Scaler) -> tuple[Rows, Seen]:
    first = First(scaler)
    for name in scaler.looks:
        first.add(scaler.look(name, part_of(rows[name.name], scaler.look_needs(name))))
    seen = first.seen()
    found: Rows = {}
    for table in tables:
        found[table.name.name] = [
            row
            for copy in scaler.copies_of(table.name)
            for row in copied(scaler, table, copy, rows[table.name.name], seen)
        ]
    return found, seen


def copied(
    scaler: Scaler, table: Table, copy: int, rows: Sequence[dict[str, Any]], seen: Seen
) -> Iterator[dict[str, Any]]:
    part = part_of(rows, scaler.needs(table.name))
    kept = scaler.keep(table.name, copy, part, seen)
    new = {
        name: [value(table, name, each) for each in cells.to_list()]
        for name, cells in scaler.columns(table.name, copy, part, seen).items()
    }
    for at, row in enumerate(rows):
        changed = {name: values[at] for name, values in new.items() if row[name] is not None}
        gone = dict.fromkeys(name for name, empty in kept.emptied.items() if empty[at])
        if kept.rows[at]:
            yield {**row, **changed, **gone}


def value(table: Table, name: str, text: bytes) -> Any:
    column = table.column(name)
    assert column is not None
    return int(text or b"0") if column.kind is Kind.INTEGER else text.decode()


def load(engine: sa.Engine, metadata: sa.MetaData, rows: Rows) -> None:
    """Fill a database with *rows*; then make it check every reference."""
    sqlite = engine.dialect.name == "sqlite"
    with engine.begin() as connection:
        for table in metadata.tables.values():
            kept: list[sa.ForeignKeyConstraint] | None = None if sqlite else []
            connection.execute(CreateTable(table, include_foreign_key_constraints=kept))
            for index in table.indexes:
                index.create(connection)
            if rows[table.name]:
                connection.execute(table.insert(), rows[table.name])
        if sqlite:
            assert not connection.exec_driver_sql("PRAGMA foreign_key_check").all()
            return
        for table in metadata.tables.values():
            for each in table.foreign_key_constraints:
                connection.execute(AddConstraint(each))


def size_of(rows: Rows, factor: float, **more: Any) -> Size:
    counts = {name_of(name): len(found) for name, found in rows.items()}
    return Size(factor=factor, rows=counts, **more)


def resized(
    database: Database, other: Database, factor: float, **more: Any
) -> tuple[Rows, Rows, Seen, Scaler]:
    metadata, rows = read(database.engine())
    tables = [table_of(each) for each in metadata.tables.values()]
    scaler = Scaler.of(tables, size_of(rows, factor, **more), key=KEY, distinct=distinct)
    out, seen = scaled(tables, rows, scaler)
    load(other.engine(), metadata, out)
    return rows, out, seen, scaler


@pytest.fixture
def cloud(database: Database) -> Database:
    engine = database.engine()
    walk_to(engine, "mitaka")
    with engine.begin() as connection:
        fill(connection, 500)
    return database


def chinook_in(database: Database, folder: Path) -> None:
    path = folder / SCRIPTS[database.name]
    if database.name == "sqlite":
        file = sa.make_url(database.url).database
        assert file
        Path(file).write_bytes(path.read_bytes())
        return
    text = path.read_text(encoding="utf-8-sig")
    commented = re.sub(
        r"(?m)^(?:--.*|/\*(?:.|\n)*?\*/|\\c .*|(?:DROP|CREATE) DATABASE.*|USE .*)$", "", text
    )
    with database.engine().begin() as connection:
        for statement in re.split(r";\s*$", commented, flags=re.MULTILINE):
            if statement.strip():
                connection.exec_driver_sql(statement.replace("%", "%%"))


@pytest.fixture
def chinook(database: Database) -> Database:
    if CHINOOK not in os.environ:
        pytest.skip(f"{CHINOOK} does not name the folder of its scripts")
    chinook_in(database, Path(os.environ[CHINOOK]))
    return database


def names_of(rows: Rows, *, like: str) -> str:
    """Return the name of a table, which is written otherwise on each database."""
    return next(name for name in rows if name.lower().replace("_", "") == like)


def test_cloud_made_smaller(cloud, other):
    rows, out, _, scaler = resized(cloud, other, 0.3)
    assert scaler.roles
    assert scaler.roles.roots == {name_of("instances"), name_of("flavors"), name_of("services")}
    assert scaler.looks == ()
    kept = {row["uuid"] for row in out["instances"]}
    assert 0.2 < len(kept) / 500 < 0.4
    parts = [row for row in rows["instance_extra"] if row["instance_uuid"] in kept]
    assert out["instance_extra"] == parts


def test_cloud_made_larger(cloud, other):
    rows, out, seen, scaler = resized(cloud, other, 3, rules=CLOUD_RULES)
    assert {name: len(found) for name, found in out.items()} == {
        name: 3 * len(found) for name, found in rows.items()
    }
    last = max(row["id"] for row in rows["instances"])
    assert scaler.sequence(name_of("instances"), "id", last, seen) == max(
        row["id"] for row in out["instances"]
    )


def test_cloud_made_larger_by_a_part(cloud, other):
    rows, out, _, _ = resized(cloud, other, 1.4, rules=CLOUD_RULES)
    assert 1.3 < len(out["instances"]) / len(rows["instances"]) < 1.5


def test_chinook_made_smaller(chinook, other):
    rows, out, _, scaler = resized(chinook, other, 0.4)
    artist, track = (names_of(rows, like=each) for each in ("artist", "track"))
    assert scaler.roles
    assert scaler.roles.roots == {name_of(artist)}
    assert 0.3 < len(out[artist]) / len(rows[artist]) < 0.5
    assert 0.2 < len(out[track]) / len(rows[track]) < 0.6


def test_chinook_made_smaller_by_its_customers(chinook, other):
    _, rows = read(chinook.engine())
    customer = names_of(rows, like="customer")
    wishes = Wishes(roots=frozenset({name_of(customer)}))
    rows, out, _, _ = resized(chinook, other, 0.5, wishes=wishes)
    key = next(iter(rows[customer][0]))
    kept = {row[key] for row in out[customer]}
    invoice = names_of(rows, like="invoice")
    assert out[invoice] == [row for row in rows[invoice] if row[key] in kept]


def test_chinook_made_larger(chinook, other):
    rows, out, _, scaler = resized(chinook, other, 2)
    once = {name.name for name in scaler.multiplier.once}
    assert {name: len(found) for name, found in out.items()} == {
        name: (1 if name in once else 2) * len(found) for name, found in rows.items()
    }
