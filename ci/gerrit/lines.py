"""Lines: where in a migration a statement comes from, as far as its words tell. Pure."""

from __future__ import annotations

import re

_WORD = re.compile(r"[a-z_][a-z0-9_]{2,}")
_FUNCTION = re.compile(r"\s*(?:async\s+)?def\s+\w+")
WORDS_READ = 200
LINES_READ = 20_000


def line_of(source: str, sql: str) -> int:
    """Return the line of *source*, from 1, that has most words of *sql*; 1 where none has any.

    A word counts the more the fewer lines have it: the name of a column, rather than "table".
    Of lines alike it is the first one in a function, for above stands what a migration is about.
    """
    lines = source.lower().splitlines()[:LINES_READ]
    asked = set(_WORD.findall(sql.lower())[:WORDS_READ])
    found = [asked & set(_WORD.findall(line)) for line in lines]
    often = {word: sum(word in words for words in found) for word in asked}
    start = next((at for at, line in enumerate(lines) if _FUNCTION.match(line)), 0)
    scores = [sum(1 / often[word] for word in words) for words in found]
    best = max(range(len(lines)), key=lambda at: (scores[at], at >= start, -at), default=0)
    return best + 1 if lines and scores[best] else 1
