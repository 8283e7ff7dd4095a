"""Domains: which values are masked alike, where nobody says it.

A word about people or things, as email or phone, is a domain of its own: the same address
gets the same pseudonym in every table. Numbers and keys belong to the column they come from.
What is drawn from a subject belongs to that subject, whichever word it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from anonymizer.markup import Decision
from anonymizer.policy.words import WORDS, options_of

if TYPE_CHECKING:
    from collections.abc import Callable

_OF_THE_COLUMN = frozenset(
    {"array", "category", "digits", "hexadecimal", "integer", "json", "noise", "own", "uuid"}
)
UNMASKED = frozenset({"keep", "null", "constant"})
"""Masks that look at no value: a domain means nothing to them."""
OF_THE_WORD = frozenset(WORDS) - _OF_THE_COLUMN - UNMASKED
"""Words whose values are the same thing wherever they stand."""
_TOGETHER = {"date_time": "date"}
"""Words that do the same to values of different types."""


def domain_of(decision: Decision, root: str, subject: Callable[[str], str]) -> str:
    """Return the domain of a column that comes from the column *root*.

    *subject* returns the domain of another column of its row.
    """
    if decision.domain is not None:
        return decision.domain
    named = decision.options.get("subject")
    if named is not None:
        return f"subject {subject(named)}"
    if decision.mask not in OF_THE_WORD:
        return root
    word = word_of(decision)
    said = ", ".join(f"{name}={value!r}" for name, value in sorted(options_of(decision).items()))
    return f"{word}({said})" if said else word


def word_of(decision: Decision) -> str:
    """Return the word of *decision*: one for those that do the same to different types."""
    return _TOGETHER.get(decision.mask, decision.mask)


def with_domains(decision: Decision, domain: str, subject: Callable[[str], str]) -> Decision:
    """Return *decision* with its domain, and with those of the decisions inside its options."""

    def inner(value: object, place: str) -> object:
        if isinstance(value, Decision):
            own = domain_of(value, place, subject)
            return with_domains(value, own, subject)
        if isinstance(value, Mapping):
            return {key: inner(each, f"{place} {key}") for key, each in value.items()}
        return value

    options = {name: inner(value, f"{domain} {name}") for name, value in decision.options.items()}
    return replace(decision, domain=domain, options=options)
