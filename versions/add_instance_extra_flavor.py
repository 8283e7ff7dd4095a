"""Move the flavor of an instance from keys and values of its system metadata to JSON.

It is one document in instance_extra.flavor then: the flavor that the instance has (cur),
and while it is resized the one that it had (old) or will have (new).
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from migrator import Row, expression, python

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sqlalchemy.engine import Connection

Pair = tuple[str, str | None]
Document = dict[str, dict[str, Any] | None]
Flag = sa.ColumnElement[bool]

PREFIXES = {"instance_type_": "cur", "old_instance_type_": "old", "new_instance_type_": "new"}
"""Beginning of a key of the metadata → part of the document."""

TYPES = {
    "id": int,
    "memory_mb": int,
    "vcpus": int,
    "root_gb": int,
    "ephemeral_gb": int,
    "swap": int,
    "rxtx_factor": float,
    "vcpu_weight": int,
}
"""Fields of a flavor that are no text; the metadata keeps everything as text."""

NEW_NAMES = {"memory_mb": "foobars"}
"""Fields that the document calls as flavors call them since kilo."""

ROWS_PER_STATEMENT = 250

INSTANCES = sa.table("instances", sa.column("id"), sa.column("uuid"))
METADATA = sa.table(
    "instance_system_metadata",
    sa.column("id"),
    sa.column("instance_uuid"),
    sa.column("key", sa.String),
    sa.column("value", sa.String),
)
EXTRA = sa.table("instance_extra", sa.column("instance_uuid"), sa.column("flavor", sa.Text))


def expand(op):
    op.add_column("instance_extra", sa.Column("flavor", sa.Text()))


# Which instances.


def of_a_flavor(metadata: sa.FromClause) -> Flag:
    """Return the predicate of the rows of system metadata that hold a part of a flavor."""
    key = metadata.c.key
    return sa.or_(*(key.startswith(prefix, autoescape=True) for prefix in PREFIXES))


def is_pending(instance: Row) -> Flag:
    """Return the predicate of the instances that still have keys of a flavor."""
    theirs = METADATA.c.instance_uuid == instance.uuid
    return sa.exists().where(theirs, of_a_flavor(METADATA)).correlate_except(METADATA)


def is_changing(instance: Row) -> Flag:
    """Return the predicate of the instances that a task is changing now."""
    changing: Flag = instance.task_state.is_not(None)
    return changing


# One document.


def document(kept: str | None, metadata: Iterable[Pair]) -> Document:
    """Return the document *kept*, or a new one, with the flavor's keys of *metadata* in it.

    The keys win: they are what old code has written since.
    """
    made: Document = dict.fromkeys(PREFIXES.values()) if kept is None else json.loads(kept)
    for key, value in metadata:
        for prefix, part in PREFIXES.items():
            if key.startswith(prefix):
                field = key.removeprefix(prefix)
                named = NEW_NAMES.get(field, field)
                made[part] = {**(made[part] or {}), named: typed(field, value)}
    return made


def typed(field: str, value: str | None) -> str | float | None:
    """Return the text *value* as what *field* is; a value that is NULL stays it."""
    return value if value is None else TYPES.get(field, str)(value)


# Moved in batches.


def move_flavors(connection: Connection, keys: Sequence[tuple[Any, ...]]) -> None:
    """Write the documents of the instances *keys*, and remove the keys they are made of."""
    for start in range(0, len(keys), ROWS_PER_STATEMENT):
        move_some(connection, [key[0] for key in keys[start : start + ROWS_PER_STATEMENT]])


def move_some(connection: Connection, ids: Sequence[int]) -> None:
    """Move the flavors of the instances *ids*, whose rows are locked.

    Their metadata is locked as well before it is read, and deleted by the keys that were
    read: what old code adds in the meantime stays, and is pending again.
    """
    found = connection.execute(
        sa.select(METADATA)
        .join(INSTANCES, INSTANCES.c.uuid == METADATA.c.instance_uuid)
        .where(INSTANCES.c.id.in_(ids), of_a_flavor(METADATA))
        .order_by(METADATA.c.id)
        .with_for_update()
    ).all()
    metadata: dict[str, list[Pair]] = {}
    for row in found:
        metadata.setdefault(row.instance_uuid, []).append((row.key, row.value))
    write(connection, metadata)
    connection.execute(sa.delete(METADATA).where(METADATA.c.id.in_([row.id for row in found])))


def write(connection: Connection, metadata: Mapping[str, Iterable[Pair]]) -> None:
    """Write the document of each instance of *metadata*: uuid → keys and values."""
    theirs = EXTRA.c.instance_uuid.in_(list(metadata))
    query = sa.select(EXTRA.c.instance_uuid, EXTRA.c.flavor).where(theirs).with_for_update()
    kept = {row.instance_uuid: row.flavor for row in connection.execute(query)}
    made = {uuid: json.dumps(document(kept.get(uuid), pairs)) for uuid, pairs in metadata.items()}
    there = {uuid: text for uuid, text in made.items() if uuid in kept}
    missing = [
        {"instance_uuid": uuid, "flavor": text} for uuid, text in made.items() if uuid not in kept
    ]
    if there:
        now = sa.case(there, value=EXTRA.c.instance_uuid)
        which = EXTRA.c.instance_uuid.in_(list(there))
        connection.execute(sa.update(EXTRA).where(which).values(flavor=now))
    if missing:
        connection.execute(sa.insert(EXTRA), missing)


# Read and written by models.


class pairs_as_json(FunctionElement[str]):  # noqa: N801 - it is a function of SQL
    """JSON object of the keys and values of a group."""

    type = sa.Text()
    inherit_cache = True


@compiles(pairs_as_json)
def _mysql(element: pairs_as_json, compiler: Any, **options: Any) -> str:
    return f"json_objectagg({compiler.process(element.clauses, **options)})"


@compiles(pairs_as_json, "sqlite")
def _sqlite(element: pairs_as_json, compiler: Any, **options: Any) -> str:
    return f"json_group_object({compiler.process(element.clauses, **options)})"


@compiles(pairs_as_json, "postgresql")
def _postgresql(element: pairs_as_json, compiler: Any, **options: Any) -> str:
    return f"CAST(json_object_agg({compiler.process(element.clauses, **options)}) AS TEXT)"


def select_flavor(instance: Row) -> sa.ColumnElement[str]:
    """Return what a flavor is read from: a JSON list of the document and the pairs."""
    kept = sa.select(EXTRA.c.flavor).where(EXTRA.c.instance_uuid == instance.uuid)
    pairs = sa.select(pairs_as_json(METADATA.c.key, METADATA.c.value)).where(
        METADATA.c.instance_uuid == instance.uuid, of_a_flavor(METADATA)
    )
    return (
        sa.literal("[")
        + sa.func.coalesce(kept.correlate_except(EXTRA).scalar_subquery(), "null")
        + ","
        + sa.func.coalesce(pairs.correlate_except(METADATA).scalar_subquery(), "null")
        + "]"
    )


def load_flavor(selected: Any) -> Document | None:
    """Return the document that *selected* makes, or None for an instance without a flavor."""
    kept, pairs = json.loads(selected)
    text = None if kept is None else json.dumps(kept)
    return document(text, pairs.items()) if pairs else kept


def save_flavor(
    connection: Connection, instance: Mapping[str, Any], flavor: Document | None
) -> None:
    """Write the document *flavor* and remove the keys that held it before."""
    text = None if flavor is None else json.dumps(flavor)
    theirs = EXTRA.c.instance_uuid == instance["uuid"]
    if not connection.execute(sa.update(EXTRA).where(theirs).values(flavor=text)).rowcount:
        connection.execute(sa.insert(EXTRA).values(instance_uuid=instance["uuid"], flavor=text))
    mine = METADATA.c.instance_uuid == instance["uuid"]
    connection.execute(sa.delete(METADATA).where(mine, of_a_flavor(METADATA)))


instance_flavor = python(
    "instances",
    pending=is_pending,
    skip=is_changing,
    move=move_flavors,
    writes=("instance_system_metadata", "instance_extra"),
    attribute="flavor",
    load=expression(sql=select_flavor, python=load_flavor),
    save=save_flavor,
)
