"""The look: what blocks a contract, read with the transitions' own predicate."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from migrator.catalogue import snapshot
from migrator.dialects import dialect_of
from migrator.errors import TransitionError
from migrator.guard.named import naming
from migrator.guard.reach import Reach, reach
from migrator.guard.value import Blocker, Place
from migrator.lint.losses import Loss
from migrator.remaining import remaining
from migrator.services import LiveService, alive
from migrator.transitions.batch import reflect

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from sqlalchemy.engine import Connection

    from migrator.guard.value import Work
    from migrator.migration import Migration
    from migrator.transitions.transition import Transition

SAMPLE = 5
"""How many keys of pending rows a blocker names."""


def blockers(
    connection: Connection,
    contract: Migration,
    transitions: Sequence[Transition],
    work: Work = (),
) -> tuple[Blocker, ...]:
    """Return what blocks *contract*, without touching anything; empty when nothing does.

    *transitions* are those it completes, *work* is what it sends. Rows are counted on the
    whole table, which takes as long as a scan when there are pending ones.
    """
    reached = reach(contract, transitions, work, dialect_of(connection.dialect))
    return tuple(found(connection, transitions, reached))


def found(
    connection: Connection, transitions: Sequence[Transition], reached: Reach
) -> Iterator[Blocker]:
    """Yield what blocks a contract that completes *transitions* and reaches *reached*.

    It has to be in a transaction, in which no row is hidden from then on.
    """
    see_every_row(connection)
    yield from unsaid(connection, reached, (*reached.losses, *_left_out(connection, reached)))
    for transition in transitions:
        yield from _rows(connection, transition, reached)
    yield from naming(connection, reached)
    yield from mapped(connection, reached)


def unsaid(connection: Connection, reached: Reach, losses: Iterable[Loss]) -> Iterator[Blocker]:
    """Yield a blocker for each of *losses* of which the contract says nothing."""
    default = connection.dialect.default_schema_name
    for loss in losses:
        if not reached.account.covers(loss, default):
            yield Blocker(
                table=loss.table or "the database",
                reason=f"the contract {loss.what}, and does not say what becomes of the data",
                command="migrator check",
            )


def see_every_row(connection: Connection) -> None:
    """Let the statements of this transaction fail rather than leave out rows."""
    statement = dialect_of(connection.dialect).see_every_row()
    if statement:
        connection.exec_driver_sql(statement)


def mapped(connection: Connection, reached: Reach) -> Iterator[Blocker]:
    """Yield a blocker for the live processes of each service that map what is dropped."""
    users: dict[tuple[str, str | None, Place], list[LiveService]] = {}
    for service in alive(connection):
        place = _maps(service, reached)
        if place is not None:
            users.setdefault((service.name, service.release, place), []).append(service)
    for (name, release, place), processes in users.items():
        yield _mapped(name, release, place, processes)


def is_pending(connection: Connection, transition: Transition, reached: Reach) -> bool:
    """Return whether a single row still needs *transition*."""
    query = pending_query(connection, transition, reached)
    return query is not None and connection.execute(query).first() is not None


def pending_query(
    connection: Connection, transition: Transition, reached: Reach
) -> sa.Select[Any] | None:
    """Return the query for one pending row; None when all that *transition* empties is gone.

    Raises TransitionError when something is missing that this contract does not drop.
    """
    rows = _rows_of(connection, transition, reached)
    if rows is None:
        return None
    one: sa.Select[Any] = sa.select(sa.literal_column("1")).select_from(rows)
    return one.where(_pending(transition, rows)).limit(1)


def count(connection: Connection, transition: Transition, reached: Reach) -> int:
    """Return how many rows still need *transition*, on the locked tables alone."""
    rows = _rows_of(connection, transition, reached)
    if rows is None:
        return 0
    query = sa.select(sa.func.count()).select_from(rows).where(_pending(transition, rows))
    return connection.execute(query).scalar_one()


def _rows(connection: Connection, transition: Transition, reached: Reach) -> Iterator[Blocker]:
    """Yield the blocker that *transition* is, if it is one."""
    try:
        if not is_pending(connection, transition, reached):
            return
        rows = _rows_of(connection, transition, reached)
    except TransitionError as error:
        yield Blocker(
            table=transition.table,
            transition=transition.name,
            reason=error.message,
            command="migrator sync --expand-only",
        )
        return
    if isinstance(rows, sa.Table):
        movable, skipped, quarantined = remaining(connection, transition)
    else:
        movable, skipped, quarantined = count(connection, transition, reached), 0, 0
    pending = movable + skipped + quarantined
    if rows is not None and pending:
        sample = _sample(connection, transition, rows)
        yield _pending_rows(transition, (pending, skipped, quarantined), sample)


def _rows_of(
    connection: Connection, transition: Transition, reached: Reach
) -> sa.FromClause | None:
    """Return the rows of *transition*, with NULL where this contract has dropped a column.

    Return None when its table, or all of its sources, are gone by this contract: an
    earlier run of it has come so far.
    """
    try:
        return reflect(connection, transition)
    except TransitionError:
        there = _columns(connection, transition)
        gone = [name for name in transition.columns if name not in there] if there else [None]
        if not _are_gone(connection, transition, reached, gone):
            raise
    if not there or (transition.sources and set(transition.sources) <= set(gone)):
        return None
    table = sa.table(
        transition.table, *(sa.column(name) for name in there), schema=transition.schema
    )
    missing = (sa.null().label(name) for name in gone)
    return sa.select(*table.columns, *missing).subquery("remaining")


def _left_out(connection: Connection, reached: Reach) -> Iterator[Loss]:
    """Yield the columns that a table loses when it is written anew without them."""
    inspector = sa.inspect(connection)
    for table, kept in reached.rebuilt.items():
        there = inspector.get_columns(table) if inspector.has_table(table) else ()
        for name in (column["name"] for column in there):
            if name.casefold() not in kept:
                yield Loss(what=f"drops {table}.{name}", table=table, columns=frozenset({name}))


def _columns(connection: Connection, transition: Transition) -> tuple[str, ...]:
    """Return the columns of the table as it is; none when there is no such table."""
    inspector = sa.inspect(connection)
    if not inspector.has_table(transition.table, schema=transition.schema):
        return ()
    columns = inspector.get_columns(transition.table, schema=transition.schema)
    return tuple(column["name"] for column in columns)


def _are_gone(
    connection: Connection, transition: Transition, reached: Reach, names: Sequence[str | None]
) -> bool:
    """Return whether it is this contract that drops *names*, columns or the table for None.

    The catalogue is asked beside SQLAlchemy: to take for gone what only has another
    spelling would be to lose it.
    """
    found = snapshot(connection, dialect_of(connection.dialect), [transition.table]).definitions
    kept = {(key.thing, key.name.casefold()) for key in found}
    whole = ("table", transition.table.casefold())
    if (whole in kept) == (None in names):
        return False
    return all(
        reached.drops(transition.schema, transition.table, name)
        and (name is None or ("column", name.casefold()) not in kept)
        for name in names
    )


def _pending(transition: Transition, rows: sa.FromClause) -> sa.ColumnElement[bool]:
    """Return the predicate of *transition*; what it cannot find is said, not guessed."""
    try:
        return transition.pending(rows)
    except (AttributeError, KeyError) as error:
        raise TransitionError(
            f"pending names {error}, which table {transition.table!r} does not have",
            migration=transition.name or None,
            hint="apply the expand first: migrator sync --expand-only",
        ) from error


def _sample(connection: Connection, transition: Transition, rows: sa.FromClause) -> tuple[str, ...]:
    """Return up to SAMPLE keys of pending rows, in the order of the key."""
    primary = sa.inspect(connection).get_pk_constraint(transition.table, schema=transition.schema)
    names = transition.key or tuple(primary["constrained_columns"])
    if not names:
        return ()
    columns = [rows.c[name] for name in names]
    query = sa.select(*columns).where(_pending(transition, rows)).order_by(*columns).limit(SAMPLE)
    return tuple(
        ",".join(f"{name}={value}" for name, value in zip(names, row, strict=True))
        for row in connection.execute(query)
    )


def _pending_rows(
    transition: Transition, counts: tuple[int, int, int], sample: tuple[str, ...]
) -> Blocker:
    pending, skipped, quarantined = counts
    said = f"{pending} row{'s' if pending > 1 else ''} still need{'s'[pending > 1 :]}"
    also = [f"{quarantined} in quarantine"] * bool(quarantined)
    also += [f"{skipped} skipped for now"] * bool(skipped)
    again = " --retry-failed" if quarantined and quarantined + skipped == pending else ""
    return Blocker(
        table=transition.table,
        transition=transition.name,
        reason=f"{said} {transition.name}" + (f" ({', '.join(also)})" if also else ""),
        command=f"migrator online-migrate --only {transition.name}{again}",
        pending=pending,
        quarantined=quarantined,
        skipped=skipped,
        sample=sample,
    )


def _mapped(
    name: str, release: str | None, place: Place, processes: Sequence[LiveService]
) -> Blocker:
    first = processes[0]
    more = f" and {len(processes) - 1} more" if len(processes) > 1 else ""
    which = f"{name} of {release}" if release else name
    maps = "may map" if first.columns is None else "still maps"
    why = ": its row in migrator_service cannot be read" if first.columns is None else ""
    return Blocker(
        table=place.table,
        reason=f"service {which} on {first.host} (process {first.pid}){more} {maps} {place}{why}",
        command="migrator services",
    )


def _maps(service: LiveService, reached: Reach) -> Place | None:
    """Return the first place that goes although *service* maps it."""
    for place in sorted(reached.dropped, key=str):
        if service.columns is None or any(_is_in(place, each) for each in service.columns):
            return place
    return None


def _is_in(place: Place, column: str) -> bool:
    """Return whether *column*, as a service calls it, is *place* or in it.

    A name may itself hold a dot, so it is not taken apart; a schema that is not told is any.
    """
    spoken, name = place._replace(schema=None), f".{column}".casefold()
    if place.schema is not None and name.startswith(f".{place.schema}.".casefold()):
        spoken = place
    wanted = f".{spoken}".casefold()
    return name.endswith(wanted) if place.column else f"{wanted}." in name
