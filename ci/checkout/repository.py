"""Repository: a mirror of ours, from which everything is fetched, merged and read."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from ci.checkout.folders import locked
from ci.checkout.git import CONFIGURATION, Git, fsdecoded
from ci.errors import CheckoutError, ConflictError, ToolError

if TYPE_CHECKING:
    from collections.abc import Iterator

_SHA = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_REF = re.compile(
    r"(?!.*(?:\.\.|@\{|//|\.lock(?:/|\Z)))[A-Za-z0-9][^\x00-\x20\x7f~^:?*\[\\]*(?<![/.])"
)
_URL = re.compile(r"(?:https?|ssh|file)://[^\x00-\x20]+|[\w.-]+@[\w.-]+:[^\x00-\x20]+")
_PASSWORD = re.compile(r"https?://[^/@:]*:[^/@]*@")
LAST = "refs/ci/last"
LINK = "120000"
SETTINGS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Changed:
    """A file that differs between two commits."""

    path: str
    """From the root; bytes that are no text are surrogates, and it may hold a newline."""
    status: str
    """A added, M modified, D deleted, R renamed, C copied, T of another kind."""
    was: str | None = None
    """Its path before it was renamed or copied."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A file in a commit."""

    path: str
    mode: str
    blob: str
    size: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Repository:
    """A bare repository of ours, and where it comes from."""

    git: Git
    source: str
    """A URL, or the folder of a checkout."""

    def update(self) -> None:
        """Fetch all branches and tags; those that are gone there go here.

        Raises CheckoutError when the source cannot be reached.
        """
        kinds = ("heads", "tags") if _URL.fullmatch(self.source) else ("heads", "tags", "remotes")
        with self._alone():
            self._fetch("--prune", *(f"+refs/{kind}/*:refs/{kind}/*" for kind in kinds))

    def fetch(self, ref: str, *, announced: str | None = None) -> str:
        """Fetch one *ref*, as refs/changes/34/1234/5, or HEAD; return its commit.

        Raises CheckoutError when it is not the commit that was *announced*.
        """
        with self._alone():
            self._fetch(f"+{_checked(ref)}:{LAST}")
            found = self.resolve(LAST)
        if announced is not None and found != announced:
            expected = announced if _SHA.fullmatch(announced) else "no commit at all"
            raise CheckoutError(
                f"the server gives {found}, and has announced {expected}",
                hint="was another patch set uploaded meanwhile?",
            )
        return found

    def resolve(self, ref: str) -> str:
        """Return the commit that *ref* names: a branch, a tag, or a commit itself."""
        status, answer = self.git.run(
            "rev-parse", "--verify", "--quiet", "--end-of-options", f"{_checked(ref)}^{{commit}}"
        )
        found = answer.decode("ascii", "replace").strip()
        if status or not _SHA.fullmatch(found):
            raise CheckoutError(
                f"{ref} is no commit of the repository",
                hint="is it spelt right, pushed, and fetched here? a shallow clone has one branch",
            )
        return found

    def merge(self, target: str, change: str) -> str:
        """Return the commit in which *change* is merged onto *target*; both are commits.

        That is *change* itself where it holds *target* already, and the other way round.
        Raises ConflictError where git cannot merge them.
        """
        if self._holds(change, target):
            return change
        if self._holds(target, change):
            return target
        status, answer = self.git.run(
            *("merge-tree", "--write-tree", "--no-messages", "-z"), _sha(target), _sha(change)
        )
        if status == 1:
            raise ConflictError(f"{change[:12]} does not merge onto {target[:12]}")
        tree = answer.partition(b"\0")[0].decode("ascii", "replace").strip()
        if status or not _SHA.fullmatch(tree):
            raise CheckoutError(
                f"{change[:12]} cannot be merged onto {target[:12]}",
                hint="have they a common ancestor here? a shallow clone lacks it:"
                " git fetch --unshallow; and git has to be 2.38 or later",
            )
        made = self.git.ask("commit-tree", tree, "-p", target, "-p", change, "-m", "Merge")
        return _sha(made.decode("ascii", "replace").strip())

    def changed(self, base: str, head: str) -> tuple[Changed, ...]:
        """Return the files that differ between two commits; a renamed one once."""
        answer = self.git.ask(
            *("diff-tree", "-r", "-z", "-M", "--name-status", "--no-commit-id", "--no-ext-diff"),
            *(_sha(base), _sha(head)),
        )
        return tuple(_changes(iter(answer.split(b"\0")[:-1])))

    def entries(self, sha: str, *paths: str) -> Iterator[Entry]:
        """Yield the files of a commit: all, or those at *paths*; no submodules."""
        which = ("--", *paths) if paths else ("-r",)
        for line in self.git.ask("ls-tree", "-z", "-l", _sha(sha), *which).split(b"\0")[:-1]:
            said, _, name = line.partition(b"\t")
            mode, kind, blob, size = said.decode("ascii").split()
            if kind == "blob":
                yield Entry(path=fsdecoded(name), mode=mode, blob=blob, size=int(size))

    def read(self, sha: str, path: str, *, limit: int = SETTINGS_BYTES) -> bytes | None:
        """Return what is in the file at *path* of a commit; None where there is none.

        Raises CheckoutError for one that is larger than *limit*, or a symbolic link.
        """
        entry = next(self.entries(sha, path), None)
        if entry is None:
            return None
        if entry.mode == LINK or entry.size > limit:
            what = "a symbolic link" if entry.mode == LINK else f"{entry.size} bytes large"
            raise CheckoutError(f"{path!r} is {what}, expected a file of at most {limit} bytes")
        return self.git.ask("cat-file", "blob", entry.blob, limit=limit)

    def _holds(self, commit: str, ancestor: str) -> bool:
        status, _ = self.git.run("merge-base", "--is-ancestor", _sha(ancestor), _sha(commit))
        return status == 0

    def _fetch(self, *arguments: str) -> None:
        options = ("--no-tags", "--no-recurse-submodules", "--no-write-fetch-head", "--force")
        status, _ = self.git.run(
            "fetch", "--quiet", *options, "--update-shallow", *_ordered(arguments, self.source)
        )
        if status:
            raise CheckoutError(
                f"{arguments[-1].partition(':')[0].lstrip('+')} cannot be fetched",
                hint=f"see {self.git.log.name}; is the server there, are we known to it?",
            )

    def _alone(self) -> _Alone:
        return _Alone(self.git.folder)


class _Alone:
    """The only one who writes to a mirror: what git has locked in a crash is free again."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = locked(folder.with_name(f"{folder.name}.lock"))

    def __enter__(self) -> None:
        self._lock.__enter__()
        for left in (*self._folder.rglob("*.lock"), *self._folder.glob("objects/pack/tmp_*")):
            left.unlink(missing_ok=True)

    def __exit__(self, *error: object) -> None:
        self._lock.__exit__(None, None, None)


def open_repository(folder: Path, *, source: str | Path, seconds: float) -> Repository:
    """Return the mirror of *source* in *folder*, which is made where there is none.

    Raises CheckoutError for a source that is neither a URL nor a folder.
    """
    where = _source(source)
    folder.parent.mkdir(parents=True, exist_ok=True)
    git = Git(folder=folder.absolute(), seconds=seconds)
    with locked(git.folder.with_name(f"{folder.name}.lock")):
        git.configuration.write_text(CONFIGURATION)
        if not (folder / "HEAD").exists():
            folder.mkdir(mode=0o700, exist_ok=True)
            status, _ = git.run("init", "--quiet", "--bare", "--template=")
            if status:
                raise ToolError("git cannot make a repository", hint=f"see {git.log.name}")
    return Repository(git=git, source=where)


def _source(source: str | Path) -> str:
    """Return *source* as git takes it: never as an option, or a program to run."""
    if _PASSWORD.match(str(source)):
        raise CheckoutError(
            "the URL of the repository holds a password, which other users could see",
            hint="write it to ~/.netrc, or use ssh",
        )
    if isinstance(source, str) and _URL.fullmatch(source):
        return source
    folder = Path(source).absolute()
    if str(source).startswith("-") or "::" in str(source) or not folder.is_dir():
        raise CheckoutError(
            f"{str(source)!r} is no repository",
            hint="expected https://…, ssh://…, or the folder of a checkout",
        )
    return str(folder)


def _ordered(arguments: tuple[str, ...], source: str) -> Iterator[str]:
    """Yield options, then the source, then what is fetched."""
    yield from (each for each in arguments if each.startswith("--"))
    yield from ("--end-of-options", source)
    yield from (each for each in arguments if not each.startswith("--"))


def _checked(ref: str) -> str:
    """Return *ref* if git cannot take it for anything else."""
    if not _REF.fullmatch(ref):
        raise CheckoutError(f"{ref!r} is no name of a branch, a tag or a commit")
    return ref


def _sha(text: str) -> str:
    if not _SHA.fullmatch(text):
        raise CheckoutError(f"{text!r} is no commit, expected its full hash")
    return text


def _changes(words: Iterator[bytes]) -> Iterator[Changed]:
    """Yield what `--name-status -z` says."""
    for word in words:
        status = word[:1].decode("ascii", "replace")
        first = fsdecoded(next(words))
        if status in "RC":
            yield Changed(path=fsdecoded(next(words)), status=status, was=first)
        else:
            yield Changed(path=first, status=status)
