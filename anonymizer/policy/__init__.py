"""Policy: a TOML or Python file of decisions, for tables without models and for all.

Both have the same shape and the same words; a Python file assigns `tables`, `defaults` and
`keep`, and may say mask.email() for a decision.

    [keep]
    large_objects = "pictures of what is sold"

    [defaults.names]
    "*_at" = {public = "when a row was written"}
    [defaults.types]
    boolean = {public = "a switch"}

    [tables."public.users"]
    keys = [["id"]]
    references = [{columns = ["org_id"], table = "public.orgs", to = ["id"]}]
    [tables."public.users".columns]
    id = "integer"
    email = {mask = "email", subject = "id"}
    [tables."public.users".types]
    email = "varchar(100)"
"""

from __future__ import annotations

import runpy
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from anonymizer.column import Reference
from anonymizer.errors import PolicyError, UnreadableError
from anonymizer.masks.find import near
from anonymizer.passed import KEEPABLE
from anonymizer.policy.decisions import Decisions, Said, TableDecisions, table_name
from anonymizer.policy.lines import Lines
from anonymizer.policy.words import decision_of

if TYPE_CHECKING:
    from pathlib import Path

    from anonymizer.column import TableName

Path_: TypeAlias = "tuple[Any, ...]"
"""Keys from the top of the file down to a value."""
_TOP = ("defaults", "keep", "tables")
_DEFAULTS = ("names", "types")
_TABLE = ("columns", "keys", "references", "types")
_REFERENCE = ("columns", "table", "to")


def read(path: Path) -> Decisions:
    """Return the decisions that the file at *path* makes: Python if it ends with .py, else TOML.

    Raises PolicyError with all that is wrong in it, line by line where it is TOML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        said = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnreadableError(f"{path}: cannot be read: {said}") from error
    if path.suffix == ".py":
        return parse(_run(path), str(path))
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise UnreadableError(f"{path}: {error}", hint="expected TOML") from error
    except RecursionError as error:
        raise UnreadableError(f"{path}: it is nested too deeply", hint="expected TOML") from error
    return parse(content, str(path), Lines.of(text))


def parse(content: Mapping[str, Any], name: str, lines: Lines | None = None) -> Decisions:
    """Return the decisions that *content*, of a file called *name*, makes."""
    reader = _Reader(name=name, lines=lines or Lines())
    found = reader.read(content)
    if reader.problems:
        count = len(reader.problems)
        raise PolicyError(
            f"{name}: {count} {'line' if count == 1 else 'lines'} cannot be understood",
            problems=reader.problems,
        )
    return found


def _run(path: Path) -> dict[str, Any]:
    """Return what the Python file at *path* assigns."""
    try:
        names = runpy.run_path(str(path))
    except (Exception, SystemExit) as error:
        line = getattr(error, "lineno", None) or _line(error, path)
        place = f"{path}, line {line}" if line else str(path)
        raise UnreadableError(f"{place}: {type(error).__name__}: {error}") from error
    found = {each: names[each] for each in _TOP if each in names}
    if not found:
        raise PolicyError(f"{path}: it assigns neither `tables` nor `defaults` nor `keep`")
    return found


def _line(error: BaseException, path: Path) -> int | None:
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_code.co_filename == str(path):
            line = trace.tb_lineno
        trace = trace.tb_next
    return line


@dataclass(slots=True, kw_only=True)
class _Reader:
    """Reads one file; what is wrong goes to *problems*, and the rest is read on."""

    name: str
    lines: Lines
    problems: list[str] = field(default_factory=list)

    def read(self, content: Mapping[str, Any]) -> Decisions:
        top = self._mapping(content, (), _TOP)
        defaults = self._mapping(top.get("defaults", {}), ("defaults",), _DEFAULTS)
        tables = self._mapping(top.get("tables", {}), ("tables",))
        listed = [self._table(written, value) for written, value in tables.items()]
        names = self._decisions(defaults.get("names", {}), ("defaults", "names"))
        types = self._decisions(defaults.get("types", {}), ("defaults", "types"))
        return Decisions(
            tables=dict(each for each in listed if each is not None),
            names=names,
            types=types,
            keep=self._keep(top.get("keep", {})),
        )

    def _keep(self, value: object) -> dict[str, str]:
        found = {}
        for what, why in self._mapping(value, ("keep",), KEEPABLE).items():
            if isinstance(why, str) and why.strip():
                found[str(what)] = why
            else:
                self._problem(("keep", what), "a reason is missing: why may everybody see it?")
        return found

    def _table(self, written: str, value: object) -> tuple[TableName, TableDecisions] | None:
        path: Path_ = ("tables", written)
        said = self._mapping(value, path, _TABLE)
        try:
            name = table_name(written)
        except ValueError as error:
            self._problem(path, str(error))
            return None
        types = self._mapping(said.get("types", {}), (*path, "types"))
        return name, TableDecisions(
            place=self._place(path),
            columns=self._decisions(said.get("columns", {}), (*path, "columns")),
            types={column: str(each) for column, each in types.items()},
            keys=tuple(
                self._columns(each, (*path, "keys"))
                for each in self._list(said.get("keys", ()), (*path, "keys"))
            ),
            references=tuple(self._references(said.get("references", ()), (*path, "references"))),
        )

    def _references(self, value: object, path: Path_) -> list[Reference]:
        listed = self._list(value, path)
        return [found for each in listed if (found := self._reference(each, path)) is not None]

    def _reference(self, value: object, path: Path_) -> Reference | None:
        said = self._mapping(value, path, _REFERENCE)
        missing = [each for each in _REFERENCE if each not in said]
        if missing:
            self._problem(path, f"a reference without {missing[0]!r}")
            return None
        columns, to = (self._columns(said[each], path) for each in ("columns", "to"))
        try:
            table = table_name(str(said["table"]))
        except ValueError as error:
            self._problem(path, str(error))
            return None
        if len(columns) != len(to):
            self._problem(path, f"{len(columns)} columns refer to {len(to)}")
            return None
        return Reference(columns=columns, table=table, to=to)

    def _columns(self, value: object, path: Path_) -> tuple[str, ...]:
        found = tuple(str(each) for each in self._list(value, path))
        if not found:
            self._problem(path, "a list without a column")
        return found

    def _list(self, value: object, path: Path_) -> Sequence[object]:
        if isinstance(value, Sequence) and not isinstance(value, str):
            return value
        self._problem(path, f"{type(value).__name__}, expected a list")
        return ()

    def _decisions(self, value: object, path: Path_) -> dict[Any, Said]:
        found = {}
        for key, each in self._mapping(value, path).items():
            try:
                decision = decision_of(each)
            except PolicyError as error:
                self._problem((*path, key), error.message, error.hint)
                continue
            found[key] = Said(decision=decision, place=self._place((*path, key)))
        return found

    def _mapping(self, value: object, path: Path_, known: Sequence[str] = ()) -> Mapping[Any, Any]:
        """Return *value*, which should be a table; only with *known* keys, where they are given."""
        if not isinstance(value, Mapping):
            self._problem(path, f"{type(value).__name__}, expected a table")
            return {}
        for key in value:
            if known and key not in known:
                self._problem((*path, key), f"unknown key {key!r}", near(str(key), known))
        return value

    def _place(self, path: Path_) -> str:
        line = self.lines.find(path)
        return f"{self.name}, line {line}" if line else f"{self.name}: {_dotted(path)}"

    def _problem(self, path: Path_, message: str, hint: str | None = None) -> None:
        line = self.lines.find(path)
        place = f"{self.name}, line {line}" if line else self.name
        text = f"{place}: {_dotted(path)}: {message}" if path else f"{place}: {message}"
        self.problems.append(f"{text} ({hint})" if hint else text)


def _dotted(path: Path_) -> str:
    return ".".join(getattr(each, "__name__", None) or str(each) for each in path)
