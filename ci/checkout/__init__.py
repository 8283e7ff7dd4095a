"""Checkout: releases, the target branch and the change merged onto it, as clean folders of files.

Everything that comes from a repository is hostile: its names, its attributes, its links, and
what its server says. Git runs with settings of ours alone, no hook and no filter, in a mirror
of ours; files are written out of it without a work tree, and read from it by their names.
"""

from __future__ import annotations

from ci.checkout.folders import own_folder, sweep
from ci.checkout.repository import Changed, Entry, Repository, open_repository
from ci.checkout.tree import Tree, export
from ci.checkout.work_tree import root_of, uncommitted

__all__ = [
    "Changed",
    "Entry",
    "Repository",
    "Tree",
    "export",
    "open_repository",
    "own_folder",
    "root_of",
    "sweep",
    "uncommitted",
]
