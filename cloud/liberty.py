"""Models of the cloud as liberty has them: nothing of what kilo left behind is mapped.

They are right once every row is moved, and may run before and after liberty's contracts:
no statement of theirs names a column that a contract drops.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from typing_extensions import override

RELEASE = "liberty"

FLAVOR_FIELDS = ("id", "name", "flavorid", "foobars", "vcpus", "rxtx_factor")
"""What of a flavor is copied into the document of an instance."""


class Document(sa.TypeDecorator[Any]):
    """JSON in a column of text, where None is NULL."""

    impl = sa.Text
    cache_ok = True

    @override
    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str | None:
        return None if value is None else json.dumps(value)

    @override
    def process_result_value(self, value: str | None, dialect: sa.Dialect) -> Any:
        return None if value is None else json.loads(value)


class Base(DeclarativeBase):
    """Every model of this release."""


class Flavor(Base):
    """A size of instance that can be asked for."""

    __tablename__ = "flavors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(255))
    flavorid: Mapped[str | None] = mapped_column(sa.String(255))
    foobars: Mapped[int | None]
    vcpus: Mapped[int | None]
    rxtx_factor: Mapped[float | None]
    disabled: Mapped[bool | None]
    is_public: Mapped[bool | None]


class Instance(Base):
    """A virtual machine; *deleted* is its own id once it is gone."""

    __tablename__ = "instances"

    id: Mapped[int] = mapped_column(primary_key=True)
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True)
    display_name: Mapped[str | None] = mapped_column(sa.String(255))
    host: Mapped[str | None] = mapped_column(sa.String(255))
    instance_type_id: Mapped[int | None]
    root_gb: Mapped[Decimal | None] = mapped_column(sa.Numeric(13, 3))
    vm_state: Mapped[str | None] = mapped_column(sa.String(255))
    task_state: Mapped[str | None] = mapped_column(sa.String(255))
    deleted: Mapped[int] = mapped_column(default=0)
    locked: Mapped[bool] = mapped_column(default=False)

    system_metadata: Mapped[list[SystemMetadata]] = relationship(
        back_populates="instance", cascade="all, delete-orphan"
    )
    extra: Mapped[InstanceExtra | None] = relationship(
        back_populates="instance", cascade="all, delete-orphan"
    )
    fixed_ips: Mapped[list[FixedIp]] = relationship(back_populates="instance")

    @property
    def flavor(self) -> dict[str, dict[str, Any] | None] | None:
        """The flavor as the instance has it, in its extra row."""
        return None if self.extra is None else self.extra.flavor

    @flavor.setter
    def flavor(self, document: dict[str, dict[str, Any] | None] | None) -> None:
        self.extra = self.extra or InstanceExtra()
        self.extra.flavor = document

    def take_flavor(self, flavor: Flavor) -> None:
        """Copy *flavor* into the instance: it shall not change under it."""
        self.instance_type_id = flavor.id
        current = {field: getattr(flavor, field) for field in FLAVOR_FIELDS}
        self.flavor = {"cur": current, "old": None, "new": None}


class SystemMetadata(Base):
    """One key and its value of an instance: parts of its image."""

    __tablename__ = "instance_system_metadata"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_uuid: Mapped[str] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), index=True
    )
    key: Mapped[str] = mapped_column(sa.String(255))
    value: Mapped[str | None] = mapped_column(sa.String(255))

    instance: Mapped[Instance] = relationship(back_populates="system_metadata")


class InstanceExtra(Base):
    """What is known of an instance and seldom read."""

    __tablename__ = "instance_extra"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_uuid: Mapped[str] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), unique=True
    )
    numa_topology: Mapped[str | None] = mapped_column(sa.Text)
    flavor: Mapped[dict[str, dict[str, Any] | None] | None] = mapped_column(Document)

    instance: Mapped[Instance] = relationship(back_populates="extra")


class Service(Base):
    """A process of the cloud, on a host, that listens on a queue."""

    __tablename__ = "services"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str | None] = mapped_column(sa.String(255))
    binary: Mapped[str | None] = mapped_column(sa.String(255))
    queue: Mapped[str | None] = mapped_column(sa.String(255), default="")
    queue_counts: Mapped[int] = mapped_column(sa.SmallInteger, default=1)
    """Says that queue counts, for as long as topic is there; mitaka drops it."""
    report_count: Mapped[int] = mapped_column(default=0)


class FixedIp(Base):
    """An address, the prefix of its network, and who has it."""

    __tablename__ = "fixed_ips"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str | None] = mapped_column(sa.String(64))
    prefix: Mapped[int | None]
    instance_uuid: Mapped[str | None] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), index=True
    )
    reserved: Mapped[bool | None]

    instance: Mapped[Instance | None] = relationship(back_populates="fixed_ips")
