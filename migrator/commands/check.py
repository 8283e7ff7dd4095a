"""`migrator check`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import click

from migrator import history
from migrator.database import read_only, read_url
from migrator.dialects import DIALECTS, Dialect, dialect_named, dialect_of
from migrator.errors import ConfigurationError, DatabaseError
from migrator.lint import applied
from migrator.lint.check import check
from migrator.lint.loaded import load_each
from migrator.manifest import Manifest
from migrator.report.check import as_json, counted, lines

if TYPE_CHECKING:
    from collections.abc import Sequence

    from migrator.config import Settings
    from migrator.lint import Violation


@click.command("check")
@click.option(
    "--dialect",
    "names",
    type=click.Choice([dialect.name for dialect in DIALECTS]),
    multiple=True,
    help="Judge for this database only; may be repeated.",
)
@click.option("--strict", is_flag=True, help="Exit with 1 for warnings as well.")
@click.option("--json", "json_wanted", is_flag=True, help="Print one JSON object.")
@click.pass_context
def command(
    context: click.Context, /, names: tuple[str, ...], *, strict: bool, json_wanted: bool
) -> None:
    """Judge the manifest and its migrations, without a database.

    What each migration would send is written for every database and read. With a
    database at hand, what is applied there is compared as well. Exits with 1 for an error.
    """
    settings: Settings = context.obj
    manifest = Manifest.load(settings.manifest)
    dialects = tuple(map(dialect_named, names)) or DIALECTS
    violations = _violations(manifest, dialects, settings.url)
    if json_wanted:
        click.echo(json.dumps(as_json(violations, manifest.latest)))
    else:
        for line in lines(violations, manifest.latest):
            click.echo(line)
    found = counted(violations)
    context.exit(1 if found["error"] or (strict and found["warning"]) else 0)


def _violations(
    manifest: Manifest, dialects: Sequence[Dialect], url: str | None
) -> list[Violation]:
    """Return what is wrong with the files, and with what the database, if any, has of them."""
    migrations, unloadable = load_each(manifest)
    needed = None if url is None else dialect_of(read_url(url).get_dialect()())
    return [
        *unloadable,
        *(_applied(manifest, url) if url is not None else ()),
        *check(manifest, migrations, dialects, needed=needed),
    ]


def _applied(manifest: Manifest, url: str) -> list[Violation]:
    """Return what the database at *url* has applied otherwise than the manifest says."""
    try:
        with read_only(url) as connection:
            return list(applied.check(manifest, history.read(connection)))
    except (ConfigurationError, DatabaseError) as error:
        return [applied.not_compared(error)]
