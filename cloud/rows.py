"""Rows of the cloud, in the form before or after kilo's change; the same for the same number.

NULL, 0, '', 0.0, limits of types, texts of many alphabets, soft-deleted instances and
instances that a task is changing come round again and again.
"""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

Values = tuple[Any, ...]

SMALLEST, LARGEST = -(2**31), 2**31 - 1

NAMES = (
    "m1.tiny",
    "",
    None,
    "größe.klein",
    "名前",
    "🚀 rocket",
    'o\'clock "50%"',
    "a\\b\tc\nd",
    "0",
)
OWNERS = ("Mara Olsen", "Sean O'Brien", "Žofie Nováková", "王小明", "Ana Martínez", "Omar Farouk")
MACHINES = (
    "",
    None,
    "Büro Köln",
    "私のサーバー",
    "🚀 launcher",
    'the "first" one',
    "x\\y\tz\nw",
    "0",
)
MEMORY_MB = (0, None, 1, 512, LARGEST, SMALLEST)
ROOT_MB = (0, None, 1, 999, 1000, LARGEST, SMALLEST)
RXTX = (0.0, None, 1.0, 0.5)
FLAGS = (None, False, True)
CIDRS = (
    "0.0.0.0/0",
    None,
    "",
    "10.0.0.1",
    "255.255.255.255/32",
    "::/0",
    "fe80::1/128",
    "10.0.0.7/8",
)
TOPICS = ("", "conductor", "0", "Планировщик", "x" * 255)
TASKS = (None, None, None, "spawning", None, "resize_prep", None, "")
PARTS = {"cur": "", "old": "old_", "new": "new_"}
NUMA = (None, "", "{}", '{"cells": []}')

COLUMNS: Mapping[str, tuple[str, ...]] = {
    "flavors": (
        "name", "flavorid", "memory_mb", "foobars", "vcpus", "rxtx_factor", "disabled", "is_public",
    ),
    "instances": (
        "uuid", "display_name", "host", "instance_type_id", "root_mb", "root_gb", "vm_state",
        "task_state", "deleted", "locked",
    ),
    "instance_system_metadata": ("instance_uuid", "key", "value"),
    "instance_extra": ("instance_uuid", "numa_topology", "flavor"),
    "services": ("host", "binary", "topic", "queue", "queue_counts", "report_count"),
    "fixed_ips": ("cidr", "address", "prefix", "instance_uuid", "reserved"),
}  # fmt: skip
"""Columns that a row of each table is given, of both forms; an id comes from the database."""


def flavor(number: int, *, moved: bool) -> Iterator[Values]:
    """Yield a row of flavors."""
    memory = some(MEMORY_MB, number, 17, number * 64 % 1_048_576)
    yield (
        some(NAMES, number, 11, f"m1.{number}"),
        f"flavor-{number}",
        *either(memory, moved=moved),
        number % 65,
        some(RXTX, number, 5, 2.0),
        FLAGS[number % 3],
        FLAGS[number // 3 % 3],
    )


def instance(number: int, *, moved: bool) -> Iterator[Values]:
    """Yield a row of instances."""
    root_mb = some(ROOT_MB, number, 13, number * 37 % 2_000_000)
    yield (
        uuid_of(number),
        some(MACHINES, number, 11, f"shop {number} of {OWNERS[number % len(OWNERS)]}"),
        some(("", None), number, 7, host(number % 100)),
        number % 1000,
        None if moved else root_mb,
        Decimal(root_mb) / 1000 if moved and root_mb is not None else None,
        "active" if (number + 7) % 14 else "resized",
        TASKS[number % 8],
        0 if number % 9 else number,
        not number % 12 if moved else None,
    )


def system_metadata(number: int, *, moved: bool) -> Iterator[Values]:
    """Yield the rows of instance_system_metadata of an instance: its image and its flavor."""
    uuid = uuid_of(number)
    yield uuid, "image_os_distro", some(NAMES, number, 11, "debian")
    yield uuid, "image_min_ram", some((None, "0", ""), number, 6, "512")
    if moved:
        return
    for prefix, fields in flavors_of(number).items():
        for field, value in fields.items():
            yield uuid, f"{prefix}instance_type_{field}", None if value is None else str(value)


def extra(number: int, *, moved: bool) -> Iterator[Values]:
    """Yield the row of instance_extra of an instance, if it has one."""
    flavors = flavors_of(number) if moved else {}
    if not flavors and number % 2:
        return
    document = {part: flavors.get(prefix) for part, prefix in PARTS.items()}
    text = json.dumps(document).replace('"memory_mb"', '"foobars"') if flavors else None
    yield uuid_of(number), some(NUMA, number, 6, None), text


def service(number: int, *, moved: bool) -> Iterator[Values]:
    """Yield a row of services."""
    topic = some(TOPICS, number, 9, f"topic.{number % 1000}")
    yield (
        host(number),
        some(("", None), number, 7, "nova-compute"),
        "" if moved else topic,
        topic if moved else None,
        int(moved),
        some((0, LARGEST), number, 10, number),
    )


def fixed_ip(number: int, *, moved: bool) -> Iterator[Values]:
    """Yield a row of fixed_ips, which belongs to no instance."""
    ordinary = f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}/{number % 33}"
    cidr = some(CIDRS, number, 19, ordinary)
    address, slash, prefix = (cidr or "").partition("/")
    new = (address, int(prefix) if slash else None)
    yield (
        *((None, *new) if moved and cidr is not None else (cidr, None, None)),
        None,
        FLAGS[number % 3],
    )


MAKERS: Mapping[str, Callable[..., Iterator[Values]]] = {
    "flavors": flavor,
    "instances": instance,
    "instance_system_metadata": system_metadata,
    "instance_extra": extra,
    "services": service,
    "fixed_ips": fixed_ip,
}
"""Table → what makes its rows, in an order that foreign keys allow."""


def some(special: Sequence[Any], number: int, every: int, ordinary: Any) -> Any:
    """Return one of the *special* values in turn, and *ordinary* for the rest of *every*."""
    place = number % every
    return special[place] if place < len(special) else ordinary


def either(value: Any, *, moved: bool) -> Values:
    """Return the values of an old and a new column, of which one holds *value*."""
    return (None, value) if moved else (value, None)


def host(number: int) -> str:
    """Return the name of host *number*."""
    return f"node{number}.rack{number % 7}.cloud.internal"


def uuid_of(number: int) -> str:
    """Return the uuid of instance *number*."""
    return f"{number:08x}-0000-4000-8000-{number * 2654435761 & 0xFFFFFFFFFFFF:012x}"


def flavors_of(number: int) -> Mapping[str, Mapping[str, Any]]:
    """Return the flavors of an instance: none, the current one, and others while it is resized."""
    if not number % 10:  # has lost it
        return {}
    if number % 14 in (0, 7):
        return {"": fields(number), "old_": fields(number + 1), "new_": fields(number + 2)}
    return {"": fields(number)}


def fields(number: int) -> Mapping[str, Any]:
    """Return what an instance keeps of a flavor."""
    return {
        "id": number % 1000,
        "name": some(NAMES, number, 11, f"m1.{number % 1000}"),
        "flavorid": f"flavor-{number % 1000}",
        "memory_mb": some(MEMORY_MB, number, 17, 2048),
        "vcpus": number % 65,
        "rxtx_factor": some(RXTX, number, 5, 2.0),
    }
