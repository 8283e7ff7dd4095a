# ruff: noqa: S608 - statements of tests
"""Virtual tables of SQLite files: made again, and never copied where something is masked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anonymizer import masks
from anonymizer.errors import PolicyError
from tests.anonymizer import sqlite_files
from tests.anonymizer.sqlite_files import make, query, rewrite, schema

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def _masks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", sqlite_files.MASKS)


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, Path]:
    """The paths of an original, which is not made yet, and of the new file."""
    return tmp_path / "old ?#%.db", tmp_path / "new ?#%.db"


FULL_TEXT = """
CREATE TABLE notes (id INTEGER PRIMARY KEY, body TEXT);
INSERT INTO notes VALUES (5, 'secret words'), (9, 'other words');
CREATE VIRTUAL TABLE outer5 USING fts5(body, content='notes', content_rowid = id);
CREATE VIRTUAL TABLE outer4 USING fts4(content="notes", body);
INSERT INTO outer5(outer5) VALUES ('rebuild');
INSERT INTO outer4(outer4) VALUES ('rebuild');
CREATE VIRTUAL TABLE own5 USING fts5(body, tokenize = "porter ascii", prefix='2 3');
INSERT INTO own5(own5, rank) VALUES ('rank', 'bm25(7.0)');
CREATE VIRTUAL TABLE own4 USING fts4(body, tokenize=porter);
CREATE VIRTUAL TABLE own3 USING fts3(body);
INSERT INTO own5(rowid, body) SELECT id, body FROM notes;
INSERT INTO own4(rowid, body) SELECT id, body FROM notes;
INSERT INTO own3(rowid, body) SELECT id, body FROM notes;
CREATE VIRTUAL TABLE words USING fts5vocab(own5, row);
CREATE TRIGGER kept AFTER INSERT ON notes BEGIN
    INSERT INTO outer5(rowid, body) VALUES (new.id, new.body);
END;
"""
INDEXES = ("outer5", "outer4", "own5", "own4", "own3")


@pytest.mark.parametrize("name", INDEXES)
@pytest.mark.parametrize("mask", ["keep", "backward"])
def test_full_text_is_indexed_again(files: tuple[Path, Path], name: str, mask: str) -> None:
    old, new = files
    make(old, FULL_TEXT)
    chosen = {f"{each}.body": mask for each in (*INDEXES, "notes")}
    rewrite(old, new, chosen=chosen)

    word, gone = ("secret", "terces") if mask == "keep" else ("terces", "secret")
    assert query(new, f"SELECT rowid FROM {name} WHERE {name} MATCH '{word}'") == [(5,)]
    assert not query(new, f"SELECT rowid FROM {name} WHERE {name} MATCH '{gone}'")
    assert schema(new) == schema(old)
    assert gone.encode() not in new.read_bytes()
    rank = "SELECT * FROM own5_config WHERE k = 'rank'"
    assert query(new, rank) == query(old, rank) != []


def test_an_index_without_its_texts_is_kept_or_refused(files: tuple[Path, Path]) -> None:
    old, new = files
    make(
        old,
        "CREATE VIRTUAL TABLE bare USING fts5(body, content='');"
        "INSERT INTO bare(rowid, body) VALUES (5, 'secret words')",
    )
    with pytest.raises(PolicyError, match="bare is an index of texts that it does not keep"):
        rewrite(old, new, chosen={"bare.body": "backward"})
    rewrite(old, new)
    assert query(new, "SELECT rowid FROM bare WHERE bare MATCH 'secret'") == [(5,)]


@pytest.mark.parametrize("mask", ["keep", "same"])
def test_trees_of_boxes_are_made_again(files: tuple[Path, Path], mask: str) -> None:
    old, new = files
    make(
        old,
        "CREATE VIRTUAL TABLE boxes USING rtree(id, x0, x1, +name);"
        "INSERT INTO boxes VALUES (7, 0.1, 0.2, 'here'), (9, -1e30, 5, 'there')",
    )
    rewrite(old, new, chosen={"boxes.x0": mask, "boxes.name": mask})
    assert query(new, "SELECT * FROM boxes") == query(old, "SELECT * FROM boxes")
    assert schema(new) == schema(old)
    assert query(new, "PRAGMA integrity_check") == [(b"ok",)]


def test_a_virtual_table_of_an_unknown_module_is_left_to_its_tables(
    files: tuple[Path, Path],
) -> None:
    old, new = files
    make(
        old,
        "CREATE TABLE shapes_index (a); INSERT INTO shapes_index VALUES ('x');"
        "PRAGMA writable_schema = ON; INSERT INTO sqlite_master VALUES"
        " ('table', 'shapes', 'shapes', 0, 'CREATE VIRTUAL TABLE shapes USING vec0(a)')",
    )
    rewrite(old, new, chosen={"shapes_index.a": "backward"})
    assert schema(new) == schema(old)
    with pytest.raises(PolicyError, match="table shapes_index is in the data"):
        rewrite(old, old.with_name("other"), unknown=frozenset({"shapes_index"}))
