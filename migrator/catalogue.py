"""A catalogue: what the database says it holds, to compare before and after."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import sqlalchemy as sa

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sqlalchemy.engine import Connection

    from migrator.dialects import Dialect
    from migrator.sql import Effect


class Key(NamedTuple):
    """What a thing in the catalogue is called."""

    thing: str
    schema: str | None
    table: str | None
    name: str

    def describe(self) -> str:
        """Return the name as a person would say it: column flavors.memory_mb."""
        names = [each for each in (self.schema, self.table, self.name) if each]
        return f"{self.thing} {'.'.join(names)}"


May = Callable[[Key, str, str], bool]
"""Whether a thing may go from one definition to another."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What a database held at one moment, without its rows."""

    definitions: Mapping[Key, str]

    def lost_in(self, after: Catalogue, may: May | None = None) -> tuple[str, ...]:
        """Return what was here and is gone or changed in *after*, one line a thing.

        *may* says what may be changed nevertheless.
        """
        return tuple(
            f"{key.describe()} {'is changed' if key in after.definitions else 'is gone'}"
            for key, definition in self.definitions.items()
            if not _kept(key, definition, after.definitions.get(key))
            and not (key not in after.definitions and _was_of_constraint(key, after))
            and not (
                may and key in after.definitions and may(key, definition, after.definitions[key])
            )
        )

    def gained_in(self, after: Catalogue) -> tuple[str, ...]:
        """Return what is in *after* and was not here, one line a thing."""
        return tuple(key.describe() for key in after.definitions if key not in self.definitions)


def snapshot(
    connection: Connection, dialect: Dialect, tables: Collection[str] | None = None
) -> Catalogue:
    """Read the catalogue in one query, of all or of the *tables* named without their schema.

    It sees what its own transaction did. Temporary tables and what belongs to the
    system are left out; on MariaDB and MySQL it is that of the current database.
    """
    if tables is not None and not tables:
        return Catalogue(definitions={})
    query = sa.text(dialect.catalogue(restricted=tables is not None))
    if tables is not None:
        query = query.bindparams(sa.bindparam("tables", sorted(tables), expanding=True))
    parts: dict[Key, list[str]] = {}
    for thing, schema, table, name, definition in connection.execute(query):
        parts.setdefault(Key(thing, schema, table, name), []).append(definition)
    return Catalogue(definitions={key: "\n".join(sorted(each)) for key, each in parts.items()})


def present(effect: Effect, catalogue: Catalogue) -> bool | None:
    """Return whether *effect* has already happened, or None when the catalogue cannot tell.

    An alteration cannot be told, nor can a thing whose name the database chooses.
    """
    if effect.name is None or effect.verb == "alter":
        return None
    here = _holds(catalogue, effect, effect.name)
    if effect.to is not None:
        return not here and _holds(catalogue, effect, effect.to)
    return here if effect.verb == "add" else not here


def _holds(catalogue: Catalogue, effect: Effect, name: str) -> bool:
    """Return whether a thing like that of *effect*, called *name*, is in *catalogue*.

    DROP INDEX names no table where the index belongs to the schema.
    """
    return any(
        (key.thing, key.name.casefold()) == (effect.thing, name.casefold())
        and (effect.table is None or _folded(key.table) == _folded(effect.table))
        and effect.schema in (None, key.schema)
        for key in catalogue.definitions
    )


def _folded(name: str | None) -> str | None:
    """Return *name* without regard to case: one catalogue folds it, another does not."""
    return None if name is None else name.casefold()


def _kept(key: Key, before: str, after: str | None) -> bool:
    """Return whether a definition is what it was; a table's text may have grown by columns."""
    if after is None or before == after:
        return before == after
    return key.thing == "table" and _grown(before, after)


def _was_of_constraint(key: Key, after: Catalogue) -> bool:
    """Return whether an index that is gone was only there for a constraint that still is.

    MariaDB makes an index for a foreign key, and takes it away when another can serve.
    """
    return key.thing == "index" and key._replace(thing="constraint") in after.definitions


def _grown(before: str, after: str) -> bool:
    """Return whether *after* is *before* with columns added: `, …` put in at one place.

    SQLite keeps the text of CREATE TABLE and puts a new column into it.
    """
    longer = len(after) - len(before)
    if longer <= 0:
        return False
    at = next((i for i, letter in enumerate(before) if letter != after[i]), len(before))
    places = range(at, -1, -1)
    return any(
        after[place] == "," and before[place:] == after[place + longer :] for place in places
    )
