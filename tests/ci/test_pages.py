"""The pages: they say every command, option, key, rule and figure, and no others."""

from __future__ import annotations

import configparser
import re
import shlex
import subprocess
import sys
import tomllib
from dataclasses import fields
from pathlib import Path

import click
import pytest
import yaml

from ci.cli import COMMANDS, group
from ci.commands.run import command as run_command
from ci.datasets import turbo_hipster
from ci.datasets.dataset import Measure
from ci.datasets.toml import Document
from ci.measures import NAMES
from ci.report.files import FORMS
from ci.result import Rule
from ci.settings import Deadlines, Judging, Limits, Settings, read_settings

ROOT = Path(__file__).parent.parent.parent
FOLDER = ROOT / "docs" / "ci"
PIPELINES = FOLDER / "pipelines"
CALL = re.compile(
    r"(?:-m ci|python -m ci|`ci) (?P<command>[a-z]+)(?P<rest>[^`\n|]*(?:\\\n[^`\n|]*)*)"
)

INTRO, *_REST = (FOLDER / "commands.md").read_text().split("\n## ")
SECTIONS = {
    title.removeprefix("ci "): text for title, _, text in (each.partition("\n") for each in _REST)
}


def options_of(name: str) -> set[str]:
    command = group.get_command(click.Context(group), name)
    assert command is not None
    return {each for part in command.params for each in part.opts if each.startswith("-")}


def said_in(text: str) -> set[str]:
    """Return what stands in the first cells of the tables of *text*, as code."""
    cells = re.findall(r"^\| ([^|]*(?:\\\|[^|]*)*) \|", text, re.MULTILINE)
    return {each for cell in cells for each in re.findall(r"`([^`]+)`", cell)}


def dashed(shape: type) -> set[str]:
    return {each.name.replace("_", "-") for each in fields(shape)}


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented_and_none_is_made_up(name: str) -> None:
    assert f"`ci {name}`" in INTRO
    said = SECTIONS[name] + INTRO
    assert not {each for each in options_of(name) if f"`{each}`" not in said}
    assert {each for each in said_in(SECTIONS[name]) if each.startswith("--")} <= options_of(name)


@pytest.mark.parametrize(
    "page", [ROOT / "README.md", *sorted(FOLDER.rglob("*.*"))], ids=lambda page: page.name
)
def test_no_page_calls_what_is_not_there(page: Path) -> None:
    for found in CALL.finditer(page.read_text()):
        if found["command"] in COMMANDS:
            options = set(re.findall(r"(?<![\w-])--[\w-]+", found["rest"]))
            assert options <= options_of(found["command"]) | {"--help"}, found[0]


def test_every_key_of_a_dataset_is_documented() -> None:
    page = (FOLDER / "datasets.md").read_text()
    own, budgets, turbo = (
        page.split(f"\n## {each}")[1] for each in ("dataset.toml", "Budgets", "Tu")
    )
    assert dashed(Document) <= said_in(own)
    assert {each.value.replace("_", "-") for each in Measure} <= said_in(budgets)
    assert {"project", "type", "seed_data", *turbo_hipster.LIMITS} <= said_in(turbo)
    assert all(f"`{each}`" in turbo for each in turbo_hipster.ENGINES)


def test_the_dataset_that_is_shown_can_be_read(tmp_path: Path) -> None:
    from ci.datasets import find_datasets

    shown = re.findall(r"```toml\n(.*?)```", (FOLDER / "datasets.md").read_text(), re.DOTALL)[0]
    (tmp_path / "dataset.toml").write_text(shown)
    (tmp_path / tomllib.loads(shown)["dump"]).write_bytes(b"PGDMP")
    (found,) = find_datasets([tmp_path])
    assert found.budgets.exceptions["add_index_to_orders"][Measure.SECONDS].reason


def test_every_rule_figure_and_form_is_documented() -> None:
    page = (FOLDER / "report.md").read_text()
    for part in ("\n## Rules", "\nBy rule:"):
        assert {each.value for each in Rule} <= said_in(page.split(part)[1].split("\n## ")[0])
    assert said_in(page.split("\n## Forms")[1]) - {"--report"} == set(FORMS)
    figures = page.split("\n## Figures")[1].split("\n## ")[0]
    assert all(each in figures for each in NAMES.values())


def test_every_setting_is_documented_with_its_default() -> None:
    page = (FOLDER / "settings.md").read_text()
    said = said_in(page)
    for shape in (Settings, Deadlines, Limits, Judging):
        assert dashed(shape) - {"deadlines", "limits", "verdict", "gerrit"} <= said
    for shape in (Deadlines, Limits, Judging):
        for each in fields(shape):
            (row,) = re.findall(rf"^\| `{each.name.replace('_', '-')}` \|.*$", page, re.MULTILINE)
            assert float(row.strip("| ").rpartition("|")[2]) == each.default, each.name
    assert f"| {Settings().runs} |" in page


def test_the_settings_that_are_shown_can_be_read() -> None:
    for page in ("settings.md", "index.md"):
        shown = re.findall(r"```toml\n(.*?)```", (FOLDER / page).read_text(), re.DOTALL)[0]
        assert read_settings(shown.encode()).project


@pytest.mark.parametrize(
    ("name", "schema"),
    [
        ("github.yml", ["--builtin-schema", "vendor.github-workflows"]),
        ("gitlab.yml", ["--builtin-schema", "vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_a_pipeline_is_what_its_forge_takes(name: str, schema: list[str]) -> None:
    check = [sys.executable, "-m", "check_jsonschema", *schema, str(PIPELINES / name)]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("page", sorted(PIPELINES.glob("*.y*ml")), ids=lambda page: page.name)
def test_a_pipeline_can_be_read_and_runs_nothing_of_the_checkout(page: Path) -> None:
    text = page.read_text()
    assert yaml.safe_load(text)
    if page.name != "zuul.yaml":
        assert "PYTHONSAFEPATH" in text or "- -P" in text
    # What anybody may choose never gets into a shell as text.
    assert not re.findall(r"\$\{\{ *github\.(?:head_ref|event\.pull_request\.(?:title|body))", text)


def test_the_playbook_of_zuul_calls_run_with_its_options() -> None:
    (play,) = yaml.safe_load((PIPELINES / "zuul-run.yaml").read_text())
    (block,) = [each for each in play["tasks"] if "block" in each]
    (task,) = block["block"]
    assert [each["name"] for each in block["always"]] == ["Link the report"]
    argv = task["ansible.builtin.command"]["argv"]
    assert argv[1:5] == ["-P", "-m", "ci", "run"][:4]
    said = [each for each in argv[5:] if not each.startswith(("--state", "--repository"))]
    assert run_command.make_context("run", said, resilient_parsing=True).params["base"]


@pytest.mark.parametrize("page", sorted(PIPELINES.glob("*.service")), ids=lambda page: page.name)
def test_a_service_starts_a_command(page: Path) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.optionxform = str  # type: ignore[assignment, method-assign]
    parser.read_string(page.read_text())
    started = shlex.split(parser["Service"]["ExecStart"])
    assert started[1:4] == ["-P", "-m", "ci"]
    name = page.stem.rpartition("-")[2]
    assert started[4] == name
    if name in COMMANDS:
        assert {each for each in started if each.startswith("--")} <= options_of(name)
