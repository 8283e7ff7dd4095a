"""Annotations: what was found at lines of files, as GitHub and GitLab take it from a pipeline."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

from ci.result import Colour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.report.view import View
    from ci.result import Finding

COMMANDS = {Colour.RED: "error", Colour.YELLOW: "warning", Colour.GREEN: "notice"}
ELSEWHERE = "pyproject.toml"
"""The file that findings of no migration are shown at: it says how all of them are run."""
SEVERITIES = {Colour.RED: "critical", Colour.YELLOW: "minor", Colour.GREEN: "info"}


def github(view: View) -> Iterator[str]:
    """Yield workflow commands, which a job prints; GitHub shows them beside the files."""
    for part, each in view.findings:
        where = {"title": f"{part.name}: {each.rule}"}
        if each.step and each.step.path:
            where = {"file": each.step.path, "line": "1", **where}
        told = ",".join(f"{key}={_property(value)}" for key, value in where.items())
        yield f"::{COMMANDS[each.colour]} {told}::{_data(each.said)}"


def file_of(finding: Finding) -> str:
    """Return the file that *finding* is shown at."""
    path = finding.step.path if finding.step else None
    return path or ELSEWHERE


def step_key(finding: Finding) -> tuple[str, ...]:
    """Return what tells *finding* from those of other steps."""
    return finding.step.key if finding.step else ()


def _data(text: str) -> str:
    """Return *text* so that it is no command of its own (as @actions/core has it)."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def gitlab(view: View) -> str:
    """Return a report of code quality, which GitLab shows in the merge request."""
    found = []
    for part, each in view.findings:
        said = f"{part.name}: {each.said}"
        key = "/".join([part.name, each.rule, each.measure or "", *step_key(each)]).encode()
        found.append(
            {
                "description": said,
                "check_name": each.rule.value,
                "fingerprint": hashlib.sha256(key).hexdigest(),
                "severity": SEVERITIES[each.colour],
                "location": {"path": file_of(each), "lines": {"begin": 1}},
            }
        )
    return json.dumps(found, indent=2) + "\n"
