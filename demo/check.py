"""Check: what the processes were promised against what the database holds in the end."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from cloud import liberty
from cloud.compare import compare
from demo.log import Done, read

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from pathlib import Path

OLD_COLUMNS = {
    "flavors": "memory_mb",
    "instances": "root_mb",
    "services": "topic",
    "fixed_ips": "cidr",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Checked:
    """One promise: how often it was made, how often it is kept, and what proves it."""

    what: str
    promised: int
    kept: int
    proof: str = ""

    @property
    def holds(self) -> bool:
        """Whether the promise is kept; one that was never made proves nothing."""
        return self.promised == self.kept > 0


def check(
    bind: sa.Engine | sa.Connection,
    logs: Mapping[str, Path],
    *,
    rows: int,
    counted: Mapping[str, int],
) -> list[Checked]:
    """Check everything that was written before and during the change.

    *logs* has the log of each release, *rows* is how many rows were generated, and *counted*
    the value that each flavor that is counted up had at the start.
    """
    done = {release: list(read(path)) for release, path in logs.items()}
    everything = [each for log in done.values() for each in log]
    with Session(bind) as session:
        return [
            *_generated(session, rows),
            *(_added(session, release, log) for release, log in done.items()),
            _overwritten(session, everything),
            _bumped(session, everything, counted),
            _read(everything),
            _gone(session),
        ]


def _generated(session: Session, rows: int) -> Iterable[Checked]:
    """Compare the rows that were there before anything began."""
    for each in compare(session.connection(), rows):
        kept = each.found if each.same else -1
        what, proof = f"{each.table} generated", f"sha256 {each.checksum[:8]}"
        yield Checked(what=what, promised=each.generated, kept=kept, proof=proof)


def _added(session: Session, release: str, log: Sequence[Done]) -> Checked:
    """Look for every instance that a process added, and all that belongs to it."""
    added = {each.key: each.value for each in log if each.kind == "add"}
    found = Counter(_instances(session, release))
    kept = sum(found[(key, *_belongings(key, value))] == 1 for key, value in added.items())
    return Checked(
        what=f"instances added by {release}",
        promised=len(added),
        kept=kept if sum(found.values()) == len(added) else -1,
        proof="with all that belongs to it",
    )


def _instances(session: Session, release: str) -> Iterable[tuple[Any, ...]]:
    """Yield every instance that *release* added, as the newest release sees it."""
    query = (
        sa.select(liberty.Instance, liberty.Flavor, liberty.Service, liberty.FixedIp)
        .join(liberty.Flavor, liberty.Flavor.flavorid == liberty.Instance.uuid)
        .join(liberty.Service, liberty.Service.host == liberty.Instance.uuid)
        .join(liberty.FixedIp, liberty.FixedIp.instance_uuid == liberty.Instance.uuid)
        .where(liberty.Instance.uuid.startswith(f"{release}-"))
        .options(sa.orm.joinedload(liberty.Instance.extra))
    )
    for instance, flavor, service, ip in session.execute(query):
        document = instance.flavor or {}
        memory = (document.get("cur") or {}).get("foobars")
        values = (flavor.foobars, memory, instance.root_gb, service.queue, ip.address, ip.prefix)
        yield (instance.uuid, *values)


def _belongings(key: str, value: int) -> tuple[Any, ...]:
    """Return what an instance added as *key* with *value* has to look like."""
    return (value, value, Decimal(value) / 1000, f"topic-{value}", key, value % 33)


def _overwritten(session: Session, everything: Sequence[Done]) -> Checked:
    """Check that each flavor that several processes overwrite holds a write that may be last."""
    writes = defaultdict(list)
    for each in everything:
        if each.kind == "set":
            writes[each.key].append(each)
    found = _foobars(session, writes)
    kept = sum(found.get(key) in _last(some) for key, some in writes.items())
    total = sum(map(len, writes.values()))
    proof = f"the last of {total:,} counts"
    return Checked(what="flavors overwritten by all", promised=len(writes), kept=kept, proof=proof)


def _last(writes: Sequence[Done]) -> set[int]:
    """Return the values of the writes after which no other began."""
    begun = max(each.begun for each in writes)
    return {each.value for each in writes if each.ended >= begun}


def _bumped(session: Session, everything: Sequence[Done], counted: Mapping[str, int]) -> Checked:
    """Check that nothing that was counted up was lost or counted twice."""
    bumps = Counter(each.key for each in everything if each.kind == "bump")
    found = _foobars(session, counted)
    exact = all(found[key] == start + bumps[key] for key, start in counted.items())
    promised = bumps.total()
    kept = sum(found[key] - start for key, start in counted.items())
    return Checked(
        what="counted up by new code",
        promised=promised,
        kept=kept if exact else -1,
        proof=f"in {len(counted)} flavors, to the unit",
    )


def _foobars(session: Session, keys: Iterable[str]) -> dict[str, int]:
    """Return the foobars of the flavors *keys*."""
    flavor = liberty.Flavor
    query = sa.select(flavor.flavorid, flavor.foobars).where(flavor.flavorid.in_(list(keys)))
    return {str(key): value if value is not None else -1 for key, value in session.execute(query)}


def _read(everything: Sequence[Done]) -> Checked:
    """Check that new code saw every row as it shall be, whether it was moved or not."""
    reads = [each for each in everything if each.kind == "read"]
    seen = sum(each.value for each in reads) * 4
    wrong = sum(each.wrong for each in reads)
    proof = "alike, moved or not"
    return Checked(what="objects read by new code", promised=seen, kept=seen - wrong, proof=proof)


def _gone(session: Session) -> Checked:
    """Check that the old columns are no more."""
    inspector = sa.inspect(session.connection())
    left = sum(
        column in {each["name"] for each in inspector.get_columns(table)}
        for table, column in OLD_COLUMNS.items()
    )
    kept = len(OLD_COLUMNS) - left
    return Checked(what="old columns dropped", promised=len(OLD_COLUMNS), kept=kept)
