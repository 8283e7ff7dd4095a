"""`anonymizer key`."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

import click

from anonymizer.errors import SecretError
from anonymizer.key import BYTES, Key


@click.command("key")
@click.argument("path", type=click.Path(path_type=Path, dir_okay=False))
def command(path: Path) -> None:
    """Make a secret and write it to a new file that only you may read.

    Who has it can find out who is behind a pseudonym. Keep it apart from what it masks; without
    it, nothing is masked alike again.
    """
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError as error:
        raise SecretError(
            f"{path}: there is something already", hint="a lost secret cannot be made again"
        ) from error
    except OSError as error:
        raise SecretError(f"{path}: cannot be written: {error.strerror}") from error
    with os.fdopen(handle, "w", encoding="ascii") as file:
        file.write(f"{secrets.token_hex(BYTES)}\n")
    click.echo(f"{path}: key {Key.read(path).id}")
