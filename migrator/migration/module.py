"""A file of Python, run as the module of versions/ that it is, from bytes already read."""

from __future__ import annotations
import __future__

import ast
import functools
import sys
import traceback
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from migrator.errors import MigrationError, MigratorError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

MAX_MESSAGE = 300

_GIVEN = frozenset({*vars(ModuleType("")), "__builtins__", "__file__"})
"""What every module has."""
_IMPORTED = (ModuleType, type(__future__.annotations))
"""What a module has by an import only."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Module:
    """A file that has been run: its own names, without those it imported."""

    path: Path
    doc: str
    names: Mapping[str, object]
    content: bytes

    def error(
        self, message: str, *, name: str | None = None, hint: str | None = None
    ) -> MigrationError:
        """Return the error that points at the line of *name*, or at the file."""
        lines = dict(_bound(self.content))
        return error_at(self.path, message, line=lines.get(name or ""), hint=hint)


def run(path: Path, content: bytes) -> Module:
    """Run *content*, the bytes of *path*; raise MigrationError with file and line if it fails."""
    module = ModuleType(f"{path.parent.name}.{path.stem.replace('.', '_')}")
    module.__file__ = str(path)
    module.__package__ = path.parent.name
    try:
        code = compile(content, str(path), "exec", dont_inherit=True)
        with importable(path.parent):
            exec(code, module.__dict__)  # noqa: S102 - running migrations is what this is for
    except (Exception, SystemExit) as error:
        raise explain(error, path) from error
    names = _own(module, content)
    return Module(path=path, doc=module.__doc__ or "", names=names, content=content)


def within(folder: Path, function: Callable[..., object]) -> Callable[[Any], object]:
    """Return *function* as one that can still import its neighbours when it is called."""

    @functools.wraps(function)
    def call(op: object) -> object:
        with importable(folder):
            return function(op)

    return call


@contextmanager
def importable(folder: Path) -> Iterator[None]:
    """Let `import versions.x` mean a file of *folder*, whatever else has that name outside."""
    package = sys.modules.get(folder.name)
    if not folder.name.isidentifier() or (package is not None and _leads_to(package, folder)):
        yield
        return
    hidden = _modules_of(folder.name) if package is not None else {}
    _forget(hidden)
    # A file may have been written a moment ago, in the same tick as the last look.
    sys.path_importer_cache.pop(str(folder), None)
    before = len(sys.modules)
    try:
        _import_package(folder)
        yield
    finally:
        more = len(sys.modules) > before + 1
        _forget(_modules_of(folder.name) if more else [folder.name])
        sys.modules.update(hidden)


def explain(error: BaseException, path: Path) -> MigrationError:
    """Return *error*, raised by the file at *path*, as ours: with its line and a cure."""
    kind = type(error) if isinstance(error, MigrationError) else MigrationError
    if isinstance(error, MigratorError):
        return error_at(path, error.message, line=_line(error, path), hint=error.hint, kind=kind)
    if isinstance(error, SyntaxError):
        said = f"{type(error).__name__}: {error.msg}"
    else:
        said = f"{type(error).__name__}: {error}"
    hint = None
    if isinstance(error, ModuleNotFoundError):
        hint = "a migration imports migrator, sqlalchemy and its neighbours in the folder"
    return error_at(path, said[:MAX_MESSAGE], line=_line(error, path), hint=hint)


def error_at(
    path: Path,
    message: str,
    *,
    line: int | None = None,
    hint: str | None = None,
    kind: type[MigrationError] = MigrationError,
) -> MigrationError:
    """Return the error that names the file of a migration, and its line where it is known."""
    place = path.name if line is None else f"{path.name}, line {line}"
    return kind(f"{place}: {message}", migration=migration_of(path), hint=hint)


def migration_of(path: Path) -> str:
    """Return the name of the migration that the file at *path* belongs to."""
    return path.name.partition(".")[0]


def _line(error: BaseException, path: Path) -> int | None:
    """Return the line of the file at *path* where *error* came up."""
    if isinstance(error, SyntaxError) and error.filename == str(path):
        return error.lineno
    frames = traceback.extract_tb(error.__traceback__)
    return next((frame.lineno for frame in reversed(frames) if frame.filename == str(path)), None)


def _own(module: ModuleType, content: bytes) -> dict[str, object]:
    """Return what *module*, whose text is *content*, binds by itself: not what it imports.

    The text is looked at, which takes long, only where the values do not say it.
    """
    bound = {name: value for name, value in vars(module).items() if name not in _GIVEN}
    made = {name: value for name, value in bound.items() if not isinstance(value, _IMPORTED)}
    if all(isinstance(each, FunctionType) and _is_of(each, module) for each in made.values()):
        return made
    names = {name for name, _ in _bound(content)}
    return {name: value for name, value in bound.items() if name in names}


def _is_of(function: FunctionType, module: ModuleType) -> bool:
    """Return whether *function* is written in *module*."""
    return function.__module__ == module.__name__ and function.__globals__ is vars(module)


def _bound(content: bytes) -> Iterator[tuple[str, int]]:
    """Yield the names that a module with the text *content* binds itself, and their lines."""
    for statement in ast.parse(content).body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield statement.name, statement.lineno
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            continue
        for node in ast.walk(statement):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
                yield node.name, node.lineno
            elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                yield node.id, node.lineno


def _leads_to(package: ModuleType, folder: Path) -> bool:
    """Return whether the modules of *package* are the files of *folder*."""
    return any(
        each == str(folder) or Path(each).resolve() == folder.resolve()
        for each in getattr(package, "__path__", ())
    )


def _modules_of(package: str) -> dict[str, ModuleType]:
    """Return what has been imported of *package*."""
    return {
        name: module
        for name, module in sys.modules.items()
        if name == package or name.startswith(f"{package}.")
    }


def _forget(modules: Iterable[str]) -> None:
    """Take *modules* out of what has been imported."""
    for name in list(modules):
        sys.modules.pop(name, None)


def _import_package(folder: Path) -> None:
    """Import *folder* as a package, with its __init__.py if it has one."""
    init = folder / "__init__.py"
    if not init.is_file():
        package = ModuleType(folder.name)
        package.__path__ = [str(folder)]
        sys.modules[folder.name] = package
        return
    spec = spec_from_file_location(folder.name, init, submodule_search_locations=[str(folder)])
    assert spec is not None  # noqa: S101 - a path that ends with .py has a loader
    assert spec.loader is not None  # noqa: S101
    sys.modules[folder.name] = module_from_spec(spec)
    try:
        spec.loader.exec_module(sys.modules[folder.name])
    except Exception as error:
        raise explain(error, init) from error
