"""Each driver against its tool: real processes, a database of SQLite."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ci.drivers import Alembic, Migrator, driver_of, schema
from ci.drivers.base import Batch, Began, Ended, Ran, Reason, Refused, State
from ci.errors import ConfigurationError, SetupError
from ci.timing import Kind, Step
from tests.ci.alembic_tree import make_alembic_tree

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.drivers.base import Command, Driver, Event

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
CLOUD = Migrator()

Run: TypeAlias = "Callable[[Command], bytes]"


def running(tree: Path, url: str) -> Run:
    """Return what runs commands in *tree*, as a sandbox would with its environment."""
    variables = os.environ | {"MIGRATOR_DATABASE_URL": url, "CI_DATABASE_URL": url}

    def run(command: Command) -> bytes:
        program, *arguments = command.arguments
        done = subprocess.run(
            [BIN / program, *arguments],
            cwd=tree,
            env=variables | dict(command.variables),
            capture_output=True,
            check=False,
        )
        return done.stdout

    return run


def events(tool: Driver, output: bytes) -> list[Event]:
    found = (tool.read(line) for line in output.splitlines())
    return [each for each in found if each is not None]


def state(tool: Driver, run: Run) -> State:
    found = tool.read_state(run(tool.state()))
    assert isinstance(found, State)
    return found


@pytest.fixture(scope="module")
def juno(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the reference application at its first release, which no test changes."""
    path = tmp_path_factory.mktemp("juno") / "cloud.db"
    running(ROOT, f"sqlite:///{path}")(CLOUD._command("sync", "--version", "juno"))
    return path


@pytest.fixture
def cloud(juno: Path, tmp_path: Path) -> Run:
    """The reference application at its first release."""
    shutil.copyfile(juno, tmp_path / "cloud.db")
    return running(ROOT, f"sqlite:///{tmp_path / 'cloud.db'}")


def test_pending_migrations_are_steps_with_their_files(cloud: Run) -> None:
    found = state(CLOUD, cloud)

    assert found.version == "4"
    assert found.pending[0] == Step(
        version="5",
        name="add_flavor_foobars",
        kind=Kind.EXPAND,
        path="versions/add_flavor_foobars.py",
    )


def test_data_moves_before_the_contract_that_needs_it(cloud: Run) -> None:
    cloud(CLOUD.run(state(CLOUD, cloud).pending[6]))
    kinds = [(each.kind, each.name) for each in state(CLOUD, cloud).pending]

    assert kinds[:2] == [(Kind.MOVE, "flavor_foobars"), (Kind.CONTRACT, "drop_flavor_memory_mb")]


def test_a_step_tells_when_it_began_what_it_sent_and_how_long_it_took(cloud: Run) -> None:
    (step, *_) = state(CLOUD, cloud).pending
    before = time.monotonic()
    told = events(CLOUD, cloud(CLOUD.run(step)))

    began = next(each for each in told if isinstance(each, Began))
    ended = next(each for each in told if isinstance(each, Ended))
    assert before < began.at < ended.at < time.monotonic()
    assert 0 < ended.seconds <= ended.at - began.at + 0.001
    assert any("ADD COLUMN foobars" in each.sql for each in told if isinstance(each, Ran))


def test_a_move_tells_its_batches(cloud: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cloud.db'}"
    fill = [sys.executable, "-m", "cloud.generate", "--database", url, "--rows", "300"]
    subprocess.run(fill, cwd=ROOT, check=True, capture_output=True)
    (step, *_) = state(CLOUD, cloud).pending
    cloud(CLOUD.run(step))

    move = Step(version="flavor_foobars", name="flavor_foobars", kind=Kind.MOVE)
    told = events(CLOUD, cloud(CLOUD.run(move)))
    assert sum(each.rows for each in told if isinstance(each, Batch)) > 200
    assert isinstance(told[-1], Ended)


def test_the_guard_is_told_from_an_error(cloud: Run, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'cloud.db'}"
    fill = [sys.executable, "-m", "cloud.generate", "--database", url, "--rows", "3"]
    subprocess.run(fill, cwd=ROOT, check=True, capture_output=True)
    contract = Step(version="12", name="drop_flavor_memory_mb", kind=Kind.CONTRACT)

    (refused,) = [
        each for each in events(CLOUD, cloud(CLOUD.run(contract))) if isinstance(each, Refused)
    ]
    assert (refused.reason, refused.error) == (Reason.GUARD, "GuardError")
    assert "flavors" in refused.names


@pytest.mark.usefixtures("cloud")
def test_a_history_that_diverged_is_told_by_its_state(tmp_path: Path) -> None:
    shorter = tmp_path / "tree"
    (shorter / "versions").mkdir(parents=True)
    (shorter / "versions.json").write_text("{}\n")
    (shorter / "pyproject.toml").write_text("[tool.migrator]\nmanifest = 'versions.json'\n")
    run = running(shorter, f"sqlite:///{tmp_path / 'cloud.db'}")

    found = CLOUD.read_state(run(CLOUD.state()))
    assert isinstance(found, Refused)
    assert found.reason is Reason.HISTORY


def test_upgrading_goes_to_the_end(cloud: Run) -> None:
    for command in CLOUD.upgrade():
        cloud(command)

    assert [each.kind for each in state(CLOUD, cloud).pending] == [Kind.MOVE]


@pytest.fixture
def people(tmp_path: Path) -> Run:
    """A tree of alembic and its empty database."""
    return running(make_alembic_tree(tmp_path / "tree"), f"sqlite:///{tmp_path / 'people.db'}")


def test_revisions_are_steps(people: Run) -> None:
    assert state(Alembic(), people).pending == (
        Step(
            version="aaa1",
            name="aaa1_make_people",
            kind=Kind.UPGRADE,
            path="alembic/versions/aaa1_make_people.py",
        ),
        Step(
            version="bbb2",
            name="bbb2_name_people",
            kind=Kind.UPGRADE,
            path="alembic/versions/bbb2_name_people.py",
        ),
    )


def test_a_revision_is_run_alone(people: Run) -> None:
    alembic = Alembic()
    (first, second) = state(alembic, people).pending
    told = events(alembic, people(alembic.run(first)))

    (began,) = [each for each in told if isinstance(each, Began)]
    ended = told[-1]
    assert isinstance(ended, Ended)
    assert 0 < ended.seconds <= ended.at - began.at + 0.001
    assert any("CREATE TABLE people" in each.sql for each in told if isinstance(each, Ran))
    assert state(alembic, people).pending == (second,)


def test_a_revision_that_is_unknown_is_a_history_that_diverged(people: Run, tmp_path: Path) -> None:
    alembic = Alembic()
    for command in alembic.upgrade():
        people(command)
    (tmp_path / "tree" / "alembic" / "versions" / "bbb2_name_people.py").unlink()

    found = alembic.read_state(people(alembic.state()))
    assert isinstance(found, Refused)
    assert found.reason is Reason.HISTORY


def test_what_a_database_refuses_is_told_without_its_words(people: Run, tmp_path: Path) -> None:
    alembic = Alembic()
    (first, second) = state(alembic, people).pending
    people(alembic.run(first))
    path = tmp_path / "tree" / "alembic" / "versions" / "bbb2_name_people.py"
    path.write_text(path.read_text().replace('"people"', '"nobody"'))

    told = events(alembic, people(alembic.run(second)))
    assert told[-1] == Refused(reason=Reason.ERROR, error="OperationalError")


@pytest.mark.parametrize("tool", [Migrator(), Alembic()], ids=lambda each: each.name)
@given(line=st.one_of(st.binary(), st.text().map(str.encode)))
def test_no_line_is_too_strange(tool: Driver, line: bytes) -> None:
    tool.read(line)
    assert tool.read(b'{"event": ' + line) is None


@pytest.mark.parametrize("tool", [Migrator(), Alembic()], ids=lambda each: each.name)
@pytest.mark.parametrize("output", [b"", b"nothing\n", b"{" * 100_000, b'{"event": "state"}'])
def test_a_state_that_cannot_be_read_is_a_setup_error(tool: Driver, output: bytes) -> None:
    with pytest.raises(SetupError):
        tool.read_state(output)


@pytest.mark.parametrize(
    ("tool", "path"),
    [
        (Migrator(), "versions.json"),
        (Migrator(), "versions/add_disk.py"),
        (Migrator(), "app/versions/add_disk.sql"),
        (Alembic(), "alembic/versions/aaa1.py"),
        (Alembic(), "alembic.ini"),
    ],
)
def test_what_has_to_be_timed(tool: Driver, path: str) -> None:
    assert tool.touches(path)
    assert not tool.touches(f"docs/{path}.md")
    assert not tool.touches("README.md")


@pytest.mark.parametrize(
    ("path", "theirs"),
    [
        ("shop/models.py", True),
        ("src/shop/models.py", True),
        ("shop/models/order.py", True),
        ("shop/models.md", False),
        ("old_shop/models.py", False),
        ("shop/models_test.py", False),
    ],
)
def test_files_of_models(path: str, theirs: bool) -> None:  # noqa: FBT001
    assert any(fnmatchcase(path, each) for each in schema.files("shop.models:Base")) is theirs


def test_files_of_steps_are_named_from_the_root_of_the_tree() -> None:
    pending = {"number": 1, "name": "add_age", "phase": "expand", "files": ["schema/add_age.py"]}
    status = json.dumps({"version": 0, "pending": [pending], "transitions": []}).encode()
    driver = driver_of("migrator", {}, b"[tool.migrator]\nmanifest = './db/schema.json'\n")
    found = driver.read_state(status)

    assert isinstance(found, State)
    assert found.pending[0].path == "db/schema/add_age.py"
    assert driver.adds("db/schema/add_age.py")
    assert "--manifest" not in driver.state().arguments
    with pytest.raises(ConfigurationError, match="listed"):
        driver_of("migrator", {"listed": "x.json"})


@pytest.mark.parametrize(
    ("tool", "path", "adds"),
    [
        (CLOUD, "versions/add_age.py", True),
        (CLOUD, "versions/add_age.sqlite.sql", True),
        (CLOUD, "versions/add_age_test.py", False),
        (CLOUD, "versions.json", False),
        (Alembic(), "alembic/versions/aaa1.py", True),
        (Alembic(), "alembic/env.py", False),
        (Alembic(), "alembic.ini", False),
    ],
)
def test_new_files_that_have_to_run(tool: Driver, path: str, adds: bool) -> None:  # noqa: FBT001
    assert tool.adds(path) is adds
    assert tool.touches(path)
