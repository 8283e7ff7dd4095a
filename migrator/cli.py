"""The command line: settings in, a command run, an error and its hint out, an exit code."""

from __future__ import annotations

import gc
import sys
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from migrator.config import load_settings
from migrator.errors import MigratorError, wrap

COMMANDS = {
    "check": "Judge the manifest and its migrations, without a database.",
    "explore": "Show what one migration does to the schema.",
    "guard": "Explain what blocks the contracts; touch nothing.",
    "new": "Write a migration, its transition and its test.",
    "online-migrate": "Move data in batches, beside the running application.",
    "renumber": "Mend the manifest after a merge.",
    "services": "List the live processes and what they map.",
    "status": "Show where the database is, and what is left to do.",
    "sync": "Apply the migrations that are pending.",
}
"""Name → help in one line: listing the commands imports none of them."""

INTERRUPTED = 130
COLLECT_AFTER = 50_000
"""New objects between two looks of Python's collector of cycles: it is 700 otherwise."""


class LazyGroup(click.Group):
    """Commands that live in a module each, which is imported when the command is run."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        module = import_module(f"migrator.commands.{cmd_name.replace('-', '_')}")
        command: click.Command = module.command
        return command

    @override
    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        near = get_close_matches(args[0], COMMANDS, n=1)
        if args[0] not in COMMANDS and near:
            ctx.fail(f"No such command {args[0]!r}. Did you mean {near[0]!r}?")
        return super().resolve_command(ctx, args)

    @override
    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(sorted(COMMANDS.items()))


@click.group(cls=LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.option(
    "--manifest",
    type=click.Path(path_type=Path, dir_okay=False),
    help="The manifest; [tool.migrator] in pyproject.toml otherwise.",
)
@click.option(
    "--database",
    metavar="URL",
    help="The database; MIGRATOR_DATABASE_URL otherwise.",
)
@click.version_option(package_name="migrator")
@click.pass_context
def group(context: click.Context, manifest: Path | None, database: str | None) -> None:
    """Change the schema and the data under a running service.

    Expand, move the data at run time, contract.
    """
    context.obj = load_settings(Path.cwd(), manifest, database)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 no or work remains, 2 could not, 3 refused."""
    # What is imported stays, so the collector of cycles need not look at it again and again.
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER)
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result: Any = group.main(args=arguments, prog_name="migrator", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; run the same command again to go on", err=True)
        return INTERRUPTED
    except Exception as error:
        return explain(error)
    return result if isinstance(result, int) else 0


def explain(error: Exception) -> int:
    """Show *error*, never in a driver's words, and return its exit code; raise what is a bug."""
    # Imported late: a list of the commands needs no SQLAlchemy.
    from sqlalchemy.exc import SQLAlchemyError

    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, SQLAlchemyError):
        error = wrap(error, doing="asking the database")
    if not isinstance(error, MigratorError):
        raise error
    show(error)
    return error.exit_code


def show(error: MigratorError) -> None:
    """Print *error* and its cure on standard error."""
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint:', bold=True)} {error.hint}", err=True)
