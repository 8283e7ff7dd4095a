"""Fuzzing: whole dumps of every kind with a canary in each row, ways to damage them, what comes."""

from __future__ import annotations

import io
import resource
import shutil
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from anonymizer import policy
from anonymizer.container import Archive, Folder, TextFile, container
from anonymizer.dumps import pg_custom, pg_directory
from anonymizer.dumps.base import Rows
from anonymizer.dumps.compression import reading
from anonymizer.engine import Engine
from anonymizer.errors import AnonymizerError, PolicyError
from anonymizer.key import Key
from anonymizer.masking import Request, mask
from anonymizer.models import Models
from anonymizer.plan import make_plan
from anonymizer.reading import Chunk
from tests.anonymizer.test_inserts_fuzz import within

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from random import Random
    from typing import TypeAlias

    from anonymizer.plan import Plan
    from anonymizer.stream import Tally

    Damage: TypeAlias = Callable[[Random, bytes], bytes]

CANARY = b"caNary"
KEY = Key(bytes(range(32)))
POLICY = """
[tables."{schema}people".columns]
id = "integer"
mail = "email"
note = "text"
extra = "hexadecimal"
tags = {tags}
[tables."{schema}people".types]
extra = "{blob}"
[tables."{schema}orders".columns]
id = {{public = "a number"}}
who = "token"
at = "date_time"
"""
HANGS = 30
ROOM = 3 << 30
"""Bytes of address space that a damaged dump may ask for."""
MARKS = b"'\"`\\;,()\n#-/* \t."


def flipped(choice: Random, data: bytes) -> bytes:
    """Return *data* with another byte somewhere."""
    at = choice.randrange(len(data))
    byte = choice.choice([choice.randrange(256), data[at] ^ 1 << choice.randrange(8), *MARKS])
    return data[:at] + bytes([byte]) + data[at + 1 :]


def without_one(choice: Random, data: bytes) -> bytes:
    at = choice.randrange(len(data))
    return data[:at] + data[at + 1 :]


def cut_off(choice: Random, data: bytes) -> bytes:
    return data[: choice.randrange(len(data))]


def torn(choice: Random, data: bytes) -> bytes:
    """Return *data* without some of it, or with some twice, and with bytes that are wrong."""
    a, b = sorted(choice.sample(range(len(data)), 2))
    data = choice.choice([data[:a] + data[b:], data[:b] + data[a:]]) or b"\0"
    for _ in range(choice.randrange(4)):
        data = flipped(choice, data)
    return data


def extreme(choice: Random, data: bytes) -> bytes:
    """Return *data* with a number in it that is as large, small or negative as there are."""
    number = choice.choice([b"\xff", b"\0", b"\x7f", b"\x80"]) * choice.choice([1, 2, 4, 8])
    at = choice.randrange(len(data))
    return data[:at] + number + data[at + len(number) :]


def nested(choice: Random, data: bytes) -> bytes:
    """Return *data* with very many brackets in it."""
    at = choice.randrange(len(data))
    return data[:at] + choice.choice([b"[", b"{", b"(", b'{"a":', b"/*"]) * 20_000 + data[at:]


GENTLE: tuple[Damage, ...] = (flipped, without_one, cut_off)
DAMAGES: tuple[Damage, ...] = (*GENTLE, torn, extreme, nested)


@dataclass(frozen=True, slots=True, kw_only=True)
class Whole:
    """A dump that is not damaged: its files by name, or the one file that is called dump."""

    files: Mapping[str, bytes]
    schema: str = ""
    """What stands before the names of its tables."""

    @property
    def policy(self) -> str:
        """The decisions on its tables; of PostgreSQL, one column is an array."""
        tags = '{mask = "array", of = "text"}' if self.schema else '"text"'
        blob = "bytea" if self.schema else "blob"
        return POLICY.format(schema=self.schema, tags=tags, blob=blob)

    def write(self, folder: Path) -> Path:
        """Write the files into *folder*, and return what is to be read."""
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        for name, data in self.files.items():
            (folder / name).write_bytes(data)
        return folder / "dump" if list(self.files) == ["dump"] else folder

    def plan(self, source: Path) -> Plan:
        """Return the plan by which the dump at *source* is masked."""
        written = source.parent / "policy.toml"
        written.write_text(self.policy)
        decisions = policy.read(written)
        schema = container(str(source)).schema()
        return make_plan(Models.of(sa.MetaData()), decisions, schema=schema)

    def damaged(self, choice: Random, damage: Damage) -> Whole:
        """Return the dump with one of its files damaged."""
        name = choice.choice(sorted(self.files))
        files = {**self.files, name: damage(choice, self.files[name])}
        return Whole(files=files, schema=self.schema)


def masked(source: Path, target: Path, plan: Plan) -> Tally:
    engine = Engine(plan=plan, key=KEY)
    return mask(Request(source=str(source), target=str(target), engine=engine))


def read_through(source: Path, plan: Plan) -> None:
    """Read the schema and every value, as `check`, `suggest` and `prove` do."""
    found = container(str(source))
    found.schema()
    for part in found.parts(plan):
        if isinstance(part, Chunk):
            for name in part.values:
                part.values[name].cells.to_list()


def text_of(target: Path) -> bytes:
    """Return all that a dump says, unpacked."""
    found = container(str(target))
    if isinstance(found, TextFile):
        with target.open("rb") as file:
            return reading(file).read()
    if not isinstance(found, Archive | Folder):
        return target.read_bytes()
    if isinstance(found, Folder):
        pieces = pg_directory.pieces(target)
    else:
        pieces = pg_custom.pieces(io.BytesIO(target.read_bytes()))
    return b"".join(each.data if isinstance(each, Rows) else each for each in pieces)


def said_by(error: AnonymizerError) -> bytes:
    """Return all that an operator is shown of *error*."""
    problems = error.problems if isinstance(error, PolicyError) else ()
    return "\n".join([error.message, error.hint or "", *problems]).encode("utf-8", "replace")


def place_of(error: BaseException) -> str:
    """Return what *error* is and where it comes from, by which two are told apart."""
    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.filename}:{last.lineno}"


@contextmanager
def bounded() -> Iterator[None]:
    """Let the body take not much more memory than there is in use, nor too long."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    before = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (pages * resource.getpagesize() + ROOM, before[1]))
    try:
        with within(HANGS):
            yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)
