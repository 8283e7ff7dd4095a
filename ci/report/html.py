"""HTML: a page that needs nothing but itself, and that nothing in it can break out of."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain
from typing import TYPE_CHECKING

from jinja2 import Environment, PackageLoader, StrictUndefined, select_autoescape

from ci.units import duration

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from ci.report.view import Row, View

LIMIT = 1_000_000
"""Bytes of a page."""
SHORTER = ((20, 20), (5, 20), (1, 20), (1, 5), (0, 1), (0, 0))
"""Statements that are shown as long as a page is too large: of a step, and of one with findings."""
FEWER = (200, 20, 0)
"""Steps, and findings, of a dataset that are shown then."""


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
    """Return the page of a run; where it would be too large, with less of each step.

    Where even that is too much, with those steps alone that something was found of.
    """
    template = _environment().get_template("run.html")
    views = chain((_shortened(view, *kept) for kept in SHORTER), _with_fewer_steps(view))
    pages = (template.render(view=each, contact=view.contact, link=view.link) for each in views)
    return next(each for each in pages if len(each.encode()) <= LIMIT)


def _with_fewer_steps(view: View) -> Iterator[View]:
    short = _shortened(view, *SHORTER[-1])
    for most in FEWER:
        parts = tuple(
            replace(
                each,
                rows=tuple(row for row in each.rows if row.findings)[:most],
                result=replace(each.result, findings=each.result.findings[:most]),
            )
            for each in short.parts
        )
        yield replace(short, parts=parts[: most + 1])


def index_page(
    views: Sequence[View], *, contact: str | None = None, link: str | None = None
) -> str:
    """Return the page that lists runs."""
    template = _environment().get_template("index.html")
    return template.render(views=views, contact=contact, link=link)


def _shortened(view: View, usual: int, found: int) -> View:
    """Return *view* with so many statements of each step, and marks in that measure."""

    def short(row: Row) -> Row:
        kept = found if row.findings else usual
        return replace(row, statements=row.statements[:kept], marks=row.marks[: 3 * kept])

    parts = (replace(part, rows=tuple(map(short, part.rows))) for part in view.parts)
    return replace(view, parts=tuple(parts))
