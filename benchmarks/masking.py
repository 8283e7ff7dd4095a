"""Masking dumps: MB of input a second, beside `cat`, plain Python and other tools."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from benchmarks import folders, people
from benchmarks.measure import ROOT, head, row

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

ROW_BYTES = 160
MB = 1_000_000

PLAIN = """
import hashlib, sys
key, copying = bytes(32), False
def word(value, keyed=hashlib.blake2b(key=key, digest_size=8)):
    h = keyed.copy(); h.update(value); return h.hexdigest().encode()
write = sys.stdout.buffer.write
for line in sys.stdin.buffer:
    if copying and line != b"\\\\.\\n":
        cells = line.split(b"\\t")
        for at in (1, 2, 3):
            if cells[at] != b"\\\\N":
                cells[at] = word(cells[at])
        line = b"\\t".join(cells)
    elif line.startswith(b"COPY "):
        copying = True
    else:
        copying = copying and line != b"\\\\.\\n"
    write(line)
"""
"""What a programmer writes in ten minutes: three columns, a keyed hash for each."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One process from beginning to end."""

    seconds: float
    cpu_seconds: float
    peak_mb: float


def run(command: Sequence[str], *, stdin: Path, stdout: Path) -> Run:
    """Run *command* over a file; raise when it fails."""
    started = time.perf_counter()
    with stdin.open("rb") as source, stdout.open("wb") as target:
        child = subprocess.Popen(list(command), cwd=ROOT, stdin=source, stdout=target)
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode:
        raise RuntimeError(f"{' '.join(command)} exited with {child.returncode}")
    return Run(
        seconds=time.perf_counter() - started,
        cpu_seconds=usage.ru_utime + usage.ru_stime,
        peak_mb=usage.ru_maxrss / 1024,
    )


def masking(models: str, secret: Path, *more: str) -> list[str]:
    """Return the command that masks a dump from stdin to stdout."""
    command = [sys.executable, "-m", "anonymizer", "mask", "-", "-", "--models", models]
    return [*command, "--secret", str(secret), *more]


def compare(folder: Path, megabytes: int, runs: int) -> None:
    """Print a table for each kind of dump that is one file."""
    secret = _secret(folder)
    count = megabytes * MB // ROW_BYTES
    three = masking("benchmarks.people:Base", secret)
    ten = masking("benchmarks.people:Every", secret)
    streams: dict[str, tuple[Callable[[Path, int], None], Mapping[str, list[str]]]] = {
        "COPY text": (
            people.write_copy,
            {
                "cat": ["cat"],
                "plain Python, 3 of 10 columns": [sys.executable, "-c", PLAIN],
                "anonymizer mask, 3 of 10 columns": three,
                "anonymizer mask, 10 of 10 columns": ten,
                "anonymizer mask --jobs 2, 3 of 10 columns": [*three, "--jobs", "2"],
            },
        ),
        "mysqldump": (
            people.write_inserts,
            {
                "cat": ["cat"],
                "anonymizer mask, 3 of 10 columns": three,
                "anonymizer mask, 10 of 10 columns": ten,
            },
        ),
    }
    for title, (write, commands) in streams.items():
        dump = folder / "dump.sql"
        write(dump, count)
        print(f"\n### {title}, {dump.stat().st_size / MB:.0f} MB\n")
        _table(commands, dump, folder / "masked.sql", runs)
        dump.unlink()
    _sqlite(folder, secret, count, runs)


def _secret(folder: Path) -> Path:
    """Make a secret in *folder*, and return its file."""
    secret = folder / "secret"
    secret.write_text(secrets.token_hex(32))
    secret.chmod(0o600)
    return secret


def _sqlite(folder: Path, secret: Path, count: int, runs: int) -> None:
    """Print the table of a SQLite file, which is named and not piped."""
    database, target = folder / "people.db", folder / "masked.db"
    people.write_sqlite(database, count)
    print(f"\n### a file of SQLite, {database.stat().st_size / MB:.0f} MB\n")
    commands = {}
    for base, columns in (("Base", 3), ("Every", 10)):
        command = masking(f"benchmarks.people:{base}", secret, "--force", "--no-manifest")
        command[command.index("-") : command.index("--models")] = [str(database), str(target)]
        commands[f"anonymizer mask, {columns} of 10 columns"] = command
    _table(commands, database, folder / "nothing", runs)


def compare_folders(folder: Path, megabytes: int, runs: int) -> None:
    """Print the table of the directory format: tables gzipped, as pg_dump does, and as they are."""
    secret = _secret(folder)
    made = folders.write(folder, megabytes * MB // ROW_BYTES)
    size = folders.size(made[0]) / MB
    print(f"\n{folders.PARTS} tables, {size:.0f} MB unpacked\n")
    commands = {}
    for source, packed in zip(made, (", not packed", ""), strict=True):
        for jobs in (1, 2):
            command = masking("benchmarks.people:Base", secret, "--force", "--no-manifest")
            command[command.index("-") : command.index("--models")] = [
                str(source),
                str(folder / "masked.dir"),
            ]
            commands[f"anonymizer mask --jobs {jobs}{packed}"] = [*command, "--jobs", str(jobs)]
    _table(commands, Path(os.devnull), folder / "nothing", runs, megabytes=size)


def _table(
    commands: Mapping[str, list[str]],
    dump: Path,
    target: Path,
    runs: int,
    *,
    megabytes: float | None = None,
) -> None:
    megabytes = megabytes or dump.stat().st_size / MB
    taken: dict[str, list[Run]] = {name: [] for name in commands}
    for _ in range(runs):
        for name, command in commands.items():
            taken[name].append(run(command, stdin=dump, stdout=target))
    head("way", "MB/s", "MB/s of one core's time", "peak MB of memory")
    for name, all_ in taken.items():
        best = min(all_, key=lambda each: each.seconds)
        speed, core = megabytes / best.seconds, megabytes / max(best.cpu_seconds, 1e-3)
        alone = "--jobs 2" not in name  # the time of the others is not ours to know
        row(name, f"{speed:.0f}", f"{core:.0f}" if alone else "", f"{best.peak_mb:.0f}")
