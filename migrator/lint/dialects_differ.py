"""dialects-differ: a migration makes of every database the same tables and columns."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.violation import Violation

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project, Rendered

Change = tuple[str, str, str | None, str | None]


def check(project: Project) -> Iterator[Violation]:
    """Yield what a migration adds or drops on one database and not on another."""
    for migration in project.migrations:
        rendered = [each for each in project.rendered if each.migration is migration]
        changes = {each.dialect.name: _changes(each) for each in rendered}
        everywhere = set[Change].union(*changes.values()) if changes else set[Change]()
        for change in sorted(everywhere, key=str):
            missing = tuple(name for name, made in changes.items() if change not in made)
            if missing:
                yield Violation(
                    rule="dialects-differ",
                    severity="warning",
                    migration=migration.name,
                    message=f"does not {_said(change)} on {', '.join(missing)}, "
                    f"as it does on {', '.join(name for name in changes if name not in missing)}",
                    hint="models are the same for every database",
                    path=rendered[0].migration.source(rendered[0].dialect).path,
                )


def _changes(rendered: Rendered) -> set[Change]:
    """Return the tables and columns that are added and dropped, and not both."""
    found: set[Change] = set()
    for effect in rendered.effects:
        if effect.thing in ("table", "column") and effect.verb in ("add", "drop") and effect.name:
            other = "drop" if effect.verb == "add" else "add"
            table = effect.table.casefold() if effect.table else None
            name = effect.name.casefold()
            if (other, effect.thing, table, name) in found:
                found.discard((other, effect.thing, table, name))
            else:
                found.add((effect.verb, effect.thing, table, name))
    return found


def _said(change: Change) -> str:
    """Return *change* as a person would say it."""
    verb, thing, table, name = change
    return f"{verb} {thing} {'.'.join(each for each in (table, name) if each)}"
