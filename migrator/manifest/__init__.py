"""The manifest: versions.json, the one place where version numbers live."""

from __future__ import annotations

from migrator.manifest.entry import Entry
from migrator.manifest.manifest import Manifest

__all__ = ["Entry", "Manifest"]
