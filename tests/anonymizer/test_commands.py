"""The command line: each container in and out, restored by its own programs, and proved."""

from __future__ import annotations

import gzip
import io
import json
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer import sidecar
from anonymizer.cli import run
from tests import dumped
from tests.anonymizer import shop
from tests.databases import Database, Servers, fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

MODELS = "tests.anonymizer.shop:Base"
ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def secret(tmp_path: Path) -> Path:
    path = tmp_path / "secret"
    assert run(["key", str(path)]) == 0
    return path


@pytest.fixture
def other(database: Database, servers: Servers, tmp_path: Path) -> Iterator[Database]:
    """One more database of the same kind, empty."""
    (tmp_path / "other").mkdir()
    yield from fresh(database.name, servers, tmp_path / "other")


@pytest.fixture
def full(database: Database) -> Database:
    shop.fill(database.engine())
    return database


@pytest.fixture
def work(secret: Path, tmp_path: Path) -> Path:
    """A folder with the secret."""
    assert secret.parent == tmp_path
    return tmp_path


def masked(source: str, target: str, secret: Path, *more: str) -> int:
    return run(["mask", source, target, "--models", MODELS, "--secret", str(secret), *more])


def check(before: Database, after: Database) -> None:
    """Look whether *after* is *before* with other people in it."""
    old, new = (shop.rows(each.engine(), shop.Customer) for each in (before, after))
    assert len(new) == len(old)
    for column in ("id", "email", "phone", "note"):
        values = {getattr(each, column) for each in new}
        assert not values & {getattr(each, column) for each in old}
        assert len(values) == len(old) or column == "note"
    assert [each.name is None for each in new].count(True) == 20
    assert {each.password for each in new} == {None}
    orders = shop.rows(after.engine(), shop.Order)
    bought = [each.customer for each in orders]
    assert set(bought) <= {each.id for each in new}
    assert sorted(bought.count(each.id) for each in new) == [0] * 50 + [3] * 150
    by_id = {each.id: each for each in new}
    for each in new:
        first, last = (by_id[each.id].name or "A B").lower().split(" ", 1)
        assert each.name is None or each.email.startswith(first[:3]) or last


def test_a_database_becomes_another(full: Database, other: Database, secret: Path) -> None:
    assert masked(full.url, other.url, secret) == 0
    check(full, other)


def test_what_was_masked_can_be_proved(
    full: Database, other: Database, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert masked(full.url, other.url, secret) == 0
    places = ["customers.born", "orders.total", "customers.id"]
    accepted = [part for each in places for part in ("--accept", each)]
    command = ["prove", full.url, other.url, "--models", MODELS, *accepted, "--json"]

    code = run(command)

    proof = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert code in {0, 1}
    assert not [each for each in proof["sightings"] if each["meaning"] == "survived"]


def test_what_was_not_masked_is_found(full: Database, secret: Path) -> None:
    del secret
    assert run(["prove", full.url, full.url, "--models", MODELS]) == 3


def test_check_passes_with_the_data(full: Database, capsys: pytest.CaptureFixture[str]) -> None:
    code = run(["check", "--models", MODELS, "--database", full.url])
    assert code == 0, capsys.readouterr().out


def test_a_table_that_nobody_decided_on_stops_all(
    full: Database, other: Database, secret: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with full.engine().begin() as connection:
        connection.execute(sa.text("CREATE TABLE sessions (token VARCHAR(40))"))
        connection.execute(sa.text("INSERT INTO sessions VALUES ('s3cr3t')"))

    assert run(["check", "--models", MODELS, "--database", full.url]) == 1
    assert "sessions" in capsys.readouterr().out
    assert masked(full.url, other.url, secret) == 1
    assert "no decision is made on it" in capsys.readouterr().err
    assert not sa.inspect(other.engine()).has_table("sessions")


@pytest.fixture
def source(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    for database in fresh("postgresql", servers, tmp_path):
        shop.fill(database.engine())
        yield database


@pytest.fixture
def empty(servers: Servers, tmp_path: Path) -> Iterator[Database]:
    yield from fresh("postgresql", servers, tmp_path)


@pytest.mark.parametrize(("ending", "jobs"), [("", "2"), (".gz", "1"), (".zst", "2")])
def test_a_plain_dump_packed_on_either_side(
    source: Database, empty: Database, work: Path, ending: str, jobs: str
) -> None:
    tmp_path, secret = work, work / "secret"
    (tmp_path / "in.sql.gz").write_bytes(gzip.compress(dumped.dump(source)))
    target = tmp_path / f"out.sql{ending}"

    assert masked(str(tmp_path / "in.sql.gz"), str(target), secret, "--jobs", jobs) == 0

    assert sidecar.verify(target) == ()
    assert masked(str(tmp_path / "in.sql.gz"), str(tmp_path / "plain.sql"), secret) == 0
    dumped.restore(empty, (tmp_path / "plain.sql").read_bytes())
    check(source, empty)


@pytest.mark.parametrize(("option", "jobs"), [("-Fc", "1"), ("-Fd", "2")])
def test_an_archive_stays_one(
    source: Database, empty: Database, work: Path, option: str, jobs: str
) -> None:
    tmp_path, secret = work, work / "secret"
    dumped.dump(source, option, "--file", tmp_path / "in")

    assert masked(str(tmp_path / "in"), str(tmp_path / "out"), secret, "--jobs", jobs) == 0

    url = dumped.libpq_url(empty)
    dumped.run("pg_restore", "--exit-on-error", "-j", "2", "-d", url, tmp_path / "out")
    check(source, empty)
    code = run(["prove", str(tmp_path / "in"), str(tmp_path / "out"), "--models", MODELS])
    assert code in {0, 1}


def test_a_folder_is_the_same_however_many_mask_it(source: Database, work: Path) -> None:
    dumped.dump(source, "-Fd", "-Z0", "--file", work / "in")
    found = []
    for jobs in ("1", "2", "3"):
        assert masked(str(work / "in"), str(work / jobs), work / "secret", "--jobs", jobs) == 0
        found.append({each.name: each.read_bytes() for each in (work / jobs).iterdir()})
    assert found[0] == found[1] == found[2]


def test_a_pipe_is_read_and_written(source: Database, empty: Database, secret: Path) -> None:
    command = ["mask", "-", "-", "--models", MODELS, "--secret", str(secret)]
    done = subprocess.run(
        [sys.executable, "-m", "anonymizer", *command],
        input=dumped.dump(source),
        cwd=ROOT,
        capture_output=True,
        check=True,
    )
    dumped.restore(empty, done.stdout)
    check(source, empty)
    assert b"customers.email: 200 values masked" in done.stderr


def test_a_dry_run_counts_and_writes_nothing(
    source: Database, secret: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for option in ("-Fp", "-Fc", "-Fd"):
        dumped.dump(source, option, "--file", tmp_path / option)
        before = sorted(tmp_path.iterdir())
        command = ["mask", str(tmp_path / option), "--dry-run", "--json", "--models", MODELS]
        assert run([*command, "--secret", str(secret)]) == 0
        counts = json.loads(capsys.readouterr().out.splitlines()[-1])
        assert counts["tables"]["public.customers"]["name"] == {"masked": 180, "null": 20}
        assert sorted(tmp_path.iterdir()) == before


def test_a_cut_off_dump_leaves_nothing(source: Database, secret: Path, tmp_path: Path) -> None:
    (tmp_path / "in.sql").write_bytes(dumped.dump(source)[:-2000])
    assert masked(str(tmp_path / "in.sql"), str(tmp_path / "out.sql"), secret) == 2
    assert not list(tmp_path.glob("*out*"))


def test_what_an_operator_mistypes(
    secret: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    there = tmp_path / "there.sql"
    there.write_bytes(b"hello")
    models = ["--models", MODELS]
    for arguments, code, said in (
        (["mask", "none.sql", "out.sql", *models, "--one-way"], 2, "No such file"),
        (["mask", str(there), "out.sql", *models, "--one-way"], 2, "no known kind of dump"),
        (["mask", str(there), str(secret), *models, "--one-way"], 2, "something already"),
        (["mask", str(there), str(there), *models, "--one-way", "--force"], 2, "are one file"),
        (["mask", str(there), "out.sql", *models], 2, "no secret is given"),
        (["mask", str(there), "out.sql", "--one-way"], 2, "no decisions are given"),
        (["mask", str(there), "out.sql", "--one-way", "--models", "nowhere"], 2, "cannot be"),
        (["mask", str(there), *models, "--one-way"], 2, "give a TARGET, or --dry-run"),
        (["mask", str(tmp_path), "out", *models, "--one-way"], 2, "without toc.dat"),
        (["mask", "oracle://u:pw@h/x", "out", *models, "--one-way"], 2, "read or written live"),
        (
            ["mask", str(there), "out", *models, "--one-way", "--secret", str(secret)],
            2,
            "more than one of",
        ),
    ):
        assert run(arguments) == code, arguments
        error = capsys.readouterr().err
        assert said in error
        assert "pw" not in error


def test_diff_is_for_a_terminal_only(
    source: Database, secret: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in.sql").write_bytes(dumped.dump(source))
    assert masked(str(tmp_path / "in.sql"), str(tmp_path / "out.sql"), secret) == 0
    both = [str(tmp_path / "in.sql"), str(tmp_path / "out.sql"), "--models", MODELS]

    assert run(["diff", *both]) == 2
    assert "is no terminal" in capsys.readouterr().err
    assert run(["diff", *both, "--force", "--rows", "1"]) == 0
    assert "mara.1.olsen" in capsys.readouterr().out


def test_suggest_knows_what_people_are_called(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    shop.fill(database.engine())
    assert run(["suggest", "--database", database.url, "--toml"]) == 0
    shown = capsys.readouterr().out
    assert 'email = {mask = "email"' in shown
    assert "olsen" not in shown
    assert io.StringIO(shown).readline()


def test_words_of_a_locale_are_frozen(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["pool", "hu_HU", str(tmp_path / "words")]) == 0
    shown = capsys.readouterr().out
    assert "last_name: " in shown
    assert (tmp_path / "words" / "last_name.txt").read_text().splitlines()
    assert run(["pool", "xx_XX", str(tmp_path / "none")]) == 1
    assert "xx_XX" in capsys.readouterr().err


def test_a_database_without_models_goes_by_what_is_suggested(
    full: Database, other: Database, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    capsys.readouterr()
    assert run(["suggest", "--database", full.url, "--toml"]) == 0
    policy = work / "policy.toml"
    policy.write_text(capsys.readouterr().out)
    decided = ["--policy", str(policy)]

    assert run(["check", "--database", full.url, *decided]) == 0
    assert run(["mask", full.url, other.url, *decided, "--secret", str(work / "secret")]) == 0

    ids = {each.id for each in shop.rows(other.engine(), shop.Customer)}
    bought = [each.customer for each in shop.rows(other.engine(), shop.Order)]
    assert set(bought) <= ids
    assert len(set(bought)) == 150
    assert ids != set(range(1, 201))


def test_rows_that_lie_by_a_masked_key_are_not_compared_one_by_one(
    full: Database, other: Database, work: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert masked(full.url, other.url, work / "secret") == 0
    capsys.readouterr()
    run(["prove", full.url, other.url, "--models", MODELS, "--json"])
    proof = json.loads(capsys.readouterr().out)
    assert [each for each in proof["problems"] if "NULL" in each["what"]] == []
