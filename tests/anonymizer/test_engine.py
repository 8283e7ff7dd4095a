"""The engine: what is masked is replaced everywhere, what is kept is not touched."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anonymizer import masks
from anonymizer.cells import Cells
from anonymizer.column import Column, Table, TableName
from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.engine import Engine
from anonymizer.errors import DumpError, LeakError, PolicyError
from anonymizer.key import Key
from anonymizer.markup import Decision
from anonymizer.masker import Count
from anonymizer.masks.base import Distinct
from anonymizer.stream import Rewriter, Tally, texts

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.masks.base import Replace, Setting

KEY = Key(bytes(range(32)))
USERS = TableName("public", "users")


@dataclass(frozen=True, slots=True, kw_only=True)
class Turned:
    """Turns a value round and puts the first byte of its domain's key before it."""

    name: ClassVar[str] = "turned"
    beside: str | None = None

    @property
    def needs(self) -> tuple[str, ...]:
        return () if self.beside is None else (self.beside,)

    def refuses(self, column: Column) -> str | None:  # noqa: ARG002
        return None

    def distinct(self, column: Column) -> Distinct:  # noqa: ARG002
        return Distinct.KEPT

    def bind(self, setting: Setting) -> Replace:
        def replace(values: Cells, others: Mapping[str, Cells]) -> Cells:
            beside = others[self.beside].to_list() if self.beside else [b""] * len(values)
            both = zip(values.to_list(), beside, strict=True)
            if b"forbidden" in values.to_list():
                at = values.to_list().index(b"forbidden")
                raise LeakError("a value that it does not know", value=at)
            return Cells.of(b"%x" % setting.key[0] + a[::-1] + b for a, b in both)

        return replace


@pytest.fixture(autouse=True)
def turned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(masks, "MASKS", (Turned,))


@dataclass(frozen=True, slots=True)
class Tables:
    """Decisions on tables by name."""

    tables: Mapping[TableName, Table]

    def find(self, name: TableName) -> Table | None:
        return self.tables.get(name)


def plan(**decisions: Decision) -> Tables:
    columns = tuple(
        Column(name=name, decision=decision, domain="d") for name, decision in decisions.items()
    )
    return Tables({USERS: Table(name=USERS, columns=columns)})


KEEP, TURN = Decision(mask="keep"), Decision(mask="turned")
PLAN = plan(id=KEEP, email=TURN, note=Decision(mask="null"), name=TURN)
FIRST = b"%x" % KEY.derive("domain d")[0]


def rows(data: bytes, columns: str = "id email note name") -> Rows:
    names = tuple(columns.split())
    return Rows(table=USERS, columns=names, data=data, codec=CopyText(), line=7, byte=100)


def rewritten(data: bytes, tables: Tables = PLAN, columns: str = "id email note name") -> bytes:
    return bytes(Rewriter(Engine(plan=tables, key=KEY))(rows(data, columns))[0])


def test_what_is_decided_is_done() -> None:
    text = rewritten(b"1\ta@b\tsecret\tAnn\n2\t\\N\t\\N\t\n")
    assert text == b"1\t%sb@a\t\\N\t%snnA\n2\t\\N\t\\N\t%s\n" % (FIRST, FIRST, FIRST)


def test_columns_stand_in_any_order() -> None:
    assert rewritten(b"Ann\t1\n", columns="name id") == b"%snnA\t1\n" % FIRST


def test_escapes_are_read_and_written() -> None:
    assert rewritten(b"a\\tb\\\\c\n", columns="email") == b"%sc\\\\b\\ta\n" % FIRST


def test_a_mask_may_look_at_its_row() -> None:
    tables = plan(id=KEEP, email=Decision(mask="turned", options={"beside": "id"}))
    text = rewritten(b"x\t12\nab\t\\N\n", tables, "email id")
    assert text == b"%sx12\t12\n%sba\t\\N\n" % (FIRST, FIRST)


def test_what_it_looks_at_has_to_be_there() -> None:
    tables = plan(id=KEEP, email=Decision(mask="turned", options={"beside": "id"}))
    with pytest.raises(PolicyError, match="masked by 'id' of its row"):
        rewritten(b"x\n", tables, "email")


def test_rows_pass_as_they_are_where_all_is_kept() -> None:
    assert rewritten(b"what\tever\n", plan(id=KEEP), "id") == b"what\tever\n"


def test_rows_with_more_than_is_said_are_refused_though_that_is_kept() -> None:
    with pytest.raises(DumpError, match="line 7"):
        rewritten(b"1\tsecret\n", columns="id")
    assert rewritten(b"1\n2\n", columns="id") == b"1\n2\n"


@pytest.mark.parametrize("columns", ["id phone", "Email"])
def test_a_column_without_a_decision_is_refused(columns: str) -> None:
    with pytest.raises(PolicyError, match=r"no decision is made on public\.users"):
        rewritten(b"1\n", columns=columns)


def test_a_table_without_a_decision_is_refused() -> None:
    with pytest.raises(PolicyError, match=r"table public.users is in the data"):
        rewritten(b"1\n", Tables({}))


def test_an_error_says_where_and_not_what() -> None:
    with pytest.raises(DumpError, match=r"users, line 8, byte 109: a row of 2") as shape:
        rewritten(b"1\ta\t\\N\tx\n1\tsecret\n")
    with pytest.raises(DumpError, match=r"users, line 8, byte 112: column email: a value") as value:
        rewritten(b"1\t\\N\t\\N\tx\n2\tforbidden\t\\N\tx\n")
    assert "secret" not in str(shape.value)
    assert "forbidden" not in str(value.value)


FIELD = st.one_of(st.just(b"\\N"), st.text("ab\u00fc,;'", max_size=6).map(str.encode))
LINES = st.lists(st.tuples(FIELD, FIELD, FIELD, FIELD).map(b"\t".join))


@given(LINES, st.integers(1, 4))
def test_it_does_not_matter_where_pieces_are_cut(lines: list[bytes], size: int) -> None:
    whole = rewritten(b"".join(each + b"\n" for each in lines)) if lines else b""
    parts = [lines[at : at + size] for at in range(0, len(lines), size)]
    pieces = [rows(b"".join(each + b"\n" for each in part)) for part in parts]

    tally = Tally()
    found = b"".join(texts(pieces, Engine(plan=PLAN, key=KEY), tally))

    assert found == whole
    assert tally.read == sum(len(each.data) for each in pieces)
    assert tally.written == len(whole)
    emails = [each.split(b"\t")[1] for each in lines]
    nulls = emails.count(b"\\N")
    if lines:
        assert tally.columns[USERS]["email"] == Count(values=len(lines) - nulls, nulls=nulls)


def test_bytes_between_rows_pass() -> None:
    pieces: list[bytes | Rows] = [b"COPY .;\n", rows(b"1\ta\t\\N\tx\n"), b"\\.\n"]
    engine = Engine(plan=PLAN, key=KEY)
    text = b"".join(texts(pieces, engine, Tally()))
    assert text == b"COPY .;\n1\t%sa\t\\N\t%sx\n\\.\n" % (FIRST, FIRST)
