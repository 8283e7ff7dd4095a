"""What Gerrit tells, and what it asks for."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from ci.gerrit import rest, shell
from ci.gerrit.events import LINE_BYTES, Event, Type, plain, read_event
from ci.gerrit.stream import Lines
from ci.gerrit.triggers import Act, Rules, act_on, asks

SHA = "a" * 40
RULES = Rules(project="acme/cloud", user="ci-bot")
CHANGE = {"project": "acme/cloud", "branch": "main", "number": 1234, "status": "NEW"}
PATCH_SET = {"number": 5, "revision": SHA, "ref": "refs/changes/34/1234/5", "kind": "REWORK"}


def told(kind: str, *, change: Any = None, patch_set: Any = None, **more: Any) -> Event | None:
    table = {"type": kind, "change": CHANGE | (change or {}), "patchSet": PATCH_SET, **more}
    if patch_set is not None:
        table["patchSet"] = PATCH_SET | patch_set
    return read_event(json.dumps(table).encode())


def act(kind: str, **how: Any) -> Act:
    event = told(kind, **how)
    assert event
    return act_on(event, RULES)


def test_a_patch_set_is_read_whole() -> None:
    event = told("patchset-created", eventCreatedOn=1795000000)
    assert event
    assert event.change
    assert event.patch_set
    assert (event.at, event.change.number, event.change.branch) == (1795000000, 1234, "main")
    assert (event.patch_set.number, event.patch_set.revision) == (5, SHA)


def test_numbers_of_old_servers_are_strings() -> None:
    event = told("patchset-created", change={"number": "1234"}, patch_set={"number": "5"})
    assert event == told("patchset-created")


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'"patchset-created"',
        b'{"type": 1}',
        b'{"type": "ref-updated", "refUpdate": {}}',
        b'{"type": "made-up-in-3.99"}',
        b"\xff\xfe",
        b"[" * 100_000,
        b'{"type": "patchset-created", "x": "' + b"x" * LINE_BYTES + b'"}',
    ],
)
def test_what_is_no_event_is_none(line: bytes) -> None:
    assert read_event(line) is None


@pytest.mark.parametrize(
    "wrong",
    [
        {"number": 0},
        {"number": True},
        {"number": 1 << 40},
        {"number": "05; reboot"},
        {"revision": "HEAD"},
        {"revision": "--upload-pack=x"},
        {"revision": ["a" * 40]},
        {"ref": "refs/changes/34/1234/6"},
        {"ref": "refs/heads/main"},
        {"ref": "--upload-pack=reboot"},
        {"ref": "refs/changes/34/1234/5\n+refs/heads/*:refs/heads/*"},
    ],
)
def test_a_patch_set_that_is_not_as_it_should_be_is_absent(wrong: dict[str, Any]) -> None:
    event = told("patchset-created", patch_set=wrong)
    assert event
    assert event.patch_set is None


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[2Jb", "x" * 300, "a\u202eb", 7, None])
def test_a_branch_that_is_none_makes_no_change(name: object) -> None:
    event = told("patchset-created", change={"branch": name})
    assert event
    assert event.change is None


def test_any_field_may_be_absent() -> None:
    for kind in Type:
        event = read_event(json.dumps({"type": kind}).encode())
        assert event == Event(type=kind)
        assert act_on(Event(type=kind), RULES) is Act.NOTHING


TEXT = st.text(st.characters(codec="utf-8"), max_size=9)
ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
KEYS = ("type", "change", "patchSet", "author", "comment", "patchSetComments", "eventCreatedOn")
INNER = ("project", "branch", "number", "revision", "ref", "kind", "wip", "private", "username")
PARTS = st.dictionaries(st.sampled_from((*INNER, "/PATCHSET_LEVEL")), ANYTHING)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(st.dictionaries(st.sampled_from(KEYS), PARTS | ANYTHING), st.sampled_from(Type))
def test_whatever_comes_is_read_or_left(table: dict[str, Any], kind: Type) -> None:
    """Nothing is raised, and what is read has the shape that it says."""
    event = read_event(json.dumps({**table, "type": kind}).encode())
    assert event
    assert act_on(event, RULES) in Act
    if event.patch_set:
        assert event.patch_set.number > 0
        assert set(event.patch_set.revision) <= set("0123456789abcdef")
    if event.change:
        assert event.change.project
        assert "\ufffd" not in plain(event.change.branch.replace("\ufffd", ""))


ASKED = (*INNER, "messages", "updated", "status", "comments", "lastUpdated")
SAID = st.dictionaries(
    st.sampled_from(("date", "timestamp", "message", "author", "reviewer")), ANYTHING | PARTS
)


@settings(suppress_health_check=[HealthCheck.too_slow], deadline=None, max_examples=50)
@given(st.dictionaries(st.sampled_from(ASKED), ANYTHING | st.lists(SAID)))
@example({"comments": [{"timestamp": 1 << 70, "message": "recheck"}], "lastUpdated": 1 << 70})
def test_whatever_is_answered_is_read_or_left(answer: dict[str, Any]) -> None:
    whole: dict[str, Any] = {**answer, **CHANGE, "currentPatchSet": PATCH_SET}
    whole |= {"current_revision": SHA, "revisions": {SHA: {"_number": 5}}}
    for known in (rest._known(whole), shell._known(whole)):
        assert known
        for event in known.events(0):
            assert act_on(event, RULES) in Act
            assert event.at is not None
            assert 0 <= event.at < 1 << 38  # the queue can keep it
    for said in (answer, [answer], None):
        assert rest._known(said) is None or isinstance(said, dict)


@given(st.binary(max_size=200))
def test_bytes_are_read_or_left(line: bytes) -> None:
    assert read_event(line) is None or isinstance(read_event(line), Event)


@given(st.lists(st.binary(max_size=30)), st.integers(1, 40))
@example([b"long line", b"", b"x"], 5)
def test_lines_are_the_same_however_they_come(lines: list[bytes], limit: int) -> None:
    whole = b"".join(each.replace(b"\n", b"") + b"\n" for each in lines)
    expected = [None if len(each) > limit else each for each in whole.split(b"\n")[:-1]]
    for size in (1, 3, 1000):
        reader = Lines(limit)
        pieces = [whole[at : at + size] for at in range(0, len(whole), size)]
        assert [line for piece in pieces for line in reader.feed(piece)] == expected


def test_a_line_without_an_end_is_not_kept() -> None:
    reader = Lines(1000)
    for _ in range(100):
        assert list(reader.feed(b"x" * 999)) == []
    assert len(reader._rest) <= 1000
    assert list(reader.feed(b"\nnext\n")) == [None, b"next"]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("REWORK", Act.RUN),
        ("TRIVIAL_REBASE", Act.RUN),
        ("TRIVIAL_REBASE_WITH_MESSAGE_UPDATE", Act.RUN),
        ("MERGE_FIRST_PARENT_UPDATE", Act.RUN),
        ("MADE_UP_LATER", Act.RUN),
        ("NO_CODE_CHANGE", Act.FOLLOW),
        ("NO_CHANGE", Act.FOLLOW),
    ],
)
def test_a_patch_set_runs_by_its_kind(kind: str, expected: Act) -> None:
    assert act("patchset-created", patch_set={"kind": kind}) is expected


@pytest.mark.parametrize(
    ("kind", "change", "expected"),
    [
        ("patchset-created", {"project": "acme/other"}, Act.NOTHING),
        ("patchset-created", {"project": "acme/cloud/../../x"}, Act.NOTHING),
        ("patchset-created", {"branch": "refs/meta/config"}, Act.NOTHING),
        ("patchset-created", {"wip": True}, Act.CANCEL),
        ("patchset-created", {"private": True}, Act.CANCEL),
        ("change-abandoned", {"status": "ABANDONED"}, Act.CANCEL),
        ("change-merged", {"status": "MERGED"}, Act.CANCEL),
        ("change-deleted", {}, Act.CANCEL),
        ("change-restored", {}, Act.RUN),
        ("wip-state-changed", {}, Act.RUN),
        ("wip-state-changed", {"wip": True}, Act.NOTHING),
        ("private-state-changed", {}, Act.RUN),
        ("private-state-changed", {"private": True}, Act.CANCEL),
    ],
)
def test_what_happens_to_a_change(kind: str, change: dict[str, Any], expected: Act) -> None:
    assert act(kind, change=change) is expected


def test_an_old_server_does_not_say_which_patch_set_is_ready() -> None:
    assert act("wip-state-changed", patch_set={"revision": ""}) is Act.ASK


@pytest.mark.parametrize(
    "comment",
    [
        "recheck",
        "Recheck, the mirror was down",
        "Patch Set 5: recheck",
        "Patch Set 5:\n\nrecheck",
        "Patch Set 5: Code-Review+1 Verified-1\n\nrecheck please",
        "Patch Set 5: -Code-Review\n\n  recheck",
        "Patch Set 5:\n\n(1 comment)\n\nrecheck",
        "Patch Set 5: Code-Review+2\n\n(12 comments)\n\nrecheck\nmore",
    ],
)
def test_a_comment_asks_for_another_run(comment: str) -> None:
    assert act("comment-added", comment=comment, author={"username": "ann"}) is Act.AGAIN


@pytest.mark.parametrize(
    "comment",
    [
        "please do not recheck",
        "rechecking",
        "recheck-all",
        "Patch Set 5: Code-Review+1",
        "Patch Set 5:\n\nI said\nrecheck",
        "Uploaded patch set 6.",
        "",
        " " * 16_000,
        "Patch Set 1:" + " a-1-1" * 3000,
        "Patch Set 1: " + "-1" * 8000,
    ],
)
def test_another_comment_does_not(comment: str) -> None:
    assert act("comment-added", comment=comment) is Act.NOTHING


def test_our_own_comment_asks_for_nothing() -> None:
    assert act("comment-added", comment="recheck", author={"username": "ci-bot"}) is Act.NOTHING


def test_a_comment_on_a_patch_set_as_a_whole_is_in_the_event_or_asked_for() -> None:
    short = "Patch Set 5: Code-Review+1\n\n(1 comment)"
    remarks = {"/PATCHSET_LEVEL": [{"message": "recheck"}]}
    assert act("comment-added", comment=short, patchSetComments=remarks) is Act.AGAIN
    assert act("comment-added", comment=short) is Act.ASK
    assert act("comment-added", comment=short, patchSetComments={"/PATCHSET_LEVEL": []}) is (
        Act.NOTHING
    )


def test_another_word_can_be_set() -> None:
    assert asks("Patch Set 1:\n\nrecheck migrations now", "recheck migrations")
    assert not asks("Patch Set 1:\n\nrecheck", "recheck migrations")
    assert asks("check (db)", "check (db)")
