"""Request: what is asked for becomes orders, or a refusal that says why."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from ci.errors import AwayError, CheckoutError, DatasetError
from ci.request import Request, orders_of
from ci.state import State
from tests.ci.origin import origin

if TYPE_CHECKING:
    from pathlib import Path

    from tests.ci.origin import Origin

DUMP = "PRAGMA foreign_keys=OFF;\nCREATE TABLE people (id int);\n"


@pytest.fixture
def project(tmp_path: Path) -> Origin:
    found = origin(tmp_path / "project")
    found.write("datasets/small/dump.sql", DUMP)
    found.write("datasets/small/dataset.toml", "")
    found.commit(**{"pyproject.toml": '[tool.ci]\nproject = "people"\ndriver = "migrator"\n'})
    found.git("checkout", "--quiet", "-b", "change")
    found.commit(**{"versions/new.py": ""})
    return found


def request(project: Origin, **said: Any) -> Request:
    return Request(
        **{
            "run": "r1",
            "source": str(project.folder),
            "base": "main",
            "head": "change",
            "root": project.folder,
            **said,
        }
    )


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(folder=tmp_path / "state").make()


def test_each_dataset_gets_an_order(project: Origin, state: State) -> None:
    (order,) = orders_of(request(project), state).orders
    assert (order.dataset, order.project, order.ref) == ("small", "people", None)
    assert order.head == project.git("rev-parse", "change")
    assert order.digest


def test_a_dataset_is_at_a_release_that_the_settings_know(project: Origin, state: State) -> None:
    project.write("datasets/small/dataset.toml", 'release = "kilo"\n')
    with pytest.raises(DatasetError, match="at release 'kilo', which the settings") as caught:
        orders_of(request(project), state)
    assert caught.value.hint == "[tool.ci.releases] names none"


def test_a_ref_that_is_on_no_branch_is_fetched_everywhere(project: Origin, state: State) -> None:
    project.git("update-ref", "refs/pull/7/head", "change")
    (order,) = orders_of(request(project, head="refs/pull/7/head"), state).orders
    assert order.ref == "refs/pull/7/head"
    assert order.head == project.git("rev-parse", "change")


def test_datasets_may_be_elsewhere(project: Origin, state: State) -> None:
    found = orders_of(request(project, announced=lambda _: ("large", "small")), state)
    assert [each.dataset for each in found.orders] == ["large", "small"]
    with pytest.raises(AwayError, match="no worker has a dataset"):
        orders_of(request(project, announced=lambda _: ()), state)
    with pytest.raises(AwayError, match="no worker has a dataset 'huge'"):
        orders_of(request(project, announced=lambda _: ("large",), names=("huge",)), state)


def test_a_change_that_touches_nothing_is_not_ordered(project: Origin, state: State) -> None:
    assert orders_of(request(project, head="main"), state).orders == ()
    assert orders_of(request(project, head="main", always=True), state).orders


def test_the_folder_of_a_clone_chooses_no_dataset(
    project: Origin, state: State, tmp_path: Path
) -> None:
    project.git("checkout", "--quiet", "main")
    project.write("datasets/small/dataset.toml", 'project = "people"\n')
    project.commit(**{"pyproject.toml": '[project]\nname = "of-people"\n'})
    project.git("clone", "--quiet", ".", str(tmp_path / "elsewhere"))
    clone = tmp_path / "elsewhere"
    (order,) = orders_of(
        request(project, source=str(clone), root=clone, base="main", head="main", always=True),
        state,
    ).orders

    assert (order.dataset, order.project) == ("small", "of-people")


@pytest.mark.parametrize(
    ("said", "error", "words"),
    [
        ({"base": "mian"}, CheckoutError, "mian is no commit"),
        ({"head": "chnage"}, CheckoutError, "chnage is no commit"),
        ({"head": "refs/pull/8/head"}, CheckoutError, "cannot be fetched"),
        ({"names": ("smal",)}, DatasetError, "no dataset is called 'smal'"),
    ],
)
def test_what_is_not_there_is_named(
    project: Origin, state: State, said: dict[str, Any], error: type[Exception], words: str
) -> None:
    with pytest.raises(error, match=words):
        orders_of(request(project, **said), state)


def test_a_dump_that_was_not_fetched(project: Origin, state: State) -> None:
    (project.folder / "datasets/small/dump.sql").unlink()
    with pytest.raises(DatasetError, match="holds no dump") as caught:
        orders_of(request(project), state)
    assert "secret" in str(caught.value.hint)
