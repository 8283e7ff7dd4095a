"""Address: where a scheduler is, and how it is spoken to – by TLS, or on this machine alone."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ci.errors import ConfigurationError

if TYPE_CHECKING:
    from pathlib import Path

_ADDRESS = re.compile(r"(?:(?P<scheme>\w+)://)?(?P<host>\[[0-9A-Fa-f:.]+\]|[\w.-]+):(?P<port>\d+)")


@dataclass(frozen=True, slots=True, kw_only=True)
class Tls:
    """Files of who we are, and of whom we believe."""

    ca: Path
    cert: Path
    key: Path


@dataclass(frozen=True, slots=True, kw_only=True)
class Address:
    """Where a scheduler is; `url` is as Dask has it."""

    url: str
    tls: Tls | None = None
    loopback: bool = False

    @classmethod
    def parse(cls, said: str, *, tls: Tls | None = None, insecure: bool = False) -> Address:
        """Return what is *said*: tls://HOST:PORT, or HOST:PORT.

        Raises ConfigurationError for what is none, and for an address on the network without
        TLS unless *insecure* is said.
        """
        found = _ADDRESS.fullmatch(said)
        scheme = (found and found["scheme"]) or ("tls" if tls else "tcp")
        if not found or scheme not in ("tcp", "tls"):
            raise ConfigurationError(
                f"{said!r} is no address of a scheduler",
                hint="expected tls://HOST:PORT, or tcp://127.0.0.1:PORT",
            )
        if (scheme == "tls") != (tls is not None):
            raise ConfigurationError(
                f"{said} goes {'with' if scheme == 'tls' else 'without'} certificates",
                hint="name --tls-ca, --tls-cert and --tls-key, and tls://HOST:PORT",
            )
        loopback = _is_loopback(found["host"])
        if tls is None and not loopback and not insecure:
            raise ConfigurationError(
                f"{said} is on the network, and no certificates are named",
                hint="whoever gets there runs code on every worker: use TLS, or say "
                "--insecure-scheduler",
            )
        url = f"{scheme}://{found['host']}:{found['port']}"
        return cls(url=url, tls=tls, loopback=loopback)


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False
