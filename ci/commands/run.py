"""`python -m ci run`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci.commands.options import state_option
from ci.errors import ConfigurationError
from ci.history import open_history
from ci.order import carry_out
from ci.pages import view_of
from ci.report import text
from ci.report.files import FORMS, write_forms
from ci.request import Request, orders_of, run_name
from ci.result import Colour

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ci.order import Order
    from ci.report.view import View
    from ci.result import Result
    from ci.state import State

RED = 1


@click.command("run")
@click.option("--base", required=True, metavar="REF", help="The target branch: origin/main.")
@click.option("--change", default="HEAD", show_default=True, metavar="REF", help="What is tried.")
@click.option(
    "--dataset",
    "datasets",
    multiple=True,
    metavar="NAME|DIR",
    help="This dataset alone, or those in a folder; may be repeated.",
)
@click.option("--runs", type=click.IntRange(min=1, max=100), help="How often it is repeated.")
@click.option("--always", is_flag=True, help="Also if no migration is touched.")
@click.option(
    "--trust-change",
    is_flag=True,
    help="Where there is no sandbox: its authors may do here what you may.",
)
@click.option(
    "--report",
    "reports",
    multiple=True,
    metavar="FORM=FILE",
    help=f"Write a report as well: {', '.join(FORMS)}; may be repeated.",
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=".",
    show_default=True,
    help="A checkout of the project.",
)
@state_option
def command(  # noqa: PLR0913 - each is an option
    *,
    base: str,
    change: str,
    datasets: tuple[str, ...],
    runs: int | None,
    always: bool,
    trust_change: bool,
    reports: tuple[str, ...],
    repository: Path,
    state: State,
) -> int:
    """Time the migrations of a change against real dumps, beside the target branch.

    Exits with 0 when nothing speaks against it, also with warnings; 1 when something does; 2
    when it could not be tried.
    """
    root = repository.resolve()
    forms = [_form(each) for each in reports]
    request = Request(
        run=run_name(),
        source=str(root),
        base=base,
        head=change,
        root=root,
        folders=tuple(Path(each) for each in datasets if _is_folder(each)),
        names=tuple(each for each in datasets if not _is_folder(each)),
        runs=runs,
        trust_change=trust_change,
        always=always,
    )
    found = orders_of(request, state)
    if not found.orders:
        click.echo("The change touches no migration, nor what the settings name: nothing to time.")
        return 0
    results = [_carried_out(each, state, found.folders) for each in found.orders]
    seen = _kept(results, state, contact=found.settings.contact)
    write_forms(seen, forms)
    for line in text.lines(seen):
        click.echo(line)
    return RED if seen.colour is Colour.RED else 0


def _carried_out(order: Order, state: State, folders: Sequence[Path]) -> Result:
    click.echo(f"{order.dataset}: restoring and walking ...", err=True)
    return carry_out(order, state, folders)


def _kept(results: Sequence[Result], state: State, *, contact: str | None) -> View:
    """Add *results* to the history, and return them with what past runs took."""
    with open_history(state.history) as history:
        for each in results:
            history.add(each)
        seen = view_of(history, results[0].run, contact=contact)
    assert seen is not None  # noqa: S101 - it was just added
    return seen


def _is_folder(said: str) -> bool:
    return "/" in said or Path(said).is_dir()


def _form(said: str) -> tuple[str, Path]:
    """Return the form and the file of a report. Raises ConfigurationError for no such form."""
    form, _, file = said.partition("=")
    if form not in FORMS or not file:
        raise ConfigurationError(
            f"--report {said!r} means nothing", hint=f"FORM=FILE, with one of {', '.join(FORMS)}"
        )
    return form, Path(file)
