"""Settings: found in the nearest pyproject.toml that speaks of us, and checked."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from anonymizer.errors import AnonymizerError
from anonymizer.settings import Settings, load_settings

if TYPE_CHECKING:
    from pathlib import Path


def settings(folder: Path, text: str) -> Settings:
    (folder / "pyproject.toml").write_text(text)
    return load_settings(folder)


def test_the_nearest_that_speaks_of_us_counts(tmp_path: Path) -> None:
    inner = tmp_path / "a" / "b"
    inner.mkdir(parents=True)
    (inner / "pyproject.toml").write_text("[tool.other]\n")
    text = '[tool.anonymizer]\nmodels = ["app.models"]\npolicy = "more.toml"\nsecret = "key"\n'
    (tmp_path / "pyproject.toml").write_text(text)

    found = load_settings(inner)

    assert found.models == ("app.models",)
    assert (found.policy, found.secret) == (tmp_path / "more.toml", tmp_path / "key")
    assert found.root == tmp_path


def test_without_a_word_nothing_is_set(tmp_path: Path) -> None:
    assert load_settings(tmp_path) == Settings(root=tmp_path)


def test_one_module_needs_no_list(tmp_path: Path) -> None:
    assert settings(tmp_path, '[tool.anonymizer]\nmodels = "app"\n').models == ("app",)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[tool.anonymizer]\nmodel = 1\n", "has 'model'"),
        ("[tool.anonymizer]\nmodels = [1]\n", "models is no list of names"),
        ("[tool.anonymizer]\nsecret = 1\n", "secret is no path"),
        ("[tool]\nanonymizer = 1\n", "is no table"),
        ("[tool.anonymizer\n", "cannot be read"),
        ("[tool.anonymizer]\nmodels = 'a\x00'", "cannot be read"),
    ],
)
def test_what_means_nothing_is_refused(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(AnonymizerError, match=said):
        settings(tmp_path, text)
