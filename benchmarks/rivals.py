"""`python -m benchmarks.rivals`: three of ten columns masked, by us and by what others use.

All in one run, over the same rows: from a file to a file, and from a database to a dump. A
tool that cannot be had is skipped, with the reason. Tools go into virtual environments of
their own, which --tools keeps for another run.
"""

from __future__ import annotations

import argparse
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from shlex import join, quote
from typing import TYPE_CHECKING

import sqlalchemy as sa

from benchmarks import people
from benchmarks.masking import MB, PLAIN, masking
from benchmarks.measure import head, row
from benchmarks.rivals_bench import Bench, SkippedError, Taken, made, shell
from benchmarks.rivals_settings import GREENMASK, PG_STAGE, PGANONYMIZE
from benchmarks.rivals_settings import PYNONYMIZER as PYNONYMIZER_STRATEGY
from tests.servers.postgresql import program

if TYPE_CHECKING:
    from collections.abc import Callable

VERSIONS = {"pynonymizer": "2.5.0", "pganonymize": "0.13.0", "pg_stage": "0.4.1"}
GREENMASK_MODULE, GREENMASK_VERSION = "github.com/greenmaskio/greenmask", "v0.2.22"
TARGET = "masked.sql"


def tool(bench: Bench, name: str) -> Path:
    """Return the folder with the programs of a tool from the package index."""
    folder = bench.tools / f"{name}-{VERSIONS[name]}"
    if not (folder / "bin" / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        shell(bench, f"{folder}/bin/pip install -q {name}=={VERSIONS[name]}")
        (folder / "bin" / "ready").touch()
    return folder / "bin"


def greenmask(bench: Bench) -> Path:
    """Return greenmask's program, which the Go tool chain makes from its module."""
    made = bench.tools / f"greenmask-{GREENMASK_VERSION}" / "greenmask"
    if not made.exists():
        if not shutil.which("go"):
            raise SkippedError("there is no go")
        made.parent.mkdir(parents=True, exist_ok=True)
        required = f"require {GREENMASK_MODULE} {GREENMASK_VERSION}"
        (made.parent / "go.mod").write_text(f"module bench\n\ngo 1.24\n\n{required}\n")
        build = f"go build -mod=mod -o greenmask {GREENMASK_MODULE}/cmd/greenmask"
        shell(bench, f"cd {made.parent} && {build}")
    return made


def ours(bench: Bench, source: str, target: str, *more: str) -> str:
    """Return our command from *source* to *target*."""
    command = masking("benchmarks.people:Base", bench.folder / "secret", "--no-manifest", *more)
    command[command.index("-") : command.index("--models")] = [source, target]
    return join(command)


def refuse_unmasked(bench: Bench) -> None:
    """Raise SkippedError when what was written is short, or has the first of the e-mails."""
    email = next(people.people(1))[1]
    assert email is not None
    text = (bench.folder / TARGET).read_bytes()
    if len(text) < bench.megabytes * MB / 2 or email.encode() in text:
        raise SkippedError("its output is not the table, masked")


def by_pg_stage(bench: Bench) -> Taken:
    """Mask a dump with pg_stage, from stdin to stdout; the dump has its comments."""
    script = bench.folder / "stage.py"
    script.write_text(PG_STAGE)
    return shell(bench, f"{tool(bench, 'pg_stage')}/python {script} < staged.sql > {TARGET}")


def by_pganonymize(bench: Bench) -> Taken:
    """Mask a database in place, and dump it; to copy it first is not counted."""
    programs = tool(bench, "pganonymize")
    (bench.folder / "pganonymize.yml").write_text(PGANONYMIZE)
    with bench.copied() as name:
        return shell(
            bench,
            f"{programs}/pganonymize --schema pganonymize.yml --dbname {name} --user migrator "
            f"--host {bench.host} && pg_dump -h {bench.host} -U migrator {name} > {TARGET}",
        )


def by_pynonymizer(bench: Bench) -> Taken:
    """Restore the dump into a database of its own, mask it there, and dump it."""
    (bench.folder / "strategy.yml").write_text(PYNONYMIZER_STRATEGY)
    return shell(
        bench,
        f"{tool(bench, 'pynonymizer')}/pynonymizer -i dump.sql -s strategy.yml -o {TARGET} "
        f"-t postgres -d {bench.host} -P 5432 -n rival_{time.time_ns()} -u migrator -p none",
        POSTGRES_DB="postgres",
        PGDATABASE="postgres",
    )


def by_greenmask(bench: Bench) -> Taken:
    """Dump a database masked, in the directory format, which it packs with gzip."""
    made = greenmask(bench)
    storage = bench.folder / "greenmask"
    storage.mkdir(exist_ok=True)
    settings = GREENMASK.format(
        tools=Path(program("pg_dump")).parent,
        folder=bench.folder,
        storage=storage,
        host=bench.host,
        database=bench.database,
    )
    (bench.folder / "greenmask.yml").write_text(settings)
    salt = secrets.token_hex(32)
    return shell(bench, f"{made} --config greenmask.yml dump", GREENMASK_GLOBAL_SALT=salt)


def ways(bench: Bench) -> dict[str, dict[str, Callable[[], Taken]]]:
    """Return what is measured: of a file, and of a database."""
    dump = f"pg_dump {quote(bench.url)}"
    live = sa.make_url(bench.server.url(bench.database)).render_as_string(hide_password=False)

    def line(command: str) -> Callable[[], Taken]:
        return lambda: shell(bench, command)

    return {
        "from a dump of COPY text to a dump": {
            "cat": line(f"cat dump.sql > {TARGET}"),
            "anonymizer mask": line(ours(bench, "dump.sql", TARGET, "--force")),
            "plain Python": line(f"{sys.executable} -c {quote(PLAIN)} < dump.sql > {TARGET}"),
            f"pg_stage {VERSIONS['pg_stage']}": lambda: by_pg_stage(bench),
            f"pynonymizer {VERSIONS['pynonymizer']}, through a database": lambda: by_pynonymizer(
                bench
            ),
        },
        "from a database to a dump": {
            "pg_dump \\| cat": line(f"{dump} | cat > {TARGET}"),
            "pg_dump \\| anonymizer mask": line(f"{dump} | {ours(bench, '-', '-')} > {TARGET}"),
            "anonymizer mask URL": line(ours(bench, live, TARGET, "--force")),
            "anonymizer mask URL, gzip": line(ours(bench, live, f"{TARGET}.gz", "--force")),
            "pg_dump -Fd, gzip": line(f"rm -rf plain && {dump} -Fd -f plain"),
            f"greenmask {GREENMASK_VERSION}, gzip": lambda: by_greenmask(bench),
            f"pganonymize {VERSIONS['pganonymize']}, in place, then pg_dump": lambda: (
                by_pganonymize(bench)
            ),
        },
    }


def compare(bench: Bench, runs: int) -> None:
    """Print a table for each way; rates are of the plain dump, ratios to `anonymizer mask`."""
    for title, contenders in ways(bench).items():
        print(f"\n### {title}, {bench.megabytes:.0f} MB\n")
        taken: dict[str, list[Taken]] = {name: [] for name in contenders}
        skipped: dict[str, str] = {}
        for _ in range(runs):
            for name, contender in contenders.items():
                try:
                    taken[name].append(contender())
                    if name.startswith(("anonymizer", "pg_stage", "pganonymize", "pynonymizer")):
                        refuse_unmasked(bench)
                except (SkippedError, subprocess.TimeoutExpired) as error:
                    skipped[name] = str(error)
        own = next(min(each) for name, each in taken.items() if "anonymizer mask" in name)
        head("way", "s", "MB/s", "of ours", "MB/s of one core's time")
        for name, each in taken.items():
            if name in skipped:
                row(name, "skipped", skipped[name], "", "")
                continue
            best, core = min(each), min(one.cpu_seconds for one in each)
            speed = bench.megabytes / best.seconds
            ratio = own.seconds / best.seconds
            row(
                name,
                f"{best.seconds:.1f}",
                f"{speed:.1f}",
                f"{ratio:.3f}",
                f"{bench.megabytes / max(core, 1e-3):.1f}",
            )


def main() -> None:
    """Measure all that can be had."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.rivals", description=main.__doc__)
    parser.add_argument("--megabytes", type=int, default=50)
    parser.add_argument("--runs", type=int, default=1)
    parser.add_argument("--tools", type=Path, help="folder of the tools, to keep them")
    chosen = parser.parse_args()
    print(f"{os.cpu_count()} cores, Python {sys.version.split()[0]}")
    with tempfile.TemporaryDirectory() as place:
        tools = (chosen.tools or Path(place)).absolute()
        with made(tools, chosen.megabytes) as bench:
            compare(bench, chosen.runs)


if __name__ == "__main__":
    main()
