"""The docs are true: their files are written, their commands run, their output compared.

In a Markdown page, a block whose first line is a comment with a path is that file. A
`console` block is a session: what follows `$ ` is run by bash (`> ` goes on with it), the
lines under it are what it prints, `...` standing for anything. `echo $?` shows an exit
code. Each page starts in a folder of its own that holds the reference application. A
block that cannot be run has a comment before it that says why: `<!-- not run: … -->`.
"""

from __future__ import annotations

import ast
import doctest
import re
from importlib import import_module
from typing import TYPE_CHECKING

import click
import pytest

from migrator.cli import COMMANDS, group
from tests import warm
from tests.pages import PAGES, ROOT, blocks, is_session, newcomer, run

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from tests.databases import Database
    from tests.pages import Command

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE
WIDTH = 80
TUTORIAL = ROOT / "docs" / "tutorial.md"
TEXTS = (*PAGES, ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md")
LANGUAGES = {"console", "json", "python", "sql", "text", "toml"}
LINK = re.compile(r"\[[^\]]*\]\((?!https?:)(?P<file>[^)#\s]*)(?:#(?P<heading>[^)\s]+))?\)")
SPAN = re.compile(r"`([^`\n]+)`")


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


def each(paths: tuple[Path, ...]) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("page", paths, ids=name_of)


SESSIONS = tuple(page for page in PAGES if any(map(is_session, blocks(page))))


@pytest.fixture(scope="module")
def commands(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    with warm.commands(tmp_path_factory.mktemp("commands")) as folder:
        yield folder


@pytest.mark.thorough
@each(SESSIONS)
def test_a_page_shows_what_happens(page: Path, commands: Path, tmp_path: Path) -> None:
    expect(page, run(blocks(page), tmp_path, newcomer(tmp_path, commands)))


@pytest.mark.parametrize("database", ["postgresql", "mariadb"], indirect=True)
def test_the_tutorial_is_the_same_on_a_server(
    database: Database, commands: Path, tmp_path: Path
) -> None:
    found = blocks(TUTORIAL, url=database.url)
    expect(TUTORIAL, run(found, tmp_path, newcomer(tmp_path, commands)))


def expect(page: Path, printed: Sequence[tuple[Command, str]]) -> None:
    """Fail where a command of *page* has not printed what stands under it."""
    checker = doctest.OutputChecker()
    for command, output in printed:
        if not checker.check_output(command.output, output, FLAGS):
            example = doctest.Example(command.text, command.output)
            difference = checker.output_difference(example, output, FLAGS | doctest.REPORT_NDIFF)
            where = f"{name_of(page)}:{command.line}"
            pytest.fail(f"{where}: $ {command.text}\n{difference}", pytrace=False)


@each(TEXTS)
def test_every_block_is_known(page: Path) -> None:
    fences = re.findall(r"^\s*```", page.read_text(), re.MULTILINE)
    found = blocks(page)
    assert len(fences) == 2 * len(found), "a block is not closed, or is indented"
    assert {block.language for block in found} <= LANGUAGES
    assert all(next(block.commands(), None) for block in found if is_session(block))


@each(TEXTS)
def test_python_can_be_read_and_finds_what_it_imports(page: Path) -> None:
    for block in blocks(page):
        if block.language == "python" and block.not_run is None:
            for module, name in imports(ast.parse(block.text)):
                assert hasattr(import_module(module), name), f"line {block.line}: {module}.{name}"


def imports(tree: ast.AST) -> Iterator[tuple[str, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] == "migrator":
            yield from ((str(node.module), alias.name) for alias in node.names)


@each(TEXTS)
def test_sessions_are_not_wide(page: Path) -> None:
    for block in blocks(page):
        if block.language == "console":
            assert max(map(len, block.text.splitlines())) <= WIDTH, f"line {block.line}"


@each(TEXTS)
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.finditer(page.read_text()):
        target = page.parent / link["file"] if link["file"] else page
        assert target.exists(), link[0]
        if link["heading"]:
            assert link["heading"] in headings(target), link[0]


def headings(page: Path) -> set[str]:
    """Return what GitHub calls the headings of *page*."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", each.lower()).replace(" ", "-") for each in found}


def test_the_index_links_every_page() -> None:
    index = ROOT / "docs" / "index.md"
    linked = {(index.parent / link["file"]).resolve() for link in LINK.finditer(index.read_text())}
    missing = {name_of(page) for page in PAGES if page not in linked | {index}}
    assert not missing


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_option_is_documented(name: str) -> None:
    page = ROOT / "docs" / "commands" / f"{name}.md"
    wanted = set(options_of(command_named(name)))
    assert not wanted - spans(page)


def test_the_options_of_every_command_are_documented() -> None:
    assert not set(options_of(group)) - spans(ROOT / "docs" / "configuration.md")


@each(TEXTS)
def test_no_option_is_made_up(page: Path) -> None:
    known = {"--help", *options_of(group)}
    for name in COMMANDS:
        known.update(options_of(command_named(name)))
    said = re.findall(r"(?:^|\$ |`)migrator [^`\n|]*", page.read_text(), re.MULTILINE)
    made_up = {option for each in said for option in re.findall(r"--[\w-]+", each)} - known
    assert not made_up


def test_every_rule_is_documented() -> None:
    headings = re.findall(r"^## (.+) \(", (ROOT / "docs" / "rules.md").read_text(), re.MULTILINE)
    documented = {name for heading in headings for name in heading.split(", ")}
    modules = (ROOT / "migrator" / "lint").glob("*.py")
    named = [re.match(r'"""([a-z, -]+): ', module.read_text()) for module in modules]
    rules = {name for each in named if each for name in each[1].split(", ")}
    assert "additive" in rules
    assert not rules - documented


def command_named(name: str) -> click.Command:
    found = group.get_command(click.Context(group), name)
    assert found is not None
    return found


def options_of(command: click.Command) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            yield from (*parameter.opts, *parameter.secondary_opts)


def spans(page: Path) -> set[str]:
    """Return the options that *page* speaks of in code, outside of sessions."""
    return {
        option
        for said in SPAN.findall(page.read_text())
        for option in re.findall(r"--[\w-]+", said)
    }


@each((ROOT / "README.md", ROOT / "CONTRIBUTING.md"))
def test_targets_of_make_exist(page: Path) -> None:
    makefile = (ROOT / "Makefile").read_text()
    targets = set(" ".join(re.findall(r"^([\w. -]+):", makefile, re.MULTILINE)).split())
    said = re.findall(r"(?:^|\$ |`|&& )make ([a-z][\w-]*)", page.read_text(), re.MULTILINE)
    assert said
    assert set(said) <= targets
