"""What masks the values inside of a value: elements of an array, leaves of a JSON text."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from anonymizer.column import Kind
from anonymizer.errors import LeakError, PolicyError
from anonymizer.markup import INFO, Decision
from anonymizer.masks.find import mask_of
from anonymizer.prf import subkey

if TYPE_CHECKING:
    from collections.abc import Mapping

    from anonymizer.cells import Cells, Places
    from anonymizer.column import Column
    from anonymizer.masks.base import Distinct, Mask, Replace, Setting

_NUMBERS = (Kind.NUMBER, Kind.INTEGER)
_KINDS = (
    Kind.TEXT,
    *_NUMBERS,
    Kind.BOOLEAN,
    Kind.DATE,
    Kind.DATETIME,
    Kind.UUID,
    Kind.OTHER,
    Kind.JSON,
)
"""What values inside may be taken for, the first of them that the mask can serve."""


def decision_of(markup: Any) -> Decision:
    """Return the decision of *markup*, which stands in an option of another one.

    Raises ValueError for what is none.
    """
    found = markup.get(INFO) if isinstance(markup, dict) else markup
    if not isinstance(found, Decision):
        raise ValueError(f"{type(found).__name__} is no decision: write mask.…() or public(…)")  # noqa: TRY004
    return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Inner:
    """A decision on the values at one place inside of those of a column."""

    place: str
    """'[]' for the elements of an array, else a path."""
    decision: Decision

    @property
    def mask(self) -> Mask:
        """Return the mask that is decided."""
        return mask_of(self.decision)

    def column(self, column: Column, *, numbers: bool = False) -> Column:
        """Return the values at this place of *column*, rather *numbers* or text, as if one.

        Raises PolicyError when the mask can serve no values in there.
        """
        bare = replace(
            column,
            name=f"{column.name} {self.place}",
            length=None,
            bits=None,
            scale=None,
            nullable=True,
            unique=False,
            decision=self.decision,
            domain=self.decision.domain or f"{column.domain} {self.place}",
        )
        mask = self.mask
        reason = None
        for kind in (*_NUMBERS, *_KINDS) if numbers else _KINDS:
            taken = replace(bare, kind=kind)
            said = mask.refuses(taken)
            if said is None:
                return taken
            reason = reason or said
        raise PolicyError(f"mask.{self.decision.mask} at {self.place}: {reason}")

    def distinct(self, column: Column) -> Distinct:
        """Return what becomes of distinct values at this place of *column*."""
        return self.mask.distinct(self.column(column))

    def bind(self, setting: Setting, *, numbers: bool = False) -> Replace:
        """Return what replaces the values at this place, of the column of *setting*."""
        column = self.column(setting.column, numbers=numbers)
        if self.decision.domain is None or setting.domains is None:
            key = subkey(setting.key, f"inside {self.decision.domain or self.place}")
        else:
            key = setting.domains(self.decision.domain)
        return self.mask.bind(replace(setting, column=column, key=key))


def masked(values: Cells, rows: Places, mask: Replace, others: Mapping[str, Cells]) -> Cells:
    """Return what *values* become, each of which is inside of the value of one of *rows*.

    Raises LeakError, of the row, for a value that the mask cannot serve.
    """
    try:
        return mask(values, {name: each.take(rows) for name, each in others.items()})
    except LeakError as error:
        place = None if error.value is None else int(rows[error.value])
        raise LeakError(f"inside: {error.message}", value=place, hint=error.hint) from error
