"""A finding: one thing that is wrong with the decisions, or that should be thought of."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any, Literal

from typing_extensions import override

if TYPE_CHECKING:
    from anonymizer.column import TableName

Severity = Literal["error", "warning"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What was found on a table or a column; nothing in it comes from a row."""

    rule: str
    """What was looked for, in a word or two."""
    severity: Severity = "error"
    table: TableName | None = None
    column: str | None = None
    message: str
    paste: str | None = None
    """The line, or the lines, that cure it."""

    @override
    def __str__(self) -> str:
        place = ".".join(str(part) for part in (self.table, self.column) if part is not None)
        return f"{place}: {self.message}" if place else self.message

    @property
    def order(self) -> tuple[Any, ...]:
        """Where it stands in a list: errors first, then by table and column."""
        schema, name = self.table if self.table is not None else (None, "")
        return (self.severity, schema or "", name, self.column or "", self.message)

    def as_json(self) -> dict[str, Any]:
        """Return the finding as `--json` shows it."""
        return {**asdict(self), "table": None if self.table is None else str(self.table)}


def in_order(findings: list[Finding]) -> list[Finding]:
    """Return *findings* sorted, each once."""
    return sorted(dict.fromkeys(findings), key=lambda each: each.order)
