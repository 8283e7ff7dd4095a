"""What git is doing: it says which side of a conflict is on the target branch already.

Only files of .git are read: HEAD, and the marks that a merge or a rebase leaves there.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from migrator.renumber.conflict import Side

DEFAULT_BRANCHES = ("main", "master", "trunk")
"""Names of a target branch where the remote does not say which one it is."""

_REPLAYS = {
    "rebase-merge": "a rebase replays commits on HEAD",
    "rebase-apply": "a rebase replays commits on HEAD",
    "CHERRY_PICK_HEAD": "a cherry-pick applies a commit on HEAD",
    "REVERT_HEAD": "a revert applies a commit on HEAD",
}
"""What git leaves in its folder while it waits for a conflict to be resolved → what it does."""

_STASH = "Stashed changes"


class Keeps(Enum):
    """The side that keeps its numbers, in git's words."""

    OURS = "ours"
    """Above the line of equal signs: HEAD."""
    THEIRS = "theirs"
    """Below it: what is merged, or replayed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """Which side keeps its numbers, and why."""

    keeps: Keeps
    why: str


def order_of(path: Path, theirs: Side) -> Order:
    """Return which side keeps its numbers in a conflict of the file at *path*.

    The one that is on the target branch already. A rebase, cherry-pick or stash replays our
    work on HEAD, so HEAD keeps its numbers; a merge into a branch brings the target in, so
    what is merged does, unless HEAD is the target branch itself.
    """
    git = _git_folder(path)
    replay = "a stash is applied on HEAD" if theirs.label == _STASH else _replay(git)
    if replay is not None:
        return Order(keeps=Keeps.OURS, why=replay)
    branch = _branch(git) if git else None
    if git and branch in _targets(git):
        return Order(keeps=Keeps.OURS, why=f"HEAD is the target branch, {branch}")
    merging = git is not None and (git / "MERGE_HEAD").exists()
    into = f"it is merged into {branch or 'a detached HEAD'}"
    return Order(keeps=Keeps.THEIRS, why=into if merging else "nothing says what git was doing")


def _git_folder(path: Path) -> Path | None:
    """Return the folder where git keeps the state of the work tree that *path* is in."""
    for folder in path.resolve().parents:
        found = folder / ".git"
        if found.is_dir():
            return found
        if found.is_file():
            # A work tree of its own, or a submodule: .git says where the folder is.
            return folder / found.read_text().removeprefix("gitdir:").strip()
    return None


def _replay(git: Path | None) -> str | None:
    """Return which work git is replaying on HEAD, None when it is not."""
    return next((what for mark, what in _REPLAYS.items() if git and (git / mark).exists()), None)


def _branch(git: Path) -> str | None:
    """Return the branch that HEAD is, None when it is detached."""
    return _reference(git / "HEAD", "refs/heads/")


def _targets(git: Path) -> tuple[str, ...]:
    """Return the names that the target branch may have: the remote's, or the usual ones."""
    common = git / "commondir"
    shared = git / common.read_text().strip() if common.is_file() else git
    remote = _reference(shared / "refs/remotes/origin/HEAD", "refs/remotes/origin/")
    return DEFAULT_BRANCHES if remote is None else (remote,)


def _reference(file: Path, prefix: str) -> str | None:
    """Return what the symbolic reference in *file* points to, below *prefix*."""
    try:
        target = file.read_text().removeprefix("ref:").strip()
    except OSError:
        return None
    return target.removeprefix(prefix) if target.startswith(prefix) else None
