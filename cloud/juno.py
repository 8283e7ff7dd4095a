"""Models of the cloud as juno has them: before the change.

The flavor of an instance is spread over rows of its system metadata, memory is in
memory_mb, a root disk in root_mb, an address and its prefix in one column.
"""

from __future__ import annotations

from typing import ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship

from anonymizer import mask, public
from anonymizer.markup import Defaults

RELEASE = "juno"

FLAVOR_FIELDS = ("id", "name", "flavorid", "memory_mb", "vcpus", "rxtx_factor")
"""What of a flavor is copied into the system metadata of an instance."""

SOLD = public("on the price list")
"""Why a flavor may be seen: as everybody who buys one sees it."""


class Base(DeclarativeBase):
    """Every model of this release; an id is public, but where a model says otherwise."""

    __anonymizer__: ClassVar[Defaults] = {"id": public("a running number, of nobody")}


class Flavor(Base):
    """A size of instance that can be asked for."""

    __tablename__ = "flavors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(255), info=SOLD)
    flavorid: Mapped[str | None] = mapped_column(sa.String(255), info=SOLD)
    memory_mb: Mapped[int | None] = mapped_column(info=SOLD)
    vcpus: Mapped[int | None] = mapped_column(info=SOLD)
    rxtx_factor: Mapped[float | None] = mapped_column(info=SOLD)
    disabled: Mapped[bool | None] = mapped_column(info=public("whether it is on offer"))
    is_public: Mapped[bool | None] = mapped_column(info=public("whether it is on offer"))


class Instance(Base):
    """A virtual machine; *deleted* is its own id once it is gone."""

    __tablename__ = "instances"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, info=mask.uuid())
    display_name: Mapped[str | None] = mapped_column(sa.String(255), info=mask.text())
    host: Mapped[str | None] = mapped_column(sa.String(255), info=mask.host_name())
    instance_type_id: Mapped[int | None] = mapped_column(info=public("the number of a flavor"))
    root_mb: Mapped[int | None] = mapped_column(info=public("a size that is sold"))
    vm_state: Mapped[str | None] = mapped_column(sa.String(255), info=public("a word of ours"))
    task_state: Mapped[str | None] = mapped_column(sa.String(255), info=public("a word of ours"))
    deleted: Mapped[int] = mapped_column(default=0, info=mask.integer(domain="instances.id"))

    system_metadata: Mapped[list[SystemMetadata]] = relationship(
        back_populates="instance", cascade="all, delete-orphan"
    )
    extra: Mapped[InstanceExtra | None] = relationship(
        back_populates="instance", cascade="all, delete-orphan"
    )
    fixed_ips: Mapped[list[FixedIp]] = relationship(back_populates="instance")

    def take_flavor(self, flavor: Flavor) -> None:
        """Copy *flavor* into the system metadata: it shall not change under the instance."""
        self.instance_type_id = flavor.id
        for field in FLAVOR_FIELDS:
            value = getattr(flavor, field)
            self.system_metadata.append(
                SystemMetadata(
                    key=f"instance_type_{field}", value=None if value is None else str(value)
                )
            )


class SystemMetadata(Base):
    """One key and its value of an instance: parts of its flavor and of its image."""

    __tablename__ = "instance_system_metadata"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_uuid: Mapped[str] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), index=True
    )
    key: Mapped[str] = mapped_column(sa.String(255), info=public("a word of ours"))
    value: Mapped[str | None] = mapped_column(
        sa.String(255), info=public("of a flavor or an image, which are published")
    )

    instance: Mapped[Instance] = relationship(back_populates="system_metadata")


class InstanceExtra(Base):
    """What is known of an instance and seldom read."""

    __tablename__ = "instance_extra"

    id: Mapped[int] = mapped_column(primary_key=True)
    instance_uuid: Mapped[str] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), unique=True
    )
    numa_topology: Mapped[str | None] = mapped_column(
        sa.Text, info=mask.json(paths={"$.cells": public("how a machine is built")})
    )

    instance: Mapped[Instance] = relationship(back_populates="extra")


class Service(Base):
    """A process of the cloud, on a host, that listens on a topic."""

    __tablename__ = "services"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str | None] = mapped_column(sa.String(255), info=mask.host_name())
    binary: Mapped[str | None] = mapped_column(sa.String(255), info=public("a program of ours"))
    topic: Mapped[str] = mapped_column(sa.String(255), default="", info=mask.text(domain="queues"))
    report_count: Mapped[int] = mapped_column(default=0, info=public("a count"))


class FixedIp(Base):
    """An address with the prefix of its network, as 10.0.0.7/24, and who has it."""

    __tablename__ = "fixed_ips"

    id: Mapped[int] = mapped_column(primary_key=True)
    cidr: Mapped[str | None] = mapped_column(sa.String(64), info=mask.ip())
    instance_uuid: Mapped[str | None] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), index=True
    )
    reserved: Mapped[bool | None] = mapped_column(info=public("a switch"))

    instance: Mapped[Instance | None] = relationship(back_populates="fixed_ips")
