"""The canonical form in pieces is the canonical form."""

from __future__ import annotations

import gc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.calm import still
from bcp.kernel.hashing import WIDE, canonical, digest, digest_of_large, pieces

DATA = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=20,
)


@given(DATA, st.integers(0, 6))
def test_pieces_make_the_whole(data: object, levels: int) -> None:
    """However deep they are cut."""
    assert "".join(pieces(data, levels)) == canonical(data)


def test_what_is_wide_below_the_outer_levels_is_cut_too() -> None:
    """So that no piece is large."""
    wide = {f"d{i}": ["x" * 100] for i in range(WIDE + 1)}
    data = {"a": {"b": {"c": {"d": wide}}}}
    assert max(map(len, pieces(data))) < 200 and digest_of_large(data) == digest(data)


def test_a_tuple_is_a_list_and_nothing_is_nothing() -> None:
    """As in JSON."""
    assert "".join(pieces({"b": (1, ()), "a": {}})) == '{"a":{},"b":[1,[]]}'


def test_the_collector_is_off_inside_and_on_again_after_a_fault() -> None:
    """Also where one lies in another."""
    with pytest.raises(ValueError, match="inner"), still():
        with still():
            assert not gc.isenabled()
        assert not gc.isenabled()
        raise ValueError("inner")
    assert gc.isenabled()
