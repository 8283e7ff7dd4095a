"""Apply: what runs a plan under the lock, the only package that executes DDL of expands."""

from __future__ import annotations

from migrator.apply.event import (
    Accepted,
    Event,
    Finished,
    Listener,
    Noted,
    Retried,
    Started,
    Waiting,
    ignore,
)
from migrator.apply.foresee import Left
from migrator.apply.job import ATTEMPTS, LOCK_TIMEOUT_SECONDS, Job, Options, Prepared, prepare
from migrator.apply.request import Outcome, look, sync, write_script

__all__ = [
    "ATTEMPTS",
    "LOCK_TIMEOUT_SECONDS",
    "Accepted",
    "Event",
    "Finished",
    "Job",
    "Left",
    "Listener",
    "Noted",
    "Options",
    "Outcome",
    "Prepared",
    "Retried",
    "Started",
    "Waiting",
    "ignore",
    "look",
    "prepare",
    "sync",
    "write_script",
]
