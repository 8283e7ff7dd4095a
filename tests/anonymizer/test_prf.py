"""The keyed functions: random to whom has no key, the same tomorrow, and there and back."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

import numpy as np
import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st

from anonymizer.cells import Cells
from anonymizer.masks.symbols import Strings
from anonymizer.permutation import LongPermutation, Permutation, WordPermutation
from anonymizer.prf import Prf, subkey
from tests.anonymizer.masking import KEY, OTHER_KEY, is_uniform, unhurried

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

WORD = 1 << 32
SIZES = st.lists(st.integers(1, WORD), min_size=1, max_size=7)


def one_by_one(value: bytes) -> bytes:
    """Return the MAC of *value*, said again in the plainest way."""
    text = len(value).to_bytes(16, "little") + value
    text += b"\0" * (-len(text) % 16)
    chain = Cipher(algorithms.AES256(KEY), modes.CBC(bytes(16))).encryptor()
    return chain.update(text)[-16:]


def grid(radix: int, length: int) -> NDArray[np.uint8]:
    """Return all strings of *length* symbols."""
    return np.array(list(itertools.product(range(radix), repeat=length)), np.uint8)


@unhurried
@given(st.lists(st.binary(max_size=100) | st.integers(1000, 1040).map(bytes), min_size=1))
def test_a_mac_is_that_of_each_value_alone(values: list[bytes]) -> None:
    words = Prf(KEY).words(Cells.of(values))
    assert words.tobytes() == b"".join(map(one_by_one, values))


def test_zeros_and_lengths_count() -> None:
    values = [bytes(count) for count in range(70)]
    assert len({*map(tuple, Prf(KEY).words(Cells.of(values)).tolist())}) == len(values)


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 10, 100, 255, 256, 257, 1000, 65_537])
def test_a_permutation_is_one(size: int) -> None:
    numbers = np.arange(size, dtype=np.uint64)
    permutation = Permutation(KEY, size)
    found = permutation.forward(numbers)
    assert sorted(found.tolist()) == numbers.tolist()
    assert permutation.backward(found).tolist() == numbers.tolist()


@unhurried
@given(st.integers(1, 1 << 64), st.data())
def test_a_permutation_goes_back(size: int, data: st.DataObject) -> None:
    drawn = data.draw(st.lists(st.integers(0, size - 1), min_size=1))
    numbers = np.array(drawn, np.uint64)
    permutation = Permutation(KEY, size)
    found = permutation.forward(numbers)
    assert all(each < size for each in found.tolist())
    assert permutation.backward(found).tolist() == drawn


@pytest.mark.parametrize("size", [0, (1 << 64) + 1])
def test_a_permutation_has_a_size_that_can_be(size: int) -> None:
    with pytest.raises(ValueError, match=r"2\*\*64"):
        Permutation(KEY, size)


@unhurried
@given(SIZES, SIZES, st.data())
def test_words_go_back(left: list[int], right: list[int], data: st.DataObject) -> None:
    sizes = [*left, *right]
    rows = data.draw(st.lists(st.tuples(*(st.integers(0, each - 1) for each in sizes)), min_size=1))
    columns = list(np.array(rows, np.uint64).T)
    permutation = WordPermutation(KEY, left, right)

    found = permutation.forward(columns)

    assert all((each < size).all() for each, size in zip(found, sizes, strict=True))
    back = permutation.backward(found)
    assert [each.tolist() for each in back] == [each.tolist() for each in columns]


@pytest.mark.parametrize("sizes", [([], [2]), ([2], []), ([WORD + 1], [2]), ([2], [0])])
def test_words_have_halves_and_sizes_that_can_be(sizes: Sequence[list[int]]) -> None:
    with pytest.raises(ValueError, match="words"):
        WordPermutation(KEY, *sizes)


@pytest.mark.parametrize(
    ("radix", "length"), [(2, 2), (2, 9), (2, 16), (3, 4), (10, 1), (10, 2), (10, 3), (10, 5)]
)
def test_strings_of_a_length_are_permuted(radix: int, length: int) -> None:
    strings = grid(radix, length)
    found = Strings(KEY, radix).permute(strings)
    assert len(np.unique(found, axis=0)) == len(strings)
    assert found.max() < radix


@pytest.mark.parametrize("radix", [2, 10, 26, 62, 256])
@pytest.mark.parametrize("length", [7, 20, 64, 301])
def test_long_strings_stay_distinct(radix: int, length: int) -> None:
    strings = np.zeros((length + 1, length), np.uint8)
    strings[np.arange(length), np.arange(length)] = 1
    found = Strings(KEY, radix).permute(strings)
    assert len(np.unique(found, axis=0)) == len(strings)
    # A symbol that is another changes all others: each place has many symbols.
    assert all(len(np.unique(each)) > min(radix, length) / 4 for each in found.T)


@unhurried
@given(st.integers(2, 256), st.lists(st.binary(min_size=65, max_size=400), min_size=1))
def test_long_strings_go_back(radix: int, drawn: list[bytes]) -> None:
    symbols = np.frombuffer(b"".join(drawn), np.uint8).astype(int) % radix
    counts = np.array([len(each) for each in drawn])
    permutation = LongPermutation(KEY, radix)

    found = permutation.forward(symbols.astype(np.uint8), counts)

    assert found.max() < radix
    assert (permutation.backward(found, counts) == symbols).all()
    alone = permutation.forward(symbols[: counts[0]].astype(np.uint8), counts[:1])
    assert (found[: counts[0]] == alone).all()


@pytest.mark.parametrize("place", [0, 63, 64, 65, 999])
def test_one_symbol_of_a_long_string_changes_them_all(place: int) -> None:
    symbols = np.zeros(2000, np.uint8)
    symbols[place] = 1
    first, second = LongPermutation(KEY, 10).forward(symbols, np.array([1000, 1000])).reshape(2, -1)
    assert 0.85 < (first != second).mean() < 0.95
    assert is_uniform(np.bincount(first))


@pytest.mark.parametrize("size", [3, 5, 10, 26, 100])
def test_where_a_number_goes_is_even_over_keys(size: int) -> None:
    places = np.zeros(size, int)
    for number in range(size * 40):
        key = subkey(KEY, str(number))
        places[Permutation(key, size).forward(np.zeros(1, np.uint64))] += 1
    assert is_uniform(places)


@pytest.mark.parametrize(("radix", "length"), [(10, 1), (10, 2), (2, 5), (26, 1)])
def test_where_a_string_goes_is_even_over_keys(radix: int, length: int) -> None:
    strings, places = grid(radix, length), np.zeros(radix**length, int)
    powers = radix ** np.arange(length)
    for number in range(len(strings) * 30):
        strings_of_key = Strings(subkey(KEY, str(number)), radix)
        places[(strings_of_key.permute(strings[:1]) * powers).sum()] += 1
    assert is_uniform(places)


def test_the_fixed_points_are_as_many_as_of_any_permutation() -> None:
    numbers = np.arange(100, dtype=np.uint64)
    fixed = [
        int((Permutation(subkey(KEY, str(each)), 100).forward(numbers) == numbers).sum())
        for each in range(400)
    ]
    assert 0.8 < sum(fixed) / len(fixed) < 1.2  # their mean is 1


@pytest.mark.parametrize("bit", [0, 7, 31, 40, 63])
def test_one_bit_turns_half_of_all_bits(bit: int) -> None:
    numbers = np.random.default_rng(1).integers(0, 1 << 64, 4000, np.uint64, endpoint=False)
    permutation = Permutation(KEY, 1 << 64)
    turned = numbers ^ np.uint64(1 << bit)
    difference = permutation.forward(numbers) ^ permutation.forward(turned)
    share = np.unpackbits(difference.view(np.uint8)).reshape(-1, 64).mean(axis=0)
    assert (abs(share - 0.5) < 0.05).all()


@unhurried
@given(st.lists(st.integers(0, 999_999), min_size=2, max_size=50))
def test_the_rest_of_the_batch_does_not_matter(drawn: list[int]) -> None:
    permutation = Permutation(KEY, 1_000_000)
    together = permutation.forward(np.array(drawn, np.uint64)).tolist()
    alone = [int(permutation.forward(np.array([each], np.uint64))[0]) for each in drawn]
    assert together == alone


def test_another_key_is_another_function() -> None:
    numbers = np.arange(1000, dtype=np.uint64)
    first, second = (Permutation(key, 1000).forward(numbers) for key in (KEY, OTHER_KEY))
    assert (first == second).mean() < 0.02
    words = [Prf(key).words(Cells.of([b"x"])).tolist() for key in (KEY, OTHER_KEY)]
    assert words[0] != words[1]


def test_purposes_of_a_key_have_nothing_in_common() -> None:
    assert subkey(KEY, "a") != subkey(KEY, "b")
    assert len(subkey(KEY, "a")) == 32
