"""The command line: options in, a command run, an error and its hint out, an exit code."""

from __future__ import annotations

import signal
import sys
import traceback
from difflib import get_close_matches
from importlib import import_module
from typing import Any

import click
from typing_extensions import override

from ci.errors import CiError, ToolError

COMMANDS = {
    "budgets": "Propose budgets that past runs speak for.",
    "gerrit": "Try the changes that a Gerrit server tells of, and review them.",
    "run": "Time the migrations of a change.",
    "serve": "Show past runs in a browser.",
    "trend": "Show what each step took over past runs.",
    "worker": "Carry out jobs for the datasets on this machine.",
}
"""Name → help in one line: listing the commands imports none of them."""

INTERRUPTED = 130


class LazyGroup(click.Group):
    """Commands that live in a module each, which is imported when the command is run."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        try:
            command: click.Command = import_module(f"ci.commands.{cmd_name}").command
        except ModuleNotFoundError as error:
            raise ToolError(
                f"the package {error.name} is missing", hint="install 'migrator[ci]'"
            ) from error
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
@click.version_option(package_name="migrator")
def group() -> None:
    """Find out what a migration does to a real database before it is merged."""


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 nothing speaks against it, 1 something does, 2 could not."""
    for each in (signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(each) is signal.SIG_DFL:  # nohup stays what it is
            signal.signal(each, signal.default_int_handler)
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        result: Any = group.main(args=arguments, prog_name="ci", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted: servers, sandboxes and folders of work are gone", err=True)
        return INTERRUPTED
    except click.ClickException as error:
        error.show()
        return error.exit_code
    except Exception as error:
        return _told(error)
    return result if isinstance(result, int) else 0


def _told(error: Exception) -> int:
    """Tell *error* and what helps; return the exit code, which is no verdict of a change."""
    match error:
        case CiError():
            said, hint = error.message, error.hint
        case OSError():
            said, hint = error.strerror or type(error).__name__, error.filename
        case _:  # Its text may repeat rows.
            click.echo("".join(traceback.format_tb(error.__traceback__)), err=True, nl=False)
            said, hint = f"a fault of ci: {type(error).__name__}", "please report it"
    click.echo(f"{click.style('error:', fg='red', bold=True)} {said}", err=True)
    if hint:
        click.echo(f"{click.style('hint:', bold=True)} {hint}", err=True)
    return error.exit_code if isinstance(error, CiError) else CiError.exit_code
