"""A prover that misses is worthless: each mistake in it that one could make is noticed."""

from __future__ import annotations
import __future__

import inspect
import sys
from importlib import import_module
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from anonymizer.proof import Meaning
from anonymizer.proof.squeeze import folding
from tests.anonymizer.planted import CANARIES, MASKED, WAYS, notes, original, proved, users

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LONG = CANARIES["text"]

MUTANTS = [
    ("squeeze.squeeze", "_fold_wide(folded)", "pass"),
    ("squeeze._runs", "inside[bounds] = False", "pass"),
    ("squeeze._edges", "edges[tails] = True", "edges[0] = True"),
    ("squeeze._edges", "np.not_equal(digits[1:], digits[:-1], out=edges[1:-1])", "edges[1:-1] = 0"),
    ("squeeze._fold_wide", "text[pictures + step] = 0", "pass"),
    ("squeeze._folded", "letter.casefold()", "letter"),
    ("squeeze._folded", 'return b""', "return letter.encode()"),
    ("grade.grades", "values.words > 1, SEVERAL, ONE", "values.words > 1, ONE, ONE"),
    ("grade.grades", "digits > 0, MIXED", "digits > 0, 64.0"),
    ("grade.grades", "(found < Grade.STRONG) | _dates(values, lengths)", "True"),
    ("prints.Prints.add", "self._filter.add(self._hashed(values.heads(8)))", "pass"),
    ("prints.Prints.add", "for number in np.flatnonzero(np.bincount(size)):", "for number in [0]:"),
    ("prints.Prints.add", '"right") - 1', '"left") - 1'),
    (
        "prints.Prints.look",
        'cells = np.searchsorted(text.ends, starts, "right")',
        "cells = starts * 0",
    ),
    ("prints.Prints._opened", "+ OPENINGS[number] <= limits", "+ OPENINGS[number] < limits"),
    ("prints.Prints._opened", "ends <= limits[which]", "ends < limits[which]"),
    ("prints.Prints._opened", 'keys | _LENGTH, "right"', 'keys, "right"'),
    ("prints._ranges", "- before[which]", ""),
    (
        "store.Store.find",
        "np.searchsorted(self.numbers, numbers)",
        "np.searchsorted(self.numbers, numbers) + 1",
    ),
    ("store.Filter.finish", "places >> np.uint64(self.BITS - size)", "places"),
    ("store._united", "np.argsort(numbers)", "np.arange(len(numbers))"),
    ("gather.Gathered._fingerprint", "graded == Grade.STRONG", "graded == Grade.WORD"),
    ("gather._other_digit", "+ step", "+ 0"),
    ("views.escaped", "bounds[cells + 1], at + RADIUS", "bounds[cells + 1], at"),
    ("views.escaped", "yield View(cell, start, said)", "pass"),
    ("views.unescaped", "range(DEPTH)", "range(1)"),
    ("views.unescaped", "unquote_to_bytes(found)", "found"),
    ("views.unescaped", "html.unescape(", "str("),
    ("views._meant", 'return b" " if letter[0] in _BLANK else letter', "return letter"),
    ("views._meant", "chr(int(point, 16))", "chr(int(point, 16) + 1)"),
    ("views.encoded", "(_begins_hex, _hex), (_begins_base64, _base64)", "(_begins_hex, _hex),"),
    (
        "views.encoded",
        "(_begins_hex, _hex), (_begins_base64, _base64)",
        "(_begins_base64, _base64),",
    ),
    ("views._begins_hex", 'heads[:, 0] == ord("x")', 'heads[:, 0] == ord("y")'),
    ("views._begins_base64", "axis=2", "axis=1"),
    ("views._are_texts", "following == due", "following < due"),
    ("scan.Scan._text", "data=before.data + text.data", "data=text.data"),
    ("scan.Scan._text", "each not in seen", "True"),
    ("scan.Scan._columns", "(last[number] - len(values.rows))", "0"),
    ("scan.Scan._columns", "columns == number", "columns >= 0"),
    ("scan.Scan._hits", "return _joined(hits, ", "return (lambda one, two: one)(hits, "),
    ("scan.Found.add", "known, kept = self.decoys, []", "pass"),
    ("scan._whole", "waiting, size = [], 0", "size = 0"),
    ("rows.compare", "left == right", "left < right"),
    ("rows.compare", "(before > EMPTY) & (after > EMPTY)", "before > EMPTY"),
    ("judge.Judge._left", "not compared.suspicious", "True"),
    ("judge.Judge._strong", "> RISK", "> 0"),
    ("judge._is_dense", "made > TELLING and", "made > TELLING or"),
    ("judge.Judge._found", "if found.words:", "if found.strong:"),
]
"""Function, a piece of its text, and a mistake in its place."""


def weaknesses() -> Iterator[str]:
    """Yield what a proof gets wrong: nothing, unless it is spoiled."""
    for check in CHECKS:
        try:
            right = check()
        except (AttributeError, IndexError, TypeError, ValueError):
            right = False
        if not right:
            yield check.__name__


def finds_all_ways() -> bool:
    """All canaries, each in each way, in the rows that they stand in."""
    for way in WAYS.values():
        bodies = [way(each) for each in CANARIES.values()]
        survivors = proved([MASKED, notes("x", None, *bodies)]).survivors
        rows = [each.row for seen in survivors for each in seen.spots]
        if rows != list(range(3, 3 + len(bodies))) or survivors[0].times != len(bodies):
            return False
    return True


def finds_over_pieces() -> bool:
    """Before a cut between what is looked at together, behind it, and across it."""
    filler = b"-- nothing\n" * 100_000
    first = filler + f"-- {LONG}\n-- {LONG[:50]}".encode()
    second = f"{LONG[50:]}\n-- {LONG}\n-- {LONG[:60]}\n".encode() + filler
    survivors = proved([b"SELECT", b" 1;", first, second, MASKED, notes("x")]).survivors
    lines = [spot.line for each in survivors for spot in each.spots]
    return lines == [100_001, 100_002, 100_003] and survivors[0].times == 3


def finds_nothing_in_nothing() -> bool:
    bodies = ["👩‍🔬 and other pictures", "Maria", "Nowak and so on", "\\x00", "50% off & more"]
    return not proved([b"SELECT 1;\n", MASKED, notes(*bodies)]).sightings


def finds_between_pictures() -> bool:
    survivors = proved([MASKED, notes("👩Maria Nowak👩", "„Maria Nowak‟")]).survivors
    return [each.times for each in survivors] == [2]


def finds_glued_numbers() -> bool:
    return bool(proved([MASKED, notes("tel4111111111111111x")]).survivors)


def compares_rows() -> bool:
    before = ["yes", "no", "", "perhaps"] * 20
    after = ["no", "yes", "", "never"] * 20
    same = proved([users([None, *before[1:]]), notes("x")], before=[users(before), notes("x")])
    other = proved([users(after), notes("x")], before=[users(before), notes("x")])
    return same.exit_code == 3 and other.exit_code == 0


def explains_chance() -> bool:
    first, second = (Random(each).sample(range(10**6), 3000) for each in (1, 2))  # noqa: S311
    before, after = ([f"0170 {each:07}" for each in one] for one in (first, second))
    proof = proved([users(after), notes("x")], before=[users(before), notes("x")])
    after[:300] = before[1000:1300]
    worse = proved([users(after), notes("x")], before=[users(before), notes("x")])
    seen = [*proof.sightings, *worse.sightings]
    right = [each.meaning for each in seen] == [Meaning.CHANCE, Meaning.SURVIVED]
    return right and seen[0].why.startswith("about ") and 5 < seen[0].by_chance < 15


def notices_words() -> bool:
    before = [*original(), notes("x")]
    before[0] = users(["Kowalski", "Novaks"])
    proof = proved([users(["a", "b"]), notes("Kowalski", "novaks")], before=before)
    return [(each.meaning, each.values) for each in proof.sightings] == [(Meaning.POSSIBLE, 2)]


CHECKS: tuple[Callable[[], bool], ...] = (
    finds_nothing_in_nothing,
    finds_between_pictures,
    finds_glued_numbers,
    compares_rows,
    notices_words,
    finds_over_pieces,
    explains_chance,
    finds_all_ways,
)


def test_a_proof_has_no_weakness() -> None:
    assert not list(weaknesses())


@pytest.mark.thorough
@pytest.mark.parametrize(("name", "old", "new"), MUTANTS, ids=lambda text: text[:40])
def test_a_mistake_is_noticed(
    name: str, old: str, new: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    module, _, rest = name.partition(".")
    home = vars(import_module(f"anonymizer.proof.{module}"))
    owner, _, function = rest.rpartition(".")
    source = inspect.getsource(getattr(home[owner], function) if owner else home[function])
    assert source.count(old) == 1, f"the text of {name} is not in its function"
    changed = source.replace(old, new)
    made: dict[str, Any] = {}
    text = f"if True:\n{changed}" if changed[0].isspace() else changed
    exec(  # noqa: S102
        compile(text, f"<{name}>", "exec", flags=__future__.annotations.compiler_flag), home, made
    )
    for each in [home[owner]] if owner else _knowing(home[function], function):
        monkeypatch.setattr(each, function, made[function])

    folding.cache_clear()
    try:
        assert next(weaknesses(), None)
    finally:
        folding.cache_clear()


def _knowing(function: object, name: str) -> list[object]:
    """Return the modules that know *function*."""
    known = [each for key, each in sys.modules.items() if key.startswith("anonymizer")]
    return [each for each in known if vars(each).get(name) is function]
