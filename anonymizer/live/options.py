"""Options: what a URL says, as the option file of MariaDB's and MySQL's programs says it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from anonymizer.errors import AnonymizerError
from anonymizer.live.base import arguments_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    import sqlalchemy as sa

ARGUMENTS = {
    "unix_socket": "socket",
    "host": "host",
    "port": "port",
    "user": "user",
    "password": "password",
    "passwd": "password",
    "database": "database",
    "db": "database",
    "connect_timeout": "connect-timeout",
    "ssl_ca": "ssl-ca",
    "ssl_capath": "ssl-capath",
    "ssl_cert": "ssl-cert",
    "ssl_cipher": "ssl-cipher",
    "ssl_key": "ssl-key",
    "ssl_mode": "ssl-mode",
}
"""Argument of a URL, of any driver → option that says the same to the programs."""
UNHEEDED = frozenset(
    {
        "autocommit",
        "binary_prefix",
        "charset",
        "collation",
        "local_infile",
        "read_timeout",
        "sql_mode",
        "use_unicode",
        "write_timeout",
    }
)
MODES = {
    "ssl_disabled": "DISABLED",
    "ssl_check_hostname": "VERIFY_IDENTITY",
    "ssl_verify_identity": "VERIFY_IDENTITY",
    "ssl_verify_cert": "VERIFY_CA",
    "ssl": "REQUIRED",
}
"""Argument that is on or off → what it means where it is on; the first one counts."""
OF_MARIADB: Mapping[str, tuple[str, ...]] = {
    "DISABLED": ("skip-ssl",),
    "PREFERRED": (),
    "REQUIRED": ("ssl",),
    "VERIFY_CA": ("ssl", "ssl-verify-server-cert"),
    "VERIFY_IDENTITY": ("ssl", "ssl-verify-server-cert"),
}
"""Value of ssl-mode, which is MySQL's → the switches of MariaDB's programs."""
_ON = frozenset({"1", "true", "yes", "on"})


def options_of(url: sa.URL) -> dict[str, str]:
    """Return what *url* says, as options of the programs."""
    parts = {
        "host": url.host,
        "port": None if url.port is None else str(url.port),
        "user": url.username,
        "password": None if url.password is None else str(url.password),
        "database": url.database,
    }
    said = {name: value for name, value in parts.items() if value is not None}
    said |= arguments_of(url, ARGUMENTS, UNHEEDED | MODES.keys())
    switched = [name for name in MODES if str(url.query.get(name, "")).lower() in _ON]
    if switched:
        said.setdefault("ssl-mode", MODES[switched[0]])
    if said.get("ssl-mode", "PREFERRED").upper() not in OF_MARIADB:
        raise AnonymizerError(
            f"the argument ssl_mode in the URL is {said['ssl-mode']!r}",
            hint=f"there are {', '.join(OF_MARIADB)}",
        )
    return said


def spelled(options: dict[str, str], program: str) -> dict[str, str]:
    """Return *options* as *program* spells them: MariaDB's know no ssl-mode."""
    if "ssl-mode" not in options or not Path(program).resolve().name.startswith("mariadb"):
        return options
    switches = OF_MARIADB[options.pop("ssl-mode").upper()]
    return {**options, **dict.fromkeys(switches, "1")}


def file_of(**groups: Mapping[str, str]) -> str:
    """Return the text of an option file that has *groups* of options."""
    lines = []
    for name, options in groups.items():
        lines.append(f"[{name}]")
        lines += [f"{option}={_quoted(value)}" for option, value in options.items()]
    return "\n".join(lines) + "\n"


def _quoted(value: str) -> str:
    r"""Return *value* in quotes, without which # would begin a comment."""
    for letter, written in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\r", "\\r")):
        value = value.replace(letter, written)
    return f'"{value}"'
