"""Choose: a cluster, where its packages are installed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ci.errors import ToolError

if TYPE_CHECKING:
    from collections.abc import Callable

    from ci.order import Order
    from ci.scheduler.address import Address
    from ci.scheduler.cluster import Cluster
    from ci.where import Where


def cluster_at(address: Address, *, tell: Callable[[Order, Where], None] | None = None) -> Cluster:
    """Return the cluster of a scheduler. Raises ToolError without the packages for it."""
    try:
        from ci.scheduler.cluster import Cluster
    except ModuleNotFoundError as error:
        raise ToolError(
            "packages of the cluster are missing", hint="install 'migrator[distributed]'"
        ) from error
    return Cluster(address) if tell is None else Cluster(address, tell=tell)
