"""Plans: which tables a statement reads from end to end, as the database would run it.

A plan is told by its nodes and the tables in them. Conditions, and the values in them, are
left out.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from ci.measuring.sessions import Session

_VALUE = re.compile(r"\$(\d+)")
_PLANNED = ("SELECT", "INSERT", "UPDATE", "DELETE", "WITH")

Told = tuple[tuple[str, ...], str | None]
"""Tables that are scanned, and the plan if there are some."""


def of_postgresql(session: Session, sql: str) -> Told:
    """Return the plan of *sql*, whose values pg_stat_statements has replaced by $1, $2."""
    if not sql.lstrip().upper().startswith(_PLANNED):
        return (), None
    count = max((int(each) for each in _VALUE.findall(sql)), default=0)
    values = f"({', '.join(['NULL'] * count)})" if count else ""
    session.do("SET plan_cache_mode = force_generic_plan", f"PREPARE looked AS {sql}")
    found = session.send(f"EXPLAIN (FORMAT JSON, COSTS OFF) EXECUTE looked{values}").scalar_one()
    document = json.loads(found) if isinstance(found, str) else found
    lines = list(_nodes(document[0]["Plan"]))
    scans = tuple(dict.fromkeys(table for _, node, table in lines if node == "Seq Scan" and table))
    return scans, "\n".join(_line(*each) for each in lines) if scans else None


def _nodes(plan: Mapping[str, Any], depth: int = 0) -> Iterator[tuple[int, str, str]]:
    node = plan.get("Operation") if plan.get("Node Type") == "ModifyTable" else None
    yield depth, str(node or plan.get("Node Type")), str(plan.get("Relation Name", ""))
    for each in plan.get("Plans", ()):
        yield from _nodes(each, depth + 1)


def _line(depth: int, node: str, table: str) -> str:
    return f"{'  ' * depth}{node}{f' on {table}' if table else ''}"


def of_sqlite(session: Session, sql: str) -> Told:
    """Return the plan of *sql*; what it would be bound to does not matter."""
    if not sql.lstrip().upper().startswith(_PLANNED):
        return (), None
    told = [str(row.detail).split() for row in session.send(f"EXPLAIN QUERY PLAN {sql}")]
    scans = tuple(dict.fromkeys(words[1] for words in told if words[0] == "SCAN"))
    return scans, "\n".join(" ".join(words[:2]) for words in told) if scans else None


def of_mariadb(session: Session, sql: str) -> Told:
    """Return the plan of *sql*, a statement as it was sent."""
    if not sql.lstrip().upper().startswith(_PLANNED):
        return (), None
    rows = session.send(f"EXPLAIN {sql}").mappings().all()
    found = [(str(row["type"] or ""), str(row["table"] or "")) for row in rows]
    scans = tuple(dict.fromkeys(table for how, table in found if how in {"ALL", "index"}))
    return scans, "\n".join(f"{how} {table}".strip() for how, table in found) if scans else None
