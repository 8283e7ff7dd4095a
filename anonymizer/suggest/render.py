"""Lines to paste: decisions as models and as TOML files write them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from itertools import groupby
from typing import TYPE_CHECKING

from anonymizer.markup import KEEP, Decision
from anonymizer.plan.decide import spell
from anonymizer.policy.words import options_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from anonymizer.column import TableName
    from anonymizer.suggest import Proposal


def in_model(decision: Decision) -> str:
    """Return *decision* as an argument of mapped_column()."""
    return f"info={spell(decision)},"


def in_toml(decision: Decision) -> str:
    """Return *decision* as a value in a TOML file."""
    if decision.mask == KEEP:
        return f"{{public = {_value(decision.why or '')}}}"
    options = {**options_of(decision), **({"domain": decision.domain} if decision.domain else {})}
    said = {name: each for name, each in options.items() if each is not None}
    return _value({"mask": decision.mask, **said} if said else decision.mask)


def toml_table(
    table: TableName, columns: Mapping[str, Decision], types: Mapping[str, str | None]
) -> str:
    """Return the lines of a TOML file that decide on *columns* of *table*, and say their types."""
    lines = [header(table)]
    lines += [f"{_key(name)} = {in_toml(decision)}" for name, decision in columns.items()]
    known = {name: types[name] for name in columns if types.get(name) is not None}
    if known:
        lines += [header(table, "types")]
        lines += [f"{_key(name)} = {_value(written)}" for name, written in known.items()]
    return "\n".join(lines)


def header(table: TableName, part: str = "columns") -> str:
    """Return the line of a TOML file under which the decisions on *table* stand."""
    return f"[tables.{_key(quoted(table))}.{part}]"


def quoted(table: TableName) -> str:
    """Return the name of *table* so that it is read again as it is."""
    return ".".join(_part(each) for each in table if each is not None)


def lines(proposals: Iterable[Proposal], *, toml: bool = False) -> Iterator[str]:
    """Yield the lines to paste, table by table, each with its reasons behind it.

    Those for models begin with the name of the column; with *toml*, or for a table without a
    model, they are lines of a TOML file.
    """
    for (table, in_file), group in groupby(
        proposals, key=lambda each: (each.table, toml or not each.in_model)
    ):
        yield header(table) if in_file else f"# {table}"
        yield from _lines(list(group), in_file=in_file)
        yield ""


def _lines(proposals: Sequence[Proposal], *, in_file: bool) -> Iterator[str]:
    for each in proposals:
        decision, suggestion = each.suggestion.decision, each.suggestion
        text = (
            f"{_key(each.column)} = {in_toml(decision)}"
            if in_file
            else f"{each.column}: {in_model(decision)}"
        )
        yield f"{text}  # {suggestion.confidence:.2f}: {'; '.join(suggestion.reasons)}"


def _value(value: object) -> str:
    if isinstance(value, Decision):
        return in_toml(value)
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{_key(str(k))} = {_value(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(_value, value)) + "]"
    # What JSON writes of numbers and texts TOML reads, but for one character.
    plain = value if isinstance(value, bool | int | float) else str(value)
    return json.dumps(plain, ensure_ascii=False).replace("\x7f", "\\u007f")


def _key(name: str) -> str:
    is_bare = name.isascii() and name.replace("_", "").replace("-", "").isalnum()
    return name if is_bare else _value(name)


def _part(name: str) -> str:
    if "." not in name and '"' not in name and name == name.strip() and name:
        return name
    return '"' + name.replace('"', '""') + '"'
