"""The pages: they say every command, option and mask, and no others."""

from __future__ import annotations

import inspect
import re
import tomllib
from pathlib import Path
from typing import Any

import click
import pytest
import sqlalchemy as sa

from anonymizer import mask, policy
from anonymizer.cli import COMMANDS, group
from anonymizer.column import Column, Kind
from anonymizer.markup import INFO, Decision
from anonymizer.masks.find import mask_of
from anonymizer.plan import make_plan
from anonymizer.policy.words import WORDS

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "anonymizer"

# Commands.

PAGE = (FOLDER / "commands.md").read_text()
INTRO, *_REST = PAGE.split("\n## ")
SECTIONS = {
    title.removeprefix("anonymizer "): text
    for title, _, text in (each.partition("\n") for each in _REST)
}


def options_of(name: str) -> set[str]:
    """Return the options of a command, as they are written."""
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return {each for part in command.params for each in part.opts if each.startswith("-")}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented(name: str) -> None:
    assert f"`anonymizer {name}`" in INTRO
    said = SECTIONS[name] + INTRO
    assert not {each for each in options_of(name) if f"`{each}`" not in said}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_no_option_is_made_up(name: str) -> None:
    said = set(re.findall(r"^\| `(--[\w-]+)`", SECTIONS[name], re.MULTILINE))
    assert said <= options_of(name)


def test_no_page_shows_an_option_that_is_not_there() -> None:
    known = {"--help", "--version"}.union(*map(options_of, COMMANDS))
    said = re.compile(r"(?:^|\$ |`|> )anonymizer [^`\n|]*(?:\n> .*)*", re.MULTILINE)
    for page in (ROOT / "README.md", *FOLDER.glob("*.md")):
        shown = {
            option
            for each in said.findall(page.read_text())
            for option in re.findall(r"--[\w-]+", each)
        }
        assert shown <= known, page


def test_the_policy_that_is_shown_can_be_read() -> None:
    (shown,) = re.findall(r"```toml\n(.*?)```", SECTIONS["The policy file"], re.DOTALL)
    decisions = policy.parse(tomllib.loads(shown), "commands.md")
    plan = make_plan(sa.MetaData(), decisions)
    found = {str(table.name): {each.name for each in table.columns} for table in plan.tables}
    assert found["public.orders"] == {"id", "number", "user_id", "created_at"}


# Masks.

ROWS = [
    [cell.strip() for cell in line.strip("|").split("|")]
    for line in (FOLDER / "masks.md").read_text().splitlines()
    if re.match(r"\| `\w+\(", line)
]
NEEDED: dict[str, dict[str, Any]] = {
    "array": {"of": mask.text()},
    "category": {"values": ["a", "b"]},
    "constant": {"value": "x"},
    "json": {"paths": {"$.a": mask.text()}},
}
"""What is said of words that have to be told something."""
ELSEWHERE = {"domain", "locale", "subject", "target", "value", "options", "days"}
"""Options of several masks, which the page speaks of once, or by what stands there."""


def rows_of(name: str) -> list[list[str]]:
    """Return the rows of the tables that speak of a mask."""
    return [row for row in ROWS if f"`{name}(" in row[0]]


@pytest.mark.parametrize("name", [*sorted(WORDS), "public"])
def test_a_page_says_what_a_mask_keeps_and_leaks(name: str) -> None:
    rows = rows_of(name)
    assert rows
    assert all(len(row) == 4 and all(row) for row in rows)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_page_says_the_options_of_a_mask(name: str) -> None:
    said = inspect.signature(WORDS[name]).parameters.keys() - ELSEWHERE
    assert not [each for each in said if not any(f"{each}=" in row[0] for row in rows_of(name))]


@pytest.mark.parametrize("name", sorted(WORDS.keys() - {"own", "array", "date_time"}))
def test_a_page_says_what_becomes_of_distinct_values(name: str) -> None:
    made = mask_of(WORDS[name](**NEEDED.get(name, {}))[INFO])
    column = Column(name="c", kind=Kind.TEXT, decision=Decision(mask=name), domain="d")
    assert made.distinct(column).value == rows_of(name)[0][1]
