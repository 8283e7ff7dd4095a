"""Read: what a statement does, by a list of what is known; what is not on it is refused."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from migrator.dialects.syntax import words
from migrator.sql import alter, create, drop, session
from migrator.sql.change import changes
from migrator.sql.reader import Reader
from migrator.sql.split import runs
from migrator.sql.statement import Finding, Kind, Statement
from migrator.sql.tokens import Sort, UnreadableText, tokens

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from migrator.dialects import Dialect
    from migrator.sql.statement import Read
    from migrator.sql.tokens import Token

MAX_LETTERS = 4_000_000
UNCLEAR = "UNCLEAR TEXT"
"""Label of what cannot even be cut into statements."""

_DROPPING = words("CHANGE DROP MODIFY RENAME REVOKE TRUNCATE")
"""Words that a statement may not have to which `allow` is meant to apply."""
_SAYS_DROP = re.compile(rf"\b(?:{'|'.join(sorted(_DROPPING))})\b", re.IGNORECASE)
_SAYS_WRITE = re.compile(
    r"\b(?:DELETE\s+FROM|(?:INSERT|MERGE|REPLACE)\s+(?:\w+\s+)?INTO|UPDATE\s+\S+\s+SET)\b",
    re.IGNORECASE,
)
_LABEL_WORDS = 2


def read(text: str, dialect: Dialect) -> Statement:
    """Return what *text* does; of several statements in it, the sum and the worst.

    It never raises for what stands in *text*: what cannot be read is UNREADABLE.
    """
    statements = read_all(text, dialect)
    if len(statements) == 1:
        return statements[0]
    worst = max(statements, key=lambda each: list(Kind).index(each.kind), default=None)
    return Statement(
        text=text,
        called=worst.called if worst else "NOTHING",
        base=worst.base if worst else Kind.HARMLESS,
        effects=tuple(effect for each in statements for effect in each.effects),
        findings=tuple(finding for each in statements for finding in each.findings),
        cautions=tuple(caution for each in statements for caution in each.cautions),
        concurrent=any(each.concurrent for each in statements),
    )


def read_all(text: str, dialect: Dialect) -> tuple[Statement, ...]:
    """Return what each statement of *text* does; comments alone are no statement."""
    if len(text) > MAX_LETTERS:
        return (_unreadable(text, UNCLEAR, "it is longer than any migration should be"),)
    try:
        cut = [run for run in runs(tokens(text, dialect.syntax)) if run]
    except UnreadableText as error:
        return (_unreadable(text, UNCLEAR, str(error)),)
    return tuple(_read_one(text[run[0].start : run[-1].end], run, dialect) for run in cut)


def _read_one(text: str, run: Sequence[Token], dialect: Dialect) -> Statement:
    """Return what the statement of the tokens *run* does."""
    reader = Reader(run, dialect)
    try:
        found = _dispatch(reader)
        reader.finish()
    except UnreadableText as error:
        return _unreadable(text, _label(run), str(error), run)
    return Statement(
        text=text,
        called=found.label,
        base=found.base,
        effects=found.effects,
        findings=found.findings,
        cautions=found.cautions,
        concurrent=found.concurrent,
    )


def _unreadable(text: str, label: str, why: str, run: Sequence[Token] = ()) -> Statement:
    """Return a statement that cannot be read; one that names a way to drop may not be allowed."""
    drops = any(token.is_word(*_DROPPING) for token in run)
    finding = Finding(
        kind=Kind.DESTRUCTIVE if drops else Kind.UNREADABLE,
        label=label,
        why=why,
        hint=None if drops else f"if it only adds, write allow = [{label!r}] and the reason",
        opaque=True,
    )
    said = " ".join(token.text for token in run) if run else text
    hidden = _said_in_text(label, said, texts_too=not run or run[0].is_word(*_LONE))
    return Statement(text=text, called=label, findings=(*hidden, finding))


def _said_in_text(label: str, said: str, *, texts_too: bool) -> Iterator[Finding]:
    """Yield what a statement that cannot be read still says: nobody can vouch that it only adds.

    With *texts_too* it may run the texts in quotes that it holds, as DO does.
    """
    if found := _SAYS_WRITE.search(said):
        why = f"it says {' '.join(found.group().upper().split())}"
        yield Finding(kind=Kind.DATA, label=label, why=why, hint=drop.TRANSITION)
    if texts_too and (found := _SAYS_DROP.search(said)):
        yield changes(label, f"it says {found.group().upper()}")


def _label(run: Sequence[Token]) -> str:
    """Return what to call a statement that is not known: its first words."""
    said: list[str] = []
    for token in run[: 1 if run[0].is_word(*_LONE) else _LABEL_WORDS]:
        if token.sort is not Sort.WORD:
            break
        said.append(token.value)
    return " ".join(said) or UNCLEAR


def _dispatch(reader: Reader) -> Read:
    """Read a statement by its first word."""
    if reader.peek().is_sign("("):
        return session.select(reader, "(")
    word = reader.take().value if reader.peek().sort is Sort.WORD else ""
    if word in _BY_WORD:
        return _BY_WORD[word](reader)
    if word in _TOLD_WORD:
        return _TOLD_WORD[word](reader, word)
    raise UnreadableText("what it does cannot be read")


def _explain(reader: Reader) -> Read:
    """Read EXPLAIN: as the statement that it explains, since ANALYZE runs it."""
    if session.is_name(reader):
        reader.rest()
        return session.harmless("EXPLAIN")
    session.explained(reader)
    found = _dispatch(reader)
    if found.base is Kind.ADDITIVE:
        raise UnreadableText("what it explains cannot be read")
    return found


def _analyze(reader: Reader) -> Read:
    """Read ANALYZE, which runs a statement that follows it on MariaDB."""
    if reader.peek().is_word("SELECT", "INSERT", "UPDATE", "DELETE", "REPLACE", "WITH", "FORMAT"):
        return _explain(reader)
    return session.analyze(reader)


_LONE = words("CALL DO EXECUTE PREPARE VACUUM REINDEX LOAD")
"""Labelled by their first word alone, as what follows says nothing."""

_BY_WORD: dict[str, Callable[[Reader], Read]] = {
    "ALTER": alter.alter,
    "ANALYZE": _analyze,
    "COMMENT": session.comment,
    "CREATE": create.create,
    "DROP": drop.drop,
    "EXPLAIN": _explain,
    "PRAGMA": session.pragma,
    "RENAME": drop.rename,
    "RESET": session.reset,
    "SET": session.set_,
}

_TOLD_WORD: dict[str, Callable[[Reader, str], Read]] = {
    **dict.fromkeys(("SELECT", "VALUES", "WITH"), session.select),
    **dict.fromkeys(("SHOW", "DESCRIBE", "DESC"), session.show),
    **dict.fromkeys(
        ("COPY", "DELETE", "INSERT", "MERGE", "REPLACE", "TRUNCATE", "UPDATE"), drop.write
    ),
    **dict.fromkeys(
        ("ABORT", "BEGIN", "COMMIT", "END", "RELEASE", "ROLLBACK", "SAVEPOINT", "START"),
        session.transaction,
    ),
    "REVOKE": session.revoke,
}
