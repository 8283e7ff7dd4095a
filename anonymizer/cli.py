"""The command line: options in, a command run, an error and its hint out, an exit code."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from contextlib import nullcontext
from difflib import get_close_matches
from importlib import import_module
from pathlib import Path
from typing import Any

import click
from typing_extensions import override

from anonymizer.errors import AnonymizerError, PolicyError
from anonymizer.memory import lasting
from anonymizer.settings import load_settings

COMMANDS = {
    "check": "Look whether every column has a decision that can be carried out.",
    "diff": "Show some rows before and after.",
    "fidelity": "Say how alike two dumps are, where the time of a migration depends on it.",
    "key": "Make a secret.",
    "mask": "Mask a dump or a database.",
    "pool": "Freeze the words of a locale.",
    "prove": "Look for masked values of the original in the output.",
    "scale": "Make a dump smaller or larger, with every key and reference whole.",
    "suggest": "Propose decisions.",
}
"""Name → help in one line: listing the commands imports none of them."""

INTERRUPTED = 130
BROKEN_PIPE = 141


class LazyGroup(click.Group):
    """Commands that live in a module each, which is imported when the command is run."""

    @override
    def list_commands(self, ctx: click.Context) -> list[str]:
        return sorted(COMMANDS)

    @override
    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        name = f"anonymizer.commands.{cmd_name}"
        # What is made while nothing is imported may be garbage tomorrow.
        with nullcontext() if name in sys.modules else lasting():
            command: click.Command = import_module(name).command
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
@click.pass_context
def group(context: click.Context) -> None:
    """Make database dumps shareable: every column is masked, or public for a reason."""
    context.obj = load_settings(Path.cwd())


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the answer is no, 2 could not, 3 a leak."""
    sys.exit(run(arguments))


def run(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    # Or numpy starts a thread for each core, for algebra that nothing here does.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    try:
        result: Any = group.main(args=arguments, prog_name="anonymizer", standalone_mode=False)
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted; nothing was left that looks complete", err=True)
        return INTERRUPTED
    except BrokenPipeError:
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115,PTH123 - or it is flushed at the exit
        return BROKEN_PIPE
    except Exception as error:
        said = (
            error
            if isinstance(error, click.ClickException | AnonymizerError)
            else _unforeseen(error)
        )
        show(said)
        return said.exit_code
    return result if isinstance(result, int) else 0


def _unforeseen(error: Exception) -> AnonymizerError:
    """Return what may be said of *error*: of a file what is wrong, of a fault only its place."""
    if isinstance(error, OSError) and error.strerror:
        place = f"{error.filename}: " if error.filename else ""
        is_full = error.errno in {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
        hint = "make room on the disk, or write elsewhere; no output was left" if is_full else None
        return AnonymizerError(f"{place}{error.strerror}", hint=hint)
    last = traceback.extract_tb(error.__traceback__)[-1]
    return AnonymizerError(
        f"{type(error).__name__} at {last.filename}, line {last.lineno}: its text is not shown, as"
        " it may hold data",
        hint="this is a fault of anonymizer: please report the line above",
    )


def show(error: click.ClickException | AnonymizerError) -> None:
    """Print *error*, what is wrong in detail, and its cure on standard error."""
    if isinstance(error, click.ClickException):
        error.show()
        return
    click.echo(f"{click.style('error:', fg='red', bold=True)} {error.message}", err=True)
    for problem in error.problems if isinstance(error, PolicyError) else ():
        click.echo(f"  {problem}", err=True)
    if error.hint:
        click.echo(f"{click.style('hint:', bold=True)} {error.hint}", err=True)
