"""Output: lines are whole however they come, and never longer or more than they may be."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ci.sandbox.output import Lines, Quota, shown
from ci.settings import Limits

chunks = st.lists(st.binary(max_size=40) | st.sampled_from([b"\n", b"a\nb", b"x" * 30]))


def heard(limits: Limits, pieces: list[bytes]) -> tuple[list[bytes], Quota]:
    quota = Quota(limits)
    lines = Lines(quota)
    said = [line for piece in pieces for line in lines.feed(piece)]
    return [*said, *lines.end()], quota


@given(chunks)
def test_lines_are_the_same_however_they_come(pieces: list[bytes]) -> None:
    whole = b"".join(pieces)
    expected = whole.split(b"\n")
    said, quota = heard(Limits(), pieces)

    assert said == (expected if expected[-1] else expected[:-1])
    assert quota.dropped == 0


@given(chunks, st.integers(1, 20), st.integers(1, 5))
def test_what_is_too_much_is_left_out_and_counted(
    pieces: list[bytes], line_bytes: int, lines: int
) -> None:
    limits = Limits(line_bytes=line_bytes, lines=lines)
    said, quota = heard(limits, pieces)
    whole = b"".join(pieces)

    assert len(said) <= lines
    assert all(len(line) <= line_bytes for line in said)
    assert sum(map(len, said)) + quota.dropped == len(whole) - whole.count(b"\n")


def test_no_more_bytes_are_heard_than_may_be() -> None:
    said, quota = heard(Limits(output_mib=1), [b"x" * 1000 + b"\n"] * 2000)

    assert sum(map(len, said)) <= 1 << 20
    assert len(said) > 1000
    assert quota.dropped > 900_000


@given(st.binary())
def test_nothing_that_a_terminal_obeys_is_shown(line: bytes) -> None:
    assert "\x1b" not in shown(line)
    assert "\x9b" not in shown(line)
    assert "\r" not in shown(line)
