"""What models and policy say of the columns of one table."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa
from sqlalchemy.types import TypeDecorator, TypeEngine

from anonymizer.errors import PolicyError
from anonymizer.finding import Finding
from anonymizer.markup import DEFAULTS, INFO, Decision
from anonymizer.policy.decisions import Said
from anonymizer.policy.words import decision_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.column import TableName
    from anonymizer.plan.draft import Draft
    from anonymizer.plan.kinds import Facts
    from anonymizer.policy.decisions import TableDecisions, Types

Rules: TypeAlias = "tuple[Mapping[str, Said], Types]"
"""Decisions by names and patterns of them, and by types."""
_WILD = frozenset("*?[")


@dataclass(slots=True, kw_only=True)
class Saying:
    """Gathers what is said of one table; what contradicts itself goes to *findings*."""

    table: TableName
    findings: list[Finding] = field(default_factory=list)

    def of_columns(
        self,
        source: sa.Table | None,
        classes: Iterable[type],
        listed: TableDecisions | None,
    ) -> dict[str, Said]:
        """Return what is said of each column by itself: on it, in the policy, in its classes."""
        found: dict[str, Said] = {}
        columns = {} if source is None else {each.name: each for each in source.columns}
        for each in classes:
            for name, said in self._by_name(each).items():
                if name in columns:
                    self._agree(name, found.setdefault(name, said), said)
        in_policy = listed.columns if listed is not None else {}
        found.update(in_policy)
        for column in columns.values():
            written = self._on_column(column)
            if written is None:
                continue
            self._agree(column.name, written, in_policy.get(column.name, written))
            found[column.name] = written
        return found

    def default(
        self, column: Draft, source: sa.Table | None, rules: Iterable[Rules]
    ) -> Said | None:
        """Return what *rules*, the first of them before the others, say of columns like this."""
        known = source.columns if source is not None else ()
        given = next((each.type for each in known if each.name == column.name), None)
        for by_name, by_type in rules:
            said = self._by_pattern(column.name, by_name) or _by_type(given, column.facts, by_type)
            if said is not None:
                return said
        return None

    def rules_of(self, classes: Iterable[type]) -> Iterator[Rules]:
        """Yield what *classes* and all that they inherit say of columns like theirs."""
        for each in dict.fromkeys(one for model in classes for one in model.__mro__):
            said = dict(self._of_class(each))
            patterns = {k: v for k, v in said.items() if isinstance(k, str) and set(k) & _WILD}
            yield patterns, {k: v for k, v in said.items() if isinstance(k, type)}

    def _by_name(self, model: type) -> dict[str, Said]:
        """Return what *model* and its bases say of single names; the nearest class counts."""
        found: dict[str, Said] = {}
        for each in model.__mro__:
            for key, said in self._of_class(each):
                if isinstance(key, str):
                    found.setdefault(key, said)
        return {name: said for name, said in found.items() if not set(name) & _WILD}

    def _of_class(self, model: type) -> Iterator[tuple[str | type, Said]]:
        place = f"{model.__module__}.{model.__qualname__}.{DEFAULTS}"
        written = vars(model).get(DEFAULTS, {})
        if not isinstance(written, Mapping):
            self._problem(None, f"{place} is a {type(written).__name__}, expected a mapping")
            return
        for key, each in written.items():
            name = key if isinstance(key, str) else getattr(key, "__name__", str(key))
            try:
                yield key, Said(decision=decision_of(each), place=f"{place}[{name!r}]")
            except PolicyError as error:
                self._problem(None, f"{place}[{name!r}]: {error.message}")

    def _on_column(self, column: sa.Column[Any]) -> Said | None:
        written = column.info.get(INFO)
        if written is None:
            return None
        if not isinstance(written, Decision):
            self._problem(
                column.name,
                f"its info has a {type(written).__name__} under {INFO!r}, expected a decision",
                paste="info=mask.email(),",
            )
            return None
        return Said(decision=written, place=f"the model's column {column.table}.{column.name}")

    def _by_pattern(self, name: str, rules: Mapping[str, Said]) -> Said | None:
        if name in rules:
            return rules[name]
        matching = [said for pattern, said in rules.items() if fnmatchcase(name, pattern)]
        for other in matching[1:]:
            self._agree(name, matching[0], other)
        return matching[0] if matching else None

    def _agree(self, column: str, first: Said, second: Said) -> None:
        if first.decision != second.decision:
            self._problem(column, f"it is decided twice: at {first.place}, and at {second.place}")

    def _problem(self, column: str | None, message: str, paste: str | None = None) -> None:
        self.findings.append(
            Finding(rule="decision", table=self.table, column=column, message=message, paste=paste)
        )


def _by_type(given: TypeEngine[Any] | None, facts: Facts, rules: Types) -> Said | None:
    """Return what *rules* say of the type *given*: the nearest of what it inherits counts."""
    if not rules:
        return None
    for each in _ancestry(given) if given is not None else ():
        for key in (each, each.__name__, each.__name__.lower()):
            if key in rules:
                return rules[key]
    return None if facts.values else rules.get(facts.kind.value)


def _ancestry(given: TypeEngine[Any]) -> Iterator[type]:
    """Yield the types that *given* is one of: SQLAlchemy's, then the one of Python."""
    found = given
    while True:
        # Not every text may stand in an Enum, so it is no String here.
        stop = sa.String if isinstance(found, sa.Enum) else TypeEngine
        for each in type(found).__mro__:
            if each is stop:
                break
            yield each
        if not isinstance(found, TypeDecorator):
            break
        found = found.impl_instance
    try:
        python = enum.Enum if isinstance(found, sa.Enum) else given.python_type
    except NotImplementedError:
        return
    yield python
