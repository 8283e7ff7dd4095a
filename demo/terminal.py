"""The terminal: a story in steps, commands with their output; plain where it is no terminal."""

from __future__ import annotations

import os
import subprocess
import sys
from textwrap import fill
from typing import TYPE_CHECKING

from rich.console import Console
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from demo.check import Checked

WIDTH = 80


class Terminal:
    """Where the story is told."""

    def __init__(self) -> None:
        wide = Console().width
        self.console = Console(width=min(wide, WIDTH) or WIDTH, highlight=False)
        self.step = 0

    def title(self, text: str) -> None:
        """Begin the next step of the story."""
        self.step += 1
        self.console.print()
        self.console.rule(f"[bold]{self.step}. {text}[/bold]", align="left", style="dim")

    def say(self, text: str) -> None:
        """Tell something, in paragraphs."""
        for paragraph in text.strip().split("\n\n"):
            self.console.print()
            self.console.out(fill(" ".join(paragraph.split()), self.console.width))

    def run(self, folder: Path, url: str, *arguments: str) -> int:
        """Run a command of migrator where the reader sees it, and return its exit code."""
        self.console.print(f"\n[bold cyan]$ migrator {' '.join(arguments)}[/bold cyan]")
        self.console.file.flush()
        environment = {**os.environ, "MIGRATOR_DATABASE_URL": url}
        command = [sys.executable, "-m", "migrator", *arguments]
        code = subprocess.run(
            command, cwd=folder, env=environment, stderr=subprocess.STDOUT, check=False
        ).returncode
        if code:
            self.console.print(f"[dim](exit code {code})[/dim]")
        return code

    def shell(self, folder: Path, line: str, environment: Mapping[str, str]) -> int:
        """Run *line* as the reader could, show what it prints, and return its exit code."""
        self.console.print()
        self.console.out(f"$ {line}", style="bold cyan")
        self.console.file.flush()
        code = subprocess.run(
            ["bash", "-o", "pipefail", "-c", line],
            cwd=folder,
            env={**os.environ, **environment},
            stderr=subprocess.STDOUT,
            check=False,
        ).returncode
        if code:
            self.console.print(f"[dim](exit code {code})[/dim]")
        return code

    def sides(self, rows: Iterable[tuple[object, ...]]) -> None:
        """Show names with what they stand for before and after."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        for name in ("", "before", "after"):
            table.add_column(name, overflow="fold")
        for row in rows:
            table.add_row(*(Text("NULL" if each is None else str(each)) for each in row))
        self.console.print()
        self.console.print(table)

    def table(self, checked: Iterable[Checked]) -> None:
        """Show what was promised and what is kept."""
        table = Table(box=None, padding=(0, 2, 0, 0), header_style="bold")
        table.add_column("what")
        table.add_column("promised", justify="right")
        table.add_column("kept", justify="right")
        table.add_column("")
        table.add_column("how it was checked", style="dim")
        for each in checked:
            mark = "[green]ok[/green]" if each.holds else "[bold red]LOST[/bold red]"
            kept = f"{each.kept:,}" if each.kept >= 0 else "differ"
            table.add_row(each.what, f"{each.promised:,}", kept, mark, each.proof)
        self.console.print()
        self.console.print(table)
