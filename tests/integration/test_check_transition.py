"""`check_transition`: the test that users write of a transition fails where it should."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from migrator import expression
from migrator.testing import check_transition
from tests.converted import expand, foobars, remark, slug

if TYPE_CHECKING:
    import sqlalchemy as sa

    from migrator import Transition

RIGHT: dict[str, tuple[Transition, dict[str, Any], dict[str, Any]]] = {
    "rename": (foobars, {"memory_mb": 0}, {"memory_mb": None, "foobars": 0}),
    "in python": (slug, {"title": "A"}, {"title": None, "slug": "a"}),
    "elsewhere": (remark, {"note": ""}, {"note": None, "extras.remark": ""}),
}

WRONG: dict[str, tuple[Transition, dict[str, Any], dict[str, Any], str]] = {
    "another value": (foobars, {"memory_mb": 1}, {"foobars": 2}, "attribute foobars of row .*1"),
    "a value that stays": (foobars, {"memory_mb": 1}, {"memory_mb": 2}, "memory_mb of row"),
    "another value elsewhere": (
        remark,
        {"note": "a"},
        {"note": None, "extras.remark": "b"},
        "extras.remark of row .*found 'a', expected 'b'",
    ),
    "a misspelt column": (foobars, {"memory_mb": 1}, {"fobars": 1}, "flavors has no column fobars"),
    "a misspelt old column": (foobars, {"memory": 1}, {"foobars": 1}, "has no column memory"),
    "nothing that changes": (foobars, {"foobars": 1}, {"foobars": 1}, "no row .* changes"),
    "a row that fails": (
        replace(slug, up={"slug": expression(python=lambda row: int(row.title))}),
        {"title": "A"},
        {"title": None},
        "rows that could not be converted: found 1",
    ),
}


@pytest.mark.parametrize("what", RIGHT)
def test_what_is_right_passes(engine: sa.Engine, what: str) -> None:
    transition, before, after = RIGHT[what]
    expand(engine)
    check_transition(engine, transition, [(before, after)])


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_fails(engine: sa.Engine, what: str) -> None:
    transition, before, after, reason = WRONG[what]
    expand(engine)
    with pytest.raises(AssertionError, match=reason):
        check_transition(engine, transition, [(before, after)])
