"""Sandbox: where the code under test runs: no network, nothing of ours to read, and limits.

Bubblewrap makes it. As root we need no user namespace for that, and the code runs as a user
of its own that nobody else is; otherwise it runs as we do, in a user namespace.
"""

from __future__ import annotations

from ci.sandbox.alone import alone
from ci.sandbox.bubblewrap import Bubblewrap
from ci.sandbox.choose import Capability, can_confine, find_sandbox
from ci.sandbox.job import Ended, Job, Sandbox
from ci.sandbox.unconfined import Unconfined

__all__ = [
    "Bubblewrap",
    "Capability",
    "Ended",
    "Job",
    "Sandbox",
    "Unconfined",
    "alone",
    "can_confine",
    "find_sandbox",
]
