"""Find the mask that a decision names."""

from __future__ import annotations

from difflib import get_close_matches
from typing import TYPE_CHECKING

from anonymizer.errors import PolicyError

if TYPE_CHECKING:
    from anonymizer.markup import Decision
    from anonymizer.masks.base import Mask


def mask_of(decision: Decision) -> Mask:
    """Return the mask of *decision* with its options.

    Raises PolicyError when there is none of that name, or it has no such option.
    """
    from anonymizer.masks import MASKS

    known = {each.name: each for each in MASKS}
    if decision.mask not in known:
        near = get_close_matches(decision.mask, known, n=1)
        raise PolicyError(
            f"there is no mask {decision.mask!r}",
            hint=f"did you mean {near[0]!r}?" if near else f"there are {', '.join(sorted(known))}",
        )
    try:
        return known[decision.mask](**decision.options)
    except (TypeError, ValueError) as error:
        raise PolicyError(f"mask.{decision.mask}: {error}") from error
