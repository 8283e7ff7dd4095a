"""Markup: decisions on columns, written into SQLAlchemy models.

It is imported by applications, so it needs nothing but the standard library.

    email: Mapped[str] = mapped_column(info=mask.email())
    country: Mapped[str] = mapped_column(info=public("two letters, of every customer's home"))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

INFO = "anonymizer"
"""Key of a column's `info` under which its decision stands."""

Markup: TypeAlias = dict[str, "Decision"]
"""What goes into `info`; `{**mask.email(), "label": "…"}` puts something beside it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What becomes of a column: the name of a mask and its options."""

    mask: str
    options: Mapping[str, Any] = field(default_factory=dict)
    domain: str | None = None
    """Columns that name one domain are masked alike; None leaves it to the plan."""
    why: str | None = None
    """Why it may stay as it is, where it does."""


def public(why: str) -> Markup:
    """Decide that a column stays as it is, because *why*."""
    return {INFO: Decision(mask="keep", why=why)}
