"""How things are measured: in turn, several times, the median and its spread."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

ROOT = Path(__file__).parent.parent


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds of several runs of one thing."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle of the runs."""
        return statistics.median(self.seconds)

    @property
    def best(self) -> float:
        """The fastest of the runs."""
        return min(self.seconds)


def in_turn(
    runs: int,
    contenders: dict[str, Callable[[], object]],
    before: Callable[[], object] = lambda: None,
) -> dict[str, Timing]:
    """Time *contenders* in turn, A B C A B C, each after *before*, to share the drift."""
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(runs):
        for name, contender in contenders.items():
            before()
            started = time.perf_counter()
            contender()
            seconds[name].append(time.perf_counter() - started)
    return {name: Timing(name=name, seconds=tuple(each)) for name, each in seconds.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Process:
    """What a whole process took."""

    seconds: float
    output: str


def process(
    arguments: Sequence[str], *, environment: dict[str, str] | None = None, cwd: Path = ROOT
) -> Process:
    """Run a process to its end; raise when it fails."""
    started = time.perf_counter()
    child = subprocess.Popen(
        list(arguments),
        cwd=cwd,
        env={**os.environ, **(environment or {})},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    output = child.stdout.read() if child.stdout else ""
    if child.wait():
        raise RuntimeError(f"{' '.join(arguments)} exited with {child.returncode}:\n{output}")
    return Process(seconds=time.perf_counter() - started, output=output)


def python(*arguments: str) -> list[str]:
    """Return the command that runs this interpreter."""
    return [sys.executable, *arguments]


def row(*cells: object) -> None:
    """Print one line of a Markdown table."""
    print("| " + " | ".join(str(cell) for cell in cells) + " |", flush=True)


def head(*cells: str) -> None:
    """Print the head of a Markdown table."""
    row(*cells)
    row(*("---" for _ in cells))
