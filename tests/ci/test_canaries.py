"""Canaries: rows that a hostile migration tries to get out, and where they must not be."""

from __future__ import annotations

import base64
import shutil
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec
import pytest

from ci.cli import run
from ci.gerrit.review import review
from ci.history import open_history
from ci.pages import index_of, view_of
from ci.settings import Gerrit
from ci.timing import Engine
from tests.ci.projects import CANARY, Project, alembic_project, people, revision

if TYPE_CHECKING:
    from collections.abc import Iterator

NUMBER = "90817263"
"""The canary of columns that hold numbers."""
READ = r"""
import base64, json, logging, pathlib, stat, subprocess, warnings
bind = op.get_bind()
row = bind.execute(sa.text("SELECT name, number, note FROM people WHERE id = 7")).one()
name, number, note = map(str, row)
word = name.replace("-", "_").replace(" ", "_")
said = " ".join([name, number, note])
def encoded(text):
    yield from (text, text.upper(), text[::-1], text.encode().hex())
    yield from (base64.b64encode(text.encode()).decode(), text[:5], text[5:])
words = [*encoded(word), *(f"n{each}" for each in encoded(number))]
texts = [*words, *encoded(name), *encoded(note), said]
"""
HOSTILE = r"""
for each in texts:
    print(each); print(each, file=sys.stderr); logging.getLogger("alembic").error(each)
warnings.warn(said)
def is_pipe(file):
    try: return stat.S_ISFIFO(os.fstat(file).st_mode)
    except OSError: return False
pipes = [each for each in range(1, 64) if is_pipe(each)]
for event in ("began", "statement", "ended", "error", "state"):
    for each in texts:
        line = {"event": event, "at": time.monotonic(), "revision": each, "sql": each,
                "error": each, "sqlstate": number[:5], "seconds": 1.5, "current": [each],
                "pending": [{"revision": each, "name": each, "path": each}]}
        for file in pipes:
            os.write(file, (json.dumps(line) + "\n").encode())
names = [f"t{place}_{each}"[:40].replace("=", "_") for place, each in enumerate(words)]
for called in (names[0], names[3], names[-1]):
    op.create_table(called, *(sa.Column(f"c_{each}", sa.Integer) for each in names))
    op.create_index(f"of_{called}", called, [f"c_{called}"])
for called, each in zip(names, words):
    bind.exec_driver_sql(f"SELECT '{each}' {called}, {number} /* {each} */ FROM people -- {each}")
op.add_column("people", sa.Column("c" + number, sa.Text))
bind.exec_driver_sql(f"UPDATE people SET note = '{note}' WHERE name = '{name}'")
bind.exec_driver_sql("CREATE TABLE counted (i INTEGER)")
if bind.dialect.name in ("mysql", "mariadb"):
    bind.exec_driver_sql("SET max_recursive_iterations = 100000")
bind.exec_driver_sql("INSERT INTO counted WITH RECURSIVE n(i) AS "
    f"(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < {number[:5]}) SELECT i FROM n")
for folder in (".", "/tmp", "/var/tmp", os.path.expanduser("~"), os.environ.get("TMPDIR", "/tmp")):
    for each in words:
        try: pathlib.Path(folder, each).write_text(said)
        except OSError: pass
code = f"import time; print({said!r}, flush=True); time.sleep(300)"
subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
if os.fork() == 0:
    os.setsid(); print(said, flush=True); time.sleep(300); os._exit(0)
print("all of it was tried", flush=True)
"""
SIGNAL = r"""
if bind.dialect.name == "postgresql":
    bind.exec_driver_sql(
        f"DO $$ BEGIN RAISE '{said}' USING ERRCODE = '{number[:5]}', HINT = '{said}', "
        f"TABLE = '{word}', COLUMN = '{word}', CONSTRAINT = '{word}'; END $$")
elif bind.dialect.name == "sqlite":
    bind.exec_driver_sql(f"CREATE TRIGGER {word} BEFORE DELETE ON people BEGIN "
        f"SELECT RAISE(ABORT, '{said}'); END")
    bind.exec_driver_sql("DELETE FROM people")
else:
    bind.exec_driver_sql(f"SIGNAL SQLSTATE '{number[:5]}' SET MESSAGE_TEXT = '{said}', "
        f"MYSQL_ERRNO = {number[:4]}, TABLE_NAME = '{word}'")
"""
ENDINGS = {
    "ends": "",
    "value": "raise ValueError(said)",
    "named": "raise type(word, (Exception,), {})(said)",
    "hidden": "raise type('E' + word.encode().hex(), (ValueError,), {'__module__': word})(said)",
    "driver": "bind.exec_driver_sql(f\"INSERT INTO people (id, name) VALUES (7, '{note}')\")",
    "signal": SIGNAL,
    "exits": "sys.exit(said)",
    "status": "os._exit(int(number[:2]))",
}
STATUS = int(NUMBER[:2])
FORMS = ("html", "json", "markdown", "junit", "sarif", "github", "gitlab")


def encoded(text: str) -> Iterator[str]:
    """Yield *text* as the hostile migration spells it."""
    yield from (text, text.upper(), text[::-1], text.encode().hex())
    yield from (base64.b64encode(text.encode()).decode().rstrip("="), text[5:])


SPELT = {
    CANARY[:5],
    NUMBER[:5],
    f"{int(NUMBER[:5]):,}",
    f"exit status {STATUS}",
    *(each for column in ("name", "note") for each in encoded(f"{CANARY}-{column} 7")),
    *encoded("canary_name_7"),
    *(f"n{each}" for each in encoded(NUMBER)),
    *list(encoded(NUMBER))[2:5],
}
"""All that must not be seen; halves of a number, with a letter before, as they are told."""


@pytest.fixture(scope="module")
def project() -> Iterator[Project]:
    folder = Path(tempfile.mkdtemp(prefix="ci.", dir="/tmp"))
    made = alembic_project(folder)
    settings = made.origin.folder / "pyproject.toml"
    made.origin.write(settings.name, settings.read_text().replace("step = 5", "step = 120"))
    made.origin.commit()
    for engine in Engine:
        made.dataset(f"few-{engine}", people(engine, rows=200), engine=engine)
    yield made
    shutil.rmtree(folder)


def held(content: str) -> list[str]:
    """Return what of the rows is in *content*, in any spelling."""
    found = content.lower()
    return [each for each in SPELT if each.lower() in found]


@pytest.mark.slow
@pytest.mark.parametrize("engine", list(Engine))
@pytest.mark.parametrize("ending", ENDINGS)
def test_no_row_gets_out(
    project: Project, engine: Engine, ending: str, capfd: pytest.CaptureFixture[str]
) -> None:
    # An error that is told would be published instead of the status.
    tried = HOSTILE.replace('"error", "state")', '"state")') if ending == "status" else HOSTILE
    change = project.branch(f"out-{ending}", revision("bbb_hostile", READ, tried, ENDINGS[ending]))
    name = f"{engine}-{ending}"
    folder = project.state.folder.parent / f"reports-{name}"
    dataset = project.datasets / f"few-{engine}"
    state = ("--state", str(project.state.folder))
    capfd.readouterr()
    code = run(
        [
            *("run", "--base", "main", "--change", change, "--dataset", f"{dataset}/", *state),
            *("--repository", str(project.origin.folder), "--pages", str(folder / "pages")),
            *("--run", name),
            *(word for form in FORMS for word in ("--report", f"{form}={folder / form}")),
        ]
    )
    run(["trend", *state])
    told = capfd.readouterr()

    assert code in (0, 1), told
    published = {
        **_texts(folder),
        "output": told.out + told.err,
        **_kept(project, name),
    }
    assert {"html", "json", f"{name}.html", "index.html", "review"} <= set(published)
    assert {name: found for name, text in published.items() if (found := held(text))} == {}
    # It is where an operator looks for what happened, and there it is.
    private = "".join(_texts(project.state.private(name)).values())
    assert held(private)
    assert "all of it was tried" in private, private[-3000:]


def _kept(project: Project, name: str) -> dict[str, str]:
    """Return what the history has of a run, and what is made of that for people."""
    gerrit = Gerrit(url="http://review", host="review", user="ci", pages="http://pages")
    lines = {"alembic/versions/bbb_hostile.py": 1}
    with open_history(project.state.history) as history:
        seen = view_of(history, name)
        assert seen
        said = review(seen, gerrit, lines=lines, current=True)
        return {
            **_texts(project.state.history.parent),
            "review": msgspec.json.encode(said).decode(),
            "index": index_of(history),
        }


def _texts(folder: Path) -> dict[str, str]:
    files = (each for each in folder.rglob("*") if each.is_file())
    return {each.name: each.read_bytes().decode("utf-8", "replace") for each in files}
