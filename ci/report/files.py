"""Files: a run written down in the forms that other programs read."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import msgspec

from ci.errors import ToolError
from ci.report.annotations import github, gitlab
from ci.report.html import run_page
from ci.report.junit import junit
from ci.report.markdown import markdown
from ci.report.sarif import sarif

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from ci.report.view import View


def _json(view: View) -> str:
    results = [each.result for each in view.parts]
    return msgspec.json.format(msgspec.json.encode(results), indent=2).decode() + "\n"


FORMS: Mapping[str, Callable[[View], str]] = {
    "html": run_page,
    "json": _json,
    "markdown": markdown,
    "junit": junit,
    "sarif": sarif,
    "github": lambda view: "".join(f"{each}\n" for each in github(view)),
    "gitlab": gitlab,
}
"""What a run can be written in, by its name."""


def make_writable(folder: Path) -> None:
    """Make *folder*, where there is none. Raises ToolError where it cannot be written to."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise ToolError(f"{folder} cannot be made: {error.strerror}") from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ToolError(f"{folder} cannot be written to")


def write_forms(view: View, forms: Iterable[tuple[str, Path]]) -> None:
    """Write *view* in each of *forms*: to its file, whole or not at all; `-` is standard output."""
    for form, path in forms:
        document = FORMS[form](view)
        if str(path) == "-":
            print(document, end="")  # noqa: T201 - asked for
            continue
        write_whole(path, document)


def write_whole(path: Path, document: str) -> None:
    """Write *document* to *path*, whole or not at all. Raises ToolError where it cannot be."""
    half = path.with_name(f".{path.name}.half")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        half.write_text(document, "utf-8")
        half.replace(path)
    except OSError as error:
        raise ToolError(f"{path} cannot be written: {error.strerror}") from error
    finally:
        half.unlink(missing_ok=True)
