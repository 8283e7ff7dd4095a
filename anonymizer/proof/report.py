"""Report: a proof as text for a person, at most 80 columns wide and without a value."""

from __future__ import annotations

import textwrap
from typing import TYPE_CHECKING

from anonymizer.proof.result import Meaning, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.proof.result import Looked, Proof, Sighting
    from anonymizer.proof.scan import Spot

WIDTH = 80
MEGABYTE = 1_000_000
SHOWN = 10
"""Spots that are named of one sighting."""
TITLES = {
    Meaning.SURVIVED: "Survived",
    Meaning.POSSIBLE: "For a person to look at",
    Meaning.CHANCE: "Explained by chance",
}
SAID = {
    Verdict.CLEAN: "clean: no sensitive value was found",
    Verdict.UNPROVED: "not proved: something is left to look at",
    Verdict.SURVIVORS: "survivors: sensitive values are in the output",
}
NOT_COVERED = (
    "Not looked for: values that are cut, joined to other letters, compressed, encrypted or "
    "inside pictures; letters that are composed in another way (NFC, NFD); a name whose parts "
    "stand in two columns; base64 that does not begin like a text."
)


def lines(proof: Proof, *, show: bool = False) -> Iterator[str]:
    """Yield the report line by line; with *show*, where exactly each find is."""
    yield SAID[proof.verdict]
    looked = (
        f"{proof.rows:,} rows and {_size(proof.bytes)} of text were looked at, for "
        f"{proof.fingerprints:,} fingerprints."
    )
    chance = f" The chance of one false alarm is at most {proof.false_alarm:.0e}."
    yield from _wrapped(looked + (chance if proof.false_alarm else ""))
    for meaning, title in TITLES.items():
        seen = [each for each in proof.sightings if each.meaning is meaning]
        yield from _section(title, (_sighting(each, show=show) for each in seen))
    yield from _section(
        "Differences",
        ([f"{each.place}: {each.what}{_mark(each.accepted)}"] for each in proof.problems),
    )
    yield from _section("Columns", (_column(each) for each in proof.columns if each.values))
    yield ""
    yield from _wrapped(NOT_COVERED)


def _section(title: str, entries: Iterable[Iterable[str]]) -> Iterator[str]:
    """Yield *title* and *entries*, the first line of each further out than the others."""
    for number, entry in enumerate(entries):
        if not number:
            yield ""
            yield title
        for place, line in enumerate(entry):
            yield from _wrapped(line, "    " if place else "  ")


def _sighting(seen: Sighting, *, show: bool) -> Iterator[str]:
    yield f"{seen.place}{_mark(seen.accepted)}"
    if seen.place == seen.column and seen.times is None:
        yield f"{seen.why}; {seen.by_chance:,.1f} are expected"
        return
    times = "" if seen.times is None else f", {_count(seen.times, 'time')}"
    yield f"{_count(seen.values, 'value')} of {seen.column}{times}: {seen.why}"
    if show and seen.spots:
        more = f", and {len(seen.spots) - SHOWN} more" if len(seen.spots) > SHOWN else ""
        yield "at " + ", ".join(_spot(each) for each in seen.spots[:SHOWN]) + more


def _column(looked: Looked) -> Iterator[str]:
    yield f"{looked.column}, masked by {looked.mask}{_mark(looked.accepted)}"
    yield (
        f"{_count(looked.values, 'value')}, {looked.distinct:,} distinct: "
        f"{looked.strong:,} looked for, {looked.words:,} as words, "
        f"{looked.short:,} too short to be looked for"
    )
    if looked.comparison is not None and looked.comparison.rows:
        compared = looked.comparison
        yield (
            f"{compared.same:,} of {_count(compared.rows, 'row')} compared are as they were, "
            f"{compared.expected:,.1f} expected"
        )
    if looked.note:
        yield f"could not be looked at: {looked.note}"


def _spot(spot: Spot) -> str:
    if spot.row is not None:
        return f"row {spot.row:,}"
    return f"line {spot.line:,} (byte {spot.byte:,})"


def _count(number: int, what: str) -> str:
    return f"{number:,} {what}" + ("" if number == 1 else "s")


def _mark(accepted: bool) -> str:  # noqa: FBT001 - a mark of it
    return " (accepted)" if accepted else ""


def _size(count: int) -> str:
    return f"{count:,} bytes" if count < MEGABYTE else f"{count / MEGABYTE:,.1f} MB"


def _wrapped(text: str, indent: str = "") -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=indent, subsequent_indent=indent, break_on_hyphens=False
    )
