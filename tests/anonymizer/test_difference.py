"""Rows before and after: shown on a terminal, and nowhere else by default."""

from __future__ import annotations

import io
import unicodedata
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len
from rich.console import Console
from typing_extensions import override

from anonymizer.difference import RowDifference, differences, show, visible
from anonymizer.errors import AnonymizerError, PolicyError
from anonymizer.reading import read_pieces
from tests.anonymizer.planted import NOTES, PLAN, USERS, notes, rows, users

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymizer.dumps.base import Piece

BEFORE: list[Piece] = [
    b"SET x;\n",
    users(["Maria Nowak", None, "NULL", "d"]),
    notes("one", "two\ttabs"),
]
AFTER: list[Piece] = [b"SET x;\n", users(["Ada Field", None, "x", "e"]), notes("one", "two\ttabs")]


class Terminal(io.StringIO):
    @override
    def isatty(self) -> bool:
        return True


def compared(
    before: Sequence[Piece] = BEFORE, after: Sequence[Piece] = AFTER, **wanted: Any
) -> list[RowDifference]:
    first, second = read_pieces(before, PLAN), read_pieces(after, PLAN)
    return list(differences(first, second, PLAN, **wanted))


def shown(found: Sequence[RowDifference], width: int = 60) -> str:
    console = Console(file=Terminal(), width=width, color_system=None)
    show(found, console)
    return console.file.getvalue()  # type: ignore[attr-defined,no-any-return]


def test_rows_are_paired_by_their_place() -> None:
    found = compared(rows=2)

    assert [(each.table, each.number) for each in found] == [
        (USERS, 1),
        (USERS, 2),
        (NOTES, 1),
        (NOTES, 2),
    ]
    secret = found[0].fields[1]
    assert (secret.column, secret.masked) == ("secret", True)
    assert (secret.before, secret.after) == (b"Maria Nowak", b"Ada Field")
    assert (found[1].fields[1].before, found[1].fields[1].after) == (None, None)


@pytest.mark.parametrize("name", ["users", "public.users"])
def test_tables_and_columns_can_be_chosen(name: str) -> None:
    found = compared(tables=[name], columns=["secret"], rows=1)

    assert [(each.table, [field.column for field in each.fields]) for each in found] == [
        (USERS, ["secret"])
    ]


def test_a_table_with_all_its_rows_is_read_no_further() -> None:
    def pieces() -> object:
        yield from BEFORE[:2]
        raise AssertionError("read on")

    assert len(compared(pieces(), BEFORE, tables=["users"], rows=4)) == 4  # type: ignore[arg-type]


@pytest.mark.parametrize("wanted", [{"tables": ["user"]}, {"columns": ["secrets"]}])
def test_a_name_that_is_not_there_is_an_error(wanted: dict[str, Any]) -> None:
    with pytest.raises(PolicyError, match=r"no (table user|column secrets) has rows"):
        compared(**wanted)


def test_rows_that_the_output_has_not_are_said() -> None:
    found = compared(after=[users(["x"])], rows=2)

    assert [each.lost for each in found] == [False, True, True, True]
    assert "(no such row)" in shown(found)


def test_what_is_shown() -> None:
    text = shown(compared(rows=3))

    assert text.startswith("public.users\nrow 1")
    assert [line.split() for line in text.splitlines() if line.startswith("secret")] == [
        ["secret", "Maria", "Nowak", "Ada", "Field"],
        ["secret", "NULL", "NULL"],
        ["secret", "'NULL'", "x"],
    ]
    assert "two␉tabs" in text


def test_masked_values_stand_out() -> None:
    console = Console(file=Terminal(), width=60, force_terminal=True, color_system="standard")
    show(compared(tables=["users"], rows=1), console)

    text = console.file.getvalue()  # type: ignore[attr-defined]
    assert "\x1b[32mAda Field" in text
    assert "\x1b[2m0" in text


@pytest.mark.parametrize("width", [20, 41, 200])
def test_no_line_is_wider_than_the_terminal(width: int) -> None:
    before = [rows(USERS, ["id", "secret"], [("1", "漢字 and " * 200)])]
    text = shown(compared(before, before), width)

    assert max(map(cell_len, text.splitlines())) <= width
    assert "…" in text


def test_a_file_gets_nothing_unless_it_is_forced() -> None:
    console = Console(file=io.StringIO(), force_terminal=True, width=60)
    with pytest.raises(AnonymizerError, match="no terminal") as caught:
        show(compared(), console)

    assert caught.value.hint == "if you are sure who can read it, use --force"
    assert not console.file.getvalue()  # type: ignore[attr-defined]
    show(compared(), console, force=True)
    assert "Nowak" in console.file.getvalue()  # type: ignore[attr-defined]


@given(st.binary() | st.text().map(str.encode))
def test_what_is_visible_does_nothing_to_a_terminal(value: bytes) -> None:
    text = visible(value)

    assert text
    assert not [each for each in text if unicodedata.category(each) in {"Cc", "Cf", "Cs", "Zl"}]


def test_markup_of_rich_in_a_value_is_text() -> None:
    before = [rows(USERS, ["id", "secret"], [("1", "[red]x[/red] :smile:")])]

    assert "[red]x[/red] :smile:" in shown(compared(before, before), 100)
