"""Renumber: mend a manifest in which two changes claim the same numbers."""

from __future__ import annotations

from migrator.renumber.conflict import Side, sides
from migrator.renumber.git import Keeps, Order, order_of
from migrator.renumber.mend import Mended, Move, applied_numbers, mend, refuse_applied

__all__ = [
    "Keeps",
    "Mended",
    "Move",
    "Order",
    "Side",
    "applied_numbers",
    "mend",
    "order_of",
    "refuse_applied",
    "sides",
]
