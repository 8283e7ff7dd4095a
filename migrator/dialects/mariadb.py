"""MariaDB: MySQL's ways under its own name."""

from __future__ import annotations

from migrator.dialects.mysql import MySQL


class MariaDB(MySQL):
    """MariaDB 10.6 and later."""

    name = "mariadb"
    families = ("mariadb", "mysql")
    sqlalchemy = "mariadb"
    exact_collation = "utf8mb4_nopad_bin"
