"""The report of a proof: 80 columns, no value, and what could not be looked at."""

from __future__ import annotations

import json
from dataclasses import replace

from anonymizer.proof.report import lines
from tests.anonymizer.planted import CANARIES, MASKED, notes, proved, users


def test_a_report_says_where_and_never_what() -> None:
    proof = proved([b"-- for Maria Nowak\n", MASKED, notes("x", *CANARIES.values())])
    report = list(lines(proof, show=True))

    assert report[0] == "survivors: sensitive values are in the output"
    assert "  public.notes.body" in report
    assert "    12 values of public.users.secret, 12 times: found again" in report
    assert "    at line 1 (byte 7)" in report
    assert any(each.startswith("    at row 2, row 3, row 4, row 5") for each in report)
    assert any(each.endswith("2 more") for each in report)
    assert max(map(len, report)) <= 80
    assert "The chance of one false alarm is at most" in " ".join(report)
    assert "nowak" not in "\n".join(report).casefold()


def test_a_report_says_spots_only_when_asked() -> None:
    report = "\n".join(lines(proved([MASKED, notes("to Maria Nowak")])))

    assert "row 1" not in report.replace("rows", "")


def test_a_clean_report_says_how_each_column_was_looked_at() -> None:
    before = [users([str(number) for number in range(100)]), notes()]
    after = [users([str(number) for number in range(99, -1, -1)]), notes()]
    report = "\n".join(lines(proved(after, before=before)))

    assert report.startswith("clean")
    assert "public.users.secret, masked by word" in report
    assert "100 values, 100 distinct: 0 looked for, 0 as words, 100 too short" in report
    assert "0 of 100 rows compared are as they were, 1.0 expected" in report


def test_a_chance_that_there_is_not_is_not_said() -> None:
    proof = replace(proved([MASKED, notes("x")]), false_alarm=0.0)

    assert "false alarm" not in "\n".join(lines(proof))


def test_a_proof_can_be_written_as_json() -> None:
    proof = proved([b"-- for Maria Nowak\n", MASKED, notes("x")])
    shown = json.loads(json.dumps(proof.as_json()))

    assert shown["verdict"] == "survivors"
    assert shown["sightings"][0]["meaning"] == "survived"
    assert shown["sightings"][0]["spots"] == [{"row": None, "line": 1, "byte": 7}]
