"""Mask some values as the engine does, for tests."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from hypothesis import settings

from anonymizer.cells import Cells
from anonymizer.column import Column, Kind
from anonymizer.errors import LeakError
from anonymizer.markup import Decision
from anonymizer.masks.base import Setting

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from anonymizer.masks.base import Mask

KEY = bytes(range(32))
OTHER_KEY = bytes(32)
unhurried = settings(deadline=None, max_examples=50)
"""For property tests: cores are shared, and the first values of a process take long."""


def column(kind: Kind = Kind.TEXT, **said: Any) -> Column:
    return Column(name="c", kind=kind, decision=Decision(mask="…"), domain="d", **said)


def decided(mask: str, *, domain: str | None = None, **options: Any) -> Decision:
    return Decision(mask=mask, options=options, domain=domain)


def masked(
    mask: Mask,
    values: Sequence[bytes],
    *,
    of: Column | None = None,
    key: bytes = KEY,
    others: Mapping[str, Sequence[bytes]] | None = None,
) -> list[bytes]:
    """Return what *values* become, which the mask must take for what a column may hold."""
    on = of or column()
    assert mask.refuses(on) is None
    needed = {name: scattered(each) for name, each in (others or {}).items()}
    return mask.bind(Setting(column=on, key=key))(scattered(values), needed).to_list()


def scattered(values: Sequence[bytes]) -> Cells:
    """Return *values* as they lie in a block: with other bytes before, between and behind."""
    cells = Cells.of(b"\t" + each + b'",7' for each in values)
    return Cells(data=cells.data, starts=cells.starts + 1, ends=cells.ends - 3)


def refused(mask: Mask, value: bytes, *, of: Column | None = None) -> LeakError:
    """Return the error for *value*, which stands behind an empty one and says nothing of it."""
    with pytest.raises(LeakError) as caught:
        masked(mask, [b"", value], of=of)
    assert caught.value.value == 1
    assert caught.value.hint
    if len(value) > 2:
        assert value.decode("utf-8", "replace") not in str(caught.value)
    return caught.value


def is_uniform(counts: Sequence[int] | np.ndarray[Any, Any]) -> bool:
    """Return whether *counts* may be of numbers drawn evenly: chi-square under its 1 - 10⁻⁶."""
    found = np.asarray(counts, float)
    expected = found.sum() / found.size
    assert expected >= 5
    square = ((found - expected) ** 2 / expected).sum()
    freedom = found.size - 1
    # Wilson and Hilferty's approximation; 4.75 is the quantile of the normal distribution.
    limit = freedom * (1 - 2 / (9 * freedom) + 4.75 * (2 / (9 * freedom)) ** 0.5) ** 3
    return bool(square < limit)
