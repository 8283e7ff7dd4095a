"""unguarded-drop, abandons, cascade: a contract says what becomes of the data it takes away."""

from __future__ import annotations

from typing import TYPE_CHECKING

from migrator.lint.losses import Loss, account, losses, tables_before
from migrator.lint.violation import Violation
from migrator.migration import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from migrator.lint.project import Project, Rendered
    from migrator.migration import Migration

_HINT = (
    "name in completes the transition that moved its data, or in abandons what goes with "
    "its data, and why"
)


def check(project: Project) -> Iterator[Violation]:
    """Yield what contracts take away without a word, and what they account for and leave."""
    for rendered in project.of(Phase.CONTRACT):
        tables = tables_before(project, rendered)
        for effect in rendered.effects:
            if effect.verb == "add" and effect.thing == "table" and effect.name:
                tables[effect.name.casefold()] = frozenset(
                    column.casefold() for column in effect.columns
                )
        taken = list(losses(rendered.statements, rendered.dialect, tables))
        said = account(
            project.completed(rendered.migration),
            rendered.migration.abandons,
            rendered.dialect.syntax,
        )
        for loss in taken:
            if not said.covers(loss):
                yield _violation(rendered, "unguarded-drop", "error", loss.what, _HINT)
        yield from _abandoned(rendered, taken)
        yield from _not_dropped(project, rendered, taken)
        yield from _cascades(rendered)


def _abandoned(rendered: Rendered, taken: list[Loss]) -> Iterator[Violation]:
    """Yield what is abandoned and not taken away."""
    for name in rendered.migration.abandons:
        if not any(_concerns(loss, name) for loss in taken):
            message = f"abandons {name}, and leaves it as it is"
            yield _violation(rendered, "abandons", "warning", message, "take it out of abandons")


def _not_dropped(project: Project, rendered: Rendered, taken: list[Loss]) -> Iterator[Violation]:
    """Yield the old columns that a contract completes the moving of, and leaves."""
    for transition in project.completed(rendered.migration):
        for source in transition.sources:
            name = f"{transition.table}.{source}"
            if not any(_concerns(loss, name) for loss in taken) and _is_moved(transition):
                message = f"completes {transition.name}, and leaves {name}"
                hint = "drop it, so that nobody writes to it any more"
                yield _violation(rendered, "completes", "warning", message, hint)


def _is_moved(transition: object) -> bool:
    """Return whether the sources of *transition* are of no use once it is complete."""
    sources = set(getattr(transition, "sources", ()))
    return not sources & set(getattr(transition, "targets", ()))


def _cascades(rendered: Rendered) -> Iterator[Violation]:
    """Yield that what else goes cannot be read."""
    for effect in rendered.effects:
        if effect.detail == "cascade":
            message = f"{effect.describe()} CASCADE drops what it does not name"
            hint = "drop each thing by its name, so that the guard can look at it"
            yield _violation(rendered, "cascade", "warning", message, hint)


def _concerns(loss: Loss, name: str) -> bool:
    """Return whether *loss* is of the table, or the column, called *name*."""
    parts = [part.casefold() for part in name.split(".")]
    if loss.table is None:
        return False
    table = loss.table.casefold()
    if len(parts) == 1:
        return table == parts[0]
    columns = {column.casefold() for column in loss.columns}
    return table == parts[-2] and (not columns or parts[-1] in columns)


def _violation(rendered: Rendered, rule: str, severity: str, message: str, hint: str) -> Violation:
    """Return a violation of a contract."""
    migration: Migration = rendered.migration
    return Violation(
        rule=rule,
        severity="error" if severity == "error" else "warning",
        migration=migration.name,
        message=message,
        hint=hint,
        path=migration.source(rendered.dialect).path,
        dialects=(rendered.dialect.name,),
    )
