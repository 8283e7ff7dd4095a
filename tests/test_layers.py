"""The architecture: a module imports only what stands above it in LAYERS."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "migrator"

LAYERS = (
    "errors",
    "config",
    "dialects",
    "interrupt",
    "stopwatch",
    "database",
    "session",
    "sql",
    "catalogue",
    "transitions",
    "manifest",
    "recipes",
    "renumber",
    "migration",
    "plan",
    "lint",
    "history",
    "lock",
    "patience",
    "checkpoint",
    "remaining",
    "ranges",
    "worker",
    "services",
    "guard",
    "apply",
    "explore",
    "online",
    "testing",
    "status",
    "report",
    "commands",
    "cli",
    "__main__",
)
"""Modules and packages of migrator, in reading order: each may import what stands above it."""

ANONYMIZER_LAYERS = (
    "errors",
    "memory",
    "processes",
    "markup",
    "column",
    "cells",
    "key",
    "prf",
    "permutation",
    "noise",
    "pool",
    "pools",
    "masks",
    "finding",
    "passed",
    "schema",
    "models",
    "policy",
    "plan",
    "suggest",
    "check",
    "output",
    "progress",
    "settings",
    "programs",
    "dumps",
    "masker",
    "engine",
    "workers",
    "stream",
    "sqlite",
    "live",
    "reading",
    "container",
    "target",
    "masking",
    "sidecar",
    "record",
    "structure",
    "scale",
    "fidelity",
    "proof",
    "difference",
    "commands",
    "cli",
    "__main__",
)
"""The same of anonymizer."""

CI_LAYERS = (
    "errors",
    "strict",
    "timing",
    "where",
    "units",
    "numbers",
    "datasets",
    "measures",
    "drivers",
    "result",
    "settings",
    "programs",
    "sandbox",
    "checkout",
    "environment",
    "databases",
    "measuring",
    "publish",
    "compare",
    "verdict",
    "heard",
    "walk",
    "look",
    "places",
    "job",
    "state",
    "turn",
    "order",
    "request",
    "history",
    "resume",
    "learn",
    "report",
    "pages",
    "serve",
    "scheduler",
    "gerrit",
    "commands",
    "cli",
    "__main__",
)
"""The same of ci."""

PACKAGES = {"migrator": LAYERS, "anonymizer": ANONYMIZER_LAYERS, "ci": CI_LAYERS}

TOOLS = ("alembic", "click", "migrator.cli", "migrator.lint", "rich")
"""What `import migrator` must leave out, because it runs inside users' applications."""


def layer_of(module: Path) -> tuple[str, str]:
    """Return the package of *module* and the name in its layers that it belongs to."""
    package, layer = module.relative_to(ROOT).with_suffix("").parts[:2]
    return package, layer


def imports_of(module: Path) -> Iterator[str]:
    """Yield the dotted names that *module* imports anywhere, for types only or not."""
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def modules(package: Path) -> list[Path]:
    return [path for path in sorted(package.rglob("*.py")) if path != package / "__init__.py"]


def named(module: Path) -> str:
    return str(module.relative_to(ROOT))


@pytest.mark.parametrize(
    "module", [each for name in PACKAGES for each in modules(ROOT / name)], ids=named
)
def test_imports_run_one_way(module: Path) -> None:
    package, layer = layer_of(module)
    layers = PACKAGES[package]
    assert layer in layers, f"give {layer} its place in the layers of {package}"
    above = layers[: layers.index(layer) + 1]
    inner = [name.split(".") for name in imports_of(module) if name.split(".")[0] == package]
    wrong = {".".join(parts) for parts in inner if parts[1:2] == [] or parts[1] not in above}

    assert not wrong, f"{named(module)} may import only what stands above it in its layers"


@pytest.mark.parametrize("package", ["anonymizer", "ci"])
def test_the_other_packages_import_nothing_of_migrator(package: str) -> None:
    for module in modules(ROOT / package):
        assert not [name for name in imports_of(module) if name.split(".")[0] == "migrator"]


def test_applications_import_no_tool() -> None:
    """Nor a database that is not theirs: each costs as much as migrator itself."""
    code = "import sys, migrator; migrator.attach_converters; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "migrator" in loaded
    assert not set(TOOLS) & set(loaded)
    assert not [name for name in loaded if name.startswith("sqlalchemy.dialects.")]


def test_masking_imports_what_reads_other_containers_when_there_is_one() -> None:
    """It takes as long to start as it takes to mask a hundred megabytes."""
    code = "import sys, anonymizer.commands.masked; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "anonymizer.masking" in loaded
    inner = {"live", "sqlite.file", "dumps.mysql", "dumps.pg_plain", "dumps.pg_custom", "proof"}
    assert not {f"anonymizer.{each}" for each in inner} & set(loaded)
    assert not {"rich", "faker"} & set(loaded)
    assert not [name for name in loaded if name.startswith("sqlalchemy.dialects.")]


def test_markup_needs_nothing_but_the_standard_library() -> None:
    code = "import sys, anonymizer; anonymizer.mask.email(); print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.split()

    assert "anonymizer.markup" in loaded
    assert not {"numpy", "pyarrow", "cryptography", "faker", "sqlalchemy"} & set(loaded)
