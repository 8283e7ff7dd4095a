"""JUnit: a run as test results, which every pipeline shows: a step on a dataset is a test."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from ci.result import Colour

if TYPE_CHECKING:
    from collections.abc import Iterable

    from ci.report.view import Part, View
    from ci.result import Finding

_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def junit(view: View) -> str:
    """Return the document of a run."""
    root = ET.Element("testsuites", name=_text(f"{view.project} migrations"))
    for part in view.parts:
        root.append(_suite(part))
    ET.indent(root)
    return ET.tostring(root, encoding="unicode", xml_declaration=True) + "\n"


def _suite(part: Part) -> ET.Element:
    cases = [_case(part, row.step.title, row.findings, row.step.path) for row in part.rows]
    cases += [
        _case(part, each.step.name if each.step else each.rule.value, [each], None)
        for each in part.general
    ]
    failures = sum(each.find("failure") is not None for each in cases)
    suite = ET.Element(
        "testsuite",
        name=_text(part.name),
        tests=str(len(cases)),
        failures=str(failures),
        errors="0",
        time=f"{part.result.seconds:.3f}",
        timestamp=_text(part.result.began),
    )
    suite.extend(cases)
    return suite


def _case(part: Part, name: str, findings: Iterable[Finding], path: str | None) -> ET.Element:
    case = ET.Element("testcase", name=_text(name), classname=_text(part.name))
    if path:
        case.set("file", _text(path))
    said = [f"{each.rule}: {each.said}" for each in findings if each.colour is Colour.RED]
    more = [f"{each.rule}: {each.said}" for each in findings if each.colour is not Colour.RED]
    if said:
        ET.SubElement(case, "failure", message=_text(said[0])).text = _text("\n".join(said))
    if more:
        ET.SubElement(case, "system-out").text = _text("\n".join(more))
    return case


def _text(text: str) -> str:
    """Return *text* without what XML cannot say."""
    return _NO_XML.sub("�", text)
