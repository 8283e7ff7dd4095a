"""How the schema is compared with the models of a tree, whatever tool it migrates with."""

from __future__ import annotations

from collections.abc import Sequence  # noqa: TC003 - msgspec reads the annotations
from pathlib import Path

import msgspec

from ci.drivers.base import Command
from ci.drivers.lines import read_last

SCRIPT = Path(__file__).parent / "inside" / "compare_schema.py"


class Compared(msgspec.Struct, frozen=True, kw_only=True, tag="schema", tag_field="event"):
    """How the schema differs."""

    differences: Sequence[str]


COMPARED = msgspec.json.Decoder(Compared)


def compare(models: str) -> Command:
    """Return the command that compares the schema with *models*, a module or `module:name`."""
    return Command(arguments=("python", str(SCRIPT), models), binds=(SCRIPT,))


def files(models: str) -> tuple[str, ...]:
    """Return patterns of the files of *models*: of a module, or of all in a package."""
    path = models.partition(":")[0].replace(".", "/")
    return tuple(f"{root}{path}{end}" for root in ("", "*/") for end in (".py", "/*.py"))


def read(output: bytes) -> tuple[str, ...] | None:
    """Return the differences; None where the output of `compare` does not say."""
    found = read_last(output, COMPARED)
    return None if found is None else tuple(found.differences)
