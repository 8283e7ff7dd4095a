"""What a dump is made of: pieces that pass unchanged, and rows whose fields can be found."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from anonymizer.errors import DumpError

if TYPE_CHECKING:
    from collections.abc import Iterator

    import numpy as np
    from numpy.typing import NDArray

    from anonymizer.cells import Cells
    from anonymizer.column import Kind, TableName
    from anonymizer.dumps.described import Described


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Block:
    """Rows of one table as a dump writes them, and the place of each field in them."""

    data: NDArray[np.uint8]
    """Whole rows, with all that stands between them."""
    starts: NDArray[np.int64]
    """Shape (rows, columns): where the text of each field begins in *data*."""
    ends: NDArray[np.int64]
    """Shape (rows, columns): where it ends. Fields are in order and do not overlap."""


class Codec(Protocol):
    """How a dump writes rows and values. It is picklable: other processes read with it."""

    def parse(self, data: bytes, columns: int) -> Block:
        """Return the fields of *data*, whole rows of *columns* each.

        Raises DumpError, with line and byte counted from the start of *data*, for a row that
        has not as many.
        """

    def is_null(self, fields: Cells) -> NDArray[np.bool_]:
        """Return which of *fields*, as they are written, are NULL."""

    def decode(self, fields: Cells, kind: Kind) -> Cells:
        """Return the values of *fields*, none of them NULL: without quotes and escapes."""

    def encode(self, values: Cells, kind: Kind) -> Cells:
        """Return how *values* are written: what `decode` takes back to them."""

    @property
    def null(self) -> bytes:
        """How NULL is written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rows:
    """Whole rows of one table, as they are written."""

    table: TableName
    columns: tuple[str, ...]
    """Names of the fields, in their order."""
    data: bytes
    codec: Codec
    line: int
    """Line of the dump's plain text on which *data* begins, counted from 1."""
    byte: int
    """Its place in the dump's plain text, counted from 0."""
    part_of: TableName | None = None
    """The table whose partition *table* is."""

    def placed(self, error: DumpError) -> DumpError:
        """Return *error* with its place in the dump, where it says one in these rows."""
        return DumpError(
            error.problem,
            table=str(self.table),
            line=self.line + (error.line or 1) - 1,
            byte=self.byte + (error.byte or 0),
            hint=error.hint,
        )


Piece: TypeAlias = bytes | Rows
"""What passes as it is, or rows."""


class Format(Protocol):
    """A text format of dumps, read as one stream."""

    @property
    def name(self) -> str:
        """What it is called."""

    def keeping(self, words: frozenset[str]) -> Format:
        """Return the format that lets pass what *words*, of `passed.KEEPABLE`, say."""

    def recognizes(self, head: bytes) -> bool:
        """Return whether a dump that begins with *head*, 4 KiB or more of it, is of this format."""

    def pieces(self, source: BinaryIO, known: Described | None = None) -> Iterator[Piece]:
        """Yield all of *source* in order; the pieces, one after the other, are *source*.

        *known* learns what they say of tables. Raises DumpError for a dump that ends too early,
        and for a statement that is not known and could hold data.
        """

    def schema(self, source: BinaryIO) -> Described:
        """Return what *source*, read to its end, says of tables."""
