"""Masks: one a file, and the tuple of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anonymizer.masks.base import Mask

MASKS: tuple[type[Mask], ...] = ()
"""Every mask that has a word in the markup."""
