"""Every kind of dump, damaged: an error of ours that says no value, or a whole output; no crash."""

from __future__ import annotations

import os
import random
import time
from typing import TYPE_CHECKING

import pytest

from anonymizer.errors import AnonymizerError
from tests.anonymizer import fuzzing
from tests.anonymizer.fuzzed_dumps import KINDS, whole_dumps
from tests.anonymizer.fuzzing import CANARY, DAMAGES, GENTLE, Whole, bounded, cut_off, said_by, torn
from tests.anonymizer.test_small_files_fuzz import try_small_files

if TYPE_CHECKING:
    from pathlib import Path

    from anonymizer.stream import Tally
    from tests.anonymizer.fuzzing import Damage
    from tests.databases import Servers

pytestmark = pytest.mark.thorough

SECONDS = float(os.environ.get("ANONYMIZER_FUZZ_SECONDS", "60"))
"""How long the slow test goes on, for all kinds together."""


@pytest.fixture(scope="module")
def dumps(servers: Servers, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Whole]:
    """Return a whole dump of each kind."""
    return whole_dumps(servers, tmp_path_factory.mktemp("dumps"))


class Trial:
    """One kind of dump, which is damaged again and again."""

    def __init__(self, whole: Whole, folder: Path) -> None:
        self.whole, self.folder = whole, folder
        self.target = folder / "target"
        self.rest = self._names()
        source = whole.write(folder / "whole")
        self.plan = whole.plan(source)
        self.tally = self._mask(source)
        assert CANARY not in fuzzing.text_of(self.target)

    def _names(self) -> set[str]:
        return {each.name for each in self.folder.iterdir()} | {"whole", "damaged", "policy.toml"}

    def _mask(self, source: Path) -> Tally:
        return fuzzing.masked(source, self.target, self.plan)

    def clear(self) -> None:
        if self.target.is_dir():
            for each in self.target.iterdir():
                each.unlink()
            self.target.rmdir()
        self.target.unlink(missing_ok=True)

    def run(self, damage: Damage, seed: int) -> str | None:
        """Damage by *seed*, mask, and return what is wrong with what comes."""
        choice = random.Random(seed)  # noqa: S311
        source = self.whole.damaged(choice, damage).write(self.folder / "damaged")
        plan = self.plan
        self.clear()
        try:
            with bounded():
                if choice.random() < 0.5:
                    plan = self.whole.plan(source)
                if choice.random() < 0.3:
                    fuzzing.read_through(source, plan)
                tally = fuzzing.masked(source, self.target, plan)
        except AnonymizerError as error:
            return self._after(damage, error)
        except Exception as error:
            return fuzzing.place_of(error)
        return self._written(damage, tally)

    def _after(self, damage: Damage, error: AnonymizerError) -> str | None:
        # What is torn may have a value where the name of a column should stand.
        if damage is not torn and CANARY in said_by(error):
            return f"an error that says a value: {fuzzing.place_of(error)}"
        left = {each.name for each in self.folder.iterdir()} - self.rest
        return f"left behind after an error: {sorted(left)}" if left else None

    def _written(self, damage: Damage, tally: Tally) -> str | None:
        if damage is cut_off and tally.columns != self.tally.columns:
            return "a dump that is cut off was masked as if it were whole"
        if damage in GENTLE and CANARY in fuzzing.text_of(self.target):
            return "a value was let by"
        return None


def trial(dumps: dict[str, Whole], kind: str, folder: Path) -> Trial:
    place = folder / kind.replace(" ", "")
    place.mkdir()
    return Trial(dumps[kind], place)


@pytest.mark.parametrize("kind", KINDS)
def test_a_damaged_dump_is_an_error_or_whole(
    dumps: dict[str, Whole], kind: str, tmp_path: Path
) -> None:
    assert sorted(dumps) == sorted(KINDS)
    tried = trial(dumps, kind, tmp_path)
    for seed in range(60):
        damage = DAMAGES[seed % len(DAMAGES)]
        wrong = tried.run(damage, seed)
        assert wrong is None, (damage.__name__, seed, wrong)


@pytest.mark.slow
def test_many_damaged_dumps_are_errors_or_whole(dumps: dict[str, Whole], tmp_path: Path) -> None:
    tried = {kind: trial(dumps, kind, tmp_path) for kind in KINDS}
    seed = time.time_ns()
    end, wrong, count = time.monotonic() + SECONDS, dict[str, str](), 0
    while time.monotonic() < end:
        for kind, each in tried.items():
            seed, count = seed + 1, count + 1
            damage = DAMAGES[seed % len(DAMAGES)]
            found = each.run(damage, seed)
            if found and f"{kind}: {found}" not in wrong:
                wrong[f"{kind}: {found}"] = f"{damage.__name__}, seed {seed}"
                print(kind, found, damage.__name__, seed, flush=True)
        try_small_files(random.Random(seed), tmp_path, wrong)  # noqa: S311
    print(f"{count:,} damaged dumps", flush=True)
    assert not wrong
