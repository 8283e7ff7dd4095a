"""raw-connection: a migration reaches the database only through what is judged."""

from __future__ import annotations

import ast
from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.errors import UnreadableError
from migrator.lint.additive import normal
from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from migrator.lint.project import Project
    from migrator.migration import Migration

RULE = "raw-connection"

_ATTRIBUTES = frozenset(
    {
        "connection",
        "create_engine",
        "cursor",
        "dbapi_connection",
        "driver_connection",
        "get_raw_connection",
        "raw_connection",
        "sync_connection",
    }
)
_MODULES = frozenset(
    {
        "MySQLdb",
        "aiomysql",
        "aiosqlite",
        "asyncpg",
        "ctypes",
        "importlib",
        "mariadb",
        "multiprocessing",
        "mysql",
        "pg8000",
        "psycopg",
        "psycopg2",
        "pymysql",
        "sqlite3",
        "subprocess",
    }
)
_NAMES = frozenset({"__import__", "compile", "create_engine", "eval", "exec"})
_OS = frozenset(
    {"execl", "execv", "execve", "execvp", "fork", "popen", "spawnl", "spawnv", "system"}
)
_HINT = "use op and op.get_bind().execute(); or write allow = ['raw-connection'] and the reason"


def check(project: Project) -> Iterator[Violation]:
    """Yield the places of each migration that go round the judge; nothing is imported for that."""
    for migration in project.migrations:
        yield from found(migration)


def found(migration: Migration) -> Iterator[Violation]:
    """Yield the places in the files of *migration*, and their own helpers, that go round."""
    vouched = normal(RULE) in {normal(label) for label in migration.allow}
    for path in _sources(migration):
        for line, what in places(path.read_bytes()):
            violation = Violation(
                rule=RULE,
                severity="error",
                migration=migration.name,
                message=f"{what} goes round what judges statements",
                hint=_HINT,
                path=path,
                line=line,
            )
            yield replace(violation, severity="info", hint=None) if vouched else violation


def refuse(migration: Migration) -> None:
    """Raise UnreadableError if *migration* goes round the judge and does not say why it may."""
    for violation in found(migration):
        if violation.severity == "error":
            raise UnreadableError(
                f"line {violation.line}: {violation.message}",
                migration=migration.name,
                hint=violation.hint,
            )


def places(source: bytes) -> list[tuple[int, str]]:
    """Return the lines of Python's *source* that go round the judge, with what does so."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return []  # It cannot be loaded either, and that is told elsewhere.
    return sorted(
        {
            (getattr(node, "lineno", 1), what)
            for node in ast.walk(tree)
            if (what := _goes_round(node)) is not None
        }
    )


def _sources(migration: Migration) -> Iterator[Path]:
    """Yield the files of Python that *migration* consists of, and the helpers they import."""
    waiting = [path for path in migration.files if path.suffix == ".py"]
    seen: set[Path] = set()
    while waiting:
        path = waiting.pop(0)
        if path in seen or not path.is_file():
            continue
        seen.add(path)
        yield path
        waiting += (path.parent / f"{name}.py" for name in _helpers(path.read_bytes()))


def _helpers(source: bytes) -> Iterator[str]:
    """Yield the names of helper modules, which begin with an underscore, that are imported."""
    try:
        tree = ast.parse(source)
    except (SyntaxError, ValueError, RecursionError):
        return
    for node in ast.walk(tree):
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
    if not isinstance(node.func, ast.Name) or node.func.id not in ("getattr", "attrgetter"):
        return None
    texts = [arg.value for arg in node.args if isinstance(arg, ast.Constant)]
    return next((f'"{text}"' for text in texts if text in _ATTRIBUTES), None)
