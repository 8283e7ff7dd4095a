"""Run alembic and tell its steps: one JSON object a line, on what was standard output.

    python run_alembic.py CONFIG SECTION DATABASE state
    python run_alembic.py CONFIG SECTION DATABASE upgrade REVISION

It runs in the sandbox, with the alembic and the Python of the tree under test: it imports
nothing of ci, and whatever else is printed there goes to standard error. The database's URL
is in CI_DATABASE_URL, and becomes `sqlalchemy.url` of SECTION; where that lists several
databases, of DATABASE, which is upgraded alone.
"""

from __future__ import annotations

import json
import os
import sys
import time
from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING, Any

from alembic.config import Config
from alembic.runtime.environment import EnvironmentContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import event
from sqlalchemy.engine import Engine

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from alembic.runtime.migration import MigrationContext
    from alembic.script import Script

URL = "CI_DATABASE_URL"
TOML = "pyproject.toml"


class Teller:
    """Tells events on a copy of standard output, which the tree under test does not write to."""

    def __init__(self) -> None:
        self._stream = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self._begun: dict[int, float] = {}

    def tell(self, name: str, **told: object) -> None:
        """Write one event."""
        self._stream.write(json.dumps({"event": name, "at": time.monotonic(), **told}) + "\n")
        self._stream.flush()

    def listen(self) -> None:
        """Tell of each statement that any engine sends."""
        event.listen(Engine, "before_cursor_execute", self._begin)
        event.listen(Engine, "after_cursor_execute", self._end)

    def _begin(self, *sent: object) -> None:
        self._begun[id(sent[0])] = time.perf_counter()

    def _end(self, *sent: object) -> None:
        seconds = time.perf_counter() - self._begun.pop(id(sent[0]))
        self.tell("statement", sql=str(sent[2]), seconds=seconds)


def main(path: str, section: str, database: str, what: str, *revision: str) -> int:
    """Do what the command line asks for; return the exit code."""
    teller = Teller()
    try:
        config = _config(path, section, database)
        scripts = ScriptDirectory.from_config(config)
        if what == "state":
            _state(config, scripts, teller)
        else:
            _upgrade(config, scripts, teller, *revision)
    except Exception as error:
        _refused(error, teller)
        raise
    return 0


def _config(path: str, section: str, database: str) -> Config:
    config = _read(path, section)
    listed = config.get_main_option("databases")
    if listed is not None:
        if database not in listed.replace(",", " ").split():
            raise CommandError(f"[tool.ci.options] needs database, one of {listed}")
        config.set_main_option("databases", database)
    url = os.environ.get(URL)
    if url is not None:
        place = section if listed is None else database
        config.set_section_option(place, "sqlalchemy.url", url.replace("%", "%%"))
    return config


def _read(path: str, section: str) -> Config:
    """Return what the files say; what is in pyproject.toml counts since alembic 1.16."""
    if os.path.exists(TOML):  # noqa: PTH110 - without what a Path costs
        with suppress(TypeError):
            return Config(path, toml_file=TOML, ini_section=section)
    return Config(path, ini_section=section)


def _run(config: Config, scripts: ScriptDirectory, function: Callable[..., Any]) -> None:
    """Run the tree's env.py, which calls *function* with where the database is."""
    with EnvironmentContext(config, scripts, fn=function, as_sql=False, starting_rev=None):
        scripts.run_env()


def _state(config: Config, scripts: ScriptDirectory, teller: Teller) -> None:
    def look(current: Sequence[str], _context: MigrationContext) -> Sequence[object]:
        found = scripts.iterate_revisions("heads", tuple(current) or "base", implicit_base=True)
        ahead = reversed(list(found))
        teller.tell(
            "state",
            current=list(current),
            pending=[_described(each) for each in ahead if each.revision not in current],
        )
        return ()

    _run(config, scripts, look)


def _described(script: Script) -> dict[str, str]:
    name = os.path.splitext(os.path.basename(script.path))[0]  # noqa: PTH119,PTH122 - as it is
    path = os.path.relpath(script.path)
    return {"revision": script.revision, "name": name, "path": path}


def _upgrade(config: Config, scripts: ScriptDirectory, teller: Teller, revision: str) -> None:
    """Run what leads to *revision*; its time ends when env.py has committed."""
    last: list[tuple[str, float]] = []

    def end() -> None:
        if last:
            name, begun = last.pop()
            teller.tell("ended", revision=name, seconds=time.monotonic() - begun)

    def steps(current: Any, _context: MigrationContext) -> Any:
        for step in scripts._upgrade_revs(revision, current):  # noqa: SLF001 - as alembic's own
            end()
            name = str(step.to_revisions_no_deps[0])
            begun = time.monotonic()
            teller.tell("began", revision=name)
            last.append((name, begun))
            yield step

    teller.listen()
    _run(config, scripts, partial(steps))
    end()


def _refused(error: Exception, teller: Teller) -> None:
    """Tell the class of *error* and its SQLSTATE; its words may hold rows."""
    driver = getattr(error, "orig", None)
    state = getattr(driver, "sqlstate", None) or getattr(driver, "pgcode", None)
    if state is None and driver is not None and driver.args:
        state = driver.args[0] if isinstance(driver.args[0], int) else None
    name = type(error if driver is None else driver).__name__
    teller.tell("error", error=name, sqlstate=None if state is None else str(state))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
