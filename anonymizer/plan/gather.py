"""Gather: the drafts of all tables, from models, policy and data."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from anonymizer.finding import Finding
from anonymizer.masks.find import near
from anonymizer.plan.draft import (
    DraftTable,
    Unique,
    columns_of,
    computed_column,
    generated_of,
    listed_column,
    listed_of,
    name_of,
    references_of,
    uniques_of,
)
from anonymizer.plan.links import normal
from anonymizer.plan.said import Saying
from anonymizer.plan.unused import unused

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    import sqlalchemy as sa

    from anonymizer.column import Reference, TableName
    from anonymizer.models import Models
    from anonymizer.plan.draft import Draft
    from anonymizer.plan.said import Rules
    from anonymizer.policy.decisions import Decisions, TableDecisions
    from anonymizer.schema import Schema


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gathered:
    """Every table that models or policy know."""

    tables: tuple[DraftTable, ...]
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Gatherer:
    """What drafts are made of."""

    models: Models
    decisions: Decisions
    schema: Schema | None = None
    dialect: sa.Dialect | None = None
    default_schema: str | None = None

    def gather(self) -> Gathered:
        """Return the drafts of all tables, and what is wrong in what is said of them."""
        findings: list[Finding] = []
        tables, seen = [], {}
        for source in self.models.tables:
            name = normal(name_of(source), self.default_schema)
            if name in seen:
                findings.append(_twice(name_of(source)))
                continue
            seen[name] = source
            tables.append(self._modelled(source, findings))
        said: dict[TableName, TableDecisions] = {}
        for written, listed in self.decisions.tables.items():
            name = normal(written, self.default_schema)
            if name in said:
                message = f"{listed.place}: it is there already, at {said[name].place}"
                findings.append(Finding(rule="unknown", table=written, message=message))
            elif name not in seen:
                tables.append(self._listed(written, listed, findings))
            said.setdefault(name, listed)
        is_partial = self.schema is not None and not all(map(self._found, self.decisions.tables))
        findings += unused(tables, self.decisions, is_partial=is_partial)
        return Gathered(tables=tuple(tables), findings=tuple(findings))

    def _modelled(self, source: sa.Table, findings: list[Finding]) -> DraftTable:
        name, classes = name_of(source), tuple(self.models.classes(source))
        saying = Saying(table=name, findings=findings)
        listed = self._policy(name)
        said = saying.of_columns(source, classes, listed)
        columns = (*columns_of(source, said, self.dialect), *self._unmapped(source, listed))
        generated = [*generated_of(source), *sorted(self._computed(name))]
        draft = DraftTable(
            name=name,
            columns=columns,
            generated=tuple(dict.fromkeys(each for each in generated if each not in said)),
            uniques=(*uniques_of(source), *self._more(name, listed)),
            references=self._references(
                name, references_of(source), listed.references if listed else ()
            ),
            source=source,
            classes=classes,
        )
        if listed is not None:
            findings += _unknown(draft, listed)
        rules = [*saying.rules_of(classes), *self._rules()]
        return self._with_defaults(draft, saying, rules)

    def _unmapped(self, source: sa.Table, listed: TableDecisions | None) -> Iterator[Draft]:
        """Yield the columns that only the policy decides on: models may not map all there are."""
        found, mapped = self._found(name_of(source)), {each.name for each in source.columns}
        for column in listed.columns if listed is not None else ():
            is_known = listed is not None and (column in found or column in listed.types)
            if listed is not None and column not in mapped and is_known:
                yield listed_column(column, listed, found)
        for column in sorted(self._computed(name_of(source))):
            if column not in mapped and (listed is None or column not in listed.columns):
                yield computed_column(column)

    def _listed(
        self, name: TableName, listed: TableDecisions, findings: list[Finding]
    ) -> DraftTable:
        found = self._found(name)
        if self.schema is not None and not found:
            known = [str(each) for each in self.schema.tables]
            message = f"{listed.place}: the data has no such table; {near(str(name), known)}"
            # A part of a dump has a part of the tables; one that nobody decided on is an error.
            findings.append(
                Finding(rule="unknown", severity="warning", table=name, message=message)
            )
        draft = listed_of(name, listed, found)
        computed = [each for each in sorted(self._computed(name)) if each not in listed.columns]
        draft = replace(
            draft,
            columns=(*draft.columns, *map(computed_column, computed)),
            generated=tuple(computed),
            uniques=(*draft.uniques, *self._more(name, None)),
            references=self._references(name, draft.references),
        )
        if found:
            findings += _unknown(replace(draft, columns=_only(draft, found)), listed)
        return self._with_defaults(draft, Saying(table=name, findings=findings), [*self._rules()])

    def _with_defaults(
        self, draft: DraftTable, saying: Saying, rules: Sequence[Rules]
    ) -> DraftTable:
        columns = [
            replace(each, default=saying.default(each, draft.source, rules))
            for each in draft.columns
        ]
        return replace(draft, columns=tuple(columns))

    def _rules(self) -> Iterator[Rules]:
        yield self.decisions.names, self.decisions.types

    def _policy(self, name: TableName) -> TableDecisions | None:
        wanted = normal(name, self.default_schema)
        for written, listed in self.decisions.tables.items():
            if normal(written, self.default_schema) == wanted:
                return listed
        return None

    def _found(self, name: TableName) -> dict[str, str | None]:
        if self.schema is None:
            return {}
        wanted = normal(name, self.default_schema)
        for found, columns in self.schema.tables.items():
            if normal(found, self.default_schema) == wanted:
                generated = self.schema.generated.get(found, frozenset())
                return {each: kind for each, kind in columns.items() if each not in generated}
        return {}

    def _computed(self, name: TableName) -> frozenset[str]:
        """Return the columns of a table that the database computes, by what the data says."""
        wanted = normal(name, self.default_schema)
        for found, columns in (self.schema.generated if self.schema else {}).items():
            if normal(found, self.default_schema) == wanted:
                return columns
        return frozenset()

    def _references(self, name: TableName, *said: Iterable[Reference]) -> tuple[Reference, ...]:
        """Return what a table refers to by what is *said*, and by the foreign keys of the data."""
        found = [each for part in said for each in part]
        known = {each.columns for each in found}
        wanted = normal(name, self.default_schema)
        for table, references in (self.schema.references if self.schema else {}).items():
            if normal(table, self.default_schema) == wanted:
                found += (each for each in references if each.columns not in known)
        return tuple(found)

    def _more(self, name: TableName, listed: TableDecisions | None) -> Iterator[Unique]:
        """Yield what is unique by the policy and in the data."""
        yield from (Unique(columns=key) for key in (listed.keys if listed else ()))
        wanted = normal(name, self.default_schema)
        for found, keys in (self.schema.keys if self.schema else {}).items():
            if normal(found, self.default_schema) == wanted:
                yield from (Unique(columns=key) for key in keys)


def _only(draft: DraftTable, names: Iterable[str]) -> tuple[Draft, ...]:
    known = set(names)
    return tuple(each for each in draft.columns if each.name in known)


def _unknown(draft: DraftTable, listed: TableDecisions) -> Iterator[Finding]:
    """Yield the columns that the policy names and the table does not have."""
    known = {*(each.name for each in draft.columns), *draft.generated}
    named = [(column, said.place) for column, said in listed.columns.items()]
    of_keys = (*listed.keys, *(each.columns for each in listed.references))
    named += [(column, listed.place) for key in of_keys for column in key]
    named += [(column, listed.place) for column in listed.types]
    for column, place in dict(named).items():
        if column not in known:
            message = f"{place}: there is no such column; {near(column, known)}"
            if draft.source is not None:
                message += "; if the model does not map it, say its type under types"
            yield Finding(rule="unknown", table=draft.name, column=column, message=message)


def _twice(name: TableName) -> Finding:
    return Finding(rule="unknown", table=name, message="two models have a table of this name")
