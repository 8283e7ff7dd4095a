"""`python -m ci run`."""

from __future__ import annotations

from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from ci.checkout import root_of, uncommitted
from ci.commands.options import scheduler_options, state_option
from ci.commands.screen import shown
from ci.commands.trying import Trying, tried
from ci.errors import ConfigurationError
from ci.order import is_name
from ci.report import text
from ci.report.files import FORMS, make_writable, write_forms
from ci.request import Request, orders_of, run_name
from ci.result import Colour
from ci.scheduler import Processes, cluster_at
from ci.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from ci.report.view import View
    from ci.request import Orders
    from ci.scheduler import Address, Executor
    from ci.scheduler.cluster import Cluster
    from ci.state import State

RED = 1
STDOUT = Path("-")
INDEX = "index"
NAMED = 3
"""Files that a warning names."""
NOTHING = "The change touches no migration, nor what the settings name: nothing to time."


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
    help=f"Write a report as well: {', '.join(FORMS)}; may be repeated, `-` is standard output.",
)
@click.option("--json", "as_json", is_flag=True, help="Print the results as JSON.")
@click.option(
    "--pages",
    type=click.Path(path_type=Path, file_okay=False),
    metavar="DIR",
    help="Publish the run's page and the index there; what is too old goes.",
)
@click.option(
    "--run",
    "name",
    metavar="NAME",
    help="Name the run. One of that name that was cut short goes on where it was.",
)
@click.option("--again", is_flag=True, help="Do again what a run of that name has done.")
@click.option(
    "--jobs",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Datasets at once; their timings disturb each other.",
)
@click.option(
    "--no-wait",
    is_flag=True,
    help="Where another runner measures on this machine: end with 3 instead of waiting.",
)
@click.option(
    "--repository",
    type=click.Path(path_type=Path, exists=True, file_okay=False),
    default=".",
    show_default=True,
    help="A checkout of the project.",
)
@click.option(
    "--source",
    metavar="URL",
    help="Take commits from there instead of the checkout, as workers elsewhere have to.",
)
@scheduler_options(required=False)
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
    as_json: bool,
    pages: Path | None,
    name: str | None,
    again: bool,
    jobs: int,
    no_wait: bool,
    repository: Path,
    source: str | None,
    address: Address | None,
    state: State,
) -> int:
    """Time the migrations of a change against real dumps, beside the target branch.

    Exits with 0 when nothing speaks against it, also with warnings; 1 when something does; 2
    when it could not be tried; 3 when another runner measures, and is not waited for.
    """
    _refuse_out_of_reach(address, source)
    root = root_of(repository) if source is None else repository.resolve()
    forms = [*map(_form, reports), *([("json", STDOUT)] if as_json else [])]
    if pages is not None:
        make_writable(pages)
    quiet = any(file == STDOUT for _, file in forms)
    run = _name(name)
    folders, names = _chosen(datasets)

    def ordered(announced: Callable[[str | None], Sequence[str]] | None) -> Orders:
        request = Request(
            run=run,
            source=source or str(root),
            base=base,
            head=change,
            root=root,
            folders=folders,
            names=names,
            announced=announced,
            runs=runs,
            trust_change=trust_change,
            always=always,
        )
        return orders_of(request, state)

    with shown() as screen:
        turn = Turn(path=state.turn, wait=not no_wait, tell=screen.say)
        here = partial(Processes, state, jobs=jobs, turn=turn, tell=screen.tell)
        there = None if address is None else partial(cluster_at, address, tell=screen.tell)
        with _executor(ordered, here, there) as (found, executor):
            if source is None and change == "HEAD":
                _warn(_not_in(found.folders, root, uncommitted(root)))
            if not found.orders:
                click.echo(NOTHING, err=quiet)
                return 0
            trying = Trying(
                run=run,
                executor=executor,
                state=state,
                settings=found.settings,
                screen=screen,
                pages=pages,
                again=again,
            )
            seen = tried(trying, found.orders)
    _report(seen, forms, quiet=quiet)
    if seen.colour is not Colour.GREEN and address is None:
        click.echo(f"All that was said is kept in private:\n{state.private(run)}", err=True)
    return RED if seen.colour is Colour.RED else 0


@contextmanager
def _executor(
    ordered: Callable[[Callable[[str | None], Sequence[str]] | None], Orders],
    here: Callable[[Sequence[Path]], Processes],
    there: Callable[[], Cluster] | None,
) -> Iterator[tuple[Orders, Executor]]:
    """Give what there is to do, and who does it."""
    if there is None:
        found = ordered(None)
        with here(found.folders) as processes:
            yield found, processes
        return
    with there() as cluster:
        yield ordered(cluster.datasets), cluster


def _refuse_out_of_reach(address: Address | None, source: str | None) -> None:
    """Raise ConfigurationError where those that work could not have the commits."""
    if address is not None and not address.loopback and source is None:
        raise ConfigurationError(
            "workers elsewhere cannot read this checkout",
            hint="name where they fetch the commits from: --source URL",
        )


def _report(seen: View, forms: Sequence[tuple[str, Path]], *, quiet: bool) -> None:
    """Write what was asked for, and say what was found."""
    write_forms(seen, forms)
    for line in text.lines(seen):
        click.echo(line, err=quiet)


def _not_in(folders: Sequence[Path], root: Path, paths: Sequence[str]) -> list[str]:
    """Return those of *paths* that are in none of *folders*: datasets are read as they are."""
    inside = [each.resolve() for each in folders]
    return [each for each in paths if not any((root / each).is_relative_to(one) for one in inside)]


def _warn(paths: Sequence[str]) -> None:
    """Say that *paths* are not tried, if there are any."""
    if paths:
        more = f" and {len(paths) - NAMED} more" if len(paths) > NAMED else ""
        said = f"not committed, so not tried: {', '.join(paths[:NAMED])}{more}"
        click.echo(f"{click.style('warning:', fg='yellow', bold=True)} {said}", err=True)


def _name(said: str | None) -> str:
    """Return the name of a run: as *said*, or one that no other has, in the order of time."""
    if said is None:
        return run_name()
    if not is_name(said) or said == INDEX:
        raise ConfigurationError(
            f"a run cannot be called {said!r}",
            hint="letters, digits, dots, dashes; it is the name of a page",
        )
    return said


def _chosen(said: Sequence[str]) -> tuple[tuple[Path, ...], tuple[str, ...]]:
    """Return the folders and the names of datasets that are named."""
    folders = tuple(each for each in said if "/" in each or Path(each).is_dir())
    return tuple(map(Path, folders)), tuple(each for each in said if each not in folders)


def _form(said: str) -> tuple[str, Path]:
    """Return the form and the file of a report. Raises ConfigurationError for no such form."""
    form, _, file = said.partition("=")
    if form not in FORMS or not file:
        raise ConfigurationError(
            f"--report {said!r} means nothing", hint=f"FORM=FILE, with one of {', '.join(FORMS)}"
        )
    path = Path(file)
    if path != STDOUT:
        make_writable(path.parent)
    return form, path
