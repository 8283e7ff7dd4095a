"""`anonymizer fidelity`: figures of any two containers, readable, and no value in them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from anonymizer.cli import run
from tests import dumped
from tests.anonymizer import firm
from tests.databases import fresh

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.databases import Database, Servers


@pytest.fixture
def file(servers: Servers, tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "one").mkdir()
    for database in fresh("sqlite", servers, tmp_path / "one"):
        firm.fill(database.engine())
        yield Path(str(sa.make_url(database.url).database))


def scale(source: Path, target: Path, factor: str) -> None:
    assert run(["scale", str(source), str(target), "--factor", factor, "--seed", "1"]) == 0


def test_a_copy_is_alike(file: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["fidelity", str(file), str(file)]) == 0
    assert capsys.readouterr().out.endswith("\n0 figures drifted, in 0 of 5 tables\n")


def test_the_manifest_says_the_factor(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale(file, tmp_path / "out.db", "3")
    run(["fidelity", str(file), str(tmp_path / "out.db"), "--json"])
    found = json.loads(capsys.readouterr().out)
    assert found["tables"]["people"]["factor"] == 3
    assert found["tables"]["people"]["after"]["rows"] == 1800
    # There is one copy of the tenants, and three times as many people refer to each.
    fan_outs = {each["of"] for each in found["drifts"] if each["figure"].startswith("fan-out")}
    assert fan_outs == {"tenant"}
    assert not [each for each in found["drifts"] if each["table"] == "tenants"]


def test_drifts_are_shown_and_no_value(
    file: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    scale(file, tmp_path / "out.db", "1")
    with sa.create_engine(
        f"sqlite:///{tmp_path / 'out.db'}", poolclass=sa.NullPool
    ).begin() as connection:
        connection.exec_driver_sql("UPDATE logs SET line = 'secret word'")
        connection.exec_driver_sql("DROP TABLE items")
    (tmp_path / "out.db.scaled.json").unlink()
    for more in ([], ["--figures"], ["--json"]):
        assert run(["fidelity", str(file), str(tmp_path / "out.db"), *more]) == 1
        shown = capsys.readouterr().out
        assert "secret" not in shown
        assert "acme" not in shown
        assert more == ["--json"] or max(map(len, shown.splitlines())) <= 80
    assert run(["fidelity", str(file), str(tmp_path / "out.db")]) == 1
    shown = capsys.readouterr().out
    assert "items: only in the original" in shown
    assert "! line distinct 500 -> 1, may differ by 10 %" in shown


def test_a_figure_may_be_let_drift(file: Path, tmp_path: Path) -> None:
    scale(file, tmp_path / "out.db", "1")
    with sa.create_engine(
        f"sqlite:///{tmp_path / 'out.db'}", poolclass=sa.NullPool
    ).begin() as connection:
        connection.exec_driver_sql("UPDATE people SET email = NULL WHERE id % 2 = 0")
    both = ["fidelity", str(file), str(tmp_path / "out.db")]
    assert run(both) == 1
    limits = ["nulls=1", "distinct=1", "bytes=1", "compressed=9", "order=2", "top=1", "lengths=1"]
    assert run([*both, *(part for each in limits for part in ("--tolerance", each))]) == 0
    for wrong in ("nulls", "nulls=-1", "nulls=nan", "nonsense=1"):
        assert run([*both, "--tolerance", wrong]) == 2


def test_every_container_has_the_same_figures(
    servers: Servers, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for database in fresh("postgresql", servers, tmp_path):
        firm.fill(database.engine())
        for option in ("-Fp", "-Fc", "-Fd"):
            dumped.dump(database, option, "--file", tmp_path / option)
        (tmp_path / "inserts").write_bytes(dumped.dump(database, "--inserts"))
        others = [database.url, *(str(tmp_path / each) for each in ("-Fc", "-Fd", "inserts"))]
        for each in others:
            assert run(["fidelity", str(tmp_path / "-Fp"), each]) == 0
    assert capsys.readouterr().out.count("\n0 figures drifted") == 4


def test_live_databases_can_be_compared(
    database: Database, capsys: pytest.CaptureFixture[str]
) -> None:
    firm.fill(database.engine())
    assert run(["fidelity", database.url, database.url]) == 0
    assert "people: 600 -> 600 rows" in capsys.readouterr().out
