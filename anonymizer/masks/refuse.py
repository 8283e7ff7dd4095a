"""Refuse values that a mask cannot serve: nothing goes through unmasked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from anonymizer.errors import LeakError

if TYPE_CHECKING:
    from numpy.typing import NDArray


def refuse(bad: NDArray[np.bool_], expected: str, *, hint: str) -> None:
    """Raise LeakError, which says how many and where, when *bad* is true of a value."""
    at = np.flatnonzero(bad)
    if len(at):
        raise LeakError(
            f"{len(at)} of {len(bad)} values cannot be masked, expected {expected}",
            value=int(at[0]),
            hint=hint,
        )
