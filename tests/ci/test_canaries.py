"""Canaries: rows that a hostile migration tries to get out, and where they must not be."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.cli import run
from ci.timing import Engine
from tests.ci.projects import CANARY, Project, alembic_project, people, revision

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "90817263"
"""The canary of columns that hold numbers."""
HOSTILE = r"""
import json, logging, multiprocessing, pathlib, subprocess, threading, warnings
bind = op.get_bind()
row = bind.execute(sa.text("SELECT name, number, note FROM people WHERE id = 7")).one()
name, number, note = map(str, row)
word = name.replace("-", "_").replace(" ", "_")
said = " ".join([name, number, note])
print(said); print(said, file=sys.stderr); logging.getLogger("alembic").error(said)
warnings.warn(said)
for each in ("began", "statement", "ended", "error", "state"):
    line = {"event": each, "at": time.monotonic(), "revision": said, "sql": said, "error": word,
            "sqlstate": number[:5], "seconds": 1.5, "current": [said], "pending": []}
    for file in range(1, 20):
        try: os.write(file, (json.dumps(line) + "\n").encode())
        except OSError: pass
op.create_table(word, sa.Column("number_" + number, sa.Integer), sa.Column(word, sa.Text))
op.create_index("of_" + word, word, ["number_" + number])
op.add_column("people", sa.Column("c" + number, sa.Text))
bind.exec_driver_sql(f"SELECT '{note}' AS {word}, {number} /* {note} */ FROM people -- {note}")
bind.exec_driver_sql(f"UPDATE people SET note = '{note}' WHERE name = '{name}'")
for folder in (".", "/tmp", "/var/tmp", os.path.expanduser("~"), os.environ.get("TMPDIR", "/tmp")):
    try: pathlib.Path(folder, word).write_text(said)
    except OSError: pass
code = f"import time; print({said!r}, flush=True); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
if os.fork() == 0:
    os.setsid(); print(said, flush=True); time.sleep(300); os._exit(0)
"""
RAISING = {
    "value": "raise ValueError(said)",
    "named": "raise type(word, (Exception,), {})(said)",
    "driver": "bind.exec_driver_sql(f\"INSERT INTO people (id, name) VALUES (7, '{note}')\")",
    "exits": "sys.exit(said)",
}
FORMS = ("html", "json", "markdown", "junit", "sarif", "github", "gitlab")


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    made = alembic_project(folder)
    for engine in Engine:
        made.dataset(f"few-{engine}", people(engine, rows=200), engine=engine)
    yield made
    shutil.rmtree(folder)


def holds(content: bytes) -> bool:
    found = content.lower()
    return any(each.encode() in found for each in (CANARY, NUMBER, NUMBER[:5], "canary_name"))


@pytest.mark.slow
@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("ending", [None, *RAISING])
def test_no_row_gets_out(
    project: Project, engine: Engine, ending: str | None, capfd: pytest.CaptureFixture[str]
) -> None:
    lines = [HOSTILE, *([RAISING[ending]] if ending else [])]
    change = project.branch(f"out-{ending}", revision("bbb_hostile", *lines))
    folder = project.state.folder.parent / f"reports-{engine}-{ending}"
    dataset = project.datasets / f"few-{engine}"
    capfd.readouterr()
    code = run(
        [
            *("run", "--base", "main", "--change", change, "--dataset", f"{dataset}/"),
            *("--repository", str(project.origin.folder), "--state", str(project.state.folder)),
            *(word for form in FORMS for word in ("--report", f"{form}={folder / form}")),
        ]
    )
    told = capfd.readouterr()

    assert code in (0, 1), told
    assert not holds((told.out + told.err).encode())
    for form in FORMS:
        assert not holds((folder / form).read_bytes()), form
    kept = [*project.state.history.parent.iterdir(), *_under(project.state.pages)]
    assert not any(holds(each.read_bytes()) for each in kept)
    # It is where an operator looks for what happened, and there it is.
    assert any(holds(each.read_bytes()) for each in _under(project.state.folder / "private"))


def _under(folder: Path) -> list[Path]:
    return [each for each in folder.rglob("*") if each.is_file()]
