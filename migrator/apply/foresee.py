"""Foresee: ask the guard before the first step, so that a refusal finds nothing changed."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa

from migrator.apply import live
from migrator.apply.connection import transaction
from migrator.dialects import dialect_of
from migrator.errors import PlanError, TransitionError
from migrator.guard.look import found, is_pending
from migrator.guard.reach import reach
from migrator.guard.step import refusal
from migrator.guard.value import Blocker
from migrator.migration import Phase

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy.engine import Connection

    from migrator.apply.job import Job, Options, Prepared
    from migrator.guard import Work
    from migrator.guard.reach import Reach
    from migrator.transitions import Transition


@dataclass(frozen=True, slots=True, kw_only=True)
class Left:
    """A contract that stays pending, because only expands were asked for."""

    version: int
    name: str
    pending: tuple[str, ...]
    """Transitions of it that rows still need."""


def foresee(connection: Connection, prepared: Prepared, options: Options) -> None:
    """Raise GuardError for the first contract of the plan that is blocked already.

    A transition that is declared by an earlier step of the same plan cannot be asked yet:
    it is let through where its table is missing or empty, as in a new database.
    """
    if options.override is not None:
        _check_override(prepared, options)
        return
    new = {each.name for job in prepared.jobs for each in job.migration.transitions}
    for job in prepared.jobs:
        if job.migration.phase is not Phase.CONTRACT:
            continue
        with transaction(connection):
            blockers = tuple(_blockers(connection, job, new))
        if blockers:
            raise refusal(job.migration, blockers)


def _check_override(prepared: Prepared, options: Options) -> None:
    """Raise PlanError unless the operator's reason is one, for one contract that can be meant."""
    if not (options.override or "").strip():
        raise PlanError(
            "the guard is not overridden without a reason",
            hint='say why what is pending may be lost: --override-guard "why"; it is kept',
        )
    contracts = [job for job in prepared.jobs if job.migration.phase is Phase.CONTRACT]
    if len(contracts) > 1:
        raise PlanError(
            f"the guard cannot be overridden for {len(contracts)} contracts at once",
            hint=f"choose the first: --version {contracts[0].migration.number}",
        )


def work_of(job: Job, connection: Connection) -> Work:
    """Return what a contract sends, or its function when that is known only while it runs."""
    if job.statements is not None:
        return job.texts
    return partial(live.run, migration=job.migration, dialect=dialect_of(connection.dialect))


def _blockers(connection: Connection, job: Job, new: set[str]) -> Iterator[Blocker]:
    known = tuple(each for each in job.transitions if each.name not in new)
    work = work_of(job, connection)
    reached = reach(job.migration, job.transitions, work, dialect_of(connection.dialect))
    yield from found(connection, known, reached)
    for transition in job.transitions:
        if transition.name in new and _has_rows(connection, transition):
            yield Blocker(
                table=transition.table,
                transition=transition.name,
                reason=f"{transition.name} has not begun: it is expanded in this very run",
                command="migrator sync --expand-only, then migrator online-migrate",
            )


def _has_rows(connection: Connection, transition: Transition) -> bool:
    if not sa.inspect(connection).has_table(transition.table, schema=transition.schema):
        return False
    table = sa.table(transition.table, schema=transition.schema)
    query: sa.Select[int] = sa.select(sa.literal_column("1")).select_from(table).limit(1)
    return connection.execute(query).first() is not None


def still_left(connection: Connection, prepared: Prepared) -> Iterator[Left]:
    """Yield the contracts that were left pending, with the transitions that rows still need."""
    for job in prepared.left:
        work = work_of(job, connection)
        reached = reach(job.migration, job.transitions, work, dialect_of(connection.dialect))
        with transaction(connection):
            pending = [each.name for each in job.transitions if _open(connection, each, reached)]
        yield Left(version=job.migration.number, name=job.migration.name, pending=tuple(pending))


def _open(connection: Connection, transition: Transition, reached: Reach) -> bool:
    """Return whether rows may still need *transition*."""
    try:
        return is_pending(connection, transition, reached)
    except TransitionError:
        return True
