"""Strict: how a dump is loaded into MariaDB, so that nothing is cut silently and keys hold.

The head of a dump sets an SQL mode in which too long a text is cut with a warning that nobody
sees, and turns foreign keys off. The mode is made strict on the way; the keys are looked at
when all is there.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.errors import AnonymizerError

if TYPE_CHECKING:
    from typing import BinaryIO

STRICT = b"STRICT_ALL_TABLES"
_MODE = re.compile(rb"(@OLD_SQL_MODE=@@SQL_MODE,\s*SQL_MODE=')([^']*)'")
_INSERT = re.compile(rb"^(?:INSERT|REPLACE)[^\n`(]*? INTO (`[^`\n]+`|[^\s`(]+)", re.MULTILINE)
_LINE = re.compile(r" at line (\d+)")

KEYS = b"""
SET SESSION group_concat_max_len = 1048576;
SELECT CONCAT(
    'SELECT COUNT(*), ', QUOTE(CONCAT(table_name, ', key ', constraint_name)), ' FROM `',
    REPLACE(table_name, '`', '``'), '` child WHERE ',
    GROUP_CONCAT(CONCAT('child.`', REPLACE(column_name, '`', '``'), '` IS NOT NULL')
        SEPARATOR ' AND '),
    ' AND NOT EXISTS (SELECT 1 FROM `', REPLACE(referenced_table_schema, '`', '``'), '`.`',
    REPLACE(referenced_table_name, '`', '``'), '` parent WHERE ',
    GROUP_CONCAT(CONCAT('parent.`', REPLACE(referenced_column_name, '`', '``'), '` = child.`',
        REPLACE(column_name, '`', '``'), '`') SEPARATOR ' AND '),
    ');')
FROM information_schema.key_column_usage
WHERE table_schema = DATABASE() AND referenced_table_name IS NOT NULL
GROUP BY table_name, constraint_name, referenced_table_schema, referenced_table_name
ORDER BY table_name, constraint_name;
"""
"""One statement for each foreign key, that counts the rows which refer to nothing."""


@dataclass(slots=True)
class Sink:
    """Takes a dump on its way to the client, which reads a strict SQL mode."""

    stream: BinaryIO
    line: int
    """Line of what is written next, as the client counts them."""
    tables: list[tuple[int, str]] = field(default_factory=list)
    """The lines from which on rows of a table come."""
    _is_strict: bool = False

    def write(self, text: bytes | memoryview) -> None:
        """Write *text*; raise AnonymizerError for rows before anything says the SQL mode."""
        data = bytes(text)
        if _MODE.search(data):
            self._is_strict = True
            data = _MODE.sub(_strictly, data)
        for found in _INSERT.finditer(data):
            self._see(found)
        self.line += data.count(b"\n")
        self.stream.write(data)

    def flush(self) -> None:
        """Have the client see what was written."""
        self.stream.flush()

    def explain(self, said: str) -> str:
        """Return what an error *said*, with the table whose rows are on the line that it says."""
        line = _LINE.search(said)
        before = [name for at, name in self.tables if line and at <= int(line[1])]
        return f"{said}, in table {before[-1]}" if before else said

    def _see(self, found: re.Match[bytes]) -> None:
        name = found[1].strip(b"`").decode("utf-8", "replace")
        if self.tables and self.tables[-1][1] == name:
            return
        if not self._is_strict:
            raise AnonymizerError(
                "the dump does not say its SQL mode, so values could be cut silently",
                hint="make it with mysqldump or mariadb-dump, without --compact",
            )
        self.tables.append((self.line + found.string.count(b"\n", 0, found.start()), name))


def _strictly(found: re.Match[bytes]) -> bytes:
    modes = [each for each in found[2].split(b",") if each and each != STRICT]
    return found[1] + b",".join([*modes, STRICT]) + b"'"
