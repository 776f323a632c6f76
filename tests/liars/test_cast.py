"""The whole cross product can be divided: every game is in one slice, and in one alone."""

from __future__ import annotations

import pytest

from liars.cast import slice_of
from liars.script import Part

PARTS = [Part("w", "p", str(i), "run", True) for i in range(19)]


@pytest.mark.parametrize("count", [1, 2, 8, 19, 30])
def test_slices_are_the_whole_and_share_nothing(count: int) -> None:
    slices = [slice_of(PARTS, f"{i}/{count}") for i in range(1, count + 1)]
    assert sorted(p.kind for s in slices for p in s) == sorted(p.kind for p in PARTS)
    assert max(map(len, slices)) - min(map(len, slices)) <= 1
    assert slice_of(PARTS, "") == PARTS


@pytest.mark.parametrize("text", ["0/8", "9/8", "3", "3/", "/8", "a/b", "-1/8"])
def test_what_is_no_slice_plays_nothing(text: str) -> None:
    with pytest.raises(AssertionError, match="no slice"):
        slice_of(PARTS, text)
