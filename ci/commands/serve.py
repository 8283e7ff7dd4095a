"""`python -m ci serve`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ci.commands.options import state_option
from ci.history import open_history
from ci.serve import server_of

if TYPE_CHECKING:
    from ci.state import State


@click.command("serve")
@click.option("--port", type=click.IntRange(0, 65535), default=8642, show_default=True)
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="Who may look: only this machine."
)
@state_option
def command(*, port: int, host: str, state: State) -> None:
    """Show past runs in a browser, until Ctrl-C."""
    with open_history(state.history) as history, server_of(history, host=host, port=port) as server:
        click.echo(f"http://{host}:{server.server_port}/")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            click.echo()
