"""Dumps of SQLite, honest and hostile."""

from __future__ import annotations

import os
import sqlite3
import subprocess
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

from ci.databases import Places, open_database
from ci.errors import SetupError
from ci.timing import Engine
from tests.ci import served

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

CANARY = "canary-4711"


@pytest.fixture(scope="module")
def places() -> Iterator[Places]:
    with served.places() as made:
        yield made


def restore(places: Places, dump: Path) -> int:
    """Restore *dump*, and return how many orders it has."""
    data = served.dataset(Engine.SQLITE, dump)
    with open_database(data, places) as database:
        database.restore(data)
        return database.sizes()["orders"][0]


def make(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(served.SHOP[Engine.SQLITE])
    return path


def test_a_file_is_restored_and_what_is_still_in_its_wal(places: Places, tmp_path: Path) -> None:
    path = make(tmp_path / "shop.db")
    assert restore(places, path) == 1000
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = wal")
        connection.execute("DELETE FROM orders WHERE id > 10")
        connection.commit()
        assert restore(places, path) == 10


def test_a_compressed_file_is_restored(places: Places, tmp_path: Path) -> None:
    subprocess.run(["xz", make(tmp_path / "shop.db")], check=True)
    assert restore(places, tmp_path / "shop.db.xz") == 1000


def test_a_file_that_is_cut_off_is_refused(places: Places, tmp_path: Path) -> None:
    path = make(tmp_path / "shop.db")
    os.truncate(path, path.stat().st_size // 2)
    with pytest.raises(SetupError, match=r"cannot read|damaged"):
        restore(places, path)


@pytest.mark.parametrize(
    "text",
    [
        ".shell touch {place}",
        ".output {place}",
        "ATTACH '{place}' AS x; CREATE TABLE x.t (id);",
        "SELECT writefile('{place}', 'x');",
        "VACUUM INTO '{place}';",
        "INSERT INTO orders VALUES ('{canary}'); INSERT INTO orders VALUES ('{canary}');",
    ],
)
def test_a_hostile_text_gets_nowhere(text: str, places: Places, tmp_path: Path) -> None:
    place, dump = tmp_path / "place", tmp_path / "dump.sql"
    said = text.format(place=place, canary=CANARY)
    dump.write_text(f"CREATE TABLE orders (id UNIQUE);\n{said}\n")
    with pytest.raises(SetupError, match="sqlite3 failed") as caught:
        restore(places, dump)
    assert not place.exists()
    assert CANARY not in f"{caught.value} {caught.value.hint}"


def test_a_text_that_gives_up_is_refused(places: Places, tmp_path: Path) -> None:
    dump = tmp_path / "dump.sql"
    dump.write_text("BEGIN TRANSACTION;\nCREATE TABLE orders (id);\nROLLBACK; -- due to errors\n")
    with pytest.raises(SetupError, match="gives up"):
        restore(places, dump)
    dump.write_text("BEGIN TRANSACTION;\nCREATE TABLE orders (id);\n")
    with pytest.raises(SetupError, match="ends in the middle"):
        restore(places, dump)


def test_nothing_is_kept_through_a_link(places: Places, tmp_path: Path) -> None:
    data = served.dataset(Engine.SQLITE, make(tmp_path / "shop.db"))
    (tmp_path / "secret").write_text(CANARY)
    with open_database(data, places) as database:
        database.restore(data)
        file = database.migrating().bind / "app.db"
        (file.parent / "left").write_text("by the code under test")
        database.keep("clean")
        assert not (file.parent / "left").exists()

        file.unlink()
        file.symlink_to(tmp_path / "secret")
        for attempt in (lambda: database.keep("dirty"), database.schema):
            with pytest.raises(SetupError, match="is a link"):
                attempt()
        assert database.kept() == {"clean"}
