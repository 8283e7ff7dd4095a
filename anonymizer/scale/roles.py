"""Roles: which tables are sampled by a draw of their own, which follow, which stay whole.

A row of a *root* draws for itself. A row of another table *follows*: it stays if and only if
the rows that it refers to stay. *Whole* tables keep every row: small ones that refer to nothing
but small ones, and those that are told. A reference is *cut* where it would close a circle and
may be NULL: its row stays, and NULL is written where the row that it refers to went.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from anonymizer.errors import PolicyError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from anonymizer.column import Reference, Table, TableName

Arrow: TypeAlias = "tuple[TableName, Reference]"
"""A reference and the table that has it."""
Said: TypeAlias = "tuple[TableName, tuple[str, ...]]"
"""How a user names a reference: its table and its columns."""
SMALL, SMALL_SHARE = 1000, 100
"""A small table has at most this many rows, and one in so many of all rows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """What the user says of tables and references; the rest is found."""

    roots: frozenset[TableName] = frozenset()
    whole: frozenset[TableName] = frozenset()
    cut: frozenset[Said] = frozenset()
    follow: frozenset[Said] = frozenset()
    small: int | None = None
    """Most rows of a table that stays whole without being told; None for what SMALL says."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Roles:
    """What is decided on tables and references; a table that is in neither set follows."""

    roots: frozenset[TableName]
    whole: frozenset[TableName]
    cuts: frozenset[Arrow]


def roles_of(
    tables: Sequence[Table], rows: Mapping[TableName, int], wishes: Wishes | None = None
) -> Roles:
    """Return the roles of *tables*, of which *rows* says how many rows they have.

    Raises PolicyError for wishes on what is not there, for wishes against each other, and when
    roots have to be found and *rows* does not say how large every table is.
    """
    said = wishes or Wishes()
    check_wishes(tables, said)
    _check_counts(tables, rows, said)
    small = whole_tables(tables, rows, said)
    inner = [(name, each) for name, each in arrows(tables) if not small & {name, each.table}]
    cuts = _cuts(inner, {table.name: table for table in tables}, rows, said)
    names = {table.name for table in tables} - small
    graph = _Graph(names, [each for each in inner if each not in cuts])
    if said.roots:
        roots, left = set(said.roots), names - graph.family(said.roots)
    else:
        roots, left = _found(graph, rows)
    whole = small | left
    cuts |= _cuts_of_whole(tables, whole, said)
    live = frozenset(each for each in cuts if each[1].table not in whole)
    return Roles(roots=frozenset(roots), whole=frozenset(whole), cuts=live)


def whole_tables(
    tables: Sequence[Table], rows: Mapping[TableName, int], wishes: Wishes
) -> frozenset[TableName]:
    """Return what is told to stay whole, and the small tables that refer only to such ones."""
    whole: frozenset[TableName] = wishes.whole
    most = wishes.small
    if most is None:
        most = max(1, min(SMALL, sum(rows.values()) // SMALL_SHARE))
    parents = {table.name: {table.name} for table in tables}
    for name, reference in arrows(tables):
        parents[name].add(reference.table)
    while True:
        more = {
            name
            for name in parents.keys() - whole - wishes.roots
            if rows.get(name, most + 1) <= most and parents[name] <= whole | {name}
        }
        if not more:
            return whole
        whole |= more


def arrows(tables: Sequence[Table]) -> list[Arrow]:
    """Return every reference from one of *tables* to one of them."""
    names = {table.name for table in tables}
    found = ((table.name, each) for table in tables for each in table.references)
    return [each for each in found if each[1].table in names]


def emptied(table: Table, reference: Reference) -> tuple[str, ...]:
    """Return the columns to write NULL into so that *reference* refers to nothing; () if none.

    Columns that other references or keys have too are left alone, if others do.
    """
    nullable = {each.name for each in table.columns if each.nullable}
    primary = set(table.keys[0]) if table.keys else set()
    able = [name for name in reference.columns if name in nullable - primary]
    others = {name for each in table.references if each != reference for name in each.columns} | {
        name for key in table.keys for name in key
    }
    return tuple([name for name in able if name not in others] or able)


def check_wishes(tables: Sequence[Table], wishes: Wishes) -> None:
    """Raise PolicyError for wishes on what is not there, and for wishes against each other."""
    names = {table.name for table in tables}
    spoken = {(table.name, each.columns) for table in tables for each in table.references}
    problems = [f"there is no table {each}" for each in (wishes.roots | wishes.whole) - names]
    problems += [f"{each} cannot both be drawn and stay" for each in wishes.roots & wishes.whole]
    problems += [
        f"{table} has no reference by {', '.join(columns)}"
        for table, columns in (wishes.cut | wishes.follow) - spoken
    ]
    if problems:
        raise PolicyError(
            "the tables cannot be scaled as said",
            problems=sorted(problems),
            hint="a table goes by its schema and its name, as the dump has them",
        )


def _check_counts(tables: Sequence[Table], rows: Mapping[TableName, int], wishes: Wishes) -> None:
    missing = {table.name for table in tables} - wishes.whole - set(rows)
    if missing and not wishes.roots:
        raise PolicyError(
            "the tables to draw from cannot be found",
            problems=sorted(f"it is not known how many rows {each} has" for each in missing),
            hint="name the tables to draw from, or count the rows of all tables",
        )


def _cuts(
    inner: Iterable[Arrow],
    tables: Mapping[TableName, Table],
    rows: Mapping[TableName, int],
    wishes: Wishes,
) -> set[Arrow]:
    """Return what is told to be cut, and the fewest others that leave no circle, where they can.

    The table with fewer rows loses: users.last_post is cut, posts.user is not.
    """
    cuts = set()
    able = []
    for name, reference in inner:
        said = (name, reference.columns)
        may = bool(emptied(tables[name], reference))
        if said in wishes.cut and not may:
            raise PolicyError(
                f"{name}: the reference by {', '.join(reference.columns)} cannot be NULL",
                hint="let it be followed",
            )
        if said in wishes.cut:
            cuts.add((name, reference))
        elif may and said not in wishes.follow:
            able.append((name, reference))
    able.sort(key=lambda each: (each[0] != each[1].table, rows.get(each[0], 0), str(each)))
    for name, reference in able:
        graph = _Graph(tables, [each for each in inner if each not in cuts])
        if name == reference.table or name in graph.above(reference.table):
            cuts.add((name, reference))
    return cuts


def _cuts_of_whole(
    tables: Sequence[Table], whole: Collection[TableName], wishes: Wishes
) -> set[Arrow]:
    """Return the references of *whole* tables to sampled ones: they can only be cut."""
    known = {table.name: table for table in tables}
    cuts = {each for each in arrows(tables) if each[0] in whole and each[1].table not in whole}
    for name, each in cuts:
        if (name, each.columns) in wishes.follow or not emptied(known[name], each):
            raise PolicyError(
                f"{name} is to stay whole, and refers to {each.table}, which is not",
                hint=f"let {each.table} stay whole too, or {name} be sampled",
            )
    return cuts


class _Graph:
    """Tables and what they refer to."""

    def __init__(self, names: Iterable[TableName], inner: Iterable[Arrow]) -> None:
        self.names = set(names)
        self._parents: dict[TableName, set[TableName]] = {name: set() for name in self.names}
        self._children: dict[TableName, set[TableName]] = {name: set() for name in self.names}
        for name, reference in inner:
            self._parents[name].add(reference.table)
            self._children[reference.table].add(name)

    def above(self, name: TableName) -> set[TableName]:
        """Return the tables that *name* refers to, directly or through others."""
        return _reached(self._parents, self._parents[name])

    def family(self, names: Iterable[TableName]) -> set[TableName]:
        """Return *names* and all tables that refer to them, directly or through others."""
        return _reached(self._children, names)


def _reached(
    steps: Mapping[TableName, set[TableName]], names: Iterable[TableName]
) -> set[TableName]:
    found: set[TableName] = set()
    left = list(names)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += steps[name]
    return found


def _found(graph: _Graph, rows: Mapping[TableName, int]) -> tuple[set[TableName], set[TableName]]:
    """Return the tables to draw from, and those to leave whole.

    The table that most rows hang on is the first to draw from, then the one that most of the
    others hang on. A table on which something hangs that hangs on one of those already stays
    whole: its rows would need two draws, and fewer would stay than were asked for.
    """
    roots: set[TableName] = set()
    whole: set[TableName] = set()
    covered: set[TableName] = set()
    left = set(graph.names)
    families = {each: graph.family([each]) for each in left}
    circles = {each: {each} | (graph.above(each) & families[each]) for each in left}
    beyond = {each: graph.above(each) - circles[each] for each in left}
    while left:
        tops = [each for each in left if beyond[each].isdisjoint(left)]
        weights = {each: sum(rows[name] for name in families[each] & left) for each in tops}
        top = max(tops, key=lambda each: (weights[each], rows[each], str(each)))
        if families[top] & covered:
            whole |= circles[top]
            left -= whole
        else:
            roots.add(top)
            covered |= families[top]
            left -= covered
    return roots, whole
