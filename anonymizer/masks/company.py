"""Mask of companies."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from anonymizer.masks.word import WordMask


@dataclass(frozen=True, slots=True, kw_only=True)
class Company(WordMask):
    """Gives a company."""

    name: ClassVar[str] = "company"
    kinds: ClassVar[tuple[str, ...]] = ("company",)
