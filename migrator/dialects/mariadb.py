"""MariaDB: MySQL's ways under its own name."""

from __future__ import annotations

from typing import ClassVar

from migrator.dialects.mysql import MySQL
from migrator.dialects.text.mysql import CATALOGUE_OF_TABLES


class MariaDB(MySQL):
    """MariaDB 10.6 and later."""

    name = "mariadb"
    families = ("mariadb", "mysql")
    sqlalchemy = "mariadb"
    # Names of checks are unique in a table only, so a join on the name alone would mix tables.
    catalogue_of_tables: ClassVar[str] = CATALOGUE_OF_TABLES.replace(
        "t.constraint_name = c.constraint_name",
        "t.constraint_name = c.constraint_name AND t.table_name = c.table_name",
    )
    exact_collation = "utf8mb4_nopad_bin"
    fences_leave_traces: ClassVar[bool] = True
    """A file NAME.TRN, for which CREATE TRIGGER fails with error 1359."""
    locks_referenced: ClassVar[bool] = False
    algorithms: ClassVar[tuple[str, ...]] = ("INSTANT", "NOCOPY", "INPLACE")
