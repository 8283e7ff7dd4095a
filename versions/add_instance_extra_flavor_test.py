import json
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
import sqlalchemy as sa

from migrator.online import Options, migrate
from migrator.testing import walk_to
from versions.add_instance_extra_flavor import EXTRA, METADATA, document, instance_flavor

KEYS = {
    "instance_type_id": "0",
    "instance_type_name": 'größe 🚀 "50%" \\',
    "instance_type_memory_mb": "2147483647",
    "instance_type_rxtx_factor": "0.0",
    "instance_type_vcpus": None,
    "instance_type_flavorid": "",
}
FLAVOR = {
    "id": 0,
    "name": 'größe 🚀 "50%" \\',
    "foobars": 2147483647,
    "rxtx_factor": 0.0,
    "vcpus": None,
    "flavorid": "",
}


def insert(connection: sa.Connection, uuid: str, keys: dict[str, Any], **values: Any) -> None:
    names = ("uuid", "task_state", "deleted")
    instances = sa.table("instances", *map(sa.column, names))
    connection.execute(sa.insert(instances).values(uuid=uuid, **values))
    for key, value in keys.items():
        row = {"instance_uuid": uuid, "key": key, "value": value}
        connection.execute(sa.insert(METADATA).values(row))


def flavors(engine: sa.Engine) -> dict[str, Any]:
    with engine.connect() as connection:
        found = connection.execute(sa.select(EXTRA.c.instance_uuid, EXTRA.c.flavor)).all()
    return {uuid: json.loads(text) for uuid, text in found}


def keys_of(engine: sa.Engine, uuid: str) -> list[str]:
    query = sa.select(METADATA.c.key).where(METADATA.c.instance_uuid == uuid)
    with engine.connect() as connection:
        return list(connection.scalars(query.order_by(METADATA.c.id)))


@pytest.fixture
def expanded(engine: sa.Engine) -> sa.Engine:
    walk_to(engine, "add_instance_extra_flavor")
    return engine


def test_keys_become_a_document(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        insert(connection, "a", {**KEYS, "image_os_distro": ""})
        insert(connection, "gone", KEYS, deleted=2)
        insert(connection, "none", {"image_min_ram": "0"})

    (outcome,) = migrate(expanded, [instance_flavor])

    assert (outcome.completed, outcome.failed, outcome.skipped) == (2, 0, 0)
    moved = {"cur": FLAVOR, "old": None, "new": None}
    assert flavors(expanded) == {"a": moved, "gone": moved}
    assert keys_of(expanded, "a") == ["image_os_distro"]


def test_instances_that_are_changing_wait_and_hide_nobody(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        insert(connection, "changing", KEYS, task_state="")
        insert(connection, "behind", KEYS)

    (outcome,) = migrate(expanded, [instance_flavor], Options(batch_size=1))

    assert (outcome.completed, outcome.skipped) == (1, 1)
    assert list(flavors(expanded)) == ["behind"]
    assert keys_of(expanded, "changing") == list(KEYS)


def test_a_resize_has_three_parts(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        keys = {
            f"{prefix}instance_type_id": str(n) for n, prefix in enumerate(("", "old_", "new_"))
        }
        insert(connection, "a", keys)

    migrate(expanded, [instance_flavor])

    assert flavors(expanded) == {"a": {"cur": {"id": 0}, "old": {"id": 1}, "new": {"id": 2}}}


def test_what_old_code_writes_later_counts(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        insert(connection, "a", {"instance_type_memory_mb": "0"})
        kept = {"cur": {"foobars": 512, "id": 1}, "old": None, "new": None}
        row = {"instance_uuid": "a", "flavor": json.dumps(kept)}
        connection.execute(sa.insert(EXTRA).values(row))

    migrate(expanded, [instance_flavor])

    assert flavors(expanded)["a"]["cur"] == {"foobars": 0, "id": 1}


@pytest.mark.requires("row_locks")
def test_what_old_code_is_writing_counts(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        insert(connection, "a", {"instance_type_memory_mb": "1"})

    with expanded.connect() as writer, ThreadPoolExecutor(1) as threads:
        writer.execute(sa.update(METADATA).values(value="2"))
        moved = threads.submit(migrate, expanded, [instance_flavor])
        with pytest.raises(TimeoutError):
            moved.result(timeout=0.5)
        writer.commit()
        assert moved.result()[0].completed == 1

    assert flavors(expanded)["a"]["cur"] == {"foobars": 2}


def test_a_flavor_that_is_none_stays_where_it_is(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        insert(connection, "broken", {"instance_type_vcpus": "many"})
        insert(connection, "whole", KEYS)

    (outcome,) = migrate(expanded, [instance_flavor])

    assert (outcome.completed, outcome.failed) == (1, 1)
    assert keys_of(expanded, "broken") == ["instance_type_vcpus"]


def test_document_keeps_what_it_has() -> None:
    kept = json.dumps({"cur": {"id": 1}, "old": None, "new": None})
    assert document(kept, [])["cur"] == {"id": 1}
    assert document(None, []) == {"cur": None, "old": None, "new": None}
