"""Settings: what `[tool.ci]` says, and what it cannot say."""

from __future__ import annotations

import re
from dataclasses import fields
from pathlib import Path

import pytest

from ci.errors import ConfigurationError
from ci.settings import (
    Deadlines,
    Gerrit,
    Judging,
    Labels,
    Limits,
    Release,
    Settings,
    read_settings,
)

WHOLE = b"""
[tool.ci]
project = "cloud"
driver = "migrator"
options = { manifest = "versions.json" }
url-variable = "DATABASE_URL"
models = "app.models:Base"
paths = ["app/models/**"]
extras = ["postgresql"]
runs = 5
retention-days = 30

[tool.ci.releases]
juno = "stable/juno"
kilo = { ref = "refs/tags/kilo", python = "/usr/bin/python3.11" }

[tool.ci.limits]
memory-mib = 512

[tool.ci.gerrit]
url = "https://review.example.org"
host = "review.example.org"
user = "migrator-ci"
labels = { success = { Verified = 1 }, failure = { Verified = -1 } }
"""


def test_all_is_read() -> None:
    found = read_settings(WHOLE)

    assert (found.project, found.url_variable, found.runs) == ("cloud", "DATABASE_URL", 5)
    assert found.releases == {
        "juno": Release(ref="stable/juno"),
        "kilo": Release(ref="refs/tags/kilo", python="/usr/bin/python3.11"),
    }
    assert list(found.releases) == ["juno", "kilo"]
    assert (found.limits.memory_mib, found.limits.processes) == (512, 128)
    assert found.gerrit is not None
    assert found.gerrit.labels == Labels(success={"Verified": 1}, failure={"Verified": -1})


def test_every_key_is_documented_and_the_example_is_true() -> None:
    page = (Path(__file__).parents[2] / "docs" / "ci" / "settings.md").read_text("utf-8")
    example = re.search(r"```toml\n(.*?)```", page, re.DOTALL)
    keys = {
        each.name.replace("_", "-")
        for shape in (Settings, Limits, Deadlines, Judging, Gerrit)
        for each in fields(shape)
    }
    inner = {"deadlines", "limits", "verdict", "gerrit"}

    assert example
    assert read_settings(example[1].encode()).gerrit is not None
    assert keys - inner <= set(re.findall(r"`([a-z-]+)`", page))
    for name in inner:
        assert f"[tool.ci.{name}]" in page


@pytest.mark.parametrize("document", [b"", b"[tool.other]\n", b"tool = 1\n", b"[tool.ci]\n"])
def test_without_a_word_there_are_defaults(document: bytes) -> None:
    assert read_settings(document) == Settings()


@pytest.mark.parametrize(
    ("text", "said", "hint"),
    [
        ("drivr = 'alembic'", "tool.ci has 'drivr'", "did you mean 'driver'"),
        ("zzz = 1", "tool.ci has 'zzz'", "there are project, driver"),
        ("limits = { memory-mb = 1 }", "tool.ci.limits has 'memory-mb'", "'memory-mib'"),
        ("releases = { kilo = { reff = 'a' } }", "releases.kilo has 'reff'", "'ref'"),
        ("url_variable = 'A'", "tool.ci has 'url_variable'", "'url-variable'"),
    ],
)
def test_an_unknown_key_has_a_hint(text: str, said: str, hint: str) -> None:
    with pytest.raises(ConfigurationError, match=said) as caught:
        read_settings(f"[tool.ci]\n{text}\n".encode())

    assert hint in str(caught.value.hint)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("runs = 0", "tool.ci.runs"),
        ("runs = '3'", "expected `int`"),
        ("driver = 'flyway'", "tool.ci.driver is 'flyway'"),
        ("releases = { kilo = '--upload-pack=evil' }", "tool.ci.releases"),
        ("releases = { kilo = 'a b' }", "tool.ci.releases"),
        ("releases = { '-x' = 'a' }", "tool.ci.releases"),
        ("url-variable = 'A=B'", "tool.ci.url-variable"),
        ("models = 'os; evil'", "tool.ci.models"),
        ("deadlines = { step = 0 }", "tool.ci.deadlines.step"),
        ("limits = 1", "tool.ci.limits"),
        ("gerrit = { url = 'file:///etc', host = 'h', user = 'u' }", "tool.ci.gerrit.url"),
        ("gerrit = { host = 'h' }", "missing required field `url`"),
    ],
)
def test_what_means_nothing_is_refused(text: str, said: str) -> None:
    with pytest.raises(ConfigurationError, match=said):
        read_settings(f"[tool.ci]\n{text}\n".encode())


@pytest.mark.parametrize("document", [b"[tool.ci\n", b"\xff", b"[tool]\nci = 1\n"])
def test_what_is_no_table_is_refused(document: bytes) -> None:
    with pytest.raises(ConfigurationError, match=r"pyproject\.toml"):
        read_settings(document)
