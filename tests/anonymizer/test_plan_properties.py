"""Whatever refers to whatever: one decision each, alike where keys lead, and no other error."""

from __future__ import annotations

import contextlib
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from anonymizer import mask, public
from anonymizer.errors import PolicyError
from anonymizer.plan import make_plan, outline
from anonymizer.plan.links import Spot
from anonymizer.policy import parse
from anonymizer.policy.lines import Lines
from anonymizer.policy.words import WORDS

if TYPE_CHECKING:
    from collections.abc import Mapping

WIDTH = 3
MASKS = (mask.integer(), mask.digits(), public("it is ours"), mask.integer(domain="ids"))
Graph = tuple[dict[int, int], dict[int, int]]
"""Column → the column it refers to; column → which of MASKS is said of it."""


@st.composite
def graphs(draw: st.DrawFn) -> Graph:
    """Draw columns, counted over tables of WIDTH, where roots are decided on, and some others."""
    count = WIDTH * draw(st.integers(1, 5))
    to = {
        each: target
        for each in range(count)
        if (target := draw(st.none() | st.integers(0, count - 1))) is not None and target != each
    }
    said = {each: draw(st.integers(0, len(MASKS) - 1)) for each in range(count) if each not in to}
    return to, said


def built(graph: Graph, order: list[int]) -> sa.MetaData:
    to, said = graph
    metadata = sa.MetaData()
    for table in order:
        columns = []
        for place in range(WIDTH):
            number = table * WIDTH + place
            key = [sa.ForeignKey(named(to[number]))] if number in to else []
            info = MASKS[said[number]] if number in said else {}
            columns.append(sa.Column(f"c{place}", sa.Integer, *key, info=dict(info)))
        sa.Table(f"t{table}", metadata, *columns)
    return metadata


def named(number: int) -> str:
    return f"t{number // WIDTH}.c{number % WIDTH}"


def tables(graph: Graph) -> list[int]:
    to, said = graph
    return list(range((len(to) + len(said)) // WIDTH))


@given(graphs())
def test_what_is_linked_is_masked_alike(graph: Graph) -> None:
    made = outline(built(graph, tables(graph)))
    columns = {
        str(Spot(table.name, each.name)): each
        for table in made.plan.tables
        for each in table.columns
    }
    undecided = {
        str(Spot(each.table, each.column)) for each in made.findings if each.table and each.column
    }

    for start, end in graph[0].items():
        first, second = columns.get(named(start)), columns.get(named(end))
        if first is None or second is None:
            assert first is second is None
            continue
        assert first.decision == second.decision
        assert first.domain == second.domain
    # What leads round in a circle is decided nowhere, and that is told of one of it.
    missing = {named(each) for group in graph for each in group} - set(columns)
    assert bool(missing) == bool(undecided)


@given(graphs(), st.randoms(use_true_random=False))
def test_the_order_of_tables_says_nothing(graph: Graph, random: Any) -> None:
    order = tables(graph)
    random.shuffle(order)
    first, second = outline(built(graph, tables(graph))), outline(built(graph, order))

    assert first.plan.digest == second.plan.digest
    assert first.findings == second.findings


WRITTEN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text(max_size=8)
    | st.sampled_from(sorted(WORDS)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["mask", "public", "columns", "keys", "references", "types", "of", "paths"]
            )
            | st.text(max_size=8),
            inner,
            max_size=4,
        )
    ),
    max_leaves=12,
)


@given(st.fixed_dictionaries({}, optional={"tables": WRITTEN, "defaults": WRITTEN, "x": WRITTEN}))
def test_nothing_but_a_policy_error_comes_of_a_wrong_policy(content: Mapping[str, Any]) -> None:
    with contextlib.suppress(PolicyError):
        make_plan(sa.MetaData(), parse(content, "p.toml"))


@given(
    st.fixed_dictionaries(
        {
            "tables": st.dictionaries(
                st.text(max_size=5), st.fixed_dictionaries({"columns": WRITTEN})
            )
        }
    )
)
def test_nor_of_wrong_decisions(content: Mapping[str, Any]) -> None:
    with contextlib.suppress(PolicyError):
        make_plan(sa.MetaData(), parse(content, "p.toml"))


@given(st.text())
def test_any_text_has_lines(text: str) -> None:
    assert all(1 <= each <= len(text.splitlines()) for each in Lines.of(text).known.values())
