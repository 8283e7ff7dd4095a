"""python -m demo.anonymized: the story on SQLite, or on a private server with --on."""

from __future__ import annotations

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from demo.anonymized.native import Native, mariadb, postgresql, sqlite
from demo.anonymized.story import Story, StoryError
from demo.terminal import Terminal


@click.command()
@click.option(
    "--on",
    type=click.Choice(["sqlite", "postgresql", "mariadb"]),
    default="sqlite",
    show_default=True,
    help="A server is started for it in a temporary folder, and goes with it.",
)
@click.option("--rows", default=1000, show_default=True, type=click.IntRange(min=100))
def main(on: str, rows: int) -> None:
    """Dump a database, mask it, prove it, restore it, and try the next migration on it."""
    started = time.monotonic()
    terminal = Terminal()
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(prefix="anonymizer-demo-")))
        story = Story(terminal, native=_native(on, folder, stack), folder=folder, rows=rows)
        stack.callback(story.close)
        try:
            checked = story.tell()
        except StoryError as error:
            terminal.say(f"The demo failed: {error}")
            sys.exit(1)
    wrong = [each.what for each in checked if not each.holds]
    seconds = f"{time.monotonic() - started:.0f} seconds"
    if wrong:
        terminal.say(f"Not as promised, after {seconds}: {', '.join(wrong)}.")
        sys.exit(1)
    terminal.say(
        f"""
        Proved, in {seconds}: none of {story.fingerprints:,} fingerprints of masked values is in
        the copy, a name that was put there is found, every reference still holds, and what is
        due in production ran on the copy, contracts and all.
        """
    )


def _native(on: str, folder: Path, stack: ExitStack) -> Native:
    """Return the databases that the story needs; those of a server go when *stack* ends."""
    if on == "sqlite":
        return sqlite(folder)
    from tests.servers import folders, open_server
    from tests.servers.private import MissingServerError

    folders.sweep()
    try:
        server = open_server(on)
    except MissingServerError as error:
        raise click.ClickException(str(error)) from error
    stack.callback(server.close)
    names = [server.create_database() for _ in range(3)]
    for name in names:
        stack.callback(server.drop_database, name)
    urls = [server.url(name) for name in names]
    return postgresql(urls) if on == "postgresql" else mariadb(urls, folder)


if __name__ == "__main__":
    main()
