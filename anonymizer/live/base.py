"""What a live database is: how it is logged in to, dumped, looked at and loaded."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, BinaryIO, Protocol, TypeAlias

from anonymizer.errors import AnonymizerError, ToolError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from contextlib import AbstractContextManager

    import sqlalchemy as sa

    from anonymizer.programs import Program

Note: TypeAlias = Callable[[str], None]
"""Is told, in one line, what a person should know."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """What the programs need to reach a database."""

    database: str
    arguments: tuple[str, ...] = ()
    """Of each program, before all others."""
    environment: Mapping[str, str] = field(default_factory=dict, repr=False)
    names: tuple[str, str]
    """Of the programs that dump and load."""


class Sink(Protocol):
    """Takes a dump on its way into a database."""

    def write(self, text: bytes | memoryview, /) -> object:
        """Write the next *text*."""

    def flush(self) -> object:
        """Have the database see what was written."""


class Database(Protocol):
    """A kind of database."""

    names: tuple[str, ...]
    """What a URL may begin with."""
    first: bytes
    last: bytes
    """What is loaded before a dump, and after it when all went well."""
    hint_to_empty: str

    def place(self, url: sa.URL) -> tuple[object, ...]:
        """Return what is the same for two URLs of one database."""

    def login(self, url: sa.URL) -> AbstractContextManager[Login]:
        """Give what the programs need, as long as they need it.

        Raises AnonymizerError for an argument of *url* that the programs could not heed.
        """

    def look_at_source(self, login: Login, note: Note) -> None:
        """Tell *note* what a dump of the database leaves out."""

    def contents(self, login: Login) -> Sequence[str]:
        """Return the names of what is in the database."""

    def dump(self, login: Login, *, portable: bool) -> Program:
        """Return what dumps the database, at one moment."""

    def load(self, login: Login) -> Program:
        """Return what loads a dump, and stops at the first error."""

    def sink(self, stream: BinaryIO) -> Sink:
        """Return what a dump is written to that is to be loaded from *stream*."""

    def explained(self, sink: Sink, error: ToolError) -> ToolError:
        """Return *error* of loading with what *sink* knows of the place."""

    def finish(self, login: Login, original: Login | None, note: Note) -> None:
        """Look at foreign keys when all is loaded, and say in *note* that they hold.

        Raises ToolError where they do not, and did in the *original*, if that is known.
        """

    def half_loaded(self) -> AbstractContextManager[None]:
        """Say in an error what it leaves in the target."""


def arguments_of(url: sa.URL, known: Mapping[str, str], unheeded: frozenset[str]) -> dict[str, str]:
    """Return the arguments of *url* under the names that *known* gives them.

    Those in *unheeded* are about the driver alone. Raises AnonymizerError for any other.
    """
    found = {}
    for name, value in url.query.items():
        if name in unheeded:
            continue
        if name not in known:
            raise AnonymizerError(
                f"the argument {name} in the URL of a database is not understood",
                hint=f"leave it out, if it does not matter here; known are {', '.join(known)}",
            )
        found[known[name]] = value if isinstance(value, str) else ",".join(value)
    return found
