"""Statements about the session, and those that only read: SET, PRAGMA, SHOW, EXPLAIN, SELECT."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.sql import expression
from migrator.sql.reader import items
from migrator.sql.statement import Finding, Kind, Read
from migrator.sql.tokens import Sort, UnreadableText, capitals

if TYPE_CHECKING:
    from migrator.sql.reader import Reader

_SAFE_CHARSETS = ("UTF8", "UTF8MB3", "UTF8MB4")


def harmless(label: str, *findings: Finding) -> Read:
    """Return what is read of a statement that changes nothing, but for *findings*."""
    return Read(label=label, findings=findings, base=Kind.HARMLESS)


def select(reader: Reader, word: str) -> Read:
    """Read a query; *word* is what it begins with."""
    label = "SELECT" if word == "(" else word
    return harmless(label, *expression.query(reader.rest(), reader.dialect.syntax, label))


def show(reader: Reader, word: str) -> Read:
    """Read SHOW, DESCRIBE and their like."""
    reader.words("CREATE")
    return select(reader, word)


def set_(reader: Reader) -> Read:
    """Read SET: settings that change no meaning, to literals."""
    for item in items(reader.rest()):
        _setting(reader.within(item))
    return harmless("SET")


def _setting(reader: Reader) -> None:
    """Take one setting."""
    if reader.words("NAMES"):
        charset = reader.take()
        if capitals(charset.value).strip("'\"") not in _SAFE_CHARSETS or not reader.done:
            raise UnreadableText("SET NAMES of this character set may change where strings end")
        return
    reader.word("LOCAL", "SESSION")
    if reader.words("TIME", "ZONE"):
        raise UnreadableText("SET TIME ZONE changes what other statements mean")
    name = reader.name().upper()
    if name not in reader.dialect.syntax.settings:
        raise UnreadableText(f"what SET {name} changes cannot be judged")
    if not (reader.sign("=", ":=") or reader.word("TO")):
        raise UnreadableText(f"{reader.found()} stands where = is expected")
    if not (reader.literal() or reader.word("DEFAULT", "ERROR", "WARNING", "NOTICE")):
        raise UnreadableText(f"SET {name} is given something else than a literal")
    reader.finish()


def reset(reader: Reader) -> Read:
    """Read RESET of one setting."""
    name = reader.name().upper()
    reader.finish()
    if name not in reader.dialect.syntax.settings:
        raise UnreadableText(f"what RESET {name} changes cannot be judged")
    return harmless("RESET")


def pragma(reader: Reader) -> Read:
    """Read PRAGMA: those that ask."""
    _, name = reader.qualified()
    upper = capitals(name)
    if upper == "BUSY_TIMEOUT":
        _ = reader.sign("=") and reader.literal()
    elif upper not in reader.dialect.syntax.pragmas:
        _asks_only(reader, upper)
    elif reader.peek().is_sign("("):
        reader.group()
    reader.finish()
    return harmless("PRAGMA")


def _asks_only(reader: Reader, name: str) -> None:
    """Refuse a pragma that is not known to ask only."""
    if not reader.done or name not in ("FOREIGN_KEYS", "USER_VERSION", "JOURNAL_MODE", "ENCODING"):
        raise UnreadableText(f"what PRAGMA {name} changes cannot be judged")


def comment(reader: Reader) -> Read:
    """Read COMMENT ON."""
    if not reader.words("ON"):
        raise UnreadableText(f"{reader.found()} stands where ON is expected")
    while not reader.done and not reader.words("IS"):
        if reader.peek().is_sign("("):
            reader.group()
        elif not (reader.sign(".") or reader.name()):
            break
    if not reader.words("NULL"):
        reader.string()
    reader.finish()
    return harmless("COMMENT ON")


def analyze(reader: Reader) -> Read:
    """Read ANALYZE of tables; one that runs a statement is not this."""
    reader.words("VERBOSE")
    reader.words("TABLE")
    for item in items(reader.rest()):
        if item:
            one = reader.within(item)
            one.qualified()
            one.finish()
    return harmless("ANALYZE")


def transaction(reader: Reader, word: str) -> Read:
    """Refuse what begins or ends a transaction."""
    reader.rest()
    why = "the runner holds the transaction, and what fails in it leaves nothing behind"
    return harmless(word, Finding(kind=Kind.DESTRUCTIVE, label=word, why=why, opaque=True))


def revoke(reader: Reader, word: str) -> Read:
    """Refuse what takes away."""
    reader.rest()
    why = "it takes away what the running code may need"
    return harmless(word, Finding(kind=Kind.DESTRUCTIVE, label=word, why=why))


def explained(reader: Reader) -> None:
    """Take what stands between EXPLAIN and the statement that is explained."""
    while reader.word("ANALYZE", "EXTENDED", "FORMAT", "PARTITIONS", "PLAN", "QUERY", "VERBOSE"):
        if reader.sign("="):
            reader.take()
    if reader.peek().is_sign("(") and not reader.peek(1).is_word("SELECT"):
        reader.group()
    if reader.done:
        raise UnreadableText("nothing is explained")


def is_name(reader: Reader) -> bool:
    """Return whether only a name is left: EXPLAIN table is DESCRIBE table."""
    return reader.peek().sort in (Sort.WORD, Sort.NAME) and reader.peek(1).value == ""
