"""One process of the application: python -m demo.application kilo --log FILE …

Writes until it is told to stop, and logs what was acknowledged.
"""

from __future__ import annotations

import os
import random
import signal
import threading
import time
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click
import sqlalchemy as sa
from sqlalchemy.orm import Session

from demo.log import Log
from demo.releases import RELEASES, TOUCHED, New, counted, shared
from migrator import register
from migrator.database import begin_for_real
from migrator.dialects import dialect_of, transient

if TYPE_CHECKING:
    from collections.abc import Callable

PAUSE_SECONDS = 0.005
ATTEMPTS = 20


class Application:
    """A release at work on a database that was filled with *rows* rows."""

    def __init__(self, release: str, engine: sa.Engine, log: Log, rows: int) -> None:
        self.release = release
        self.code = RELEASES[release]
        self.engine = engine
        self.log = log
        self.rows = rows
        self.random = random.Random(release)  # noqa: S311 - which rows, not a secret

    def work(self, number: int) -> None:
        """Do the work of one round."""
        key = f"{self.release}-{number}"
        self.do("add", key, number, partial(self.code.add, key=key, value=number))
        value = 10_000_000 * list(RELEASES).index(self.release) + number
        key = shared(self.random.randrange(1_000))
        self.do("set", key, value, partial(self.code.set, key=key, value=value))
        if isinstance(self.code, New):
            key = counted(number)
            self.do("bump", key, 1, partial(self.code.bump, key=key))
            ids = sorted(self.random.sample(range(1, self.rows + 1), min(TOUCHED, self.rows)))
            self.do("read", self.release, len(ids), partial(self.code.touch, ids=ids))

    def do(self, kind: str, key: str, value: int, work: Callable[[Session], int | None]) -> None:
        """Do *work* in a transaction, and log it once that is acknowledged.

        What may pass is tried again, as every application on such a database has to.
        """
        for attempt in range(ATTEMPTS):
            begun = time.time()
            try:
                with Session(self.engine) as session, session.begin():
                    wrong = work(session) or 0
            except sa.exc.DBAPIError as error:
                if transient(dialect_of(self.engine.dialect), error) is None:
                    raise
                time.sleep(0.01 * attempt)
                continue
            self.log.write(kind, key, value, begun=begun, wrong=wrong)
            return
        raise TimeoutError(f"{kind} {key} was refused {ATTEMPTS} times")


def engine_of(url: str) -> sa.Engine:
    """Return the engine of an application, which keeps its connections."""
    if sa.make_url(url).get_backend_name() != "sqlite":
        return sa.create_engine(url)
    engine = sa.create_engine(url, connect_args={"timeout": 30})
    begin_for_real(engine)
    return engine


def wait_for_the_end(enough: threading.Event) -> None:
    """Set *enough* when standard input ends: whoever started this process may be killed."""
    os.read(0, 1)
    enough.set()


@click.command()
@click.argument("release", type=click.Choice(list(RELEASES)))
@click.option("--database", envvar="MIGRATOR_DATABASE_URL", required=True)
@click.option("--log", "path", type=click.Path(path_type=Path), required=True)
@click.option("--rows", type=int, required=True)
def main(release: str, database: str, path: Path, rows: int) -> None:
    """Be one process of the application, until a signal says that it is enough."""
    enough = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: enough.set())
    threading.Thread(target=wait_for_the_end, args=(enough,), daemon=True).start()
    engine = engine_of(database)
    models = RELEASES[release].models.Base
    with path.open("a", encoding="utf-8") as file:
        application = Application(release, engine, Log(file), rows)
        with register(engine, name="demo", models=models, release=release):
            number = 0
            while not enough.wait(PAUSE_SECONDS):
                application.work(number)
                number += 1
    engine.dispose()


if __name__ == "__main__":
    main()
