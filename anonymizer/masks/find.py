"""Find the mask that a decision names."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from functools import cache
from typing import TYPE_CHECKING

from anonymizer.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from anonymizer.markup import Decision
    from anonymizer.masks.base import Mask


MANY = 40
"""Names that are too many to list."""


def mask_of(decision: Decision) -> Mask:
    """Return the mask of *decision* with its options.

    Raises PolicyError when there is none of that name, or it has no such option.
    """
    from anonymizer.masks import MASKS

    known = {each.name: each for each in MASKS}
    if decision.mask not in known:
        hint = near(decision.mask, known)
        raise PolicyError(f"there is no mask {decision.mask!r}", hint=hint)
    made = known[decision.mask]
    options = _options(made)
    for option in decision.options:
        if option not in options:
            message = f"mask.{decision.mask} has no option {option!r}"
            raise PolicyError(message, hint=near(option, options))
    try:
        return made(**decision.options)
    except (TypeError, ValueError) as error:
        raise PolicyError(f"mask.{decision.mask}: {error}") from error


@cache
def _options(made: type[Mask]) -> tuple[str, ...]:
    return tuple(inspect.signature(made).parameters)


def near(name: str, known: Iterable[str]) -> str:
    """Return the hint for a *name* that is not among the *known* ones."""
    listed = sorted(known)
    close = get_close_matches(name, listed, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(listed) > MANY:
        return f"there are {len(listed)} others"
    return f"there are {', '.join(listed)}" if listed else "there are none"
