"""Trees are made once, for each way in which they are run."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from ci.checkout import open_repository
from ci.places import TreePlaces
from ci.sandbox import Bubblewrap, Unconfined
from ci.settings import read_settings
from tests.ci.origin import origin

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = b"""
[tool.ci]
trust-target = true
[tool.ci.releases]
juno = { ref = "main", python = "/usr/bin/python3" }
kilo = "main"
"""


class Recorder:
    """Stands for what makes environments, which other tests look at."""

    def make(self, tree: Any, _needs: object, _sandbox: object, *, python: str | None) -> Any:
        return SimpleNamespace(tree=tree.folder, python=python)


def test_a_tree_is_made_once_for_each_way_in_which_it_is_run(tmp_path: Path) -> None:
    source = origin(tmp_path / "source")
    repository = open_repository(tmp_path / "mirror", source=str(source.folder), seconds=60)
    repository.update()
    sha = repository.resolve("main")
    places = TreePlaces(
        repository=repository,
        maker=Recorder(),  # type: ignore[arg-type]
        sandbox=Bubblewrap(),
        settings=read_settings(SETTINGS),
        folder=tmp_path / "work",
        log=tmp_path / "log",
    )
    juno, kilo, baseline, change = (
        places.at(sha, each) for each in ("juno", "kilo", "baseline", "change")
    )

    assert juno.environment.python == "/usr/bin/python3"  # type: ignore[attr-defined]
    assert kilo is baseline
    assert kilo.environment.python is None  # type: ignore[attr-defined]
    assert isinstance(baseline.sandbox, Unconfined)
    assert isinstance(change.sandbox, Bubblewrap)
