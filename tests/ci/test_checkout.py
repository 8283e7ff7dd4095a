"""Checkout: what a hostile repository holds comes out as files, or not at all."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from ci.checkout import (
    Changed,
    Repository,
    export,
    open_repository,
    own_folder,
    sweep,
)
from ci.errors import CheckoutError, ConflictError, ToolError
from ci.programs import remove
from tests.ci.origin import Origin, origin

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def source(tmp_path: Path) -> Origin:
    return origin(tmp_path / "origin")


@pytest.fixture
def mirror(source: Origin, tmp_path: Path) -> Repository:
    return open_repository(tmp_path / "mirror.git", source=source.folder, seconds=60)


def test_branches_and_tags_are_fetched_and_exported(
    source: Origin, mirror: Repository, tmp_path: Path
) -> None:
    kilo = source.commit(app="kilo")
    source.git("tag", "kilo")
    source.git("branch", "stable/kilo")
    main = source.commit(app="main")
    mirror.update()

    assert [mirror.resolve(each) for each in ("kilo", "stable/kilo", "main", kilo[:12])] == [
        *(kilo, kilo),
        *(main, kilo),
    ]
    tree = export(mirror, kilo, tmp_path / "trees" / "kilo")
    assert (tree.folder / "app").read_text() == "kilo"
    assert sorted(each.name for each in tree.folder.iterdir()) == ["README", "app"]
    assert (tree.folder / "app").stat().st_mode & 0o777 == 0o644


def test_a_branch_that_is_gone_goes(source: Origin, mirror: Repository) -> None:
    source.git("branch", "old")
    mirror.update()
    source.git("branch", "--delete", "old")
    mirror.update()

    with pytest.raises(CheckoutError, match="old is no commit"):
        mirror.resolve("old")


def test_a_change_is_fetched_and_merged(source: Origin, mirror: Repository, tmp_path: Path) -> None:
    base = source.git("rev-parse", "HEAD")
    change = source.commit(change="x")
    source.git("update-ref", "refs/changes/34/1234/5", change)
    source.git("reset", "--quiet", "--hard", base)
    target = source.commit(other="y")
    mirror.update()
    fetched = mirror.fetch("refs/changes/34/1234/5", announced=change)
    merged = mirror.merge(target, fetched)

    assert merged == mirror.merge(target, fetched)
    assert mirror.changed(target, merged) == (Changed(path="change", status="A"),)
    tree = export(mirror, merged, tmp_path / "tree")
    assert {"change", "other"} <= {each.name for each in tree.folder.iterdir()}


def test_what_is_merged_already_is_not_merged_again(source: Origin, mirror: Repository) -> None:
    old = source.git("rev-parse", "HEAD")
    new = source.commit(a="1")
    mirror.update()

    assert mirror.merge(old, new) == new
    assert mirror.merge(new, old) == new


def test_a_conflict_is_told_from_a_failure(source: Origin, mirror: Repository) -> None:
    base = source.git("rev-parse", "HEAD")
    one = source.commit(README="one")
    source.git("checkout", "--quiet", "-b", "other", base)
    two = source.commit(README="two")
    source.git("checkout", "--quiet", "--orphan", "alone")
    alone = source.commit(alone="x")
    mirror.update()

    with pytest.raises(ConflictError, match="does not merge"):
        mirror.merge(one, two)
    with pytest.raises(CheckoutError, match="cannot be merged") as caught:
        mirror.merge(one, alone)
    assert not isinstance(caught.value, ConflictError)


def test_a_server_that_lies_is_found_out(source: Origin, mirror: Repository) -> None:
    real = source.git("rev-parse", "HEAD")
    source.git("update-ref", "refs/changes/01/1/1", real)

    with pytest.raises(CheckoutError, match=f"gives {real}, and has announced {'0' * 40}"):
        mirror.fetch("refs/changes/01/1/1", announced="0" * 40)
    with pytest.raises(CheckoutError, match="no commit at all"):
        mirror.fetch("refs/changes/01/1/1", announced="<b>evil</b>")


@pytest.mark.parametrize(
    "ref",
    ["--upload-pack=touch evil", "-x", "a b", "a..b", "a:b", "@{-1}", "a\nb", "", "a^", "refs//x"],
)
def test_a_ref_is_never_an_option(mirror: Repository, ref: str) -> None:
    for ask in (mirror.fetch, mirror.resolve):
        with pytest.raises(CheckoutError, match="is no name of a branch"):
            ask(ref)


@pytest.mark.parametrize(
    "url", ["ext::sh -c evil", "--upload-pack=evil", "http://a b", "nowhere", "fd::7", "ftp://a/b"]
)
def test_a_source_is_never_a_program(tmp_path: Path, url: str) -> None:
    with pytest.raises(CheckoutError, match="is no repository"):
        open_repository(tmp_path / "mirror.git", source=url, seconds=10)


def test_a_password_is_not_shown_to_other_users(tmp_path: Path) -> None:
    with pytest.raises(CheckoutError, match="holds a password") as caught:
        open_repository(tmp_path / "m.git", source="https://ci:canary@example.org/x", seconds=10)
    assert "canary" not in f"{caught.value}{caught.value.hint}"


def test_a_source_that_is_gone_is_said(mirror: Repository, source: Origin) -> None:
    remove(source.folder)

    with pytest.raises(CheckoutError, match="cannot be fetched"):
        mirror.update()


def test_changes_are_listed_with_renames_and_strange_names(
    source: Origin, mirror: Repository
) -> None:
    source.write("versions/old.py", "x = 1\n" * 50)
    base = source.commit()
    source.git("mv", "versions/old.py", "versions/new.py")
    source.write("--help", "")
    source.write("a\nb\t'\".py", "")
    (source.folder / os.fsdecode(b"\xff\xfe")).write_text("")
    (source.folder / "README").unlink()
    head = source.commit()
    mirror.update()

    found = mirror.changed(base, head)
    assert Changed(path="versions/new.py", status="R", was="versions/old.py") in found
    assert Changed(path="README", status="D") in found
    assert {each.path for each in found if each.status == "A"} == {
        *("--help", "a\nb\t'\".py", "\udcff\udcfe")
    }


def test_no_hook_and_no_filter_runs(source: Origin, mirror: Repository, tmp_path: Path) -> None:
    evil = tmp_path / "evil"
    touch = f"sh -c 'touch {evil}; cat'"
    for hook in ("post-checkout", "post-merge", "reference-transaction", "post-index-change"):
        for folder in (source.folder / ".git" / "hooks", mirror.git.folder / "hooks"):
            folder.mkdir(exist_ok=True)
            (folder / hook).write_text(f"#!/bin/sh\ntouch {evil}\n")
            (folder / hook).chmod(0o755)
    source.write(".gitattributes", "* filter=evil diff=evil merge=evil\n")
    source.commit(a="1")
    (evil).unlink(missing_ok=True)
    for key in ("filter.evil.smudge", "diff.evil.command", "merge.evil.driver"):
        source.git("config", key, touch)
    source.git("config", "uploadpack.packObjectsHook", touch)
    mirror.update()
    export(mirror, mirror.resolve("main"), tmp_path / "tree")

    assert (tmp_path / "tree" / "a").read_text() == "1"
    assert not evil.exists()


def test_settings_of_whoever_runs_us_count_for_nothing(
    source: Origin, mirror: Repository, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sha = source.git("rev-parse", "main")
    (tmp_path / "gitconfig").write_text(f'[url "/nowhere"]\n insteadOf = {source.folder}\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "gitconfig"))
    for name in ("GIT_DIR", "GIT_INDEX_FILE", "GIT_OBJECT_DIRECTORY", "GIT_EXEC_PATH"):
        monkeypatch.setenv(name, "/nowhere")
    mirror.update()

    assert mirror.resolve("main") == sha


def test_links_out_of_the_tree_are_left_out(
    source: Origin, mirror: Repository, tmp_path: Path
) -> None:
    (source.folder / "inside").symlink_to("README")
    (source.folder / "passwd").symlink_to("/etc/passwd")
    (source.folder / "up").symlink_to("../../..")
    (source.folder / "round").symlink_to("round")
    (source.folder / "pyproject.toml").symlink_to("/etc/hostname")
    sha = source.commit()
    mirror.update()
    tree = export(mirror, sha, tmp_path / "tree")

    assert sorted(tree.left_out) == ["passwd", "pyproject.toml", "up"]
    assert not (tree.folder / "passwd").is_symlink()
    assert (tree.folder / "inside").read_text() == "hello\n"
    with pytest.raises(CheckoutError, match="is a symbolic link"):
        mirror.read(sha, "pyproject.toml")


def test_a_submodule_is_an_empty_folder(source: Origin, mirror: Repository, tmp_path: Path) -> None:
    sha = source.git("rev-parse", "HEAD")
    source.write(".gitmodules", '[submodule "x"]\n path = sub\n url = ext::sh -c evil\n')
    source.git("add", ".gitmodules")
    source.git("update-index", "--add", "--cacheinfo", f"160000,{sha},sub")
    source.git("commit", "--quiet", "--message", "submodule")
    mirror.update()
    tree = export(mirror, mirror.resolve("main"), tmp_path / "tree")

    assert list((tree.folder / "sub").iterdir()) == []


def test_a_tree_that_holds_a_git_folder_is_refused(
    source: Origin, mirror: Repository, tmp_path: Path
) -> None:
    blob = source.git("hash-object", "-w", "--stdin", given=b"[core]\n fsmonitor = evil\n")
    config = source.git("mktree", given=f"100644 blob {blob}\tconfig\n".encode())
    tree = source.git("mktree", given=f"040000 tree {config}\t.git\n".encode())
    commit = source.git("commit-tree", tree, "-m", "evil")
    source.git("update-ref", "refs/heads/evil", commit)
    mirror.update()

    with pytest.raises(CheckoutError, match="failed"):
        export(mirror, commit, tmp_path / "tree")


def test_a_tree_that_is_too_large_is_refused(
    source: Origin, mirror: Repository, tmp_path: Path
) -> None:
    sha = source.commit(a="x" * 100, b="y")
    mirror.update()

    with pytest.raises(CheckoutError, match="too large"):
        export(mirror, sha, tmp_path / "tree", files=2)
    with pytest.raises(CheckoutError, match="too large"):
        export(mirror, sha, tmp_path / "tree", size=50)
    with pytest.raises(CheckoutError, match="100 bytes large"):
        mirror.read(sha, "a", limit=99)
    assert mirror.read(sha, "a") == b"x" * 100
    assert mirror.read(sha, "nothing") is None
    assert mirror.read(sha, "*") is None


def test_what_a_crash_has_locked_is_free(source: Origin, mirror: Repository) -> None:
    mirror.update()
    (mirror.git.folder / "packed-refs.lock").write_text("")
    (mirror.git.folder / "refs" / "heads" / "main.lock").write_text("")
    sha = source.commit(a="1")
    mirror.update()

    assert mirror.resolve("main") == sha


def test_a_shallow_checkout_is_read(source: Origin, tmp_path: Path) -> None:
    sha = source.commit(a="1")
    source.git("clone", "--quiet", "--depth=1", f"file://{source.folder}", str(tmp_path / "new"))
    mirror = open_repository(tmp_path / "mirror.git", source=tmp_path / "new", seconds=60)
    mirror.update()

    assert mirror.resolve("origin/main") == mirror.fetch("HEAD") == sha


def test_a_folder_of_a_run_is_its_own_and_goes(tmp_path: Path) -> None:
    with own_folder(tmp_path, "run") as folder:
        (folder / "x").write_text("x")
        with (
            pytest.raises(ToolError, match="in use by another run"),
            own_folder(tmp_path, "run"),
        ):
            pass
        assert sweep(tmp_path) == 0
    assert list(tmp_path.iterdir()) == []


def test_what_a_killed_run_has_left_is_swept(tmp_path: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from ci.checkout import own_folder\n"
        "with own_folder(Path(sys.argv[1]), 'run') as folder:\n"
        "    (folder / 'x').mkdir(mode=0); print('made', flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, tmp_path], cwd=ROOT, stdout=subprocess.PIPE
    ) as killed:
        assert killed.stdout is not None
        assert killed.stdout.readline() == b"made\n"
        assert sweep(tmp_path) == 0
        killed.send_signal(signal.SIGKILL)
        killed.wait()
    assert sweep(tmp_path) == 1
    assert list(tmp_path.iterdir()) == []


def test_a_folder_goes_however_deep_it_is(tmp_path: Path) -> None:
    deep = tmp_path / "deep"
    deep.mkdir()
    inside = os.open(deep, os.O_RDONLY)
    for _ in range(1200):
        os.mkdir("d", dir_fd=inside)
        below = os.open("d", os.O_RDONLY, dir_fd=inside)
        os.close(inside)
        inside = below
    os.close(inside)
    began = time.monotonic()
    remove(deep)

    assert not deep.exists()
    assert time.monotonic() - began < 20
