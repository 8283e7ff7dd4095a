"""The store of fingerprints: the same in memory and on disk, and a filter that misses nothing."""

from __future__ import annotations

from pathlib import Path
from tempfile import gettempdir

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from anonymizer.proof.store import NOTHING, Filter, Store

NUMBERS = np.random.default_rng(1)


def random(count: int) -> np.ndarray:
    return NUMBERS.integers(0, 1 << 64, count, np.uint64)


@pytest.mark.parametrize("held", [1 << 20, 1000])
def test_what_was_put_in_is_found_with_its_lowest_label(held: int) -> None:
    store, numbers = Store(run=700, held=held), random(20_000)
    for at in range(0, len(numbers), 300):
        store.add(numbers[at : at + 300], np.full(300, at % 7, np.uint16)[: len(numbers) - at])
    store.add(numbers[:500], np.full(500, 9, np.uint16))
    store.finish()

    expected = (np.arange(20_000) // 300 * 300 % 7).astype(np.uint16)
    assert len(store) == 20_000
    assert (store.find(numbers) == expected).all()
    assert (store.find(random(1000)) == NOTHING).all()
    store.close()


def test_what_is_on_disk_is_deleted() -> None:
    before = set(Path(gettempdir()).glob("anonymizer-proof-*"))
    store = Store(run=10, held=10)
    store.add(random(1000), np.zeros(1000, np.uint16))
    store.finish()
    made = set(Path(gettempdir()).glob("anonymizer-proof-*")) - before
    store.close()

    assert made
    assert not any(each.exists() for each in made)


def test_an_empty_store_has_nothing() -> None:
    store = Store()
    store.finish()

    assert (store.find(random(3)) == NOTHING).all()


@settings(deadline=None)
@given(st.lists(st.integers(0, 2**64 - 1)), st.lists(st.integers(0, 2**64 - 1)))
def test_a_filter_has_what_was_put_in(first: list[int], second: list[int]) -> None:
    made = Filter()
    for each in (first, second):
        made.add(np.array(each, np.uint64))
    made.finish()

    assert made.may_have(np.array([*first, *second], np.uint64)).all()


def test_a_filter_keeps_most_others_out() -> None:
    made = Filter()
    made.add(random(100_000))
    made.finish()

    assert made.may_have(random(100_000)).mean() < 0.01
