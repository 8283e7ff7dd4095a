"""Carry: the one function that a worker runs for others, and what it announces to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from distributed import get_worker

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

PREFIX = "ci.dataset/"


class JobWorker(Protocol):
    """A worker of ours."""

    def answer(self, document: bytes, unwanted: Callable[[], bool]) -> bytes:
        """Return the answer to an order, until it is *unwanted*."""


def resource(project: str, name: str) -> str:
    """Return what a worker announces that has a dataset of a project, or of none."""
    return f"{PREFIX}{project}/{name}"


def project_and_name(said: str) -> tuple[str, str]:
    """Return the project and the name of the dataset that is announced; nothing for others."""
    if not said.startswith(PREFIX):
        return "", ""
    project, _, name = said.removeprefix(PREFIX).rpartition("/")
    return project, name


def names_for(project: str | None, announced: Iterable[str]) -> tuple[str, ...]:
    """Return the datasets that are *announced* for a project, or for any."""
    found = {project_and_name(each) for each in announced}
    return tuple(
        sorted({name for of, name in found if name and (project is None or of in ("", project))})
    )


def wanted_for(project: str | None, name: str, announced: Iterable[str]) -> str:
    """Return which of what is *announced* a job for the dataset called *name* waits for."""
    found = {each for each in announced if project_and_name(each)[1] == name}
    fit = [resource(project or "", name), resource("", name)]
    if project is None:
        fit += sorted(found)
    return next((each for each in fit if each in found), resource("", name))


def carry(document: bytes) -> bytes:
    """Return the answer to the order in *document*, on the worker that runs this."""
    worker = get_worker()
    key = worker.get_current_task()

    def unwanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state != "executing"

    return cast("JobWorker", worker).answer(document, unwanted)
