"""Environment: what a tree needs is read, fetched and installed, and nothing of it runs outside."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from ci.checkout import Tree
from ci.drivers.base import Command
from ci.environment import Environment, Maker, Needs, ask_interpreter, needs_of, prune
from ci.errors import SetupError, ToolError
from ci.sandbox import Bubblewrap
from ci.settings import Settings
from tests.ci.wheels import BACKEND, write_wheel

if TYPE_CHECKING:
    from collections.abc import Mapping

APP = "import lib\ndef main():\n    print('app', lib.NAME)\n"
PROJECT = """
[build-system]
requires = ["tinybuild"]
build-backend = "tinybuild"
[project]
name = "app"
version = "1.0"
dependencies = ["lib>=1"]
"""


def needs(files: Mapping[str, str], **said: object) -> Needs:
    read = {name: text.encode() for name, text in files.items()}
    return needs_of(read.get, replace(Settings(), **said))  # type: ignore[arg-type]


def test_dependencies_and_extras_are_read() -> None:
    project = (
        '[project]\nname = "app"\ndependencies = ["SQLAlchemy >= 2", "x; python_version < \'3\'"]\n'
        '[project.optional-dependencies]\npg = ["psycopg[binary]"]\nall = ["App[pg,My-SQL]"]\n'
        'my_sql = ["PyMySQL==1.1"]\n[build-system]\nrequires = ["hatchling>=1.27"]\n'
    )
    found = needs({"pyproject.toml": project}, extras=("all",))

    assert found.runtime == (
        *("SQLAlchemy>=2", 'x; python_version < "3"'),
        *("psycopg[binary]", "PyMySQL==1.1"),
    )
    assert (found.build, found.installable) == (("hatchling>=1.27",), True)


def test_files_of_requirements_are_read_without_their_options() -> None:
    digest = "a" * 64
    files = {
        "r/base.txt": (
            "# comment\n-r more.txt\n-c caps.txt\n--index-url https://evil\n-e .\n.\n"
            f"SQLAlchemy==2.0 \\\n    --hash=sha256:{digest}  # why\n"
        ),
        "r/more.txt": "click>=8\n",
        "r/caps.txt": "click<9\n-r more.txt\n",
    }
    found = needs(files, requirements=("r/base.txt",))

    assert found.runtime == ("click>=8", f"SQLAlchemy==2.0 --hash=sha256:{digest}")
    assert found.constraints == ("click<9", "click>=8")
    assert not found.installable


@pytest.mark.parametrize(
    ("files", "runtime"),
    [
        ({"requirements.txt": "click\n"}, ("click",)),
        ({"setup.cfg": "[options]\ninstall_requires =\n  click\n  rich>1\n"}, ("click", "rich>1")),
        (
            {
                "pyproject.toml": '[project]\nname = "a"\ndynamic = ["dependencies"]\n'
                '[tool.setuptools.dynamic]\ndependencies = {file = "deps.txt"}\n',
                "deps.txt": "click\n",
            },
            ("click",),
        ),
        ({}, ()),
    ],
)
def test_older_projects_are_read(files: dict[str, str], runtime: tuple[str, ...]) -> None:
    assert needs(files).runtime == runtime


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("lib @ https://evil.example/lib.whl", "needs lib from a place of its own"),
        ("git+https://evil.example/x", "no name and version"),
        ("-e git+https://evil.example/x#egg=x", "no name and version"),
        ("file:///etc/shadow", "no name and version"),
        ("/etc/shadow", "no name and version"),
        ("--config-settings=x", "no name and version"),
        ("-r /etc/shadow", "no file of requirements"),
        ("-r ../../etc/shadow", "no file of requirements"),
        ("-r requirements.txt", "no file of requirements"),
        ("lib --global-option=x", "no name and version"),
    ],
)
def test_what_would_reach_elsewhere_is_refused(line: str, said: str) -> None:
    with pytest.raises(SetupError, match=said) as caught:
        needs({"requirements.txt": f"{line}\n"})
    assert caught.value.step == "install"


@pytest.mark.parametrize(
    ("project", "said"),
    [
        ('[project]\nname = "a"\ndynamic = ["dependencies"]\n', "when it is built"),
        ("[project\n", "cannot be read"),
        ('[project]\nname = "a"\ndependencies = "x"\n', "no list of texts"),
        ('[project]\nname = "a"\ndependencies = [1]\n', "no list of texts"),
    ],
)
def test_a_tree_that_does_not_say_is_refused(project: str, said: str) -> None:
    with pytest.raises(SetupError, match=said):
        needs({"pyproject.toml": project})
    with pytest.raises(SetupError, match="no extra nothing"):
        needs({}, extras=("nothing",))


@pytest.fixture(scope="module")
def index(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with wheels, which stands for an index."""
    folder = tmp_path_factory.mktemp("index")
    write_wheel(folder, "lib", {"lib.py": "NAME = 'lib'\n"}, needs="deep")
    write_wheel(folder, "deep", {"deep.py": ""})
    write_wheel(folder, "broken", {"broken.py": ""}, needs="nowhere>=3")
    write_wheel(folder, "tinybuild", {"tinybuild.py": BACKEND})
    return folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("environments")


@pytest.fixture
def maker(index: Path, kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Maker:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(index))
    return Maker(folder=kept, log=tmp_path / "log", settings=Settings())


def tree(folder: Path, sha: str, **files: str) -> tuple[Tree, Needs]:
    folder.mkdir()
    (folder / "pyproject.toml").write_text(PROJECT)
    (folder / "app.py").write_text(files.pop("app", APP))
    for name, text in files.items():
        (folder / f"{name}.py").write_text(text)
    return Tree(sha=sha * 40, folder=folder), needs({"pyproject.toml": PROJECT})


def said(environment: Environment, tmp_path: Path, *arguments: str) -> list[str]:
    lines: list[bytes] = []
    job = environment.job(Command(arguments=arguments), Settings())
    ended = Bubblewrap().run(job, log=tmp_path / "run", seconds=60, step="run", hear=lines.append)
    assert ended.status == 0, (tmp_path / "run").read_text()
    return [each.decode() for each in lines]


@pytest.mark.thorough
def test_a_tree_runs_with_what_it_needs(maker: Maker, tmp_path: Path) -> None:
    here, what = tree(tmp_path / "tree", "a")
    made = maker.make(here, what, Bubblewrap())

    assert said(made, tmp_path, "app") == ["app lib"]
    assert said(made, tmp_path, "python", "-c", "import os, app, deep; print(os.getcwd())") == [
        str(tmp_path / "tree")
    ]


@pytest.mark.thorough
def test_it_is_made_once_and_a_tree_of_the_same_needs_has_its_own_code(
    maker: Maker, tmp_path: Path
) -> None:
    first = maker.make(*tree(tmp_path / "one", "a"), Bubblewrap())
    made = (first.venv / "pyvenv.cfg").stat().st_mtime_ns
    again = maker.make(*tree(tmp_path / "again", "a"), Bubblewrap())
    other = maker.make(
        *tree(tmp_path / "other", "b", app=APP.replace("'app'", "'other'")), Bubblewrap()
    )

    assert (first.venv / "pyvenv.cfg").stat().st_mtime_ns == made
    assert (again.venv, again.package) == (first.venv, first.package)
    assert other.venv == first.venv
    assert said(other, tmp_path, "app") == ["other lib"]
    assert said(first, tmp_path, "app") == ["app lib"]


@pytest.mark.thorough
def test_what_a_tree_does_when_it_is_built_stays_in_the_sandbox(
    maker: Maker, tmp_path: Path
) -> None:
    secret = tmp_path / "secret"
    secret.write_text("canary")
    evil = (
        "import pathlib, os, socket\n"
        f"assert not pathlib.Path({str(secret)!r}).exists()\n"
        f"site = pathlib.Path({str(maker.folder)!r})\n"
        "for each in [*site.glob('*/made'), *site.glob('*/wheels/*'), *site.glob('*/venv')]:\n"
        "    try:\n        (each / 'x' if each.is_dir() else each).write_text('evil')\n"
        "    except OSError: pass\n"
        "    else: raise SystemExit(f'wrote to {each}')\n"
        "assert 'PIP_FIND_LINKS' not in os.environ or 'index' not in os.environ['PIP_FIND_LINKS']\n"
    )
    made = maker.make(*tree(tmp_path / "tree", "e", evil=evil), Bubblewrap())

    assert said(made, tmp_path, "app") == ["app lib"]


@pytest.mark.thorough
def test_a_tree_that_is_not_built_is_said_and_tried_again(maker: Maker, tmp_path: Path) -> None:
    here, what = tree(tmp_path / "tree", "c", evil="raise SystemExit('alice@example.org')")
    for _ in range(2):
        with pytest.raises(SetupError, match="cannot be built") as caught:
            maker.make(here, what, Bubblewrap())
        assert "alice" not in f"{caught.value} {caught.value.hint}"
    (here.folder / "evil.py").unlink()

    assert maker.make(here, what, Bubblewrap()).package is not None


@pytest.mark.parametrize(
    ("line", "name"), [("nothing-here", "nothing-here"), ("broken", "nowhere")]
)
def test_a_dependency_that_cannot_be_had_is_named(maker: Maker, line: str, name: str) -> None:
    here = Tree(sha="d" * 40, folder=Path("/usr"))

    with pytest.raises(SetupError, match=f"install: there is no wheel for {name}"):
        maker.make(here, Needs(runtime=(line,)), Bubblewrap())


@pytest.mark.thorough
@pytest.mark.usefixtures("maker")
def test_what_nobody_uses_is_removed(kept: Path) -> None:
    old = kept / "old"
    old.mkdir()
    (old / "made").touch()
    os.utime(old / "made", (0, 0))

    assert prune(kept, days=30) == 1
    assert not old.exists()
    assert list(kept.glob("*/made"))


def test_an_interpreter_is_asked(tmp_path: Path) -> None:
    ours = ask_interpreter(None, log=tmp_path / "log")

    assert ours.path.exists()
    with pytest.raises(ToolError, match="no Python that runs"):
        ask_interpreter("/bin/false", log=tmp_path / "log")
    with pytest.raises(ToolError, match="cannot be run"):
        ask_interpreter("/nowhere/python", log=tmp_path / "log")
