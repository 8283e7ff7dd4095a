"""python -m demo: the story on an embedded SQLite database, or on the one of --database."""

from __future__ import annotations

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

import click
import sqlalchemy as sa

from demo.application import engine_of
from demo.processes import ProcessError
from demo.story import Story, StoryError
from demo.terminal import Terminal


@click.command()
@click.option("--database", help="URL of an empty database; SQLite in a temporary folder if none.")
@click.option("--rows", default=2000, show_default=True, type=click.IntRange(min=100))
def main(database: str | None, rows: int) -> None:
    """Take one change from expand to contract while old and new code keep writing."""
    started = time.monotonic()
    terminal = Terminal()
    with TemporaryDirectory(prefix="migrator-demo-") as name:
        folder = Path(name)
        url = database or f"sqlite:///{folder / 'cloud.db'}"
        prepare(url)
        try:
            checked = Story(terminal, url=url, folder=folder, rows=rows).tell()
        except (StoryError, ProcessError) as error:
            terminal.say(f"The demo failed: {error}")
            sys.exit(1)
    lost = [each.what for each in checked if not each.holds]
    seconds = f"{time.monotonic() - started:.0f} seconds"
    if lost:
        terminal.say(f"Not as promised, after {seconds}: {', '.join(lost)}.")
        sys.exit(1)
    terminal.say(f"Nothing was lost, in {seconds}.")


def prepare(url: str) -> None:
    """Refuse a database that holds something; let SQLite have readers beside its writer."""
    engine = engine_of(url)
    try:
        if sa.inspect(engine).get_table_names():
            raise click.UsageError("the database is not empty, and the demo cleans nothing up")
        if engine.dialect.name == "sqlite":
            with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.exec_driver_sql("PRAGMA journal_mode = WAL")
    finally:
        engine.dispose()


if __name__ == "__main__":
    main()
