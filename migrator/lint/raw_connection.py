"""raw-connection: a migration reaches the database only through what is judged."""

from __future__ import annotations

import ast
import re
from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.errors import UnreadableError
from migrator.lint.additive import normal
from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from migrator.lint.project import Project
    from migrator.manifest import Entry
    from migrator.migration import Contents

RULE = "raw-connection"

_ATTRIBUTES = words(
    """
    _dbapi_connection connection create_async_engine create_engine cursor dbapi
    dbapi_connection driver_connection engine_from_config get_raw_connection import_dbapi
    listen listens_for loaded_dbapi pool raw_connection sync_connection
    """
)
_MODULES = words(
    """
    MySQLdb _thread aiomysql aiosqlite asyncpg concurrent ctypes importlib mariadb
    multiprocessing mysql pg8000 psycopg psycopg2 pymysql sqlite3 subprocess threading
    """
)
_NAMES = words(
    """
    __import__ compile create_async_engine create_engine engine_from_config eval exec listen
    listens_for
    """
)
_OS = words("execl execv execve execvp fork popen spawnl spawnv system")
_BY_NAME = words("__getattribute__ attrgetter getattr methodcaller")
"""Functions that are given the name of an attribute."""
_SUSPECTS = frozenset(name.encode() for name in _ATTRIBUTES | _MODULES | _NAMES | _OS)
_WORD = re.compile(rb"\w+")
_HELPER = re.compile(rb"\b_(?!_)")
_HINT = "use op and op.get_bind().execute(); or write allow = ['raw-connection'] and the reason"


def check(project: Project) -> Iterator[Violation]:
    """Yield the places of each migration that go round the judge; nothing is imported for that."""
    for migration in project.migrations:
        vouched = normal(RULE) in {normal(label) for label in migration.allow}
        texts = {path: path.read_bytes() for path in migration.files if path.is_file()}
        for violation in found(migration.name, texts):
            yield replace(violation, severity="info", hint=None) if vouched else violation


def found(name: str, texts: Mapping[Path, bytes]) -> Iterator[Violation]:
    """Yield the places in a migration's files, and their own helpers, that go round.

    *texts* holds what is in its files.
    """
    for path, source in _sources(texts):
        for line, what in places(source):
            yield Violation(
                rule=RULE,
                severity="error",
                migration=name,
                message=f"{what} goes round what judges statements",
                hint=_HINT,
                path=path,
                line=line,
            )


def refuse(entry: Entry, folder: Path, contents: Contents) -> None:
    """Raise UnreadableError if a migration goes round the judge and does not say why it may.

    It is read and not loaded: to load it, or to write down what it sends, may already do it.
    """
    texts = {folder / file: content for file, content in contents.items()}
    for violation in found(entry.name, texts):
        if normal(RULE) in _allowed(contents[entry.main]):
            return
        place = violation.path.name if violation.path else entry.main
        raise UnreadableError(
            f"{place}, line {violation.line}: {violation.message}",
            migration=entry.name,
            hint=violation.hint,
        )


def _allowed(source: bytes) -> set[str]:
    """Return the labels in `allow`, as far as they are written down word for word."""
    tree = _tree(source)
    return {
        normal(text.value)
        for node in (tree.body if tree else ())
        if isinstance(node, ast.Assign | ast.AnnAssign)
        and any(_is_allow(target) for target in ast.walk(node))
        for text in ast.walk(node)
        if isinstance(text, ast.Constant) and isinstance(text.value, str)
    }


def _tree(source: bytes) -> ast.Module | None:
    """Return the syntax tree of *source*; None for what cannot be loaded, as is told elsewhere."""
    try:
        return ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return None


def _is_allow(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == "allow" and isinstance(node.ctx, ast.Store)


def places(source: bytes) -> list[tuple[int, str]]:
    """Return the lines of Python's *source* that go round the judge, with what does so."""
    if source.isascii() and _SUSPECTS.isdisjoint(_WORD.findall(source)):
        return []  # Letters outside ASCII may be other ways to write these names.
    tree = _tree(source)
    return sorted(
        {
            (getattr(node, "lineno", 1), what)
            for node in (ast.walk(tree) if tree else ())
            if (what := _goes_round(node)) is not None
        }
    )


def _sources(texts: Mapping[Path, bytes]) -> Iterator[tuple[Path, bytes]]:
    """Yield those of *texts* that are Python, and the helpers that they import, as they are."""
    known = {path: text for path, text in texts.items() if path.suffix == ".py"}
    waiting = list(known)
    while waiting:
        path = waiting.pop(0)
        yield path, known[path]
        for name in _helpers(known[path]):
            helper = path.parent / f"{name}.py"
            if helper not in known and helper.is_file():
                known[helper] = helper.read_bytes()
                waiting.append(helper)


def _helpers(source: bytes) -> Iterator[str]:
    """Yield the names of helper modules, which begin with an underscore, that are imported."""
    if source.isascii() and not _HELPER.search(source):
        return
    tree = _tree(source)
    for node in ast.walk(tree) if tree else ():
        if isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(alias.name for alias in node.names)]
        elif isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        else:
            continue
        yield from (part for name in names for part in name.split(".") if part.startswith("_"))


def _goes_round(node: ast.AST) -> str | None:
    """Return what *node* reaches the database, or the system, by."""
    if isinstance(node, ast.Attribute):
        return _attribute(node)
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _import(node)
    if isinstance(node, ast.Call):
        return _text(node)
    return node.id if isinstance(node, ast.Name) and node.id in _NAMES else None


def _attribute(node: ast.Attribute) -> str | None:
    """Return the attribute, if it is one that leads past the judge."""
    if node.attr in _ATTRIBUTES:
        return f".{node.attr}"
    if isinstance(node.value, ast.Name) and node.value.id == "os" and node.attr in _OS:
        return f"os.{node.attr}"
    return None


def _import(node: ast.Import | ast.ImportFrom) -> str | None:
    """Return the import that leads past the judge."""
    names = [alias.name for alias in node.names]
    modules = names if isinstance(node, ast.Import) else [node.module or ""]
    for module in modules:
        if module.split(".")[0] in _MODULES:
            return f"import {module}"
    taken = [] if isinstance(node, ast.Import) else names
    return next((name for name in taken if name in _NAMES | _OS), None)


def _text(node: ast.Call) -> str | None:
    """Return the attribute that is named in a text: getattr(bind, "connection")."""
    function = node.func.attr if isinstance(node.func, ast.Attribute) else None
    if (node.func.id if isinstance(node.func, ast.Name) else function) not in _BY_NAME:
        return None
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    return next((f'"{text}"' for text in texts if text in _ATTRIBUTES), None)
