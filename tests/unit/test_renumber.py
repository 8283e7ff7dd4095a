"""Renumber: conflicts made by real git, mended so that nothing is lost."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest
import sqlalchemy as sa

from migrator.cli import run
from migrator.errors import HistoryDivergedError, ManifestError
from migrator.manifest import Manifest
from migrator.renumber import Keeps, applied_numbers, mend, refuse_applied

if TYPE_CHECKING:
    from pathlib import Path

STYLES = ("merge", "diff3", "zdiff3")
CONFLICT = 1


@dataclass(frozen=True)
class Repository:
    """A work tree of git with a manifest in it."""

    folder: Path

    @property
    def path(self) -> Path:
        return self.folder / "versions.json"

    def git(self, *arguments: str, code: int = 0) -> str:
        """Run git and return what it says; fail unless it exits with *code*."""
        done = subprocess.run(
            ["git", "-c", "user.name=n", "-c", "user.email=n@example.org", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            env={
                "PATH": "/usr/bin:/bin:/usr/local/bin",
                "HOME": str(self.folder.parent),
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_EDITOR": "true",
            },
            check=False,
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout

    def add(self, *names: str, release: str | None = None) -> None:
        """Commit migrations, each with its line, and a release that ends with the last one."""
        for name in names:
            manifest = Manifest.load(self.path).append([f"{name}.py"])
            (manifest.folder / f"{name}.py").write_text(f'"""{name}."""\n')
            if release is not None and name == names[-1]:
                releases = {**manifest.releases, release: manifest.latest}
                manifest = Manifest(path=self.path, entries=manifest.entries, releases=releases)
            manifest.write()
            self.git("add", ".")
            self.git("commit", "--quiet", "--message", name)

    def entries(self) -> list[str]:
        """Return the names of the migrations, by number; the manifest has to be sound."""
        return [entry.name for entry in Manifest.load(self.path).entries]


@pytest.fixture(params=STYLES)
def repository(request: pytest.FixtureRequest, tmp_path: Path) -> Repository:
    """Make main with migrations `base` and `main_1`, and feature with `base` and two others."""
    return diverged(tmp_path, request.param)


def diverged(folder: Path, style: str = "merge", release: str | None = None) -> Repository:
    made = Repository(folder / "work")
    (made.folder / "versions").mkdir(parents=True)
    Manifest(path=made.path).write()
    made.git("init", "--quiet", "--initial-branch", "main")
    made.git("config", "merge.conflictStyle", style)
    made.add("base", release="juno")
    made.git("branch", "feature")
    made.add("main_1", release=release)
    made.git("switch", "--quiet", "feature")
    made.add("mine_1", "mine_2")
    return made


def mended(repository: Repository, keeps: Keeps | None = None) -> str | None:
    """Mend the manifest as the command does; return why a side kept its numbers."""
    found = mend(repository.path, keeps)
    assert found is not None
    found.manifest.write()
    return found.order.why if found.order else None


def test_a_merge_into_a_feature_leaves_the_target_its_numbers(repository: Repository) -> None:
    repository.git("merge", "main", code=CONFLICT)
    why = mended(repository)

    assert why == "it is merged into feature"
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


def test_a_merge_into_the_target_leaves_the_target_its_numbers(repository: Repository) -> None:
    repository.git("switch", "--quiet", "main")
    repository.git("merge", "feature", code=CONFLICT)
    why = mended(repository)

    assert why == "HEAD is the target branch, main"
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


def test_a_rebase_is_mended_commit_by_commit(repository: Repository) -> None:
    repository.git("rebase", "main", code=CONFLICT)
    why = mended(repository)
    first = repository.entries()
    repository.git("add", ".")
    repository.git("rebase", "--continue", code=CONFLICT)
    mended(repository)
    repository.git("add", ".")
    repository.git("rebase", "--continue")

    assert why == "a rebase replays commits on HEAD"
    assert first == ["base", "main_1", "mine_1"]
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


def test_a_cherry_pick_comes_after_what_is_there(repository: Repository) -> None:
    repository.git("switch", "--quiet", "--create", "other", "main")
    repository.git("cherry-pick", "feature~1", code=CONFLICT)
    why = mended(repository)

    assert why == "a cherry-pick applies a commit on HEAD"
    assert repository.entries() == ["base", "main_1", "mine_1"]


def test_a_stash_comes_after_what_is_there(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("reset", "--quiet", "--soft", "main~1")
    repository.git("stash", "--quiet")
    repository.git("switch", "--quiet", "--create", "other", "main")
    repository.git("stash", "pop", code=CONFLICT)
    why = mended(repository)

    assert why == "a stash is applied on HEAD"
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


def test_the_remote_says_which_branch_is_the_target(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("branch", "--move", "main", "devel")
    repository.git("update-ref", "refs/remotes/origin/devel", "devel")
    repository.git("symbolic-ref", "refs/remotes/origin/HEAD", "refs/remotes/origin/devel")
    repository.git("switch", "--quiet", "devel")
    repository.git("merge", "feature", code=CONFLICT)

    assert mended(repository) == "HEAD is the target branch, devel"


def test_a_work_tree_beside_the_clone_has_a_state_of_its_own(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("switch", "--quiet", "main")
    repository.git("worktree", "add", "--quiet", "../beside", "feature")
    beside = Repository(tmp_path / "beside")
    beside.git("rebase", "main", code=CONFLICT)

    assert mended(beside) == "a rebase replays commits on HEAD"
    assert beside.entries() == ["base", "main_1", "mine_1"]


def test_the_order_can_be_asked_for(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("merge", "main", code=CONFLICT)
    mended(repository, Keeps.OURS)

    assert repository.entries() == ["base", "mine_1", "mine_2", "main_1"]


def test_markers_outside_git_put_ours_after_theirs(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("merge", "main", code=CONFLICT)
    (repository.folder / ".git").rename(tmp_path / "gone")

    assert mended(repository) == "nothing says what git was doing"
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


@pytest.mark.parametrize("style", STYLES)
def test_a_release_of_the_target_ends_where_it_ended(tmp_path: Path, style: str) -> None:
    repository = diverged(tmp_path, style, release="kilo")
    repository.git("merge", "main", code=CONFLICT)
    mended(repository)

    assert dict(Manifest.load(repository.path).releases) == {"juno": 1, "kilo": 2}


@pytest.mark.parametrize("style", STYLES)
def test_a_release_of_the_other_side_moves_with_its_entry(tmp_path: Path, style: str) -> None:
    repository = diverged(tmp_path, style)
    repository.add("mine_3", release="kilo")
    repository.git("merge", "main", code=CONFLICT)
    found = mend(repository.path)
    assert found is not None

    assert dict(found.manifest.releases) == {"juno": 1, "kilo": 5}
    assert [(each.before, each.after) for each in found.releases] == [(4, 5)]


def test_a_release_that_both_sides_made_is_for_a_person(tmp_path: Path) -> None:
    repository = diverged(tmp_path, release="kilo")
    repository.add("mine_3", release="kilo")
    repository.git("merge", "main", code=CONFLICT)
    before = repository.path.read_text()
    with pytest.raises(ManifestError, match="release 'kilo' would end with version 2 for one side"):
        mend(repository.path)

    assert repository.path.read_text() == before


def test_markers_of_another_size_are_understood(repository: Repository) -> None:
    (repository.folder / ".gitattributes").write_text("versions.json conflict-marker-size=12\n")
    repository.git("merge", "main", code=CONFLICT)

    with pytest.raises(ManifestError, match="a merge conflict of git is not resolved"):
        Manifest.load(repository.path)
    mended(repository)
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


def test_a_base_that_is_a_conflict_itself_is_left_out(tmp_path: Path) -> None:
    """Two branches that merged each other, in different orders, and went on."""
    repository = diverged(tmp_path, "diff3")
    repository.git("switch", "--quiet", "--create", "other", "main")
    for branch, keeps in (("feature", Keeps.OURS), ("main", Keeps.OURS)):
        repository.git("merge", branch, code=CONFLICT)
        mended(repository, keeps)
        repository.git("add", ".")
        repository.git("commit", "--quiet", "--message", f"merge {branch}")
        repository.add(f"after_{branch}")
        repository.git("switch", "--quiet", "feature")
    repository.git("merge", "other", code=CONFLICT)

    assert "<<<<<<<<<" in repository.path.read_text()
    mended(repository, Keeps.OURS)
    assert repository.entries() == [
        "base", "mine_1", "mine_2", "main_1", "after_main", "after_feature",
    ]  # fmt: skip


def test_line_ends_of_windows_stay(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("merge", "main", code=CONFLICT)
    repository.path.write_bytes(repository.path.read_bytes().replace(b"\n", b"\r\n"))
    mended(repository)

    assert repository.path.read_bytes().count(b"\r\n") == repository.path.read_bytes().count(b"\n")


def test_what_both_sides_have_is_kept_once(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("cherry-pick", "main", code=CONFLICT)
    mended(repository)
    repository.git("add", ".")
    repository.git("cherry-pick", "--continue")
    repository.git("switch", "--quiet", "main")
    repository.add("main_2")
    repository.git("switch", "--quiet", "feature")
    repository.git("merge", "main", code=CONFLICT)
    mended(repository)

    assert repository.entries() == ["base", "main_1", "main_2", "mine_1", "mine_2"]


def test_files_that_one_side_added_to_an_entry_are_kept(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    text = repository.path.read_text().replace('"mine_1.py"', '"mine_1.py", "mine_1.sqlite.sql"')
    repository.path.write_text(text)
    (repository.folder / "versions" / "mine_1.sqlite.sql").touch()
    repository.git("commit", "--quiet", "--all", "--message", "for sqlite")
    repository.git("merge", "main", code=CONFLICT)
    mended(repository)

    assert Manifest.load(repository.path).entries[2].files == ("mine_1.py", "mine_1.sqlite.sql")


def test_files_that_one_side_added_to_an_entry_of_both_are_kept(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    text = repository.path.read_text().replace('"base.py"', '"base.py", "base.sqlite.sql"')
    repository.path.write_text(text)
    (repository.folder / "versions" / "base.sqlite.sql").touch()
    repository.git("commit", "--quiet", "--all", "--message", "for sqlite")
    repository.git("merge", "main", code=CONFLICT)
    mended(repository)

    assert Manifest.load(repository.path).entries[0].files == ("base.py", "base.sqlite.sql")


def test_a_textual_merge_that_kept_both_lines_is_closed_up(tmp_path: Path) -> None:
    repository = diverged(tmp_path, release="kilo")
    (repository.folder / ".gitattributes").write_text("versions.json merge=union\n")
    repository.git("switch", "--quiet", "main")
    text = repository.path.read_text()
    repository.path.write_text(text.replace(', "kilo": 2', ""))
    repository.git("commit", "--quiet", "--all", "--message", "no release")
    repository.git("switch", "--quiet", "feature")
    repository.git("merge", "--no-edit", "main")
    assert repository.path.read_text().count('"2":') == 2
    mended(repository)

    assert repository.entries() == ["base", "mine_1", "mine_2", "main_1"]


def plain(folder: Path, *lines: str) -> Path:
    """Write a manifest of *lines* and a file for each name in it."""
    path = folder / "versions.json"
    path.write_text("{\n" + "\n".join(lines) + "\n}\n")
    (folder / "versions").mkdir()
    for name in "abcd":
        if f'"{name}.py"' in path.read_text():
            (folder / "versions" / f"{name}.py").touch()
    return path


@pytest.mark.parametrize(
    ("lines", "names"),
    [
        (('"1": ["a.py"],', '"3": ["b.py"]'), "ab"),
        (('"2": ["b.py"],', '"1": ["a.py"]'), "ab"),
        (('"1": ["a.py"],', '"2": ["c.py"],', '"3": ["d.py"],', '"2": ["b.py"]'), "acdb"),
        (('"1": ["a.py"],', '"2": ["b.py"],', '"2": ["b.py"]'), "ab"),
        (('"5": ["c.py"],', '"9": ["d.py"],', '"2": ["a.py"]'), "acd"),
    ],
)
def test_gaps_and_numbers_used_twice_are_closed_up(
    tmp_path: Path, lines: tuple[str, ...], names: str
) -> None:
    found = mend(plain(tmp_path, *lines))
    assert found is not None

    assert [entry.name for entry in found.manifest.entries] == list(names)
    assert found.order is None


@pytest.mark.parametrize(("release", "ends"), [(3, 2), (2, 1), (1, 1)])
def test_a_release_moves_when_a_gap_is_closed(tmp_path: Path, release: int, ends: int) -> None:
    lines = '"1": ["a.py"],', '"3": ["b.py"],', f'"releases": {{"juno": {release}}}'
    found = mend(plain(tmp_path, *lines))
    assert found is not None

    assert dict(found.manifest.releases) == {"juno": ends}


def test_a_sound_manifest_is_left_alone(tmp_path: Path) -> None:
    path = plain(tmp_path, '  "1":    ["a.py"]')

    assert mend(path) is None


def test_sides_are_asked_for_where_there_are_none(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="so it has no sides"):
        mend(plain(tmp_path, '"2": ["a.py"]'), Keeps.OURS)


@pytest.mark.parametrize(
    ("lines", "line", "message"),
    [
        (('"1": ["a.py"],', "=======", '"2": ["b.py"]'), 3, "is without its partners"),
        (('"1": ["a.py"],', "<<<<<<< HEAD", '"2": ["b.py"]'), 5, "is without its partners"),
        (
            ("<<<<<<< HEAD", '"1": ["a.py"]', "=======", '"1": ["b.py"],', ">>>>>>> main"),
            5,
            "not JSON: a comma before the end (on the side of main)",
        ),
        (
            ("<<<<<<< HEAD", '"x": ["a.py"]', "=======", '"1": ["b.py"]', ">>>>>>> main"),
            3,
            "unknown key 'x', expected a version's number or \"releases\" (on the side of HEAD)",
        ),
        (
            (
                "<<<<<<< HEAD",
                '"1": ["c.py"]',
                "=======",
                '"1": ["a.py"]',
                ">>>>>>> x",
                "<<<<<<< HEAD",
            ),
            8,
            "is without its partners",
        ),
        (('"2": ["a.py"],', '"releases": {},', '"releases": {}'), 4, "'releases' is used twice"),
        (('"2": ["zz.py"]',), 2, "zz.py is not in versions/"),
    ],
)
def test_what_cannot_be_mended_is_an_error_with_its_line(
    tmp_path: Path, lines: tuple[str, ...], line: int, message: str
) -> None:
    with pytest.raises(ManifestError) as raised:
        mend(plain(tmp_path, *lines))

    assert raised.value.line == line
    assert message in raised.value.message


def database(folder: Path, **applied: int) -> str:
    """Make a database where the migrations *applied* are applied; return its URL."""
    url = f"sqlite:///{folder / 'applied.db'}"
    table = sa.Table(
        "migrator_history",
        sa.MetaData(),
        sa.Column("version", sa.Integer),
        sa.Column("name", sa.Text),
    )
    engine = sa.create_engine(url)
    with engine.begin() as connection:
        table.create(connection)
        for name, version in applied.items():
            connection.execute(sa.insert(table).values(name=name, version=version))
    engine.dispose()
    return url


def test_an_applied_entry_keeps_its_number(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("merge", "main", code=CONFLICT)
    found = mend(repository.path)
    assert found is not None
    applied = applied_numbers(database(tmp_path, base=1, mine_1=2))
    with pytest.raises(HistoryDivergedError) as raised:
        refuse_applied(found, applied, "staging")

    assert raised.value.message == ("mine_1 is applied as 2 in staging, it cannot become 3")
    assert raised.value.hint == "let the other side move: migrator renumber --ours-first"


def test_what_is_applied_and_does_not_move_is_no_hindrance(tmp_path: Path) -> None:
    repository = diverged(tmp_path)
    repository.git("merge", "main", code=CONFLICT)
    found = mend(repository.path)
    assert found is not None

    refuse_applied(found, applied_numbers(database(tmp_path, base=1, main_1=2)), "staging")


def test_a_database_without_history_has_nothing_applied(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'empty.db'}"
    (tmp_path / "empty.db").touch()

    assert applied_numbers(url) == {}


def test_the_command_writes_says_what_moved_and_what_it_could_not_see(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = diverged(tmp_path)
    repository.git("merge", "main", code=CONFLICT)
    monkeypatch.chdir(repository.folder)
    monkeypatch.delenv("MIGRATOR_DATABASE_URL", raising=False)
    code = run(["renumber"])
    printed = capsys.readouterr()

    assert code == 0
    assert printed.out.splitlines() == [
        "Theirs (main) keeps its numbers:",
        "  it is merged into feature.",
        "      2 -> 3     mine_1",
        "      3 -> 4     mine_2",
        "Now run: git add versions.json",
    ]
    assert printed.err == (
        "Could not look whether an entry is applied already: no database is given.\n"
    )
    assert repository.entries() == ["base", "main_1", "mine_1", "mine_2"]


def test_a_dry_run_prints_the_difference_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plain(tmp_path, '  "2": ["a.py"],', '  "releases": {}')
    before = path.read_text()
    monkeypatch.chdir(tmp_path)
    run(["renumber", "--dry-run"])

    assert path.read_text() == before
    assert '-  "2": ["a.py"],\n+  "1": ["a.py"],\n' in capsys.readouterr().out


def test_the_command_refuses_what_is_applied_and_writes_nothing(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path = plain(tmp_path, '  "2": ["a.py"],', '  "releases": {}')
    before = path.read_text()
    monkeypatch.chdir(tmp_path)
    code = run(["--database", database(tmp_path, a=2), "renumber"])

    assert code == 2
    assert "a is applied as 2 in sqlite:///" in capsys.readouterr().err
    assert path.read_text() == before


def test_a_database_that_does_not_answer_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain(tmp_path, '"2": ["a.py"]')
    monkeypatch.chdir(tmp_path)
    url = "postgresql+psycopg2://me:s3cret@127.0.0.1:1/none"
    code = run(["--database", url, "renumber", "--json"])
    printed = capsys.readouterr()

    assert code == 0
    assert json.loads(printed.out) == {
        "changed": True,
        "written": True,
        "keeps": None,
        "why": None,
        "moves": [{"name": "a", "before": 2, "after": 1}],
        "releases": [],
        "database": None,
    }
    assert "Could not look whether an entry is applied already: " in printed.err
    assert "s3cret" not in printed.err


def test_nothing_to_renumber_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    plain(tmp_path, '"1": ["a.py"]')
    monkeypatch.chdir(tmp_path)
    run(["renumber"])

    assert capsys.readouterr().out == "Nothing to renumber.\n"
