"""The guard: what lets a contract through, and what blocks it.

:func:`blockers` looks without touching; :func:`contract` looks and drops in one step.
"""

from __future__ import annotations

from migrator.guard.look import blockers
from migrator.guard.run import contract
from migrator.guard.value import Blocker, Record, Work

__all__ = ["Blocker", "Record", "Work", "blockers", "contract"]
