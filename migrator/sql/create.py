"""CREATE: what is new, and that nothing else is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import additions, expression, known
from migrator.sql.reader import HIDING, items
from migrator.sql.statement import Caution, Effect, Finding, Kind
from migrator.sql.tokens import Sort, UnreadableText

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from migrator.sql.reader import Name, Reader
    from migrator.sql.tokens import Token


@dataclass(frozen=True, slots=True, kw_only=True)
class Read:
    """What was read of one statement, before it has its text."""

    label: str
    effects: tuple[Effect, ...] = ()
    findings: tuple[Finding, ...] = ()
    cautions: tuple[Caution, ...] = ()
    base: Kind = Kind.ADDITIVE
    concurrent: bool = False


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
_LATER = "what it will do when it is used cannot be read"
_REPLACES = "what was there under that name is replaced"
_ROUTINES = words("EVENT FUNCTION PACKAGE PROCEDURE RULE TRIGGER")
_DDL = words("ALTER DROP GRANT RENAME REVOKE TRUNCATE")


def create(reader: Reader) -> Read:
    """Read a statement that begins with CREATE."""
    replaces = reader.words("OR", "REPLACE")
    _definer(reader)
    modifiers = _modifiers(reader)
    thing = _thing(reader)
    label = " ".join(["CREATE", *(["OR REPLACE"] if replaces else []), *modifiers, thing])
    if thing in _ROUTINES:
        return _routine(reader, thing, label)
    if replaces:
        return _replaced(reader, thing, label)
    if thing not in _MAKERS or not _ACCEPTED[thing].issuperset(modifiers):
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


def _routine(reader: Reader, thing: str, label: str) -> Read:
    """Read what holds statements for later: they are seen, not judged, but for DDL."""
    reader.words("IF", "NOT", "EXISTS")
    schema, name = reader.qualified()
    table = _table_of(reader)
    rest = reader.rest()
    effect = Effect(verb="add", thing=thing.lower(), name=name, schema=schema, table=table)
    why = _REPLACES if "REPLACE" in label else _LATER
    findings = [Finding(kind=Kind.UNREADABLE, label=label, why=why, hint=_allowed(label))]
    if any(token.is_word(*_DDL) for token in rest):
        why = "its body drops or changes what is there"
        findings.append(Finding(kind=Kind.DESTRUCTIVE, label=label, why=why))
    return Read(label=label, effects=(effect,), findings=tuple(findings))


def _allowed(label: str) -> str:
    """Return the hint how a migration vouches for a statement."""
    return f"if it only adds, write allow = [{label!r}] and the reason"


def _table_of(reader: Reader) -> str | None:
    """Return the table that the trigger, whose name is taken, is on; take all before it."""
    while not reader.done:
        if reader.words("ON"):
            return reader.qualified()[1] if reader.peek().sort is not Sort.SIGN else None
        if reader.peek().is_word("BEGIN", "AS", "DO"):
            return None
        reader.take()
    return None


def _replaced(reader: Reader, thing: str, label: str) -> Read:
    """Read CREATE OR REPLACE of something else than a routine."""
    schema, name = reader.qualified()
    reader.rest()
    kind = Kind.UNREADABLE if thing == "VIEW" else Kind.DESTRUCTIVE
    effects = (
        Effect(verb="drop", thing=thing.lower(), name=name, schema=schema, detail="replaced"),
        Effect(verb="add", thing=thing.lower(), name=name, schema=schema, detail="maybe"),
    )
    hint = _allowed(label) if thing == "VIEW" else None
    finding = Finding(kind=kind, label=label, why=_REPLACES, hint=hint)
    return Read(label=label, effects=effects, findings=(finding,))


def _new_name(reader: Reader) -> tuple[Name, str]:
    """Take the name of something new; return it and 'maybe' when it may be there already."""
    maybe = "maybe" if reader.words("IF", "NOT", "EXISTS") else ""
    name = reader.qualified()
    if name[0] is not None and name[0].lower() in HIDING:
        raise UnreadableText("what is temporary hides what has the same name")
    return name, maybe


def _table(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE TABLE: a body in parentheses, and options that name no other table."""
    (schema, name), maybe = _new_name(reader)
    copies = (Finding(kind=Kind.DATA, label="CREATE TABLE AS", why=_COPIES),)
    effect = Effect(verb="add", thing="table", name=name, schema=schema, detail=maybe)
    if reader.peek().is_word("AS", "SELECT", "WITH"):
        reader.rest()
        return Read(label="CREATE TABLE AS", effects=(effect,), findings=copies)
    body = reader.group()
    if _is_query(body):
        return Read(label="CREATE TABLE AS", effects=(effect,), findings=copies)
    columns = _body(reader, body)
    found = Effect(
        verb="add", thing="table", name=name, schema=schema, detail=maybe, columns=columns
    )
    if not _options(reader):
        return Read(label="CREATE TABLE AS", effects=(found,), findings=copies)
    return Read(label=label, effects=(found,))


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


def _index(reader: Reader, label: str, modifiers: Sequence[str]) -> Read:
    """Read CREATE INDEX."""
    concurrent = reader.words("CONCURRENTLY")
    maybe = "maybe" if reader.words("IF", "NOT", "EXISTS") else ""
    schema, name = (None, None) if reader.peek().is_word("ON") else reader.qualified()
    if reader.words("USING"):
        reader.name()
    if not reader.words("ON"):
        raise UnreadableText(f"{reader.found()} stands where ON is expected")
    reader.words("ONLY")
    table = additions.name_of(reader.qualified(), reader)
    unique = "UNIQUE" in modifiers
    columns, findings = index_body(reader, table, unique=unique)
    effect = Effect(
        verb="add", thing="index", name=name, table=table.name, schema=schema or table.schema,
        detail=maybe or ("unique" if unique else ""), columns=columns,
    )  # fmt: skip
    return Read(
        label=label,
        effects=(effect,),
        findings=tuple(findings),
        cautions=() if concurrent else index_cautions(table),
        concurrent=concurrent,
    )


def index_cautions(table: additions.Table) -> tuple[Caution, ...]:
    """Return that building an index blocks, where it does."""
    syntax = table.reader.dialect.syntax
    if "index" not in syntax.blocking:
        return ()
    return (table.caution("blocking-index", syntax.blocking["index"], syntax.recipes["index"]),)


def index_body(
    reader: Reader, table: additions.Table, *, unique: bool
) -> tuple[tuple[str, ...], list[Finding]]:
    """Take the columns and options of an index; return the columns and what is found."""
    label = "CREATE UNIQUE INDEX" if unique else "CREATE INDEX"
    if reader.words("USING"):
        reader.name()
    body = _without_lengths(reader.group(), reader)
    computed = not expression.total(body)
    equal = _index_options(reader)
    if reader.words("WHERE"):
        where = reader.rest()
        computed = computed or not expression.total(where)
    while not reader.done:
        _index_option(reader)
    columns = tuple(reader.kept(item[0]) for item in items(body) if item and _is_column(item))
    findings = []
    if computed:
        findings.append(table.narrows(f"{label} ON EXPRESSION"))
    if unique:
        findings.append(table.narrows(label, () if equal else columns))
    return columns, findings


def _without_lengths(tokens: Sequence[Token], reader: Reader) -> list[Token]:
    """Return *tokens* of an index without the lengths of prefixes: note(10) is note."""
    kept: list[Token] = []
    place = 0
    while place < len(tokens):
        kept.append(tokens[place])
        after = tokens[place + 1 : place + 4]
        shape = [each.value if each.sort is Sort.SIGN else each.sort for each in after]
        length = reader.dialect.syntax.inline_indexes and shape == ["(", Sort.NUMBER, ")"]
        place += 4 if length else 1
    return kept


def _is_column(item: Sequence[Token]) -> bool:
    """Return whether *item* of an index is a column, and not an expression."""
    called = len(item) > 1 and item[1].is_sign("(") and item[0].is_word(*known.FUNCTIONS)
    return item[0].sort in (Sort.WORD, Sort.NAME) and not called


def _index_options(reader: Reader) -> bool:
    """Take what stands between the columns and WHERE; return whether NULLs are equal."""
    equal = False
    while not reader.done and not reader.peek().is_word("WHERE"):
        if reader.words("NULLS", "NOT", "DISTINCT"):
            equal = True
        elif not reader.words("NULLS", "DISTINCT"):
            _index_option(reader)
    return equal


LOCKING = {
    "ALGORITHM": ("DEFAULT", "INPLACE", "INSTANT", "NOCOPY"),
    "LOCK": ("DEFAULT", "NONE", "SHARED"),
}
"""Options of MySQL, and what they may say without asking for a copy or a lock."""


def locking(reader: Reader, word: str) -> None:
    """Take what the option *word* of LOCKING says."""
    reader.sign("=")
    if not reader.word(*LOCKING[word]):
        raise UnreadableText(f"{word} {reader.found()} locks or copies the table")


def _index_option(reader: Reader) -> None:
    """Take one option of an index that changes nothing but its storage."""
    word = reader.word(
        "ALGORITHM", "COMMENT", "IGNORED", "INCLUDE", "INVISIBLE", "KEY_BLOCK_SIZE", "LOCK",
        "NOT", "NOWAIT", "TABLESPACE", "USING", "VISIBLE", "WAIT", "WITH", "PARSER",
    )  # fmt: skip
    if not word:
        raise UnreadableText(f"{reader.found()} is not known in an index")
    if word in ("INCLUDE", "WITH") and reader.peek().is_sign("("):
        reader.group()
    elif word in LOCKING:
        locking(reader, word)
    elif word in ("KEY_BLOCK_SIZE", "COMMENT", "USING", "TABLESPACE", "WAIT"):
        reader.sign("=")
        reader.take()


def _view(reader: Reader, label: str, modifiers: Sequence[str]) -> Read:
    """Read CREATE VIEW; one that is materialized runs its query now."""
    (schema, name), maybe = _new_name(reader)
    if reader.peek().is_sign("("):
        reader.group()
    if not reader.words("AS"):
        raise UnreadableText(f"{reader.found()} stands where AS is expected")
    runs = "MATERIALIZED" in modifiers
    findings = expression.query(reader.rest(), reader.dialect.syntax, label, runs=runs)
    thing = "materialized view" if runs else "view"
    effect = Effect(verb="add", thing=thing, name=name, schema=schema, detail=maybe)
    return Read(label=label, effects=(effect,), findings=tuple(findings))


def _sequence(reader: Reader, label: str, _: Sequence[str]) -> Read:
    """Read CREATE SEQUENCE."""
    (schema, name), maybe = _new_name(reader)
    while not reader.done:
        if reader.words("OWNED", "BY"):
            _owner(reader)
        elif not reader.literal():
            _sequence_word(reader)
    effect = Effect(verb="add", thing="sequence", name=name, schema=schema, detail=maybe)
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
    maybe = "maybe" if reader.words("IF", "NOT", "EXISTS") else ""
    name = reader.name()
    if reader.words("AUTHORIZATION"):
        reader.name()
    return Read(label=label, effects=(Effect(verb="add", thing="schema", name=name, detail=maybe),))


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


_MAKERS: dict[str, Callable[[Reader, str, Sequence[str]], Read]] = {
    "INDEX": _index,
    "SCHEMA": _schema,
    "SEQUENCE": _sequence,
    "TABLE": _table,
    "TYPE": _type,
    "VIEW": _view,
}
_ACCEPTED = {
    "INDEX": frozenset({"UNIQUE", "FULLTEXT", "SPATIAL"}),
    "SCHEMA": frozenset[str](),
    "SEQUENCE": frozenset[str](),
    "TABLE": frozenset({"UNLOGGED"}),
    "TYPE": frozenset[str](),
    "VIEW": frozenset({"MATERIALIZED"}),
}
"""What may be created, with the words that may come before it."""
