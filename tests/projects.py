"""Projects: a manifest and its migrations in a folder, for tests that apply them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from migrator.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

HEAD = '''"""{doc}."""
import sqlalchemy as sa
from migrator import rename

'''


def expand(*lines: str, head: str = "", doc: str = "Add something") -> str:
    """Return the text of an expand whose function has *lines*, after *head*."""
    return HEAD.format(doc=doc) + f"{head}\n\ndef expand(op):\n" + _body(lines)


def contract(*lines: str, head: str = "", doc: str = "Drop something") -> str:
    """Return the text of a contract whose function has *lines*, after *head*."""
    return HEAD.format(doc=doc) + f"{head}\n\ndef contract(op):\n" + _body(lines)


def project(folder: Path, files: Mapping[str, str], **releases: int) -> Manifest:
    """Write *files*, by name and in the order of their numbers, and return the manifest."""
    path = folder / "versions.json"
    versions = folder / "versions"
    versions.mkdir(exist_ok=True)
    entries: dict[str, list[str]] = {}
    for name, text in files.items():
        (versions / name).write_text(text)
        entries.setdefault(name.partition(".")[0], []).append(name)
    lines = [f'  "{n}": {json.dumps(each)},\n' for n, each in enumerate(entries.values(), 1)]
    path.write_text("{\n" + "".join(lines) + f'  "releases": {json.dumps(releases)}\n}}\n')
    return Manifest.load(path)


def _body(lines: tuple[str, ...]) -> str:
    return "".join(f"    {line}\n" for line in lines or ("pass",))


CLOUD = {
    "create_flavors.py": expand(
        'op.create_table("flavors",',
        '    sa.Column("id", sa.Integer, primary_key=True),',
        '    sa.Column("memory_mb", sa.Integer),',
        ")",
    ),
    "add_flavor_foobars.py": expand(
        'op.add_column("flavors", sa.Column("foobars", sa.Integer))',
        'op.add_column("flavors", sa.Column("vcpus", sa.Integer))',
        head='flavor_foobars = rename("flavors", "memory_mb", to="foobars")',
    ),
    "drop_flavor_memory_mb.py": contract(
        'op.drop_column("flavors", "memory_mb")', head='completes = ["flavor_foobars"]'
    ),
    "add_flavor_disk.py": expand('op.add_column("flavors", sa.Column("disk", sa.Integer))'),
}
"""Two expands, a contract and an expand, of two releases: juno 2, kilo 4."""


def cloud(folder: Path, **more: str) -> Manifest:
    """Write CLOUD, with *more* expands by name after it, and return the manifest."""
    added = {f"{name}.py": text for name, text in more.items()}
    return project(folder, CLOUD | added, juno=2, kilo=4)
