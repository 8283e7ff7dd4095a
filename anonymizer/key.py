"""Key: the one secret, and what is derived from it."""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import stat
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from anonymizer.errors import SecretError

if TYPE_CHECKING:
    from pathlib import Path

BYTES = 32
"""Least length of a secret: 256 bits."""
MAX_BYTES = 4096
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


@dataclass(frozen=True, slots=True)
class Key:
    """A secret of at least 256 bits; two keys of one secret mask alike."""

    secret: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.secret) < BYTES:
            raise SecretError(
                f"a secret of {len(self.secret)} bytes, expected {BYTES} at the least",
                hint="make one: anonymizer key FILE",
            )

    @classmethod
    def random(cls) -> Key:
        """Return a key that nobody has, and nobody will have when the process is over."""
        return cls(secrets.token_bytes(BYTES))

    @classmethod
    def read(cls, path: Path) -> Key:
        """Return the key whose secret the file at *path* holds, in hexadecimal or as it is.

        Raises SecretError when the file cannot be read, or others than its owner may read it.
        """
        try:
            with path.open("rb", buffering=0) as file:
                about = os.fstat(file.fileno())
                content = file.read(MAX_BYTES + 1) or b""
        except OSError as error:
            raise SecretError(f"{path}: cannot be read: {error.strerror}") from error
        if stat.S_ISREG(about.st_mode) and about.st_mode & _OTHERS:
            raise SecretError(
                f"{path}: others than its owner may use it, mode {about.st_mode & 0o777:o}",
                hint=f"chmod 600 {path}, and make a new one if somebody may have read it",
            )
        return cls(_secret(content, str(path)))

    @classmethod
    def read_descriptor(cls, number: int) -> Key:
        """Return the key whose secret can be read from file descriptor *number*."""
        try:
            with os.fdopen(number, "rb", closefd=False) as file:
                return cls(_secret(file.read(MAX_BYTES + 1), f"descriptor {number}"))
        except OSError as error:
            raise SecretError(f"descriptor {number}: cannot be read: {error.strerror}") from error

    @property
    def id(self) -> str:
        """Sixteen hexadecimal digits that tell keys apart and say nothing of the secret."""
        return self.derive("key id")[:8].hex()

    def derive(self, purpose: str) -> bytes:
        """Return 32 bytes for *purpose* alone: HKDF-SHA256 (RFC 5869) of one block."""
        extracted = hmac.digest(b"anonymizer 1", self.secret, hashlib.sha256)
        return hmac.digest(extracted, purpose.encode() + b"\1", hashlib.sha256)


def _secret(content: bytes, place: str) -> bytes:
    """Return the secret that *content* is, or writes in hexadecimal."""
    if len(content) > MAX_BYTES:
        raise SecretError(f"{place}: more than {MAX_BYTES} bytes, which is no secret of ours")
    try:
        found = bytes.fromhex(content.strip().decode("ascii"))
    except ValueError:
        found = content
    if len(found) < BYTES:
        raise SecretError(
            f"{place}: a secret of {len(found)} bytes, expected {BYTES} at the least",
            hint="make one: anonymizer key FILE",
        )
    return found
