"""The report of `migrator sync`: events as they come, the outcome, and what a dry run found."""

from __future__ import annotations

from dataclasses import asdict
from textwrap import wrap
from typing import TYPE_CHECKING, Any

from migrator.apply import Accepted, Finished, Noted, Retried, Started, Waiting
from migrator.config import show_url

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.apply import Event, Left, Outcome, Prepared
    from migrator.manifest import Manifest
    from migrator.stopwatch import Statement

WIDTH = 80
INDENT = " " * 17
"""Under the name of a migration."""


def event_as_json(event: Event | Statement) -> dict[str, Any]:
    """Return *event* as `--json` prints it: a kind, and what the event holds."""
    return {"event": type(event).__name__.lower(), **asdict(event)}


class Progress:
    """Turns events into text for people; a migration's time stands at the end of its line."""

    def __init__(self) -> None:
        self._open = False

    def text(self, event: Event) -> str:
        """Return what to print for *event*; the line stays open while a migration runs."""
        match event:
            case Started():
                self._open = True
                return _started(event)
            case Finished(seconds=seconds):
                line = self._open
                self._open = False
                return f"{_seconds(seconds) if line else INDENT + _seconds(seconds)}\n"
        return self.close() + "".join(f"{line}\n" for line in _lines(event))

    def close(self) -> str:
        """Return what ends the line that is open, if one is."""
        ending = "\n" if self._open else ""
        self._open = False
        return ending


def _started(event: Started) -> str:
    said = f"{event.version:>5}  {event.phase:<8}  {event.name}"
    if event.resumed_at is not None:
        said += f", from statement {event.resumed_at + 1}"
    return f"{said:<{WIDTH - 11}}  "


def _lines(event: Event) -> Iterator[str]:
    match event:
        case Accepted(version=version, name=name):
            yield f"{version:>5}  accepted  {name}, as it is edited now"
        case Noted(text=text):
            yield from _indented(text)
        case Retried():
            yield from _indented(
                f"{event.reason}; attempt {event.attempt}, again in {event.wait_seconds:.1f} s"
            )
            yield from _in_the_way(event.blockers)
        case Waiting(blockers=blockers):
            yield from _indented("waits for other sessions to end their transactions")
            yield from _in_the_way(blockers)


def outcome_as_json(outcome: Outcome, manifest: Manifest) -> dict[str, Any]:
    """Return the object that ends the output of `--json`."""
    return {
        "event": "summary",
        "version": outcome.version,
        "release": manifest.release_of(outcome.version) if outcome.version else None,
        "applied": [each.version for each in outcome.finished],
        "left": [asdict(each) for each in outcome.left],
    }


def outcome_lines(outcome: Outcome, manifest: Manifest) -> Iterator[str]:
    """Yield the lines that end the output for people."""
    release = manifest.release_of(outcome.version) if outcome.version else None
    at = f"version {outcome.version}" + (f", release {release}" if release else "")
    if not outcome.finished:
        yield f"Nothing to do: the database is at {at}."
    else:
        seconds = sum(each.seconds for each in outcome.finished)
        count = len(outcome.finished)
        yield ""
        yield f"{count} migration{'s' * (count > 1)} in {_seconds(seconds)}; now at {at}."
    yield from _left(outcome.left)


def plan_as_json(prepared: Prepared) -> dict[str, Any]:
    """Return what a dry run found as one object."""
    return {
        "version": prepared.version,
        "target": prepared.plan.target,
        "accepted": [each.applied.version for each in prepared.edited],
        "steps": [
            {
                "version": job.migration.number,
                "name": job.migration.name,
                "phase": job.migration.phase.value,
                "resumed_at": job.step.resumes.statement if job.step.resumes else None,
                "statements": list(job.texts) if job.statements is not None else None,
            }
            for job in prepared.jobs
        ],
        "left": [each.number for each in prepared.plan.left],
    }


def plan_lines(prepared: Prepared, url: str) -> Iterator[str]:
    """Yield what a dry run found for people; it can be read as SQL, too."""
    yield f"-- {show_url(url)}: version {prepared.version}, to version {prepared.plan.target}"
    if not prepared.jobs:
        yield "-- nothing to do"
    for job in prepared.jobs:
        migration = job.migration
        half = f", from statement {job.step.resumes.statement + 1}" if job.step.resumes else ""
        yield ""
        yield f"-- {migration.number} {migration.name} ({migration.phase.value}{half})"
        if job.statements is None:
            yield "-- known only while it runs"
        yield from (f"{text};" for text in job.texts)
    for each in prepared.plan.left:
        yield ""
        yield f"-- {each.number} {each.name} (contract) is left pending"


def _left(left: tuple[Left, ...]) -> Iterator[str]:
    for each in left:
        said = f"contract {each.version} {each.name} is left pending"
        if each.pending:
            names = ", ".join(each.pending)
            said += f"; rows still need {names}: run migrator online-migrate"
        yield from wrap(said, WIDTH, subsequent_indent="  ", break_long_words=False)


def _in_the_way(blockers: tuple[object, ...]) -> Iterator[str]:
    for each in blockers:
        yield from _indented(f"in the way: {each}")


def _indented(text: str) -> Iterator[str]:
    yield from wrap(
        text,
        WIDTH,
        initial_indent=INDENT,
        subsequent_indent=INDENT + "  ",
        break_long_words=False,
        break_on_hyphens=False,
    )


def _seconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"
