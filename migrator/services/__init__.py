"""Services: the live processes, what they map, and until when they count as alive.

A process registers itself and keeps its row fresh from a thread of its own; the clock
that decides is the database's. One that cannot be asked counts as alive until its lease
is over::

    with register(engine, name="api", models=Base, release="kilo"):
        serve()

Importing this package pulls in SQLAlchemy and nothing else.
"""

from __future__ import annotations

from migrator.services.mapped import Models, mapped_columns
from migrator.services.service import Service, register
from migrator.services.table import SERVICE, LiveService, alive, forget, listed, named

__all__ = [
    "SERVICE",
    "LiveService",
    "Models",
    "Service",
    "alive",
    "forget",
    "listed",
    "mapped_columns",
    "named",
    "register",
]
