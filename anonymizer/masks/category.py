"""Replace the values of a short list by one another."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from typing_extensions import override

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.masks.alone import Alone
from anonymizer.masks.constant import text_of
from anonymizer.masks.refuse import refuse
from anonymizer.permutation import Permutation
from anonymizer.prf import subkey

if TYPE_CHECKING:
    from collections.abc import Sequence

    from anonymizer.column import Column
    from anonymizer.masks.alone import Function
    from anonymizer.masks.base import Setting

_KINDS = (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.NUMBER, Kind.OTHER)


@dataclass(frozen=True, slots=True, kw_only=True)
class Category(Alone):
    """Permute *values*, which are all that occur.

    How often each occurs stays to be seen, and of a few values some may stay where they are.
    """

    name: ClassVar[str] = "category"

    values: Sequence[Any] | None = None

    def __post_init__(self) -> None:
        if not self.values or isinstance(self.values, str | bytes):
            raise ValueError('say which values there are: values=["new", "paid", …]')
        if len({text_of(each) for each in self.values}) < max(len(self.values), 2):
            raise ValueError("values has one twice, or only one, which could become nothing else")

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*: there can be no short list of its values."""
        if column.kind in _KINDS:
            return None
        return f"values of {column.kind.value} are no categories"

    @override
    def function(self, setting: Setting) -> Function:
        """Return what permutes the values of one column."""
        known = sorted(text_of(each) for each in self.values or ())
        digest = hashlib.sha256(b"\0".join(known)).hexdigest()
        key = subkey(setting.key, f"category {digest}")
        numbers = np.arange(len(known), dtype=np.uint64)
        order = Permutation(key, len(known)).forward(numbers).astype(np.int64)
        listed = pa.array(known, pa.large_binary())
        targets = Cells.of(known[place] for place in order)

        def replace(values: Cells) -> Cells:
            found = pc.index_in(values.to_arrow(), listed)
            which = found.fill_null(-1).to_numpy(zero_copy_only=False)
            refuse(which < 0, f"one of {len(known)} known values", hint="add it to values=[…]")
            return targets.take(which)

        return replace
