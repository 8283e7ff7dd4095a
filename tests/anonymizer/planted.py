"""Canaries: values that nobody else has, planted into a dump, and ways in which they stay."""

from __future__ import annotations

import base64
import html
import json
from typing import TYPE_CHECKING
from urllib.parse import quote
from uuid import UUID

from anonymizer.cells import Cells
from anonymizer.column import Column, Kind, Table, TableName
from anonymizer.dumps.base import Rows
from anonymizer.dumps.copy import CopyText
from anonymizer.markup import Decision
from anonymizer.proof import prove
from anonymizer.reading import read_pieces

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from anonymizer.dumps.base import Piece
    from anonymizer.proof import Proof

Row = tuple[str | None, ...]
USERS = TableName("public", "users")
NOTES = TableName("public", "notes")

CANARIES = {
    "email": "anna.kowalska@example.com",
    "name": "Maria Nowak",
    "accents": "Zoë Müßig-Łęcka",
    "cyrillic": "Анна Ковальская",
    "phone": "+49 (170) 555-0199",
    "card": "4111 1111 1111 1111",
    "iban": "DE89 3704 0044 0532 0130 00",
    "uuid": "3f2504e0-4f89-11d3-9a0c-0305e82c3301",
    "street": "Lindenallee 17b, 10115 Berlin",
    "token": "sk_live_9aZx81QwP",
    "path": "C:\\users\tkowalska\nhome 12",
    "text": "Her mother's maiden name is on file with the branch office, and her old address.",
}
"""What a value is → one."""


def _squeezed(value: str) -> str:
    return "".join(each for each in value if each.isalnum())


def _nested(value: str) -> str:
    return json.dumps({"a": [1, {"b": {"said": f"to {value}, twice"}}]})


def _twice(value: str) -> str:
    return json.dumps({"body": json.dumps([value])})


WAYS: dict[str, Callable[[str], str]] = {
    "alone": lambda value: value,
    "sentence": lambda value: f"We asked {value}, who said no.",
    "upper": str.upper,
    "json": _nested,
    "json in json": _twice,
    "plain json": lambda value: json.dumps({"said": value}, ensure_ascii=False),
    "spaced": lambda value: f"x {'  '.join(value.split())} y",
    "without spaces": _squeezed,
    "curly quotes": lambda value: f"she is “{value}”…",
    "url": lambda value: f"https://example.org/?q={quote(value, safe='')}&page=2",
    "html": lambda value: f"<b>{html.escape(value)}</b>",
    "hex": lambda value: f"\\x{('it is ' + value).encode().hex()}",
    "base64": lambda value: base64.b64encode(f"a note on {value}".encode()).decode(),
    "sql": lambda value: "'" + value.replace("\\", "\\\\").replace("'", "''") + "'",
}
"""How a value may stand in another text."""


def canary_of(kind: Kind, number: int) -> str:
    """Return a value of *kind* that nobody else has, as COPY writes it."""
    made = {
        Kind.INTEGER: f"{7_310_000_000 + number * 7919}",
        Kind.NUMBER: f"-73{number:04}519.25",
        Kind.DATETIME: f"2031-07-09 11:22:33.{number:06}",
        Kind.UUID: str(UUID(int=0x3F2504E04F8911D39A0C0305E82C3301 + number)),
        Kind.BINARY: "\\x" + f"canary of bytes {number:04}".encode().hex(),
        Kind.JSON: json.dumps({"who": [{"mail": f"canary{number:04}@example.com"}, 1]}),
        Kind.ARRAY: f'{{x,"canary, the {number:04}th",NULL}}',
    }
    return made.get(kind, f"Canary Featherstone-{number:04}")


def planted(plan: Plan, tables: Mapping[TableName, Sequence[Row]]) -> dict[TableName, Rows]:
    """Return the rows of *tables*, before them one with a canary in each masked column."""
    found = {}
    for name, values in tables.items():
        known = plan.find(name)
        assert known is not None
        first = tuple(
            None if column.decision.mask == "keep" else canary_of(column.kind, number)
            for number, column in enumerate(known.columns)
        )
        columns = [column.name for column in known.columns]
        found[name] = rows(name, columns, [first, *values])
    return found


def table(name: TableName, decisions: Mapping[str, str]) -> Table:
    columns = tuple(
        Column(name=each, decision=Decision(mask=mask), domain=each, kind=Kind.TEXT)
        for each, mask in decisions.items()
    )
    return Table(name=name, columns=columns)


class Plan:
    """A plan that needs no models."""

    def __init__(self, *tables: Table) -> None:
        self.tables = tables

    def find(self, name: TableName) -> Table | None:
        return next((each for each in self.tables if each.name == name), None)


PLAN = Plan(
    table(USERS, {"id": "keep", "secret": "word", "other": "word"}),
    table(NOTES, {"id": "keep", "body": "keep"}),
)


def rows(name: TableName, columns: Sequence[str], values: Iterable[Row]) -> Rows:
    """Return *values* as rows of COPY text."""
    codec = CopyText()
    lines = (
        b"\t".join(
            codec.null
            if each is None
            else codec.encode(Cells.of([each.encode()]), Kind.TEXT).to_list()[0]
            for each in row
        )
        for row in values
    )
    data = b"".join(line + b"\n" for line in lines)
    return Rows(table=name, columns=tuple(columns), data=data, codec=codec, line=1, byte=0)


def users(secrets: Iterable[str | None], *, other: str = "nothing") -> Rows:
    values = [(str(number), each, other) for number, each in enumerate(secrets)]
    return rows(USERS, ("id", "secret", "other"), values)


def notes(*bodies: str | None) -> Rows:
    values = [(str(number), each) for number, each in enumerate(bodies)]
    return rows(NOTES, ("id", "body"), values)


MASKED = users(f"masked-{number}-{number:x}" for number in range(len(CANARIES)))
"""What became of the users: nothing is left."""


def original(values: Iterable[str | None] = tuple(CANARIES.values())) -> list[Piece]:
    return [users(values), notes("nothing")]


def proved(
    output: Sequence[Piece], *, before: Sequence[Piece] | None = None, plan: Plan = PLAN
) -> Proof:
    """Prove *output* against the users with all canaries."""
    first = read_pieces(original() if before is None else before, plan)
    return prove(first, read_pieces(output, plan), plan)
