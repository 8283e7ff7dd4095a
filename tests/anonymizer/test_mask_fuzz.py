"""Every kind of dump, damaged: an error of ours that says no value, or a whole output; no crash."""

from __future__ import annotations

import os
import random
import resource
import sqlite3
import time
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from anonymizer import policy, settings, sidecar
from anonymizer.dumps.compression import Method, Writer
from anonymizer.errors import AnonymizerError
from anonymizer.key import Key
from anonymizer.masks.find import mask_of
from tests.anonymizer import fuzzing, test_mysql_dump, test_pg_custom, test_pg_directory
from tests.anonymizer.fuzzing import CANARY, DAMAGES, GENTLE, Whole, cut_off, said_by, torn
from tests.anonymizer.test_inserts_fuzz import within
from tests.anonymizer.test_sqlite_text import shell
from tests.databases import fresh
from tests.dumped import dump

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from anonymizer.stream import Tally
    from tests.anonymizer.fuzzing import Damage
    from tests.databases import Database, Servers

SECONDS = float(os.environ.get("ANONYMIZER_FUZZ_SECONDS", "60"))
"""How long the slow test goes on, for all kinds together."""
HANGS = 30
ROOM = 3 << 30
"""Bytes of address space that a damaged dump may ask for."""
ROWS = 12

TABLES = """
CREATE TABLE people (id int PRIMARY KEY, mail varchar(60) UNIQUE, note text, extra {blob}, tags {tags});
CREATE TABLE orders (id int PRIMARY KEY, who {text} REFERENCES people (mail), at {time});
"""
TYPES = {
    "postgresql": {"blob": "bytea", "tags": "text[]", "text": "text", "time": "timestamp"},
    "mariadb": {"blob": "longblob", "tags": "text", "text": "varchar(60)", "time": "datetime"},
    "sqlite": {"blob": "blob", "tags": "text", "text": "text", "time": "text"},
}


def statements(name: str) -> Iterator[str]:
    """Yield what fills a database, with a canary in every value that is masked."""
    made = TABLES.format(**TYPES[name]).replace("REFERENCES people (mail)", "")
    yield from made.strip().split("\n")
    tags = "ARRAY['caNary', 'b,\"']" if name == "postgresql" else "'caNary'"
    extra = {"postgresql": "'\\x63614e617279'"}.get(name, "x'63614e617279'")
    note = "'it''s caNary ; -- \"'" if name == "mariadb" else "'it''s \\ caNary\n\t; -- \"'"
    for at in range(ROWS):
        values = f"{at}, 'caNary{at}@example.org', {note if at % 5 else 'NULL'}, {extra}, {tags}"
        yield f"INSERT INTO people VALUES ({values})"  # noqa: S608
        yield f"INSERT INTO orders VALUES ({at}, 'caNary{at}', '2020-01-0{at % 9 + 1} 10:00:00')"  # noqa: S608


def fill(database: Database) -> None:
    with database.engine().begin() as connection:
        for each in statements(database.name):
            connection.exec_driver_sql(each.replace("%", "%%"))


def packed(data: bytes, method: Method) -> bytes:
    target: list[bytes] = []

    class Kept:
        def write(self, part: bytes) -> None:
            target.append(bytes(part))

    writer = Writer(Kept(), method)  # type: ignore[arg-type] # it writes, and that is all
    writer.write(data)
    writer.finish()
    return b"".join(target)


def of_postgresql(database: Database, folder: Path) -> Iterator[tuple[str, Whole]]:
    def whole(files: Mapping[str, bytes]) -> Whole:
        return Whole(files=files, schema="public.")

    yield "COPY", whole({"dump": dump(database)})
    for name in ("--inserts", "--column-inserts", "--rows-per-insert=5"):
        yield f"PostgreSQL {name}", whole({"dump": dump(database, name)})
    archive = dump(database, "-Fc", "-Z0")
    yield "archive", whole({"dump": archive})
    for method in (Method.ZLIB, Method.LZ4, Method.ZSTD):
        yield f"archive{method.value}", whole({"dump": test_pg_custom.packed(archive, method)})
    for method in (Method.NONE, Method.GZIP, Method.LZ4, Method.ZSTD):
        made = folder / f"directory{method.value}"
        dump(database, "-Fd", "-Z0", f"--file={made}")
        test_pg_directory.pack(made, method)
        yield f"directory{method.value}", whole({each.name: each.read_bytes() for each in made.iterdir()})


def of_mariadb(database: Database) -> Iterator[tuple[str, Whole]]:
    ways = {
        "": (),
        " --hex-blob": ("--hex-blob", "--complete-insert"),
        " a row each": ("--skip-extended-insert", "--skip-comments"),
    }
    for name, options in ways.items():
        yield f"mariadb-dump{name}", Whole(files={"dump": test_mysql_dump.dump(database, *options)})


def of_sqlite(folder: Path) -> Iterator[tuple[str, Whole]]:
    for encoding in ("UTF-8", "UTF-16"):
        path = folder / f"{encoding}.db"
        with closing(sqlite3.connect(path)) as connection:
            connection.executescript(f"PRAGMA encoding = '{encoding}'; PRAGMA page_size = 1024;")
            connection.executescript(";\n".join(each.strip(";") for each in statements("sqlite")))
        yield f"SQLite {encoding}", Whole(files={"dump": path.read_bytes()})
    yield "SQLite .dump", Whole(files={"dump": shell(folder / "UTF-8.db", ".dump")})


@pytest.fixture(scope="module")
def dumps(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Whole]:
    """Return a whole dump of each kind."""
    folder = tmp_path_factory.mktemp("dumps")
    found: dict[str, Whole] = dict(of_sqlite(folder))
    for database in fresh("postgresql", servers, folder):
        fill(database)
        found.update(of_postgresql(database, folder))
    for database in fresh("mariadb", servers, folder):
        fill(database)
        found.update(of_mariadb(database))
    for method in (Method.GZIP, Method.ZSTD, Method.LZ4):
        plain = found["COPY"]
        data = packed(plain.files["dump"], method)
        found[f"COPY{method.value}"] = Whole(files={"dump": data}, schema=plain.schema)
    return found


KINDS = [
    *("COPY", "COPY.gz", "COPY.zst", "COPY.lz4"),
    *(f"PostgreSQL --{each}" for each in ("inserts", "column-inserts", "rows-per-insert=5")),
    *("archive", "archive.zlib", "archive.lz4", "archive.zst"),
    *("directory", "directory.gz", "directory.lz4", "directory.zst"),
    *("mariadb-dump", "mariadb-dump --hex-blob", "mariadb-dump a row each"),
    *("SQLite UTF-8", "SQLite UTF-16", "SQLite .dump"),
]


@contextmanager
def little_memory() -> Iterator[None]:
    """Let the body ask for not much more memory than there is in use."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


class Trial:
    """One kind of dump, which is damaged again and again."""

    def __init__(self, whole: Whole, folder: Path) -> None:
        self.whole, self.folder = whole, folder
        self.target = folder / "target"
        self.rest = self._names()
        source = whole.write(folder / "whole")
        self.plan = whole.plan(source)
        self.tally = self._mask(source)
        assert CANARY not in fuzzing.text_of(self.target)

    def _names(self) -> set[str]:
        return {each.name for each in self.folder.iterdir()} | {"whole", "damaged", "policy.toml"}

    def _mask(self, source: Path) -> Tally:
        return fuzzing.masked(source, self.target, self.plan)

    def clear(self) -> None:
        if self.target.is_dir():
            for each in self.target.iterdir():
                each.unlink()
            self.target.rmdir()
        self.target.unlink(missing_ok=True)

    def run(self, damage: Damage, seed: int) -> str | None:
        """Damage by *seed*, mask, and return what is wrong with what comes."""
        choice = random.Random(seed)  # noqa: S311
        source = self.whole.damaged(choice, damage).write(self.folder / "damaged")
        plan = self.plan
        self.clear()
        try:
            with within(HANGS), little_memory():
                if choice.random() < 0.5:
                    plan = self.whole.plan(source)
                if choice.random() < 0.3:
                    fuzzing.read_through(source, plan)
                tally = fuzzing.masked(source, self.target, plan)
        except AnonymizerError as error:
            return self._after(damage, error)
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            return fuzzing.place_of(error)
        return self._written(damage, tally)

    def _after(self, damage: Damage, error: AnonymizerError) -> str | None:
        # What is torn may have a value where the name of a column should stand.
        if damage is not torn and CANARY in said_by(error):
            return f"an error that says a value: {fuzzing.place_of(error)}"
        left = {each.name for each in self.folder.iterdir()} - self.rest
        return f"left behind after an error: {sorted(left)}" if left else None

    def _written(self, damage: Damage, tally: Tally) -> str | None:
        if damage is cut_off and tally.columns != self.tally.columns:
            return "a dump that is cut off was masked as if it were whole"
        if damage in GENTLE and CANARY in fuzzing.text_of(self.target):
            return "a value was let by"
        return None


def trial(dumps: dict[str, Whole], kind: str, folder: Path) -> Trial:
    place = folder / kind.replace(" ", "")
    place.mkdir()
    return Trial(dumps[kind], place)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_dump_is_an_error_or_whole(
    dumps: dict[str, Whole], kind: str, tmp_path: Path
) -> None:
    assert sorted(dumps) == sorted(KINDS)
    tried = trial(dumps, kind, tmp_path)
    for seed in range(60):
        damage = DAMAGES[seed % len(DAMAGES)]
        wrong = tried.run(damage, seed)
        assert wrong is None, (damage.__name__, seed, wrong)


@pytest.mark.slow
def test_many_damaged_dumps_are_errors_or_whole(dumps: dict[str, Whole], tmp_path: Path) -> None:
    tried = {kind: trial(dumps, kind, tmp_path) for kind in KINDS}
    seed = time.time_ns()
    end, wrong, count = time.monotonic() + SECONDS, dict[str, str](), 0
    while time.monotonic() < end:
        for kind, each in tried.items():
            seed, count = seed + 1, count + 1
            damage = DAMAGES[seed % len(DAMAGES)]
            found = each.run(damage, seed)
            if found and f"{kind}: {found}" not in wrong:
                wrong[f"{kind}: {found}"] = f"{damage.__name__}, seed {seed}"
                print(kind, found, damage.__name__, seed, flush=True)
        small(random.Random(seed), tmp_path, wrong)  # noqa: S311
    print(f"{count:,} damaged dumps", flush=True)
    assert not wrong


TOML = """
[defaults.names]
"*_at" = {public = "when a row was written"}
[defaults.types]
boolean = {public = "a switch"}
[tables."public.people"]
keys = [["id"], ["mail", "note"]]
references = [{columns = ["org"], table = "public.orgs", to = ["id"]}]
[tables."public.people".columns]
id = "integer"
mail = {mask = "email", subject = "id"}
note = {mask = "json", paths = {"$.a.*" = "token"}, other = "keep"}
at = {mask = "date", days = 30}
kind = {mask = "category", values = ["a", "b"]}
[tables."public.people".types]
mail = "varchar(100)"
""".encode()
SETTINGS = b'[tool.anonymizer]\nmodels = ["app.models"]\npolicy = "a.toml"\nsecret = "key"\n'
MANIFEST = b"""{"format": 1, "tool": "1", "key": "0011", "policy": "aa", "pools": {"en": "bb"},
 "input": {"name": "a", "size": 5, "sha256": "cc"}, "output": {"name": "b", "size": 5,
 "sha256": "dd"}, "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:00+00:00",
 "tables": {"t": {"rows": 5, "columns": {"c": {"values": 5, "nulls": 0, "replaced": 5}}}},
 "dropped": [], "one_way": false, "scale": 1.0}"""


def read_policy(path: Path) -> None:
    """Read a policy and make the masks of it."""
    found = policy.read(path)
    for table in found.tables.values():
        for said in table.columns.values():
            mask_of(said.decision)


SMALL: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "policy.toml": (TOML, read_policy),
    "pyproject.toml": (SETTINGS, lambda path: settings.load_settings(path.parent)),
    "manifest.json": (MANIFEST, sidecar.read),
    "key": (bytes(range(40)).hex().encode() + b"\n", Key.read),
    "raw key": (CANARY + bytes(range(100, 150)), Key.read),
}
"""The other files that are read → one of it, and what reads it."""


def small(choice: random.Random, folder: Path, wrong: dict[str, str]) -> None:
    """Damage each of the small files once, and add to *wrong* what is wrong with what comes."""
    for name, (whole, read) in SMALL.items():
        path = folder / "small" / name
        path.parent.mkdir(exist_ok=True)
        damage = choice.choice(DAMAGES)
        data = damage(choice, whole)
        path.write_bytes(data)
        path.chmod(0o600)
        try:
            with within(HANGS), little_memory():
                read(path)
        except AnonymizerError as error:
            if "key" in name and CANARY in said_by(error):
                wrong[f"{name}: it is said"] = damage.__name__
        except Exception as error:  # noqa: BLE001 - it is what is looked for
            key = f"{name}: {fuzzing.place_of(error)}"
            if key not in wrong:
                wrong[key] = damage.__name__
                print(key, damage.__name__, data[:200], flush=True)


def test_small_files_are_read_or_refused(tmp_path: Path) -> None:
    wrong: dict[str, str] = {}
    for seed in range(200):
        small(random.Random(seed), tmp_path, wrong)  # noqa: S311
    assert not wrong
