"""CREATE: what is new, and that nothing else is."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import expression
from migrator.sql.index import create_index
from migrator.sql.partition import partition
from migrator.sql.reader import HIDING, items
from migrator.sql.routine import ROUTINES, replaced, routine
from migrator.sql.statement import Effect, Finding, Kind, Read
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrator.sql.reader import Name, Reader
    from migrator.sql.tokens import Token


_ITEM_WORDS = words(
    "CHECK CONSTRAINT EXCLUDE FOREIGN FULLTEXT INDEX KEY LIKE PERIOD PRIMARY SPATIAL UNIQUE"
)
"""Words that begin something else than a column in the body of CREATE TABLE."""
_TABLE_OPTIONS = words(
    """
    ARIA AUTO_INCREMENT BTREE BY CHARACTER CHARSET CHECKSUM COLLATE COLUMNS COMMENT COMPACT
    COMPRESSED DEFAULT DYNAMIC ENGINE HASH HEAP INNODB KEY KEY_BLOCK_SIZE LINEAR LIST
    PARTITION PARTITIONS RANGE REDUNDANT ROCKSDB ROWID ROW_FORMAT SET STATS_AUTO_RECALC
    STATS_PERSISTENT STATS_SAMPLE_PAGES STRICT SUBPARTITION SUBPARTITIONS TABLESPACE USING
    WITH WITHOUT
    """
)
"""Words that may follow the body of CREATE TABLE; what is named there is not looked at."""
_NAMES_FOLLOW = words("CHARACTER CHARSET COLLATE PARTITION SET SUBPARTITION TABLESPACE")
_COPIES = "it copies rows, and holds locks while it does"


def create(reader: Reader) -> Read:
    """Read a statement that begins with CREATE."""
    replaces = reader.words("OR", "REPLACE")
    _definer(reader)
    modifiers = _modifiers(reader)
    thing = _thing(reader)
    label = " ".join(["CREATE", *(["OR REPLACE"] if replaces else []), *modifiers, thing])
    if thing in ROUTINES:
        return routine(reader, thing, label)
    if replaces:
        return replaced(reader, thing, label)
    if thing not in _MAKERS or not _ACCEPTED.get(thing, frozenset()).issuperset(modifiers):
        raise UnreadableText(f"{label} is not known to be additive")
    return _MAKERS[thing](reader, label, modifiers)


def _definer(reader: Reader) -> None:
    """Take DEFINER = user, and SQL SECURITY, that come before TRIGGER and VIEW."""
    if reader.words("DEFINER"):
        reader.sign("=")
        reader.take()
        if reader.sign("@") or reader.peek().is_sign("("):
            reader.take()
        if reader.sign(")"):
            return
    if reader.words("SQL", "SECURITY"):
        reader.word("INVOKER", "DEFINER")


def _modifiers(reader: Reader) -> list[str]:
    """Take the words between CREATE and what is created."""
    found = []
    while word := reader.word(
        "AGGREGATE", "CONSTRAINT", "FULLTEXT", "GLOBAL", "LOCAL", "MATERIALIZED", "ONLINE",
        "RECURSIVE", "SPATIAL", "TEMP", "TEMPORARY", "UNIQUE", "UNLOGGED", "VIRTUAL",
    ):  # fmt: skip
        found.append(word)
    return found


def _thing(reader: Reader) -> str:
    """Take the word for what is created."""
    if reader.peek().sort is not Sort.WORD:
        raise UnreadableText(f"{reader.found()} stands after CREATE")
    return reader.take().value


def _new_name(reader: Reader) -> tuple[Name, bool]:
    """Take the name of something new; return it, and whether it may be there already."""
    maybe = reader.words("IF", "NOT", "EXISTS")
    name = reader.qualified()
    if name[0] is not None and name[0].lower() in HIDING:
        raise UnreadableText("what is temporary hides what has the same name")
    return name, maybe


def _table(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE TABLE: a body in parentheses, and options that name no other table."""
    (schema, name), maybe = _new_name(reader)
    effect = Effect(verb="add", thing="table", name=name, schema=schema, maybe=maybe)
    if reader.words("PARTITION", "OF"):
        return partition(reader, effect)
    columns = _columns(reader)
    if columns is None:
        copies = Finding(kind=Kind.DATA, label="CREATE TABLE AS", why=_COPIES)
        return Read(label="CREATE TABLE AS", effects=(effect,), findings=(copies,))
    return Read(label=label, effects=(replace(effect, columns=columns),))


def _columns(reader: Reader) -> tuple[str, ...] | None:
    """Take what follows the name of a table; return its columns, or None when it copies rows."""
    if reader.peek().is_word("AS", "SELECT", "WITH"):
        reader.rest()
        return None
    body = reader.group()
    if _is_query(body):
        return None
    columns = _body(reader, body)
    return columns if _options(reader) else None


def _body(reader: Reader, tokens: Sequence[Token]) -> tuple[str, ...]:
    """Return the columns in the body of CREATE TABLE."""
    columns = []
    for item in items(tokens) if tokens else ():
        if not item or item[0].sort not in (Sort.WORD, Sort.NAME):
            raise UnreadableText("something else than a column stands in the body of CREATE TABLE")
        if not item[0].is_word(*_ITEM_WORDS):
            columns.append(reader.kept(item[0]))
    return tuple(columns)


def _options(reader: Reader) -> bool:
    """Take what follows the body of CREATE TABLE; return False when that copies rows."""
    while not reader.done:
        if reader.peek().is_word("AS", "SELECT", "IGNORE", "REPLACE"):
            reader.rest()
            return False
        if reader.peek().is_sign("("):
            if _is_query(reader.group()):
                return False
        elif reader.word(*_NAMES_FOLLOW):
            _option_name(reader)
        elif not (reader.word(*_TABLE_OPTIONS) or reader.sign("=", ",") or reader.literal()):
            raise UnreadableText(f"{reader.found()} is not known after CREATE TABLE")
    return True


def _is_query(tokens: Sequence[Token]) -> bool:
    """Return whether *tokens*, that stood in parentheses, are a query whose rows are copied."""
    first = tokens[0] if tokens else None
    return first is not None and (
        first.is_sign("(") or first.is_word("SELECT", "TABLE", "VALUES", "WITH")
    )


def _option_name(reader: Reader) -> None:
    """Take the name that an option gives, and the = before it."""
    if reader.peek().is_word("BY", "SET"):
        return
    reader.sign("=")
    reader.take()


def _view(reader: Reader, label: str, modifiers: Sequence[str]) -> Read:
    """Read CREATE VIEW; one that is materialized runs its query now."""
    (schema, name), maybe = _new_name(reader)
    if reader.peek().is_sign("("):
        reader.group()
    if reader.words("WITH"):
        reader.group()
    if not reader.words("AS"):
        raise UnreadableText(f"{reader.found()} stands where AS is expected")
    runs = "MATERIALIZED" in modifiers
    findings = expression.query(reader.rest(), reader.dialect.syntax, label, runs=runs)
    thing = "materialized view" if runs else "view"
    effect = Effect(verb="add", thing=thing, name=name, schema=schema, maybe=maybe)
    return Read(label=label, effects=(effect,), findings=tuple(findings))


def _sequence(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE SEQUENCE."""
    (schema, name), maybe = _new_name(reader)
    while not reader.done:
        if reader.words("OWNED", "BY"):
            _owner(reader)
        elif not reader.literal():
            _sequence_word(reader)
    effect = Effect(verb="add", thing="sequence", name=name, schema=schema, maybe=maybe)
    return Read(label=label, effects=(effect,))


def _owner(reader: Reader) -> None:
    """Take the column that owns a sequence, with its table and schema."""
    reader.name()
    while reader.sign("."):
        reader.name()


def _sequence_word(reader: Reader) -> None:
    """Take one word of the options of a sequence."""
    word = reader.word(
        "AS", "BIGINT", "BY", "CACHE", "CYCLE", "ENGINE", "INCREMENT", "INNODB", "INTEGER",
        "MAXVALUE", "MINVALUE", "NO", "NOCACHE", "NOCYCLE", "NOMAXVALUE", "NOMINVALUE",
        "SMALLINT", "START", "WITH",
    ) or reader.sign("=")  # fmt: skip
    if not word:
        raise UnreadableText(f"{reader.found()} is not known in a sequence")


def _schema(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE SCHEMA, which may not hold statements."""
    maybe = reader.words("IF", "NOT", "EXISTS")
    name = reader.name()
    if reader.words("AUTHORIZATION"):
        reader.name()
    return Read(label=label, effects=(Effect(verb="add", thing="schema", name=name, maybe=maybe),))


def _type(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE TYPE: a list of values, or of columns."""
    schema, name = reader.qualified()
    if not reader.words("AS"):
        raise UnreadableText(f"{reader.found()} stands where AS is expected")
    plain = reader.words("ENUM")
    inside = reader.group()
    if plain and any(token.sort not in (Sort.STRING, Sort.SIGN) for token in inside):
        raise UnreadableText("a value of the type is no string")
    detail = "plain" if plain else ""
    effect = Effect(verb="add", thing="type", name=name, schema=schema, detail=detail)
    return Read(label=label, effects=(effect,))


def _new(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read what nobody can use before it has a name: a domain, a collation, statistics."""
    (schema, name), maybe = _new_name(reader)
    reader.rest()
    thing = {"CREATE DOMAIN": "type"}.get(label, label.removeprefix("CREATE ").lower())
    effect = Effect(verb="add", thing=thing, name=name, schema=schema, maybe=maybe)
    return Read(label=label, effects=(effect,))


def _extension(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE EXTENSION: its script runs now, so it has to be a known one."""
    maybe = reader.words("IF", "NOT", "EXISTS")
    name = reader.name()
    if name not in reader.dialect.syntax.extensions:
        raise UnreadableText(f"what the extension {name} does when it is made is not known")
    reader.words("WITH")
    if reader.words("SCHEMA"):
        reader.name()
    effect = Effect(verb="add", thing="extension", name=name, maybe=maybe)
    return Read(label=label, effects=(effect,))


_MAKERS: dict[str, Callable[[Reader, str, Sequence[str]], Read]] = {
    "COLLATION": _new,
    "DOMAIN": _new,
    "EXTENSION": _extension,
    "INDEX": create_index,
    "SCHEMA": _schema,
    "SEQUENCE": _sequence,
    "STATISTICS": _new,
    "TABLE": _table,
    "TYPE": _type,
    "VIEW": _view,
}
_ACCEPTED = {
    "INDEX": frozenset({"UNIQUE", "FULLTEXT", "SPATIAL"}),
    "TABLE": frozenset({"UNLOGGED"}),
    "VIEW": frozenset({"MATERIALIZED"}),
}
"""What may be created, with the words that may come before it."""
