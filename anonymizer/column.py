"""A column and its table, as a plan sees them: what the values are and what becomes of them."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, NamedTuple

from typing_extensions import override

if TYPE_CHECKING:
    from anonymizer.markup import Decision


class Kind(Enum):
    """What the values of a column are; the text of each is what `Codec.decode` gives."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    """Decimal, or binary with a point: '12.50', '1e-05'."""
    BOOLEAN = "boolean"
    """As the container writes it: 't', 'true' or '1'."""
    DATE = "date"
    DATETIME = "datetime"
    """ISO 8601 with a space or a T, with or without a fraction and a zone."""
    TIME = "time"
    UUID = "uuid"
    """With or without hyphens."""
    BINARY = "binary"
    """The bytes themselves."""
    JSON = "json"
    ARRAY = "array"
    """PostgreSQL's own way to write one: '{a,"b c",NULL}'."""
    OTHER = "other"


class TableName(NamedTuple):
    """The name of a table; *schema* is None where none is said."""

    schema: str | None
    name: str

    @override
    def __str__(self) -> str:
        return self.name if self.schema is None else f"{self.schema}.{self.name}"

    def within(self, default_schema: str | None) -> TableName:
        """Return the name without the schema that is meant where none is said."""
        usual = default_schema or "public"
        return TableName(None, self.name) if self.schema == usual else self


@dataclass(frozen=True, slots=True, kw_only=True)
class Column:
    """One column, its decision, and what a mask has to know of it."""

    name: str
    kind: Kind = Kind.TEXT
    length: int | None = None
    """Most characters, or bytes of BINARY, that it takes."""
    bits: int | None = None
    """Size of an INTEGER: 16, 32, 64."""
    scale: int | None = None
    """Digits after the point of a NUMBER."""
    nullable: bool = True
    unique: bool = False
    """Whether no two rows may have the same value in it alone."""
    decision: Decision
    domain: str
    """Values of one domain are masked alike, wherever they stand."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference:
    """A foreign key, declared in the database or only in the decisions."""

    columns: tuple[str, ...]
    table: TableName
    """The table that it refers to, which may be its own."""
    to: tuple[str, ...]
    """Columns of that table, in the order of *columns*."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Table:
    """One table and every column of it."""

    name: TableName
    columns: tuple[Column, ...]
    keys: tuple[tuple[str, ...], ...] = ()
    """Columns that are unique together: of the primary key first, if there is one."""
    references: tuple[Reference, ...] = ()

    def column(self, name: str) -> Column | None:
        """Return the column called *name*."""
        return next((each for each in self.columns if each.name == name), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """Tables by their names: all that masking needs of a plan, and soon in another process."""

    tables: tuple[Table, ...]
    default_schema: str | None = None
    """The schema that is meant where none is said; None for PostgreSQL's public."""
    _found: dict[TableName, Table] = field(default_factory=dict, repr=False, compare=False)

    def __post_init__(self) -> None:
        self._found.clear()
        for table in self.tables:
            self._found[table.name.within(self.default_schema)] = table

    def find(self, name: TableName) -> Table | None:
        """Return the table called *name*; without a schema it is in the default one."""
        return self._found.get(name.within(self.default_schema))
