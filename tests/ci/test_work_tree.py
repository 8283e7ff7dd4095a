"""Work tree: where a checkout begins, and what in it is not tried."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.checkout import root_of, uncommitted
from ci.errors import CheckoutError
from tests.ci.origin import origin

if TYPE_CHECKING:
    from pathlib import Path


def test_a_checkout_is_found_from_a_folder_in_it(tmp_path: Path) -> None:
    project = origin(tmp_path / "project")
    inner = project.folder / "a" / "b"
    inner.mkdir(parents=True)
    assert root_of(inner) == root_of(project.folder) == project.folder.resolve()
    project.git("worktree", "add", "--quiet", str(tmp_path / "other"))
    assert root_of(tmp_path / "other") == (tmp_path / "other").resolve()


def test_no_checkout(tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match="no checkout of git"):
        root_of(tmp_path)


def test_what_is_not_committed_is_named_but_reports_are_not(tmp_path: Path) -> None:
    project = origin(tmp_path / "project")
    assert uncommitted(project.folder) == ()
    project.write("README", "changed\n")
    project.write("versions/new.py", "")
    project.write("report.html", "")
    assert uncommitted(project.folder) == ("README", "versions/new.py")
