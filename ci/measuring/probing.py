"""Probing: a reader and a writer of one table; the writer locks another row each time.

A migration that writes to some rows keeps out only who writes to the same ones.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from ci.measuring.eye import Probe
from ci.measuring.sessions import code_of
from ci.timing import Access

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from ci.measuring.sessions import Session


def probes_of(
    table: str,
    *,
    opened: Callable[[], Session],
    read: str,
    choose: Callable[[Session], Sequence[str]],
    busy: Collection[object],
) -> Iterator[Probe]:
    """Yield what reads *table* by the statement *read*, and what writes to it, see `Writer`."""
    reader, session = opened(), opened()
    yield Probe(
        table=table,
        access=Access.READ,
        ask=partial(reader.let_in, read, busy=busy),
        close=reader.close,
    )
    writer = Writer(session=session, choose=choose, busy=busy)
    yield Probe(table=table, access=Access.WRITE, ask=writer.ask, close=session.close)


@dataclass(slots=True, kw_only=True)
class Writer:
    """Asks for one row until it is let in, and chooses the next one then."""

    session: Session
    choose: Callable[[Session], Sequence[str]]
    """Returns the statements that lock a row."""
    busy: Collection[object]
    """Codes of the server that say that it is not let in."""
    _row: Sequence[str] = ()

    def ask(self) -> bool:
        """Lock a row, and let go at once; say whether it was let in."""
        try:
            self._row = self._row or self.choose(self.session)
        except sa.exc.DBAPIError as error:
            if code_of(error) in self.busy:
                return False
            raise
        let_in = self.session.let_in(*self._row, busy=self.busy, after="ROLLBACK")
        if let_in:
            self._row = ()
        return let_in
