"""SARIF 2.1.0: what was found, at the file of the migration (OASIS, 2020)."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from ci.result import Colour, Rule

if TYPE_CHECKING:
    from ci.report.view import View
    from ci.result import Finding

SCHEMA = (
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
)
LEVELS = {Colour.RED: "error", Colour.YELLOW: "warning", Colour.GREEN: "note"}


def sarif(view: View) -> str:
    """Return the document of a run."""
    driver = {"name": "migrator ci", "rules": [{"id": each.value} for each in Rule]}
    found = [_result(part.name, each) for part, each in view.findings]
    run = {"tool": {"driver": driver}, "results": found, "columnKind": "unicodeCodePoints"}
    return json.dumps({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}, indent=2) + "\n"


def _result(where: str, finding: Finding) -> dict[str, Any]:
    step = finding.step
    found: dict[str, Any] = {
        "ruleId": finding.rule.value,
        "level": LEVELS[finding.colour],
        "message": {"text": f"{where}: {finding.said}"},
        "partialFingerprints": {
            "step/v1": "/".join([where, *(step.key if step else ()), finding.measure or ""])
        },
    }
    if step and step.path:
        place = {"artifactLocation": {"uri": quote(step.path)}, "region": {"startLine": 1}}
        found["locations"] = [{"physicalLocation": place}]
    return found
