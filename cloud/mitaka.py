"""Models of the cloud as mitaka has them: visibility is moving, with its converter attached."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import Any, ClassVar

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column, relationship
from typing_extensions import override

from anonymizer import mask, public
from anonymizer.markup import Defaults
from migrator import attach_converters
from versions.add_flavor_visibility import flavor_visibility

RELEASE = "mitaka"

TRANSITIONS = (flavor_visibility,)
"""What mitaka moves; the contract is not due yet."""

FLAVOR_FIELDS = ("id", "name", "flavorid", "foobars", "vcpus", "rxtx_factor")
"""What of a flavor is copied into the document of an instance."""

SOLD = public("on the price list")
"""Why a flavor may be seen: as everybody who buys one sees it."""

FLAVORS = mask.json(paths={f"$.*.{field}": SOLD for field in FLAVOR_FIELDS})
"""The flavors that an instance has and had; a field that is not listed is refused."""


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
    """Every model of this release; an id is public, but where a model says otherwise."""

    __anonymizer__: ClassVar[Defaults] = {"id": public("a running number, of nobody")}


class Flavor(Base):
    """A size of instance that can be asked for."""

    __tablename__ = "flavors"

    id: Mapped[int] = mapped_column(primary_key=True)
    name: Mapped[str | None] = mapped_column(sa.String(255), info=SOLD)
    flavorid: Mapped[str | None] = mapped_column(sa.String(255), info=SOLD)
    foobars: Mapped[int | None] = mapped_column(info=SOLD)
    vcpus: Mapped[int | None] = mapped_column(info=SOLD)
    rxtx_factor: Mapped[float | None] = mapped_column(info=SOLD)
    visibility: Mapped[str | None] = mapped_column(
        sa.String(16), info=public("whether it is on offer")
    )


class Instance(Base):
    """A virtual machine; *deleted* is its own id once it is gone."""

    __tablename__ = "instances"

    id: Mapped[int] = mapped_column(primary_key=True, info=mask.integer())
    uuid: Mapped[str] = mapped_column(sa.String(36), unique=True, info=mask.uuid())
    display_name: Mapped[str | None] = mapped_column(sa.String(255), info=mask.text())
    host: Mapped[str | None] = mapped_column(sa.String(255), info=mask.host_name())
    instance_type_id: Mapped[int | None] = mapped_column(info=public("the number of a flavor"))
    root_gb: Mapped[Decimal | None] = mapped_column(
        sa.Numeric(13, 3), info=public("a size that is sold")
    )
    vm_state: Mapped[str | None] = mapped_column(sa.String(255), info=public("a word of ours"))
    task_state: Mapped[str | None] = mapped_column(sa.String(255), info=public("a word of ours"))
    deleted: Mapped[int] = mapped_column(default=0, info=mask.integer(domain="instances.id"))
    locked: Mapped[bool] = mapped_column(default=False, info=public("a switch"))

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
    flavor: Mapped[dict[str, dict[str, Any] | None] | None] = mapped_column(Document, info=FLAVORS)

    instance: Mapped[Instance] = relationship(back_populates="extra")


class Service(Base):
    """A process of the cloud, on a host, that listens on a queue."""

    __tablename__ = "services"

    id: Mapped[int] = mapped_column(primary_key=True)
    host: Mapped[str | None] = mapped_column(sa.String(255), info=mask.host_name())
    binary: Mapped[str | None] = mapped_column(sa.String(255), info=public("a program of ours"))
    queue: Mapped[str | None] = mapped_column(
        sa.String(255), default="", info=mask.text(domain="queues")
    )
    report_count: Mapped[int] = mapped_column(default=0, info=public("a count"))


class FixedIp(Base):
    """An address, the prefix of its network, and who has it."""

    __tablename__ = "fixed_ips"

    id: Mapped[int] = mapped_column(primary_key=True)
    address: Mapped[str | None] = mapped_column(sa.String(64), info=mask.ip())
    prefix: Mapped[int | None] = mapped_column(info=public("the size of a network"))
    instance_uuid: Mapped[str | None] = mapped_column(
        sa.String(36), sa.ForeignKey("instances.uuid"), index=True
    )
    reserved: Mapped[bool | None] = mapped_column(info=public("a switch"))

    instance: Mapped[Instance | None] = relationship(back_populates="fixed_ips")


attach_converters(Base, *TRANSITIONS)
