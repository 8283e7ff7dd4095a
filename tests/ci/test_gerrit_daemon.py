"""From an event to a review, whatever happens on the way."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from ci.gerrit.login import PASSWORD
from ci.gerrit.queue import Queue
from ci.history import open_history
from tests.ci.gerrit_place import CHANGE, VERSIONS, daemon, is_running, older, place, soon, states
from tests.ci.test_report import Tags

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from tests.ci.gerrit_place import Place


pytestmark = pytest.mark.thorough


@pytest.fixture
def where(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path, ("large",)) as found:
        yield found


@pytest.fixture
def both(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as found:
        yield found


def test_a_patch_set_gets_one_review(both: Place) -> None:
    where = both
    with daemon(where):
        where.upload()
        soon(lambda: states(where) == ["posted"])
        where.double.tell("patchset-created", CHANGE)
        where.double.drop()  # so that it catches up
        soon(lambda: where.double.listeners)
        where.double.tell("change-restored", CHANGE)
        where.double.comment(CHANGE, "hello", hidden=True)  # is asked for, so all else is done
        soon(lambda: any("/comments" in each for each in where.double.asked))
        assert states(where) == ["posted"]
    (said,) = where.double.reviews(CHANGE)

    assert "* large (sqlite) https://ci.example.org/cloud/" in said["message"]
    assert "* small (sqlite)" in said["message"]
    assert said["labels"] == {"Verified": -1}
    ((path, (comment,)),) = said["comments"].items()
    assert path == f"{VERSIONS}/ccc3_slow.py"
    assert comment["line"] == 9
    assert where.carried() == ["large", "small"]
    assert (where.state.pages / "index.html").exists()


def test_what_touches_no_migration_is_not_spoken_of(
    where: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(PASSWORD, "s3cret")
    with daemon(where) as found:
        assert "s3cret" not in found._variables().values()
        where.upload(where.commit("README", "more\n"))
        soon(lambda: states(where) == ["silent"])
    assert where.messages() == []


def test_a_conflict_is_not_commented_on(where: Place) -> None:
    path = f"{VERSIONS}/bbb2_name_people.py"
    sha = where.commit(path, "mine = 1\n")
    where.double.origin.write(path, "theirs = 2\n")
    where.double.origin.commit()
    with daemon(where):
        where.upload(sha)
        soon(lambda: states(where) == ["silent"])
    assert where.messages() == []


def test_a_server_that_lies_about_a_commit_is_not_believed(where: Place) -> None:
    where.upload(tell="")
    where.double.changes[CHANGE].patch_sets[-1]["revision"] = where.commit("README", "x")
    with daemon(where):
        where.double.tell("patchset-created", CHANGE)
        soon(lambda: "has announced" in said_of(where))
    assert where.carried() == []
    assert where.messages() == []


def said_of(where: Place) -> str:
    with Queue(where.state.gerrit / "queue.db") as queue:
        return "".join(each.said for each in queue.jobs())


HOSTILE = "</script><img src=x onerror=alert(1)>\n--output=owned.py"
BRANCH = "--upload-pack=touch${IFS}owned"


def test_hostile_names_are_names(where: Place, tmp_path: Path) -> None:
    """Of a branch, a file and a subject: on the command line, in a page, in a review."""
    git, path = where.double.origin, f"{VERSIONS}/{HOSTILE}"
    git.git("update-ref", f"refs/heads/{BRANCH}", "main")
    tree = where.commit(path, "op.add_column('people')\n") + "^{tree}"
    sha = git.git("commit-tree", tree, "-p", "main", "-m", HOSTILE)
    with daemon(where):
        where.double.upload(CHANGE, sha, tell=False)
        where.double.changes[CHANGE].branch = BRANCH
        where.double.tell("patchset-created", CHANGE)
        soon(lambda: len(where.messages()) == 1)
    assert list(where.double.reviews(CHANGE)[0]["comments"]) == [path]
    pages = [each.read_text() for each in where.state.pages.glob("*.html")]
    assert len(pages) == 2
    assert not any({"script", "img"} & Tags(each).tags for each in pages)
    assert not list(tmp_path.rglob("owned*"))


def test_a_newer_patch_set_ends_a_run_and_all_that_came_of_it(both: Place) -> None:
    """Of what the older one has found nothing is told, in a review or on a page."""
    where = both
    where.behave(sleep="small")
    with daemon(where):
        where.upload()
        child = where.state.folder / "child.txt"
        soon(child.exists)
        where.behave()
        second = where.upload()
        soon(lambda: where.messages())
        assert not is_running(int(child.read_text()))
    assert states(where) == ["cancelled", "posted"]
    (said,) = where.messages()
    assert second[:12] not in said  # names no commit but the baseline
    assert where.carried() == ["large", "small", "large", "small"]
    with Queue(where.state.gerrit / "queue.db") as queue, open_history(where.state.history) as kept:
        older, newer = (each.run for each in queue.jobs())
        assert kept.runs() == [newer]
    assert older not in (where.state.pages / "index.html").read_text()
    assert not list(where.state.work.glob("*"))


def test_a_change_that_is_gone_ends_its_run(where: Place) -> None:
    where.behave(sleep="large")
    with daemon(where):
        where.upload()
        child = where.state.folder / "child.txt"
        soon(child.exists)
        where.double.tell("change-abandoned", CHANGE)
        soon(lambda: not is_running(int(child.read_text())))
    assert states(where) == ["cancelled"]


def test_a_recheck_runs_again(where: Place) -> None:
    with daemon(where):
        where.upload()
        soon(lambda: len(where.messages()) == 1)
        where.double.changes[CHANGE].messages.clear()
        older(where)
        where.double.comment(CHANGE, "I like it", hidden=True)
        where.double.comment(CHANGE, "recheck: the mirror was down", hidden=True)
        soon(lambda: len(where.messages()) == 2)
    assert states(where) == ["posted", "posted"]


def test_what_was_missed_is_asked_for(where: Place) -> None:
    with daemon(where):
        where.upload(tell="")
        where.double.say(b'{"type":"dropped-output"}')
        soon(lambda: len(where.messages()) == 1)
        older(where)
        where.double.comment(CHANGE, "recheck", tell=False)
        where.double.drop()
        soon(lambda: len(where.messages()) == 2)


def test_a_server_that_fails_is_asked_again(where: Place) -> None:
    with daemon(where):
        where.double.refusals = [503, 500]
        where.upload()
        soon(lambda: len(where.messages()) == 1)


def test_a_review_whose_answer_is_lost_is_posted_once(where: Place) -> None:
    with daemon(where):
        where.double.swallow = 1
        where.upload()
        soon(lambda: states(where) == ["posted"])
    assert len(where.messages()) == 1


def test_a_vote_that_is_not_ours_loses_no_review(where: Place) -> None:
    where.double.refuse_extras = True
    with daemon(where):
        where.upload()
        soon(lambda: len(where.messages()) == 1)
    assert "labels" not in where.double.reviews(CHANGE)[0]


def test_a_change_that_is_closed_meanwhile_loses_no_review(where: Place) -> None:
    with daemon(where):
        where.double.refusals = [409]  # Gerrit's answer to a vote on it
        where.upload()
        soon(lambda: len(where.messages()) == 1)
    assert "labels" not in where.double.reviews(CHANGE)[0]


def test_no_vote_on_a_patch_set_that_is_not_the_current_one(where: Place) -> None:
    with daemon(where):
        where.upload()
        soon(lambda: states(where) == ["running"])
        where.upload(tell="")
        soon(lambda: len(where.messages()) == 1)
    assert "labels" not in where.double.reviews(CHANGE)[0]


def test_a_refused_review_is_not_sent_again(where: Place) -> None:
    with daemon(where):
        where.double.refusals = [413]
        where.upload()
        soon(lambda: states(where) == ["failed"])
    assert where.messages() == []
    assert sum(each.startswith("POST") for each in where.double.asked) == 1


def test_a_job_that_is_killed_is_begun_again(where: Place) -> None:
    where.behave(kill="large")
    with daemon(where):
        where.upload()
        soon(lambda: len(where.messages()) == 1)
    assert where.carried() == ["large", "large"]


def test_a_run_that_dies_is_tried_later_and_goes_on(both: Place) -> None:
    where = both
    where.behave(die="small")
    with daemon(where):
        where.upload()
        soon(lambda: "without an answer" in said_of(where))
        assert states(where) == ["pending"]
        where.behave()
        with Queue(where.state.gerrit / "queue.db") as queue, queue._engine.begin() as connection:
            connection.exec_driver_sql("UPDATE jobs SET not_before = 0")
        soon(lambda: len(where.messages()) == 1)
    assert where.carried() == ["large", *("small",) * 4]


def test_what_the_operator_has_to_mend_is_said_to_nobody_else(both: Place) -> None:
    where = both
    where.behave(refuse="small")
    with daemon(where):
        where.upload()
        soon(lambda: states(where) == ["failed"])
    assert said_of(where) == "there is none"
    assert where.messages() == []
    assert not (where.state.pages / "index.html").exists()
