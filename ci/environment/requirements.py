"""Requirements: what a tree says that it needs, read without running anything of it."""

from __future__ import annotations

import configparser
import re
import tomllib
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name

from ci.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from ci.settings import Settings

    Read = Callable[[str], bytes | None]

STEP = "install"
DEPTH = 5
"""How deep files of requirements may name others."""
LINES = 5000
_HASH = re.compile(r"\s--hash[= ](sha(?:256|384|512):[0-9a-f]+)(?=\s|\Z)")
_ELSEWHERE = re.compile(
    r"(?:-i|-f|--index-url|--extra-index-url|--find-links|--trusted-host|--pre|--prefer-binary|"
    r"--no-index|--no-binary|--only-binary|--require-hashes)(?:[\s=].*)?\Z"
)
"""Options that are the runner's to choose."""
_ITSELF = re.compile(r"(?:(?:-e|--editable)[\s=]*)?\.(?:/|\[[\w,\s-]*\])?\Z")
_ANOTHER = re.compile(r"(?:-r|--requirement)[\s=]+(\S+)\Z")
_CAPS = re.compile(r"(?:-c|--constraint)[\s=]+(\S+)\Z")
LEGACY = ("setuptools>=61", "wheel")


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What is installed for a tree; each as pip reads it from a file."""

    runtime: tuple[str, ...] = ()
    constraints: tuple[str, ...] = ()
    build: tuple[str, ...] = ()
    """What builds the tree itself."""
    installable: bool = False
    """Whether the tree itself is a package."""


def needs_of(read: Read, settings: Settings) -> Needs:
    """Return what a tree needs; *read* gives what is in a file of it, by its path.

    Raises SetupError for what cannot be read, for a dependency by URL, and where the tree
    works out its dependencies only when it is built.
    """
    document = _document(read)
    project = _table(document, "project")
    legacy = read("setup.cfg") is not None or read("setup.py") is not None
    installable = legacy or bool(project) or "build-system" in document
    collected = _Collected(read)
    for path in settings.requirements:
        collected.file(path)
    for line in _declared(read, document, settings):
        collected.line(line, "pyproject.toml")
    own = canonicalize_name(str(project.get("name", "")) or "-")
    return Needs(
        runtime=tuple(dict.fromkeys(_others(collected.runtime, own))),
        constraints=tuple(dict.fromkeys(collected.constraints)),
        build=tuple(_build(document)) if installable else (),
        installable=installable,
    )


def _document(read: Read) -> dict[str, Any]:
    text = read("pyproject.toml")
    try:
        return tomllib.loads((text or b"").decode("utf-8"))
    except (ValueError, RecursionError) as error:
        raise SetupError("pyproject.toml of the tree cannot be read", step=STEP) from error


def _table(document: dict[str, Any], name: str) -> dict[str, Any]:
    found = document.get(name, {})
    return found if isinstance(found, dict) else {}


def _declared(read: Read, document: dict[str, Any], settings: Settings) -> Iterator[str]:
    """Yield the dependencies that the tree declares, and those of the extras that are wanted."""
    project = _table(document, "project")
    dynamic = project.get("dynamic", [])
    if "dependencies" in project:
        yield from _strings(project["dependencies"])
    elif not settings.requirements:
        yield from _elsewhere(read, document, strict="dependencies" in dynamic)
    extras = _table(project, "optional-dependencies")
    yield from _of_extras(extras, settings.extras, str(project.get("name", "")))


def _of_extras(extras: dict[str, Any], wanted: Sequence[str], own: str) -> Iterator[str]:
    """Yield what *wanted* extras need; one may name others of the same project."""
    names = {canonicalize_name(each): each for each in extras}
    todo, seen = [canonicalize_name(each) for each in wanted], set[str]()
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        if name not in names:
            raise SetupError(f"the tree has no extra {name}", step=STEP, hint="see tool.ci.extras")
        for line in _strings(extras[names[name]]):
            found = _parsed(line, "pyproject.toml")
            if canonicalize_name(found.name) == canonicalize_name(own or "-"):
                todo.extend(sorted(canonicalize_name(each) for each in found.extras))
            else:
                yield line


def _elsewhere(read: Read, document: dict[str, Any], *, strict: bool) -> Iterator[str]:
    """Yield the dependencies that older files declare."""
    tools = _table(_table(_table(document, "tool"), "setuptools"), "dynamic")
    files = _table(tools, "dependencies").get("file", [])
    files = [files] if isinstance(files, str) else _strings(files)
    if not files and (listed := _old_style(read)):
        yield from listed
    elif not files and read("requirements.txt") is not None:
        files = ["requirements.txt"]
    elif not files and strict:
        raise SetupError(
            "the tree works out its dependencies when it is built",
            step=STEP,
            hint='name them: requirements = ["requirements.txt"] in [tool.ci]',
        )
    yield from (f"-r {each}" for each in files)


def _old_style(read: Read) -> list[str]:
    """Return `install_requires` of setup.cfg."""
    parser = configparser.ConfigParser(interpolation=None)
    try:
        parser.read_string((read("setup.cfg") or b"").decode("utf-8"))
    except (configparser.Error, UnicodeDecodeError) as error:
        raise SetupError("setup.cfg of the tree cannot be read", step=STEP) from error
    return parser.get("options", "install_requires", fallback="").strip().splitlines()


def _build(document: dict[str, Any]) -> Iterator[str]:
    """Yield what builds the tree; setuptools asks for wheel only once it runs."""
    lines = _strings(_table(document, "build-system").get("requires", LEGACY))
    found = [_parsed(each, "build-system.requires") for each in lines]
    yield from map(str, found)
    if any(canonicalize_name(each.name) == "setuptools" for each in found):
        yield "wheel"


def _others(lines: Iterable[str], own: str) -> Iterator[str]:
    """Yield *lines* without those that name the tree itself."""
    for line in lines:
        if canonicalize_name(Requirement(line.partition(" --hash")[0]).name) != own:
            yield line


def _strings(value: object) -> list[str]:
    if not isinstance(value, list | tuple) or not all(isinstance(each, str) for each in value):
        raise SetupError("dependencies of the tree are no list of texts", step=STEP)
    return [str(each) for each in value]


class _Collected:
    """Requirements and constraints of files, and of those that they name."""

    def __init__(self, read: Read) -> None:
        self._read = read
        self.runtime: list[str] = []
        self.constraints: list[str] = []

    def file(self, path: str, *, depth: int = 0, caps: bool = False) -> None:
        """Add what the file at *path* of the tree says."""
        text = None if _leaves(path) else self._read(path)
        if text is None or depth > DEPTH:
            raise SetupError(f"there is no file of requirements {path!r} in the tree", step=STEP)
        joined = text.decode("utf-8", "replace").replace("\\\n", " ")
        for line in joined.splitlines()[:LINES]:
            bare = re.sub(r"(?:^|\s)#.*", "", line).strip()
            if bare:
                self.line(bare, path, depth=depth, caps=caps)

    def line(self, line: str, path: str, *, depth: int = 0, caps: bool = False) -> None:
        """Add one line of the file at *path*: never an option that reaches pip."""
        if _ELSEWHERE.match(line) or _ITSELF.match(line):
            return
        for pattern, limits in ((_ANOTHER, caps), (_CAPS, True)):
            if found := pattern.match(line):
                here = PurePosixPath(path).parent / found[1]
                self.file(str(here), depth=depth + 1, caps=limits)
                return
        hashes = _HASH.findall(line)
        found_one = _parsed(_HASH.sub("", line), path)
        kept = " ".join([str(found_one), *(f"--hash={each}" for each in hashes)])
        (self.constraints if caps else self.runtime).append(kept)


def _leaves(path: str) -> bool:
    """Return whether *path* leads out of the tree."""
    parts = PurePosixPath(path).parts
    return path.startswith("/") or ".." in parts


def _parsed(line: str, path: str) -> Requirement:
    """Return the requirement in *line*; refuse one that is fetched from a place of its own."""
    try:
        found = Requirement(line.strip())
    except InvalidRequirement as error:
        raise SetupError(
            f"{path} needs {line.strip()[:80]!r}, which is no name and version",
            step=STEP,
            hint="a runner takes wheels from its own index only",
        ) from error
    if found.url is not None:
        raise SetupError(
            f"{path} needs {found.name} from a place of its own",
            step=STEP,
            hint="put its wheel into a folder of `wheels` in [tool.ci]",
        )
    return found
