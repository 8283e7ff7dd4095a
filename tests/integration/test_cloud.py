"""The reference application on each database: filled, walked through its releases, compared."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner
from sqlalchemy.orm import Session

from cloud import generate, juno, kilo, liberty, mitaka
from cloud.compare import compare
from cloud.generate import fill
from cloud.rows import COLUMNS, MAKERS
from migrator.errors import GuardError
from migrator.manifest import Manifest
from migrator.migration import load_all
from migrator.online import Outcome, migrate
from migrator.testing import walk_to

pytestmark = pytest.mark.thorough

ROWS = 120
ADDRESS = "10.0.0.0"

MODELS = {
    "flavors": (kilo.Flavor, ("flavorid", "foobars")),
    "instances": (kilo.Instance, ("uuid", "root_gb")),
    "services": (kilo.Service, ("host", "queue")),
    "fixed_ips": (kilo.FixedIp, ("address", "prefix")),
}


def move(engine: sa.Engine, release: str) -> dict[str, Outcome]:
    """Run the transitions that the expands of *release* declare."""
    manifest = Manifest.load(Path(__file__).parent.parent.parent / "versions.json")
    declared = [
        transition
        for migration in load_all(manifest)
        if manifest.release_of(migration.number) == release
        for transition in migration.transitions
    ]
    return {outcome.transition: outcome for outcome in migrate(engine, declared)}


def end_tasks(engine: sa.Engine) -> None:
    with engine.begin() as connection:
        connection.execute(sa.text("UPDATE instances SET task_state = NULL"))


def expect_the_same(engine: sa.Engine, *, moved: float = 0.0) -> None:
    with engine.connect() as connection:
        found = compare(connection, ROWS, moved=moved)
    assert [each.table for each in found if not each.same] == []
    assert all(each.generated >= ROWS / 2 for each in found)


@pytest.fixture
def expanded(engine: sa.Engine) -> sa.Engine:
    """A database at kilo, with rows that were there at juno."""
    walk_to(engine, "juno")
    with engine.begin() as connection:
        fill(connection, ROWS)
    walk_to(engine, "kilo")
    return engine


def test_nothing_is_lost_on_the_way_to_mitaka(expanded: sa.Engine) -> None:
    first = move(expanded, "kilo")
    assert {name for name, outcome in first.items() if outcome.skipped} == {"instance_flavor"}
    with pytest.raises(GuardError):
        walk_to(expanded, "liberty")
    end_tasks(expanded)
    second = move(expanded, "kilo")
    assert second["instance_flavor"].completed == first["instance_flavor"].skipped
    expect_the_same(expanded)
    walk_to(expanded, "mitaka")
    expect_the_same(expanded)
    assert move(expanded, "mitaka")["flavor_visibility"].failed == 0


def test_rows_of_both_forms_come_together(expanded: sa.Engine) -> None:
    with expanded.begin() as connection:
        connection.execute(sa.text("DELETE FROM flavors"))
        fill(connection, ROWS, tables=["flavors"], moved=0.5, first=1)

    moved = move(expanded, "kilo")["flavor_foobars"].completed

    assert 0 < moved < ROWS
    with expanded.connect() as connection:
        found = connection.execute(sa.text("SELECT flavorid, foobars FROM flavors")).all()
    assert {tuple(row) for row in found} == expected("flavors")


def expected(table: str) -> set[Any]:
    """Return what a reader of kilo shall see in the rows that were generated."""
    _model, names = MODELS[table]
    places = [COLUMNS[table].index(name) for name in names]
    rows = (row for number in range(1, ROWS + 1) for row in MAKERS[table](number, moved=True))
    return {tuple(row[place] for place in places) for row in rows}


@pytest.mark.parametrize("table", MODELS)
@pytest.mark.parametrize("moved", [False, True], ids=["pending", "moved"])
def test_kilo_sees_every_row_alike(expanded: sa.Engine, table: str, *, moved: bool) -> None:
    if moved:
        move(expanded, "kilo")
    model, names = MODELS[table]
    with Session(expanded) as session:
        objects = session.scalars(sa.select(model)).all()
        loaded = {tuple(getattr(each, name) for name in names) for each in objects}
        columns = (getattr(model, name) for name in names)
        selected = {tuple(row) for row in session.execute(sa.select(*columns))}
    assert loaded == selected == expected(table)


def test_kilo_sees_every_flavor_alike(expanded: sa.Engine) -> None:
    def flavors() -> dict[str, Any]:
        with Session(expanded) as session:
            return {each.uuid: each.flavor for each in session.scalars(sa.select(kilo.Instance))}

    before = flavors()
    end_tasks(expanded)
    move(expanded, "kilo")

    assert flavors() == before
    assert 0 < sum(flavor is None for flavor in before.values()) < ROWS
    expect_the_same(expanded)


# Old and new code, on every state of the database.


def write_as_juno(engine: sa.Engine) -> None:
    with Session(engine) as session:
        flavor = juno.Flavor(flavorid="by juno", memory_mb=0, vcpus=1)
        session.add(flavor)
        session.flush()
        instance = juno.Instance(uuid="by juno", root_mb=1)
        instance.take_flavor(flavor)
        session.add_all([instance, juno.Service(host="by juno", topic="0")])
        session.add(juno.FixedIp(cidr=f"{ADDRESS}/0", instance=instance))
        session.commit()


def write_as_kilo(engine: sa.Engine) -> None:
    write_new(engine, kilo)


def write_new(engine: sa.Engine, release: Any) -> None:
    with Session(engine) as session:
        flavor = release.Flavor(flavorid=f"by {release.RELEASE}", foobars=0, vcpus=1)
        session.add(flavor)
        session.flush()
        instance = release.Instance(uuid=f"by {release.RELEASE}", root_gb=Decimal("0.001"))
        instance.take_flavor(flavor)
        session.add_all([instance, release.Service(host=f"by {release.RELEASE}", queue="0")])
        session.add(release.FixedIp(address=ADDRESS, prefix=0, instance=instance))
        session.commit()


def read_new(engine: sa.Engine, release: Any, writer: str) -> tuple[Any, ...]:
    with Session(engine) as session:
        flavor = session.scalars(sa.select(release.Flavor).filter_by(flavorid=writer)).one()
        instance = session.scalars(sa.select(release.Instance).filter_by(uuid=writer)).one()
        service = session.scalars(sa.select(release.Service).filter_by(host=writer)).one()
        (ip,) = instance.fixed_ips
        kept = instance.flavor["cur"]["foobars"]
        return (
            flavor.foobars, kept, instance.root_gb, bool(instance.locked), service.queue,
            ip.address, ip.prefix,
        )  # fmt: skip


WRITTEN = (0, 0, Decimal("0.001"), False, "0", ADDRESS, 0)


@pytest.mark.parametrize("state", ["before", "expanded", "moving", "moved"])
def test_what_juno_writes_later_releases_read(engine: sa.Engine, state: str) -> None:
    walk_to(engine, "juno" if state == "before" else "kilo")
    if state == "moving":
        write_as_kilo(engine)
    if state == "moved":
        move(engine, "kilo")
    write_as_juno(engine)
    walk_to(engine, "kilo")
    assert read_new(engine, kilo, "by juno") == WRITTEN

    move(engine, "kilo")
    assert read_new(engine, kilo, "by juno") == WRITTEN
    walk_to(engine, "liberty")
    assert read_new(engine, liberty, "by juno") == WRITTEN


@pytest.mark.parametrize("release", [kilo, liberty], ids=["kilo", "liberty"])
def test_what_new_code_writes_is_never_pending(engine: sa.Engine, release: Any) -> None:
    walk_to(engine, "kilo")
    write_new(engine, release)
    by = f"by {release.RELEASE}"
    assert read_new(engine, kilo, by) == WRITTEN

    assert {outcome.needed for outcome in move(engine, "kilo").values()} == {0}
    assert read_new(engine, liberty, by) == WRITTEN


@pytest.mark.parametrize("release", [liberty, mitaka], ids=["liberty", "mitaka"])
def test_later_releases_need_nothing_that_is_gone(engine: sa.Engine, release: Any) -> None:
    walk_to(engine, release.RELEASE)
    write_new(engine, release)
    assert read_new(engine, release, f"by {release.RELEASE}") == WRITTEN


def test_visibility_is_read_before_and_after_it_moves(engine: sa.Engine) -> None:
    walk_to(engine, "mitaka")
    with engine.begin() as connection:
        fill(connection, 9, tables=["flavors"])

    def words() -> list[Any]:
        with Session(engine) as session:
            query = sa.select(mitaka.Flavor).order_by(mitaka.Flavor.id)
            return [flavor.visibility for flavor in session.scalars(query)]

    before = words()
    assert set(before) == {None, "disabled", "private", "public"}
    assert move(engine, "mitaka")["flavor_visibility"].completed == 8
    assert words() == before


# The generator.


@pytest.mark.parametrize("release", ["juno", "kilo", "liberty", "mitaka"])
def test_every_version_can_be_filled_again_and_again(engine: sa.Engine, release: str) -> None:
    walk_to(engine, release)
    for _ in "12":
        with engine.begin() as connection:
            assert fill(connection, 20)["flavors"] == 20

    with engine.connect() as connection:
        count = sa.text("SELECT count(*), count(DISTINCT uuid) FROM instances")
        assert tuple(connection.execute(count).one()) == (40, 40)


def test_the_command_line_fills_some_tables(engine: sa.Engine) -> None:
    walk_to(engine, "juno")
    url = engine.url.render_as_string(hide_password=False)
    arguments = ["--database", url, "--rows", "7", "--table", "flavors"]
    result = CliRunner().invoke(generate.main, arguments)

    assert (result.exit_code, "flavors" in result.output) == (0, True)
    with engine.connect() as connection:
        assert connection.scalar(sa.text("SELECT count(*) FROM flavors")) == 7
        assert connection.scalar(sa.text("SELECT count(*) FROM instances")) == 0
