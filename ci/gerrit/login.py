"""Login: who we are for a code review server; its secrets come from files or the environment."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass, field
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ci.checkout.git import KNOWN_HOSTS, SSH_KEY
from ci.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from ci.settings import Gerrit

PASSWORD = "MIGRATOR_CI_GERRIT_PASSWORD"  # noqa: S105 - the name of a variable
PASSWORD_FILE = "MIGRATOR_CI_GERRIT_PASSWORD_FILE"  # noqa: S105 - the same
SECRETS = (PASSWORD, PASSWORD_FILE)
"""Variables that are not handed on to a run."""
PASSWORD_BYTES = 4096


@dataclass(frozen=True, slots=True, kw_only=True)
class Login:
    """Where a server is, and what it knows us by."""

    url: str
    host: str
    port: int
    user: str
    password: str | None = field(default=None, repr=False)
    """For HTTP; None: everything goes over ssh."""
    key: Path | None = None
    """None: what the agent has, and the usual files."""
    known_hosts: Path

    @property
    def environment(self) -> Mapping[str, str]:
        """What a program is told that logs in as we do."""
        key = {} if self.key is None else {SSH_KEY: str(self.key)}
        return {**key, KNOWN_HOSTS: str(self.known_hosts)}


def read_login(
    settings: Gerrit,
    *,
    password_file: Path | None = None,
    key: Path | None = None,
    known_hosts: Path | None = None,
    environment: Mapping[str, str] = os.environ,
) -> Login:
    """Return how to log in to the server of *settings*.

    Raises ConfigurationError for a secret that others can read, or would be sent in clear.
    """
    password = environment.get(PASSWORD) or None
    if password_file is not None:
        password = _read(password_file)
    if password is not None and not _is_private(settings.url):
        raise ConfigurationError(
            f"the password would be sent in clear to {settings.url}",
            hint="write https:// in tool.ci.gerrit.url, or use ssh alone, without a password",
        )
    hosts = (known_hosts or Path.home() / ".ssh" / "known_hosts").absolute()
    if not hosts.is_file():
        raise ConfigurationError(
            f"{hosts} is no file, so the server cannot be told from an impostor",
            hint=f"ssh-keyscan -p {settings.port} {settings.host} >> {hosts}, and compare the "
            "fingerprint with what its administrator says",
        )
    if key is not None:
        _check(key)
    return Login(
        url=settings.url.rstrip("/"),
        host=settings.host,
        port=settings.port,
        user=settings.user,
        password=password,
        key=key and key.absolute(),
        known_hosts=hosts,
    )


def _read(path: Path) -> str:
    _check(path)
    found = path.read_bytes()[: PASSWORD_BYTES + 1].strip()
    try:
        said = found.decode("ascii")
    except UnicodeDecodeError:
        said = ""
    if not said or len(found) > PASSWORD_BYTES or not said.isprintable():
        raise ConfigurationError(f"{path} holds no password", hint="one line, as Gerrit made it")
    return said


def _check(path: Path) -> None:
    """Refuse a file that is not there, or that others can read."""
    try:
        found = path.stat()
    except OSError as error:
        raise ConfigurationError(f"{path} cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(found.st_mode) or not os.access(path, os.R_OK):
        raise ConfigurationError(f"{path} is no file that can be read")
    # The group of one that systemd hands on is the mask of its access list, which names us.
    others = stat.S_IRWXO | (stat.S_IRWXG if found.st_uid == os.getuid() else 0)
    if found.st_mode & others:
        raise ConfigurationError(f"{path} can be read by others", hint=f"chmod 600 {path}")


def _is_private(url: str) -> bool:
    """Return whether nobody on the way can read what is sent to *url*."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname == "localhost":
        return True
    try:
        return ip_address(parts.hostname or "").is_loopback
    except ValueError:
        return False
