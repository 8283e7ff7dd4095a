"""What the runner needs of a database: a known good state, again and again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path
    from types import TracebackType
    from typing import Self

    from ci.datasets.dataset import Dataset
    from ci.timing import Engine


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a process gets at the database: over one socket or one file, never the network."""

    url: str = field(repr=False)
    """For SQLAlchemy, as a role that owns the data and is no superuser."""
    bind: Path
    """The folder of the socket, or of the file: there in the sandbox under the same path."""
    writable: bool = False
    """Whether files in it are written to; a socket needs none."""


class Database(Protocol):
    """One private server, or one file, of an engine; a context in which it runs.

    Nothing of it outlives the process of the runner, however that ends.
    """

    engine: Engine
    version: str
    """As the server says it."""

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None: ...

    def restore(self, dataset: Dataset) -> None:
        """Make the dataset's state the present one, from what is kept or with the native tools.

        Raises SetupError, without what is in the dump, for one that does not restore.
        """

    def keep(self, state: str) -> None:
        """Keep the present state under a name, for `reset`; a kept one of that name goes."""

    def kept(self) -> frozenset[str]:
        """Return the names of states that are kept, also those of earlier runs."""

    def reset(self, state: str) -> None:
        """Make a kept state the present one."""

    def cool(self) -> None:
        """Empty the caches, as far as that is possible: the next step is a cold one."""

    def migrating(self) -> Access:
        """Return the access of the code under test."""

    def watching(self) -> Access:
        """Return the access of the runner, as a superuser, outside the sandbox."""

    def planning(self) -> Access:
        """Return the access of the runner with no more rights than the code under test."""

    def probing(self) -> Access:
        """Return the access of an application: it reads and writes tables, and is no superuser.

        It has a role of its own: what it does is not taken for what a migration does.
        """

    def end_sessions(self) -> None:
        """End what the code under test has left running in the server."""

    def schema(self) -> Mapping[str, tuple[str, ...]]:
        """Return tables, as they are now, with their columns: names and types in words."""

    def sizes(self) -> Mapping[str, tuple[int, int, int]]:
        """Return for each table about how many rows, and bytes of it and of its indexes."""
