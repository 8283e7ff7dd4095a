"""Scheduler: who carries out orders – processes of this machine, or workers of a Dask cluster."""

from __future__ import annotations

from ci.scheduler.address import Address, Tls
from ci.scheduler.answer import Answer
from ci.scheduler.base import Executor
from ci.scheduler.choose import cluster_at
from ci.scheduler.keep import kept
from ci.scheduler.processes import Processes

__all__ = ["Address", "Answer", "Executor", "Processes", "Tls", "cluster_at", "kept"]
