"""`python -m ci gerrit`."""

from __future__ import annotations

import logging
import signal
from contextlib import contextmanager
from pathlib import Path
from threading import Event as Signal
from typing import TYPE_CHECKING

import click

from ci.checkout.git import KNOWN_HOSTS, SSH_KEY
from ci.commands.options import scheduler_options, state_option
from ci.errors import ConfigurationError
from ci.gerrit.daemon import Daemon, Project, alone
from ci.gerrit.intake import Intake
from ci.gerrit.login import PASSWORD_FILE, read_login
from ci.gerrit.poster import Poster
from ci.gerrit.queue import Queue
from ci.gerrit.rest import Rest
from ci.gerrit.shell import Shell
from ci.gerrit.stream import Stream
from ci.gerrit.triggers import Rules
from ci.settings import read_settings
from ci.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from ci.gerrit.login import Login
    from ci.gerrit.server import Server
    from ci.scheduler import Address
    from ci.settings import Gerrit, Settings
    from ci.state import State

LEFT = 2
FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.command("gerrit")
@click.option(
    "--settings",
    "document",
    type=FILE,
    default="pyproject.toml",
    show_default=True,
    help="The file whose [tool.ci.gerrit] says where the server is.",
)
@click.option("--source", metavar="URL", help="What git fetches from; the server, over ssh.")
@click.option(
    "--datasets",
    "folders",
    multiple=True,
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    metavar="DIR",
    help="A folder of datasets, instead of those of the settings; may be repeated.",
)
@click.option(
    "--dataset",
    "names",
    multiple=True,
    metavar="NAME",
    help="This dataset alone, which has to be there; may be repeated.",
)
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True)
@click.option("--ssh-key", type=FILE, envvar=SSH_KEY, help=f"Or {SSH_KEY}, or the agent.")
@click.option("--known-hosts", type=FILE, envvar=KNOWN_HOSTS, help="~/.ssh/known_hosts otherwise.")
@click.option(
    "--password-file",
    type=FILE,
    envvar=PASSWORD_FILE,
    help="The HTTP password that Gerrit made; without it everything goes over ssh.",
)
@click.option(
    "--since", type=click.DateTime(["%Y-%m-%d"]), help="Also what was uploaded since then."
)
@click.option("--once", is_flag=True, help="Do what there is to do now, and end.")
@scheduler_options(required=False)
@state_option
def command(  # noqa: PLR0913 - each is an option
    *,
    document: Path,
    source: str | None,
    folders: tuple[Path, ...],
    names: tuple[str, ...],
    workers: int,
    ssh_key: Path | None,
    known_hosts: Path | None,
    password_file: Path | None,
    since: datetime | None,
    once: bool,
    address: Address | None,
    state: State,
) -> int:
    """Try the changes that a Gerrit server tells of, and review them.

    Runs until SIGTERM or Ctrl-C; what was running goes on the next time. With --once it ends by
    itself, with 2 where something could not be tried or posted.
    """
    settings = read_settings(document.read_bytes(), where=str(document))
    gerrit, rules = _rules(settings, document)
    login = read_login(gerrit, password_file=password_file, key=ssh_key, known_hosts=known_hosts)
    _log_to_stderr()
    project = Project(
        source=source or f"ssh://{login.user}@{login.host}:{login.port}/{rules.project}",
        root=document.resolve().parent,
        folders=tuple(each.resolve() for each in folders),
        names=names,
        settings=settings,
        address=address,
    )
    stop = Signal()
    with (
        alone(state.gerrit),
        Queue(state.gerrit / "queue.db") as queue,
        _server(login) as server,
        _stopped_by_signals(stop),
    ):
        intake = Intake(server, queue, rules)
        intake.begin(None if since is None else int(since.timestamp()))
        daemon = Daemon(
            project=project,
            folders=state,
            queue=queue,
            intake=intake,
            poster=Poster(
                server=server,
                queue=queue,
                folders=state,
                settings=gerrit,
                contact=settings.contact,
                stop=stop,
            ),
            turn=Turn(path=state.turn, tell=logging.getLogger("ci.gerrit").info),
            stop=stop,
            workers=workers,
            environment=login.environment,
        )
        if once:
            return LEFT if daemon.once() else 0
        daemon.serve(Stream(login=login, stop=stop))
    return 0


def _rules(settings: Settings, document: Path) -> tuple[Gerrit, Rules]:
    gerrit = settings.gerrit
    if gerrit is None:
        raise ConfigurationError(
            f"{document} has no [tool.ci.gerrit]", hint="see docs/ci/gerrit.md, or give --settings"
        )
    project = gerrit.project or settings.project
    if project is None:
        raise ConfigurationError(
            f"{document} does not say which project it is", hint="project in [tool.ci.gerrit]"
        )
    return gerrit, Rules(project=project, user=gerrit.user, recheck=gerrit.recheck)


@contextmanager
def _server(login: Login) -> Iterator[Server]:
    if login.password is None:
        yield Shell(login)
        return
    with Rest(login) as rest:
        yield rest


@contextmanager
def _stopped_by_signals(stop: Signal) -> Iterator[None]:
    """Let SIGTERM and Ctrl-C set *stop*; a second Ctrl-C does not wait."""

    def told(number: int, _frame: object) -> None:
        if stop.is_set() and number == signal.SIGINT:
            raise KeyboardInterrupt
        stop.set()

    before = {each: signal.signal(each, told) for each in (signal.SIGTERM, signal.SIGINT)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _log_to_stderr() -> None:
    logging.basicConfig(format="%(levelname)s %(message)s", level=logging.WARNING)
    logging.getLogger("ci.gerrit").setLevel(logging.INFO)
    logging.getLogger("paramiko").setLevel(logging.CRITICAL)
