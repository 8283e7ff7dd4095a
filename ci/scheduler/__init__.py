"""Scheduler: who carries out orders – processes of this machine, or workers of a Dask cluster."""

from __future__ import annotations

from ci.scheduler.address import Address, Tls
from ci.scheduler.answer import Answer
from ci.scheduler.base import Executor
from ci.scheduler.processes import Processes

__all__ = ["Address", "Answer", "Executor", "Processes", "Tls"]
