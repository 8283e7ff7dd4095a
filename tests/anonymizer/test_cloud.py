"""The reference application: every column is decided on, at every version, on each database."""

from __future__ import annotations

import subprocess
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import sqlalchemy as sa

from anonymizer import policy
from anonymizer.check import check
from anonymizer.cli import run
from anonymizer.markup import INFO
from anonymizer.models import Models, load
from anonymizer.plan import make_plan
from anonymizer.schema import read_schema
from cloud import juno, kilo, liberty, mitaka
from cloud.generate import fill
from migrator.checkpoint import Lease, lease, quarantine
from migrator.history import METADATA
from migrator.manifest import Manifest
from migrator.migration import load_all
from migrator.online import Options, migrate
from migrator.testing import walk_to
from migrator.transitions.transition import Failure
from tests.databases import Database, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anonymizer.markup import Decision
    from tests.databases import Servers

ROOT = Path(__file__).parent.parent.parent
POLICY = ROOT / "cloud" / "anonymizer.toml"
RELEASES = (juno, kilo, liberty, mitaka)
ROWS = 120
CIDRS = [
    {"id": number, "cidr": f"10.{number}.0.7/{8 + number % 9}" if number % 5 else None}
    for number in range(1, 50)
]


@pytest.fixture
def other(database: Database, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    """One more database of the same kind, empty."""
    (tmp_path / "other").mkdir()
    yield from fresh(database.name, servers, tmp_path / "other")


# Decisions.


@pytest.mark.parametrize("release", RELEASES, ids=lambda each: each.RELEASE)
def test_a_release_decides_on_every_column_that_it_maps(release: Any) -> None:
    found = check(Models.of(release), policy.read(POLICY))
    assert not [each for each in found if each.severity == "error"]


def test_the_releases_and_the_policy_decide_alike() -> None:
    found: dict[str, list[Decision]] = defaultdict(list)
    for release in RELEASES:
        for column in columns(release):
            if INFO in column.info:
                found[f"{column.table.name}.{column.name}"].append(column.info[INFO])
    for table, listed in policy.read(POLICY).tables.items():
        for name, said in listed.columns.items():
            found[f"{table}.{name}"].append(said.decision)
    assert {"instances.deleted", "services.queue", "migrator_lease.upto"} <= found.keys()
    assert not [name for name, some in found.items() if any(each != some[0] for each in some)]


def columns(release: Any) -> Iterator[sa.Column[Any]]:
    for table in release.Base.metadata.tables.values():
        yield from table.columns


@pytest.mark.parametrize("release", RELEASES, ids=lambda each: each.RELEASE)
def test_what_holds_the_same_shares_a_domain(release: Any) -> None:
    plan = make_plan(Models.of(release), policy.read(POLICY))
    domains = {
        f"{table.name}.{column.name}": column.domain
        for table in plan.tables
        for column in table.columns
    }
    for one, other in (
        ("instances.id", "instances.deleted"),
        ("instances.uuid", "instance_extra.instance_uuid"),
        ("instances.host", "migrator_service.host"),
        ("services.topic", "services.queue"),
        ("fixed_ips.cidr", "fixed_ips.address"),
    ):
        assert domains[one] == domains[other] != ""


def test_the_policy_knows_every_column_of_migrators_own_tables() -> None:
    known = {
        (table.name, name)
        for table, listed in policy.read(POLICY).tables.items()
        for name in listed.columns
    }
    assert {(each.name, column.name) for each in METADATA.sorted_tables for column in each.c} <= (
        known
    )


def test_models_import_nothing_heavy() -> None:
    code = (
        "import sys, cloud.juno, cloud.kilo, cloud.liberty, cloud.mitaka\n"
        "found = {each.partition('.')[0] for each in sys.modules}\n"
        "print(sorted(found & {'numpy', 'pyarrow', 'cryptography', 'faker', 'click'}),"
        " sorted(each for each in sys.modules if each.startswith('anonymizer')))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[] ['anonymizer', 'anonymizer.markup']"


# Data.


def declared(release: str) -> list[Any]:
    """Return the transitions that the expands of *release* declare."""
    manifest = Manifest.load(ROOT / "versions.json")
    return [
        transition
        for migration in load_all(manifest)
        if manifest.release_of(migration.number) == release
        for transition in migration.transitions
    ]


def problems(engine: sa.Engine) -> list[str]:
    """Return what `anonymizer check` has against the models of each release, on a database."""
    with engine.connect() as connection:
        schema = read_schema(connection)
    return [
        f"{release.RELEASE}: {each}"
        for release in RELEASES
        for each in check(load(f"cloud.{release.RELEASE}"), policy.read(POLICY), schema=schema)
        if each.severity == "error"
    ]


def end_tasks(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE instances SET task_state = NULL"))


@pytest.mark.thorough
def test_check_passes_at_every_version(engine: sa.Engine) -> None:
    last = max(each.number for each in load_all(Manifest.load(ROOT / "versions.json")))
    for version in range(1, last + 1):
        walk_to(engine, version)
        assert not problems(engine), version


@pytest.mark.thorough
def test_a_column_that_nobody_decided_on_is_told(engine: sa.Engine) -> None:
    walk_to(engine, "kilo")
    with engine.begin() as connection:
        connection.execute(sa.text("ALTER TABLE services ADD COLUMN owner VARCHAR(50)"))
    assert [each for each in problems(engine) if "services.owner" in each]


def masked(source: Database, target: Database, secret: Path, release: str) -> None:
    models = ("--models", f"cloud.{release}", "--policy", str(POLICY))
    where = (source.url, target.url)
    assert run(["check", *models, "--database", source.url]) == 0
    assert run(["mask", *where, *models, "--secret", str(secret), "--force"]) == 0


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    assert run(["key", str(tmp_path / "secret")]) == 0
    return tmp_path / "secret"


def rows(engine: sa.Engine) -> dict[str, set[tuple[object, ...]]]:
    """Return what each table of the application holds, but for ids that are given anew."""
    metadata = sa.MetaData()
    metadata.reflect(engine)
    found = {}
    with engine.connect() as connection:
        for name, table in metadata.tables.items():
            kept = [each for each in table.c if (name, each.name) != ("instance_extra", "id")]
            if not name.startswith("migrator_"):
                found[name] = {tuple(row) for row in connection.execute(sa.select(*kept))}
    return found


@pytest.mark.thorough
def test_rows_may_be_masked_before_or_after_they_move(
    database: Database, other: Database, secret: Path
) -> None:
    engine = database.engine()
    walk_to(engine, "juno")
    with engine.begin() as connection:
        fill(connection, ROWS)
        # With a mask beside it, an address stays one of a host, and a network a network.
        connection.execute(sa.text("DELETE FROM fixed_ips"))
        connection.execute(sa.text("INSERT INTO fixed_ips (id, cidr) VALUES (:id, :cidr)"), CIDRS)
    walk_to(engine, "kilo")
    end_tasks(engine)
    migrate(engine, declared("kilo"), Options(max_count=50))
    masked(database, other, secret, "juno")
    copy = other.engine()

    migrate(copy, declared("kilo"))
    before = rows(copy)
    copy.dispose()
    empty(other)
    migrate(engine, declared("kilo"))
    masked(database, other, secret, "liberty")

    assert rows(other.engine()) == before
    walk_to(other.engine(), "mitaka")
    assert not problems(other.engine())


@pytest.mark.thorough
def test_what_was_under_way_is_done_again_on_a_masked_copy(
    database: Database, other: Database, secret: Path
) -> None:
    engine = database.engine()
    walk_to(engine, "juno")
    with engine.begin() as connection:
        fill(connection, ROWS)
    walk_to(engine, "kilo")
    end_tasks(engine)
    migrate(engine, declared("kilo"), Options(max_count=150))
    given = Lease(token="0" * 36, owner="elsewhere:1", after=(5,), upto=(60,))
    with engine.begin() as connection:
        lease(connection, "instance_root_gb", given)
        quarantine(connection, "instance_root_gb", [Failure(key=(7,), reason="ValueError")])

    masked(database, other, secret, "kilo")

    found = migrate(other.engine(), declared("kilo"))
    assert [each for each in found if each.failed or each.movable or each.skipped] == []
    walk_to(other.engine(), "liberty")


def empty(database: Database) -> None:
    """Drop every table; a file of SQLite is written over."""
    metadata, engine = sa.MetaData(), database.engine()
    metadata.reflect(engine)
    metadata.drop_all(engine)
    engine.dispose()
