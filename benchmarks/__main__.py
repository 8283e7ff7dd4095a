"""`python -m benchmarks`: everything that the docs say in figures, measured in one run."""

from __future__ import annotations

import argparse
import os
import platform
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks import converters, history, masking, memory, online, verdicts
from tests.databases import DATABASES
from tests.servers import open_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

SECTIONS = ("online", "python", "converters", "history", "imports", "masking", "folders", "memory")


@contextmanager
def database(name: str) -> Iterator[str]:
    """Start a private server, or use a file, and give the URL of an empty database."""
    with tempfile.TemporaryDirectory() as folder:
        if name == "sqlite":
            yield f"sqlite:///{folder}/bench.db"
            return
        server = open_server(name)
        try:
            yield server.url(server.create_database())
        finally:
            server.close()


def main() -> None:
    """Run the sections asked for, on the databases asked for."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("sections", nargs="*", metavar="SECTION")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--megabytes", type=int, default=200, help="of a dump to mask")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--database", action="append", choices=DATABASES)
    chosen = parser.parse_args()
    print(
        f"{os.cpu_count()} cores, Python {platform.python_version()}, SQLAlchemy {sa.__version__}"
    )
    if "imports" in (chosen.sections or SECTIONS):
        print("\n## import migrator\n")
        history.compare_imports(max(chosen.runs, 11))
    for section, judge in verdicts.SECTIONS.items():
        if section in chosen.sections:
            print(f"\n## ci: {section}\n", flush=True)
            judge(chosen.runs, chosen.rows)
    if chosen.sections and not set(chosen.sections) - set(verdicts.SECTIONS):
        return
    _dumps(chosen)
    for name in chosen.database or DATABASES:
        with database(name) as url, tempfile.TemporaryDirectory() as folder:
            _on(name, url, Path(folder), chosen)


def _dumps(chosen: argparse.Namespace) -> None:
    """Run the chosen sections that mask dumps."""
    sections = {
        "masking": ("anonymizer mask", masking.compare),
        "folders": ("anonymizer mask, of pg_dump -Fd", masking.compare_folders),
    }
    for section, (title, run) in sections.items():
        if section in (chosen.sections or SECTIONS):
            print(f"\n## {title}", flush=True)
            with tempfile.TemporaryDirectory() as folder:
                run(Path(folder), chosen.megabytes, chosen.runs)


def _on(name: str, url: str, folder: Path, chosen: argparse.Namespace) -> None:
    """Run the chosen sections on one database."""
    rows, runs = chosen.rows, chosen.runs
    sections: dict[str, tuple[str, Callable[[], None]]] = {
        "online": (f"{rows:,} rows", lambda: online.compare(url, rows, runs)),
        "python": (
            f"{rows // 50:,} rows, converted in Python",
            lambda: online.compare_python(url, rows // 50, runs),
        ),
        "converters": (
            f"loading {rows // 10:,} objects",
            lambda: converters.compare(url, rows // 10, max(runs, 5)),
        ),
        "history": (
            "1,000 migrations",
            lambda: history.compare(url, folder / "h", 1000, runs),
        ),
        "memory": (
            "peak memory of a process",
            lambda: memory.compare(url, (rows // 10, rows, rows * 3), folder / "m"),
        ),
    }
    for section, (title, run) in sections.items():
        if section in (chosen.sections or SECTIONS):
            print(f"\n## {name}: {title}\n", flush=True)
            run()


if __name__ == "__main__":
    main()
