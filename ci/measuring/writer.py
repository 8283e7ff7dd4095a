"""Writer: a probe that locks a row to write it, another one each time.

A migration that writes to some rows keeps out only who writes to the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ci.measuring.sessions import code_of

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from ci.measuring.sessions import Session


@dataclass(slots=True, kw_only=True)
class Writer:
    """Asks for one row until it is let in, and chooses the next one then."""

    session: Session
    first: Sequence[str]
    """What comes before."""
    choose: Callable[[], str]
    """Returns the statement that locks a row, asked over the session."""
    busy: Collection[object]
    """Codes of the server that say that it is not let in."""
    _row: str = ""

    def ask(self) -> bool:
        """Lock a row, and let go at once; say whether it was let in."""
        try:
            self._row = self._row or self.choose()
        except sa.exc.DBAPIError as error:
            if code_of(error) in self.busy:
                return False
            raise
        let_in = self.session.let_in(*self.first, self._row, busy=self.busy, after="ROLLBACK")
        if let_in:
            self._row = ""
        return let_in
