"""Check: what a masked copy has to have in common with the original."""

from __future__ import annotations

from typing import TYPE_CHECKING

import sqlalchemy as sa

from demo.check import Checked

if TYPE_CHECKING:
    from collections.abc import Iterator

Row = tuple[object, ...]

TABLES = (
    "flavors",
    "instances",
    "instance_system_metadata",
    "instance_extra",
    "services",
    "fixed_ips",
)

COUNTED = {
    "parts of an instance": """
        SELECT count(*) FROM instance_system_metadata AS part
        JOIN instances ON instances.uuid = part.instance_uuid""",
    "deleted by their own id": """
        SELECT count(*) FROM instances WHERE deleted = id""",
    "on a host with a service": """
        SELECT count(*) FROM instances JOIN services ON services.host = instances.host""",
}
"""What is asked of both sides; the same has to come out."""


def check(original: sa.Engine, copy: sa.Engine, again: sa.Engine) -> Iterator[Checked]:
    """Yield what the *copy* keeps of the *original*, and *again*, masked apart, of the copy."""
    with original.connect() as before, copy.connect() as after, again.connect() as other:
        total = sum(_count(before, table) for table in TABLES)
        kept = sum(_count(after, table) for table in TABLES)
        yield Checked(what="rows restored", promised=total, kept=kept, proof="all tables")
        for what, query in COUNTED.items():
            promised, found = (int(each.scalar(sa.text(query)) or 0) for each in (before, after))
            yield Checked(what=what, promised=promised, kept=found, proof="counted on both sides")
        promised, kept = (len(_networks(each)) for each in (before, after))
        proof = "neighbours stay so"
        yield Checked(what="networks of 256 addresses", promised=promised, kept=kept, proof=proof)
        public = set(_rows(before, "flavors"))
        kept = len(public & set(_rows(after, "flavors")))
        proof = "they are public"
        yield Checked(what="flavors as they were", promised=len(public), kept=kept, proof=proof)
        first, second = (set(_rows(each, "instances")) for each in (after, other))
        kept = len(first & second)
        proof = "the same secret"
        yield Checked(
            what="instances alike in both dumps", promised=len(first), kept=kept, proof=proof
        )


def pair(before: sa.Connection, after: sa.Connection, number: int) -> Iterator[Row]:
    """Yield the name, value before and value after of what is shown of instance *number*.

    It is found by the id of a part of it: that is public, so both sides have it.
    """
    which = before.scalar(sa.text(_PART), {"id": number})
    for query, name, key in (
        (_INSTANCE, "instances", which),
        (_ADDRESS, "fixed_ips", number),
    ):
        rows = [
            each.execute(sa.text(query), {"id": key}).mappings().one() for each in (before, after)
        ]
        yield from ((f"{name}.{column}", rows[0][column], rows[1][column]) for column in rows[0])


_PART = """
    SELECT min(part.id) FROM instance_system_metadata AS part
    JOIN instances ON instances.uuid = part.instance_uuid WHERE instances.id = :id"""
_INSTANCE = """
    SELECT instances.id, instances.deleted, uuid, display_name, host, vm_state
    FROM instances JOIN instance_system_metadata AS part ON part.instance_uuid = instances.uuid
    WHERE part.id = :id"""
_ADDRESS = "SELECT cidr FROM fixed_ips WHERE id = :id"


def _count(connection: sa.Connection, table: str) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(sa.table(table))).scalar_one()


def _networks(connection: sa.Connection) -> set[str]:
    """Return the first three numbers of every address that has four."""
    found = connection.scalars(sa.text("SELECT cidr FROM fixed_ips WHERE cidr LIKE '%.%.%.%'"))
    return {each.rpartition(".")[0] for each in found}


def _rows(connection: sa.Connection, name: str) -> Iterator[Row]:
    table = sa.Table(name, sa.MetaData(), autoload_with=connection, resolve_fks=False)
    return (tuple(row) for row in connection.execute(sa.select(table)))
