"""Cells: however they lie in their buffer, they are the same values."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.cells import Cells, groups

VALUES = st.lists(st.binary(max_size=20))


@st.composite
def laid(draw: st.DrawFn) -> tuple[list[bytes], Cells]:
    """Return values, and cells of them that lie anywhere in a larger buffer."""
    data = draw(st.binary(max_size=60))
    places = draw(st.lists(st.tuples(st.integers(0, len(data)), st.integers(0, len(data)))))
    bounds = np.array([sorted(each) for each in places], np.int64).reshape(-1, 2)
    cells = Cells(data=np.frombuffer(data, np.uint8), starts=bounds[:, 0], ends=bounds[:, 1])
    return [data[a:b] for a, b in bounds.tolist()], cells


@given(laid())
def test_values_are_the_same_wherever_they_lie(given_: tuple[list[bytes], Cells]) -> None:
    values, cells = given_
    assert cells.to_list() == values
    assert cells.to_arrow().to_pylist() == values
    assert Cells.of_arrow(cells.to_arrow()).to_list() == values
    assert Cells.of(values).to_list() == values


@given(laid(), st.integers(1, 30))
def test_heads_are_padded_with_zeros(given_: tuple[list[bytes], Cells], width: int) -> None:
    values, cells = given_
    heads = [row.tobytes() for row in cells.heads(width)]
    assert heads == [each[:width].ljust(width, b"\0") for each in values]


@given(laid(), st.data())
def test_some_are_replaced(given_: tuple[list[bytes], Cells], data: st.DataObject) -> None:
    values, cells = given_
    which = data.draw(
        st.lists(st.sampled_from(range(len(values))), unique=True) if values else st.just([])
    )
    new = [b"new%d" % each for each in which]

    found = cells.replaced(np.array(which, np.int64), new).to_list()

    expected = dict(enumerate(values)) | dict(zip(which, new, strict=True))
    assert found == list(expected.values())


@given(laid(), st.integers(0, 255), st.integers(0, 255))
def test_those_that_hold_a_byte_are_found(
    given_: tuple[list[bytes], Cells], one: int, other: int
) -> None:
    values, cells = given_
    wanted = [place for place, each in enumerate(values) if {one, other} & set(each)]
    assert cells.containing(one, other).tolist() == wanted


def test_rows_of_a_matrix_are_values() -> None:
    matrix = np.frombuffer(b"abcdef", np.uint8).reshape(2, 3)
    assert Cells.of_matrix(matrix).to_list() == [b"abc", b"def"]
    assert Cells.of_matrix(matrix, np.array([1, 2])).to_list() == [b"a", b"de"]


@given(laid())
def test_packed_values_lie_side_by_side(given_: tuple[list[bytes], Cells]) -> None:
    values, cells = given_
    packed = cells.packed()
    assert packed.to_list() == values
    assert packed.data.tobytes() == b"".join(values)
    assert packed.packed() is packed or not values


@given(st.lists(st.binary(min_size=3, max_size=3), min_size=1), st.data())
def test_values_of_one_length_are_written_over(values: list[bytes], data: st.DataObject) -> None:
    cells = Cells.of([b"before", *values, b"behind"])
    text = Cells(data=cells.data.copy(), starts=cells.starts, ends=cells.ends)
    which = data.draw(st.lists(st.sampled_from(range(len(values))), unique=True, min_size=1))

    text.take(np.array(which) + 1).overwrite(np.full((len(which), 3), ord("x"), np.uint8))

    expected = [b"xxx" if place in which else each for place, each in enumerate(values)]
    assert text.to_list() == [b"before", *expected, b"behind"]


@given(st.lists(st.integers(0, 3)))
def test_each_value_is_in_one_group(keys: list[int]) -> None:
    found = np.full(len(keys), -1)
    for key, which in groups(np.array(keys, np.int64)):
        assert (found[which] == -1).all()
        found[which] = key
    assert found.tolist() == keys
