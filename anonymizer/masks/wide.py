"""Wide: text with characters of two to four bytes of UTF-8, so many as bytes and characters say."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from anonymizer.cells import Cells

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from anonymizer.cells import Bytes, Places
    from anonymizer.masks.tape import Tape

_USUAL = {
    2: "".join(map(chr, range(0xE0, 0xF7))),
    3: "".join(map(chr, range(0x1EA1, 0x1EFA, 2))),
    4: "".join(map(chr, range(0x1F600, 0x1F640))),
}
"""Letters, and of four bytes faces, for what the words of a locale do not have."""
PIECE = 1 << 16
"""Characters that are taken together of one value."""
_BATCH = 1 << 20
"""Characters that are written at once."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Wide:
    """Characters of two, three and four bytes: each of shape (characters, bytes)."""

    alphabets: tuple[Bytes, ...]

    @classmethod
    def of(cls, words: Iterable[str]) -> Wide:
        """Return the characters of *words*, and usual ones of the lengths that they do not have."""
        letters = sorted({each for each in "".join(words).lower() if each.isalpha()})
        return cls(
            alphabets=tuple(
                _matrix([each for each in letters if len(each.encode()) == width] or [*usual])
                for width, usual in _USUAL.items()
            )
        )

    def written(self, tape: Tape, begins: Places, chars: Places, extra: Places) -> Cells:
        """Return texts of *chars* characters and *extra* bytes more, cut from *tape* at *begins*.

        The bytes that are more are spread evenly: the lengths of any two characters of one text
        differ by one at the most.
        """
        pieces = _pieces(begins, chars, extra)
        data = tape.reaching(begins + chars)
        written = [self._batch(data, *(each[some] for each in pieces)) for some in _batches(pieces)]
        bounds = np.append(0, np.cumsum(chars + extra))
        return Cells(data=np.concatenate(written), starts=bounds[:-1], ends=bounds[1:])

    def _batch(self, tape: Bytes, begins: Places, chars: Places, extra: Places) -> Bytes:
        """Return pieces one after the other."""
        row = np.repeat(np.arange(len(chars)), chars)
        nth = np.arange(len(row)) - np.repeat(np.cumsum(chars) - chars, chars)
        more, many = extra[row], chars[row]
        widths = 1 + (nth + 1) * more // many - nth * more // many
        places = np.cumsum(widths) - widths
        letters = tape[begins[row] + nth]
        found = np.empty(int((chars + extra).sum()), np.uint8)
        narrow = widths == 1
        found[places[narrow]] = letters[narrow]
        for width, alphabet in enumerate(self.alphabets, 2):
            which = np.flatnonzero(widths == width)
            # The place is added so that all of an alphabet comes, not as much as ASCII has letters.
            chosen = alphabet[(letters[which].astype(np.int64) + nth[which]) % len(alphabet)]
            for byte in range(width):
                found[places[which] + byte] = chosen[:, byte]
        return found


def _matrix(letters: list[str]) -> Bytes:
    return np.array([[*each.encode()] for each in letters], np.uint8)


def _pieces(begins: Places, chars: Places, extra: Places) -> tuple[Places, Places, Places]:
    """Return the same as texts of PIECE characters at the most, in order."""
    counts = -(-chars // PIECE)
    row = np.repeat(np.arange(len(chars)), counts)
    nth = np.arange(len(row)) - np.repeat(np.cumsum(counts) - counts, counts)
    first, end = nth * PIECE, np.minimum((nth + 1) * PIECE, chars[row])
    share = end * extra[row] // chars[row] - first * extra[row] // chars[row]
    return begins[row] + first, end - first, share


def _batches(pieces: tuple[Places, Places, Places]) -> Iterator[slice]:
    """Yield which pieces to write at once, so that memory stays small."""
    batch = np.cumsum(pieces[1]) // _BATCH
    bounds = [0, *(np.flatnonzero(np.diff(batch)) + 1).tolist(), len(batch)]
    yield from (slice(begin, end) for begin, end in pairwise(bounds))
