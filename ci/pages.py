"""Pages: what is published of runs, a folder that any web server can serve."""

from __future__ import annotations

import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from ci.report.files import write_forms, write_whole
from ci.report.html import index_page
from ci.report.view import view

if TYPE_CHECKING:
    from pathlib import Path

    from ci.history import History
    from ci.report.view import View

INDEX_RUNS = 200
HALF_SECONDS = 3600
"""Longer than it takes to write a page."""
SUFFIXES = {"html": ".html", "json": ".json"}
"""The forms of each run that are published, and how their files end."""


def view_of(history: History, run: str, *, contact: str | None = None) -> View | None:
    """Return the view of a run that is in *history*, with what others took; None without one."""
    results = history.results(run)
    if not results:
        return None
    datasets = dict.fromkeys(each.dataset for each in results)
    project = results[0].project
    series = [each for name in datasets for each in history.series(project=project, dataset=name)]
    return view(results, series=series, contact=contact)


def index_of(history: History, *, contact: str | None = None) -> str:
    """Return the page that lists the last runs."""
    views = [view_of(history, each) for each in history.runs(limit=INDEX_RUNS)]
    return index_page([each for each in views if each is not None], contact=contact)


def publish(history: History, run: str, folder: Path, *, contact: str | None = None) -> None:
    """Write the pages of *run* into *folder*, and the index anew."""
    folder.mkdir(parents=True, exist_ok=True)
    seen = view_of(history, run, contact=contact)
    if seen is not None:
        write_forms(seen, [(form, folder / f"{run}{end}") for form, end in SUFFIXES.items()])
    write_whole(folder / "index.html", index_of(history, contact=contact))


def retire(history: History, folder: Path, *, days: int) -> tuple[str, ...]:
    """Forget runs that are older than so many *days*, and remove their pages; return them."""
    runs = history.forget(datetime.now(UTC) - timedelta(days=days))
    for run in runs:
        for end in SUFFIXES.values():
            (folder / f"{run}{end}").unlink(missing_ok=True)
    for half in folder.glob(".*.half"):  # of a runner that was killed; a living one has replaced it
        with suppress(FileNotFoundError):
            if time.time() - half.stat().st_mtime > HALF_SECONDS:
                half.unlink()
    return runs
