"""Units: seconds and bytes as people read them."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Return *seconds* as people read them: 3 ms, 1.50 s, 3m 4s, 2h 5m."""
    if seconds < 0.9995:  # noqa: PLR2004 - below, milliseconds are shorter
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:  # noqa: PLR2004 - a minute
        return f"{seconds:.2f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:  # noqa: PLR2004 - an hour
        return f"{minutes}m {rest}s"
    return f"{minutes // 60}h {minutes % 60}m"


def size(count: float) -> str:
    """Return *count* bytes as people read them: 512 B, 1.5 kB, 20.0 MB."""
    for unit in ("B", "kB", "MB"):
        if abs(count) < 1000:  # noqa: PLR2004 - the step of units
            return f"{count:.0f} B" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} GB"
