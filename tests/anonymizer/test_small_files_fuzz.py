"""Policies, settings, manifests and secrets, damaged: read or refused; no crash."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

from anonymizer import policy, settings, sidecar
from anonymizer.errors import AnonymizerError
from anonymizer.key import Key
from anonymizer.masks.find import mask_of
from tests.anonymizer import fuzzing
from tests.anonymizer.fuzzing import CANARY, DAMAGES, bounded, said_by

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

TOML = b"""
[defaults.names]
"*_at" = {public = "when a row was written"}
[defaults.types]
boolean = {public = "a switch"}
[tables."public.people"]
keys = [["id"], ["mail", "note"]]
references = [{columns = ["org"], table = "public.orgs", to = ["id"]}]
[tables."public.people".columns]
id = "integer"
mail = {mask = "email", subject = "id"}
note = {mask = "json", paths = {"$.a.*" = "token"}, other = "keep"}
at = {mask = "date", days = 30}
kind = {mask = "category", values = ["a", "b"]}
[tables."public.people".types]
mail = "varchar(100)"
"""
SETTINGS = b'[tool.anonymizer]\nmodels = ["app.models"]\npolicy = "a.toml"\nsecret = "key"\n'
MANIFEST = b"""{"format": 1, "tool": "1", "key": "0011", "policy": "aa", "pools": {"en": "bb"},
 "input": {"name": "a", "size": 5, "sha256": "cc"}, "output": {"name": "b", "size": 5,
 "sha256": "dd"}, "started": "2026-01-01T00:00:00+00:00", "ended": "2026-01-01T00:00:00+00:00",
 "tables": {"t": {"rows": 5, "columns": {"c": {"values": 5, "nulls": 0, "replaced": 5}}}},
 "dropped": [], "one_way": false, "scale": 1.0}"""


def read_policy(path: Path) -> None:
    """Read a policy and make the masks of it."""
    found = policy.read(path)
    for table in found.tables.values():
        for said in table.columns.values():
            mask_of(said.decision)


SMALL: dict[str, tuple[bytes, Callable[[Path], object]]] = {
    "policy.toml": (TOML, read_policy),
    "pyproject.toml": (SETTINGS, lambda path: settings.load_settings(path.parent)),
    "manifest.json": (MANIFEST, sidecar.read),
    "key": (bytes(range(40)).hex().encode() + b"\n", Key.read),
    "raw key": (CANARY + bytes(range(100, 150)), Key.read),
}
"""The other files that are read → one of it, and what reads it."""


def try_small_files(choice: random.Random, folder: Path, wrong: dict[str, str]) -> None:
    """Damage each of the small files once, and add to *wrong* what is wrong with what comes."""
    for name, (whole, read) in SMALL.items():
        path = folder / "small" / name
        path.parent.mkdir(exist_ok=True)
        damage = choice.choice(DAMAGES)
        data = damage(choice, whole)
        path.write_bytes(data)
        path.chmod(0o600)
        try:
            with bounded():
                read(path)
        except AnonymizerError as error:
            if "key" in name and CANARY in said_by(error):
                wrong[f"{name}: it is said"] = damage.__name__
        except Exception as error:
            key = f"{name}: {fuzzing.place_of(error)}"
            if key not in wrong:
                wrong[key] = damage.__name__
                print(key, damage.__name__, data[:200], flush=True)


def test_small_files_are_read_or_refused(tmp_path: Path) -> None:
    wrong: dict[str, str] = {}
    for seed in range(200):
        try_small_files(random.Random(seed), tmp_path, wrong)  # noqa: S311
    assert not wrong
