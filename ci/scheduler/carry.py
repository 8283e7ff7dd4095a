"""Carry: the one function that a worker runs for others, and what it announces to have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol, cast

from distributed import get_worker

if TYPE_CHECKING:
    from collections.abc import Callable

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


def carry(document: bytes) -> bytes:
    """Return the answer to the order in *document*, on the worker that runs this."""
    worker = get_worker()
    key = worker.get_current_task()

    def unwanted() -> bool:
        task = worker.state.tasks.get(key)
        return task is None or task.state != "executing"

    return cast("JobWorker", worker).answer(document, unwanted)
