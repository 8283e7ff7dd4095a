"""What SQL does, judged from its text and never by running it.

By a reader of our own, because it has to cut a text where the server does and to refuse what
it does not know. A parser that is made to understand much is no judge: sqlglot takes the
`/*! , DROP COLUMN c */` that MySQL runs for a comment.
"""

from __future__ import annotations

from migrator.sql.alter import on_table
from migrator.sql.read import read, read_all
from migrator.sql.split import split
from migrator.sql.statement import Caution, Effect, Finding, Kind, Statement

__all__ = [
    "Caution",
    "Effect",
    "Finding",
    "Kind",
    "Statement",
    "on_table",
    "read",
    "read_all",
    "split",
]
