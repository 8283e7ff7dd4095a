"""Markdown: a run as a comment on GitHub, GitLab, or anywhere else that shows it."""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING

from ci.result import Colour

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ci.report.view import Part, View

LIMIT = 60_000
"""Characters of a comment: below what GitHub takes."""
SIGNS = {Colour.GREEN: "✅", Colour.YELLOW: "⚠️", Colour.RED: "❌"}
_SPECIAL = re.compile(r"[\\`*_{}\[\]()#+.!|~@-]")
_UNSEEN = re.compile(r"[\x00-\x1f\x7f-\x9f]")


def markdown(view: View) -> str:
    """Return the comment on a run; where it would be too long, without its tables."""
    whole = "\n".join([*_head(view), *(line for each in view.parts for line in _table(each))])
    short = "\n".join(_head(view))
    return next((each for each in (whole, short) if len(each) <= LIMIT), short[:LIMIT]) + "\n"


def escaped(text: str) -> str:
    """Return *text* so that nothing in it is markup, a mention or a link."""
    return html.escape(_SPECIAL.sub(r"\\\g<0>", _plain(text)), quote=False)


def _in_tags(text: str) -> str:
    """Return *text* for between two tags of HTML, where a backslash would be seen."""
    plain = html.escape(_plain(text), quote=False)
    return _SPECIAL.sub(lambda found: f"&#{ord(found[0])};", plain)


def _plain(text: str) -> str:
    return _UNSEEN.sub("", " ".join(text.split()))


def _head(view: View) -> Iterator[str]:
    yield f"### {SIGNS[view.colour]} Migrations: {view.word}"
    yield ""
    for part in view.parts:
        link = f"[{escaped(part.name)}]({view.link})" if view.link else escaped(part.name)
        yield f"- {link}: {part.word} in {part.took}"
    yield ""
    for part, each in view.findings:
        confirmed = " (seen twice)" if each.confirmed else ""
        yield f"- {SIGNS[each.colour]} {escaped(part.name)}: {escaped(each.said)}{confirmed}"
    if view.contact:
        yield f"\nAsk {escaped(view.contact)}."


def _table(part: Part) -> Iterator[str]:
    if not part.rows:
        return
    yield f"\n<details><summary>{_in_tags(part.name)}</summary>\n"
    yield "| | step | time | target branch | budget | longest stall |"
    yield "| --- | --- | ---: | ---: | ---: | ---: |"
    for row in part.rows:
        cells = (
            SIGNS[row.colour],
            escaped(row.step.title),
            row.seconds,
            row.baseline or "new",
            row.budget or "",
            row.figures.get("longest stall", ""),
        )
        yield f"| {' | '.join(cells)} |"
    if part.result.again:
        yield f"\nSee it at home:\n\n    {_plain(part.result.again)}"
    yield "\n</details>"
