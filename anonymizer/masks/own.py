'''Masks that users write.

    from anonymizer.masks.own import Noise, OwnMask

    class Plate(OwnMask):
        """Gives a number plate of the same town."""

        def replace(self, value: str, noise: Noise) -> str:
            town = value.partition("-")[0]
            return f"{town}-{noise.letters(2).upper()} {noise.digits(4)}"

Then `mask.own(target="app.masks:Plate")` is a mask like others: keyed, and the same every day as
long as nothing is drawn but from *noise*. What takes arguments has them from *options*. For
speed, `replace_all` does all values at once; for columns that are unique, `keeps` says so.
'''

from __future__ import annotations

import importlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from anonymizer.cells import Cells
from anonymizer.column import Kind
from anonymizer.errors import AnonymizerError, PolicyError
from anonymizer.masks.base import Distinct
from anonymizer.masks.draw import subkey
from anonymizer.noise import Noise
from anonymizer.prf import Prf

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import numpy as np
    from numpy.typing import NDArray

    from anonymizer.column import Column
    from anonymizer.masks.base import Replace, Setting

__all__ = ["Cells", "Distinct", "Noise", "Own", "OwnMask"]


class OwnMask:
    """What a user's mask is derived from; `replace` is all that it has to have."""

    keeps: Distinct = Distinct.LOST
    """What becomes of distinct values. Nobody checks it: a unique column takes its word."""

    def replace(self, value: str, noise: Noise) -> str:
        """Return what *value* becomes, by nothing but itself and *noise*.

        *value* is as the column has it, U+FFFD in place of bytes that are not UTF-8.
        """
        raise NotImplementedError

    def replace_all(self, values: Cells, numbers: NDArray[np.uint64]) -> Cells:
        """Return what all of *values* become; *numbers*, shape (values, 2), are the noise."""
        made = []
        for value, seed in zip(values.to_list(), numbers, strict=True):
            new = self.replace(value.decode(errors="replace"), Noise(seed.tobytes()))
            made.append(new.encode())
        return Cells.of(made)

    def refuses(self, column: Column) -> str | None:  # noqa: ARG002 - of masks that have a reason
        """Return why it cannot serve *column*, None when it can."""
        return None


@dataclass(frozen=True, slots=True, kw_only=True)
class Own:
    """Replaces values by the OwnMask at *target*, package.module:Class, made with *options*."""

    target: str
    options: Mapping[str, Any] = field(default_factory=dict)

    name: ClassVar[str] = "own"

    def __post_init__(self) -> None:
        self._made()

    @property
    def needs(self) -> tuple[str, ...]:
        """Other columns of the row that it looks at."""
        return ()

    def refuses(self, column: Column) -> str | None:
        """Return why it cannot serve *column*, None when it can."""
        return self._made().refuses(column)

    def distinct(self, column: Column) -> Distinct:  # noqa: ARG002 - it is so for all
        """Return what becomes of distinct values of *column*."""
        return self._made().keeps

    def bind(self, setting: Setting) -> Replace:
        """Return what replaces the values of one column.

        That raises AnonymizerError when the user's mask fails, or gives what does not fit.
        """
        mask = self._made()
        prf = Prf(subkey(setting.key, f"own {self.target}"))

        def replace(values: Cells, _others: Mapping[str, Cells]) -> Cells:
            found = _tried(self.target, lambda: mask.replace_all(values, prf.words(values)))
            wrong = _wrong(found, len(values), setting.column)
            if wrong is not None:
                raise AnonymizerError(f"{self.target} {wrong}")
            return found

        return replace

    def _made(self) -> OwnMask:
        """Return the user's mask.

        Raises PolicyError when there is none at the target, or it does not take the options.
        """
        module, _, name = self.target.partition(":")
        if not module or not name.isidentifier():
            raise PolicyError(f"{self.target!r} is no mask", hint="write package.module:Class")
        try:
            made = getattr(importlib.import_module(module), name)(**self.options)
        except ImportError as error:
            raise PolicyError(f"{self.target} cannot be imported: {error}") from error
        except AttributeError as error:
            raise PolicyError(f"{module} has no {name}") from error
        except (TypeError, ValueError) as error:
            raise PolicyError(f"{self.target} does not take its options: {error}") from error
        if not isinstance(made, OwnMask):
            raise PolicyError(f"{self.target} is not derived from OwnMask")
        return made


def _tried(target: str, run: Callable[[], Cells]) -> Cells:
    """Return what *run* does, which is the user's.

    Raises AnonymizerError where it failed; its own error may hold a value, and is not shown.
    """
    try:
        return run()
    except Exception as error:
        trace = error.__traceback__
        while trace is not None and trace.tb_next is not None:
            trace = trace.tb_next
        place = "" if trace is None else f", {_place(trace.tb_frame.f_code.co_filename)}"
        line = "" if trace is None else f" line {trace.tb_lineno}"
        said = f"{target} failed: {type(error).__name__}{place}{line}"
    raise AnonymizerError(said, hint="what the error says is not shown, for it may hold a value")


def _place(file: str) -> str:
    return Path(file).name


def _wrong(found: Cells, count: int, column: Column) -> str | None:
    """Return what is wrong with what a mask gave for *count* values of *column*."""
    if len(found) != count:
        return f"gave {len(found)} values for {count}"
    try:
        sizes = _sizes(found, column.kind)
    except ValueError as error:
        return f"gave {error}"
    longest = max(sizes, default=0)
    if column.length is None or longest <= column.length:
        return None
    return f"gave a value of {longest}, and the column takes {column.length}"


def _sizes(values: Cells, kind: Kind) -> list[int]:
    """Return the length of each value, in bytes where they are binary, else in characters.

    Raises ValueError for what is no text.
    """
    if kind is Kind.BINARY:
        return [*map(int, values.lengths)]
    try:
        texts = [each.decode() for each in values.to_list()]
    except UnicodeDecodeError:
        raise ValueError("what is not UTF-8") from None
    if any("\0" in each for each in texts):
        raise ValueError("a NUL, which no text holds")
    return [*map(len, texts)]
