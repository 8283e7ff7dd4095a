"""HTML: a page that needs nothing but itself, and that nothing in it can break out of."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ci.units import duration

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.report.view import Part, Row, View

LIMIT = 1_000_000
"""Bytes of a page."""
SHORTER = (20, 5, 1, 0)
"""Statements of a step that are shown, as long as that is too large."""


def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ci.report"),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["duration"] = duration
    return environment


def run_page(view: View) -> str:
    """Return the page of a run; where it would be too large, with less of each step."""
    template = _environment().get_template("run.html")
    pages = (
        template.render(view=_shortened(view, kept), contact=view.contact, link=view.link)
        for kept in SHORTER
    )
    return next((each for each in pages if len(each.encode()) <= LIMIT), "")


def index_page(
    views: Sequence[View], *, contact: str | None = None, link: str | None = None
) -> str:
    """Return the page that lists runs."""
    template = _environment().get_template("index.html")
    return template.render(views=views, contact=contact, link=link)


def _shortened(view: View, kept: int) -> View:
    """Return *view* with so many statements of each step, and marks in that measure."""
    return replace(view, parts=tuple(_short_part(each, kept) for each in view.parts))


def _short_part(part: Part, kept: int) -> Part:
    return replace(part, rows=tuple(_short_row(each, kept) for each in part.rows))


def _short_row(row: Row, kept: int) -> Row:
    return replace(row, statements=row.statements[:kept], marks=row.marks[: 3 * kept])
