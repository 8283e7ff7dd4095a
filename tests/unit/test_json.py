"""What `--json` prints is what the pages of the commands say: every key, no more and no less."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path
from typing import get_args

import pytest

from migrator.apply import Event
from migrator.explore import Explored
from migrator.guard import Blocker
from migrator.lock import Session
from migrator.report.sync import event_as_json
from migrator.status import Pending, Progress, Status

PAGES = Path(__file__).parents[2] / "docs" / "commands"


def names(kind: type) -> set[str]:
    """Return the names of the fields of a dataclass."""
    return {each.name for each in fields(kind)}


def json_of(page: str) -> str:
    """Return the section of *page* that describes its JSON."""
    return (PAGES / page).read_text().partition("\n## JSON\n")[2]


def quoted(text: str) -> set[str]:
    """Return what stands between backticks in *text*."""
    return set(re.findall(r"`([^`\n]+)`", text))


@pytest.mark.parametrize("kind", get_args(Event))
def test_every_event_of_sync_has_its_line(kind: type) -> None:
    word = kind.__name__.lower()
    (line,) = (each for each in json_of("sync.md").splitlines() if each.startswith(f"| `{word}` |"))

    assert quoted(line) == {word, *names(kind)}


def test_an_event_is_printed_under_its_name() -> None:
    accepted = get_args(Event)[0](version=3, name="add_disk")

    assert event_as_json(accepted) == {"event": "accepted", "version": 3, "name": "add_disk"}


def test_a_session_in_the_way_is_described() -> None:
    assert names(Session) <= quoted(json_of("sync.md"))


@pytest.mark.parametrize("kind", [Status, Pending, Blocker])
def test_every_key_of_status_is_described(kind: type) -> None:
    assert names(kind) <= quoted(json_of("status.md"))


def test_every_key_of_a_transition_is_described() -> None:
    progress = Progress(name="a", table="t", declared_in=1, completed_by=None)

    assert set(progress.as_json()) <= quoted(json_of("status.md"))


def test_every_key_of_explore_is_described() -> None:
    assert names(Explored) | {"diff"} <= quoted(json_of("explore.md"))
