"""Paths into JSON texts, and the automaton that follows all of them at once."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from enum import IntEnum
from typing import TYPE_CHECKING, TypeAlias

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from numpy.typing import NDArray

_PATH = re.compile(r'\$(?:\.\*|\[\*\]|\.[^.\[\]"*\s]+|\["(?:[^"\\]|\\.)*"\])*')
_STEP = re.compile(
    r'\.(?P<any>\*)|(?P<item>\[\*\])|\.(?P<name>[^.\[\]"*\s]+)|\[(?P<quoted>".*?")\]'
)

Place: TypeAlias = tuple[int, int]
"""The number of a path, and how many steps of it are done."""


class Action(IntEnum):
    """What is done to a value at one place, where it is not masked by a path."""

    PASS = -1
    """Look into it; a scalar is up to what is said of all others."""
    KEEP = -2
    CLEAR = -3
    """Put null in the place of it and all that it holds."""
    REFUSE = -4
    SKIP = -5
    """It is inside of what is cleared."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a path: into a member, any member, or any item."""

    name: str | None
    """None for any one."""
    item: bool = False


def steps_of(path: str) -> tuple[Step, ...]:
    """Return the steps of *path*: '$.user.email', '$.tags[*]', '$["a b"].*'.

    Raises ValueError for what is no path.
    """
    if not _PATH.fullmatch(path):
        raise ValueError(f'{path!r} is no path, expected such as $.user.email or $.tags[*]["a b"]')
    return tuple(
        Step(None, item=match["item"] is not None)
        if match["any"] or match["item"]
        else Step(match["name"] or json.loads(match["quoted"]))
        for match in _STEP.finditer(path)
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Automaton:
    """Follows paths: states are numbers, the first is where a text begins."""

    names: tuple[str, ...]
    """The members that a path names; a symbol is the place of one of them."""
    table: NDArray[np.int64]
    """Shape (states, symbols): the state after each. The last two are any other member, an item."""
    actions: NDArray[np.int64]
    """What is done in each state: the number of a path, or an Action."""

    @classmethod
    def of(cls, paths: Mapping[str, str], other: Action) -> Automaton:
        """Return what follows *paths*, each with the name of its mask; *other* for all else."""
        steps = [steps_of(each) for each in paths]
        masks = list(paths.values())
        names = sorted({each.name for path in steps for each in path if each.name is not None})
        symbols = [*(Step(name) for name in names), Step(None), Step(None, item=True)]
        known = {frozenset((number, 0) for number in range(len(steps))): 0}
        rows: list[list[int]] = []
        for state in (waiting := list(known)):
            row = []
            for symbol in symbols:
                after = _after(state, symbol, steps, masks)
                if after not in known:
                    known[after] = len(known)
                    waiting.append(after)
                row.append(known[after])
            rows.append(row)
        actions = [_action(state, steps, masks, other) for state in known]
        rows, actions = _with_skip(rows, actions)
        return cls(names=tuple(names), table=np.array(rows), actions=np.array(actions))


def _after(
    state: frozenset[Place], symbol: Step, steps: Sequence[Sequence[Step]], masks: Sequence[str]
) -> frozenset[Place]:
    """Return the places after *symbol*; a path that keeps is done for all that is under it."""
    return frozenset(
        (number, min(at + 1, len(steps[number])))
        for number, at in state
        if (masks[number] == "keep" and at == len(steps[number]))
        or (at < len(steps[number]) and _takes(steps[number][at], symbol))
    )


def _takes(step: Step, symbol: Step) -> bool:
    if step.item or symbol.item:
        return step.item and symbol.item
    return step.name is None or step.name == symbol.name


def _action(
    state: frozenset[Place],
    steps: Sequence[Sequence[Step]],
    masks: Sequence[str],
    other: Action,
) -> int:
    """Return what is done to a value in *state*: a path that masks goes before one that keeps."""
    done = [number for number, at in state if at == len(steps[number])]
    if not done:
        return Action.PASS if state else other
    number = min(done, key=lambda each: (masks[each] == "keep", each))
    return {"keep": Action.KEEP, "null": Action.CLEAR}.get(masks[number], number)


def _with_skip(rows: list[list[int]], actions: list[int]) -> tuple[list[list[int]], list[int]]:
    """Return states with one more, for all that is inside of what is cleared."""
    skip = len(rows)
    led = [
        [skip] * len(row) if action == Action.CLEAR else row
        for row, action in zip(rows, actions, strict=True)
    ]
    return [*led, [skip] * len(rows[0])], [*actions, int(Action.SKIP)]
