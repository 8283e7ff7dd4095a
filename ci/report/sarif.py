"""SARIF 2.1.0: what was found, at the file of the migration (OASIS, 2020).

GitHub wants more than the standard: a place for each result, and words for each rule.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ci.report.annotations import file_of, step_key
from ci.result import Colour, Rule

if TYPE_CHECKING:
    from ci.report.view import View
    from ci.result import Finding

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
RULES = {
    Rule.BUDGET: "A step is over its budget",
    Rule.SLOWER: "A step is slower than on the target branch",
    Rule.SETUP: "A step before the change failed",
    Rule.UNFINISHED: "A migration began and did not end",
    Rule.SCHEMA: "The schema differs from the models",
    Rule.DIVERGED: "The history of the database is not that of the tree",
    Rule.NOTHING_RAN: "The change has migrations, and none of them ran",
    Rule.GUARD: "The guard refuses a contract",
    Rule.FAILED: "A step failed",
    Rule.DEADLINE: "A step took too long, and was ended",
    Rule.MISMATCH: "The server worked for longer than the tool says",
    Rule.PACE: "How fast a movement of data is",
    Rule.NOISE: "Times vary too much to be judged",
}
HELP = "See “How to read a report” in the documentation of migrator."
LEVELS = {Colour.RED: "error", Colour.YELLOW: "warning", Colour.GREEN: "note"}


def sarif(view: View) -> str:
    """Return the document of a run."""
    driver = {"name": "migrator ci", "rules": [_rule(each) for each in Rule]}
    found = [_result(part.name, each) for part, each in view.findings]
    run = {"tool": {"driver": driver}, "results": found, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _rule(rule: Rule) -> dict[str, Any]:
    words = {"text": RULES[rule]}
    told = {"shortDescription": words, "fullDescription": words, "help": {"text": HELP}}
    return {"id": rule.value, **told}


def _result(where: str, finding: Finding) -> dict[str, Any]:
    place = {"artifactLocation": {"uri": quote(file_of(finding))}, "region": {"startLine": 1}}
    return {
        "ruleId": finding.rule.value,
        "level": LEVELS[finding.colour],
        "message": {"text": f"{where}: {finding.said}"},
        "partialFingerprints": {
            "step/v1": "/".join([where, *step_key(finding), finding.measure or ""])
        },
        "locations": [{"physicalLocation": place}],
    }
