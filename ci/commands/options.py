"""Options that several commands have."""

from __future__ import annotations

from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from ci.errors import ConfigurationError
from ci.scheduler.address import Address, Tls
from ci.state import State, default_folder

if TYPE_CHECKING:
    from collections.abc import Callable

Command = TypeVar("Command", bound="Callable[..., Any]")
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


def state_option(command: Command) -> Command:
    """Give *command* the option `--state`, and the state itself."""

    def made(_context: click.Context, _option: click.Parameter, folder: Path | None) -> State:
        return State(folder=(folder or default_folder()).absolute()).make()

    return click.option(
        "--state",
        type=click.Path(path_type=Path, file_okay=False),
        envvar="MIGRATOR_CI_STATE",
        callback=made,
        metavar="DIR",
        help="Where databases, environments and the history are kept; MIGRATOR_CI_STATE, or "
        "~/.local/state/migrator-ci otherwise.",
    )(command)


def scheduler_options(*, required: bool) -> Callable[[Command], Any]:
    """Give a command the options of a scheduler, as one `address`; None where it is not named."""

    def decorate(command: Command) -> Any:
        @wraps(command)
        def called(
            *,
            scheduler: str | None,
            tls_ca: Path | None,
            tls_cert: Path | None,
            tls_key: Path | None,
            insecure_scheduler: bool,
            **others: Any,
        ) -> Any:
            tls = _tls(tls_ca, tls_cert, tls_key)
            if scheduler is None and tls is not None:
                raise ConfigurationError("--tls-… is said, and no --scheduler")
            address = (
                Address.parse(scheduler, tls=tls, insecure=insecure_scheduler)
                if scheduler
                else None
            )
            return command(address=address, **others)

        for option in reversed(_scheduler(required=required)):
            called = option(called)
        return called

    return decorate


def _scheduler(*, required: bool) -> list[Callable[[Any], Any]]:
    return [
        click.option(
            "--scheduler",
            required=required,
            metavar="ADDRESS",
            envvar="MIGRATOR_CI_SCHEDULER",
            help="A scheduler of Dask: tls://HOST:PORT; MIGRATOR_CI_SCHEDULER otherwise.",
        ),
        click.option("--tls-ca", type=FILE, help="Whose certificates are believed."),
        click.option("--tls-cert", type=FILE, help="Our certificate."),
        click.option("--tls-key", type=FILE, help="The key of our certificate."),
        click.option(
            "--insecure-scheduler",
            is_flag=True,
            help="Without TLS on a network where everybody may run code on the workers.",
        ),
    ]


def _tls(ca: Path | None, cert: Path | None, key: Path | None) -> Tls | None:
    if ca and cert and key:
        return Tls(ca=ca.absolute(), cert=cert.absolute(), key=key.absolute())
    if ca or cert or key:
        raise ConfigurationError("--tls-ca, --tls-cert and --tls-key go together")
    return None
