"""What each release of the application does: the same work, in the words of its models."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from cloud import juno, kilo, liberty, rows

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import ModuleType

    from sqlalchemy.orm import Session

SHARED = 8
"""Flavors that every process overwrites."""
COUNTED = 4
"""Flavors that new code counts up."""
TOUCHED = 20
"""Rows that new code loads and saves at a time."""


def shared(number: int) -> str:
    """Return the flavorid of a flavor that every process overwrites."""
    return f"shared-{number % SHARED}"


def counted(number: int) -> str:
    """Return the flavorid of a flavor that new code counts up."""
    return f"counted-{number % COUNTED}"


class Juno:
    """Old code: adds rows, and overwrites old columns without reading them."""

    models: ModuleType = juno

    def add(self, session: Session, key: str, value: int) -> None:
        """Add an instance and all that belongs to it."""
        flavor = juno.Flavor(flavorid=key, name=key, memory_mb=value, vcpus=0)
        session.add(flavor)
        session.flush()
        instance = juno.Instance(uuid=key, root_mb=value)
        instance.take_flavor(flavor)
        session.add_all([instance, juno.Service(host=key, topic=f"topic-{value}")])
        session.add(juno.FixedIp(cidr=f"{key}/{value % 33}", instance=instance))

    def set(self, session: Session, key: str, value: int) -> None:
        """Overwrite the memory of a flavor."""
        which = juno.Flavor.flavorid == key
        session.execute(sa.update(juno.Flavor).where(which).values(memory_mb=value))


class New:
    """New code, of a release that has the new columns: it reads as well."""

    def __init__(self, models: ModuleType) -> None:
        self.models: Any = models

    def add(self, session: Session, key: str, value: int) -> None:
        """Add an instance and all that belongs to it."""
        models = self.models
        flavor = models.Flavor(flavorid=key, name=key, foobars=value, vcpus=0)
        session.add(flavor)
        session.flush()
        instance = models.Instance(uuid=key, root_gb=Decimal(value) / 1000)
        instance.take_flavor(flavor)
        session.add_all([instance, models.Service(host=key, queue=f"topic-{value}")])
        session.add(models.FixedIp(address=key, prefix=value % 33, instance=instance))

    def set(self, session: Session, key: str, value: int) -> None:
        """Load a flavor, and save it with another size."""
        flavor = session.scalars(sa.select(self.models.Flavor).filter_by(flavorid=key)).one()
        flavor.foobars = value

    def bump(self, session: Session, key: str) -> None:
        """Count a flavor up in the database."""
        flavor = self.models.Flavor
        more = sa.update(flavor).where(flavor.flavorid == key).values(foobars=flavor.foobars + 1)
        session.execute(more, execution_options={"synchronize_session": False})

    def touch(self, session: Session, ids: Sequence[int]) -> int:
        """Load rows, save something else of them, and return how many are not as generated."""
        models = self.models
        wrong = 0
        for flavor in by_id(session, models.Flavor, ids):
            wrong += flavor.foobars != expected("flavors", flavor.id, "foobars")
            flavor.vcpus = (flavor.vcpus or 0) + 1
        for instance in by_id(session, models.Instance, ids):
            wrong += instance.root_gb != expected("instances", instance.id, "root_gb")
            instance.vm_state = "touched"
        for service in by_id(session, models.Service, ids):
            wrong += service.queue != expected("services", service.id, "queue")
            service.report_count = 1
        for ip in by_id(session, models.FixedIp, ids):
            wrong += ip.prefix != expected("fixed_ips", ip.id, "prefix")
            ip.reserved = True
        return wrong


RELEASES: dict[str, Juno | New] = {
    "juno": Juno(),
    "kilo": New(kilo),
    "liberty": New(liberty),
}


def by_id(session: Session, model: Any, ids: Sequence[int]) -> Sequence[Any]:
    """Return the objects of *model* with *ids*."""
    return session.scalars(sa.select(model).where(model.id.in_(ids)).order_by(model.id)).all()


def expected(table: str, number: int, column: str) -> Any:
    """Return what *column* of the generated row *number* holds, once it is moved."""
    (row,) = rows.MAKERS[table](number, moved=True)
    return row[rows.COLUMNS[table].index(column)]
