"""Large JSON is read as ``json.loads`` reads it, by small pieces."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel import bigjson

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=6), inner, max_size=4),
    max_leaves=30,
)


@given(VALUES, st.sampled_from([None, 1]))
def test_the_same_as_the_standard_library(value, indent) -> None:
    """Whatever is in it, however it is laid out."""
    text = json.dumps([value, "x" * bigjson.LARGE], indent=indent)
    assert bigjson.loads(text) == json.loads(text)


@pytest.mark.parametrize("tail", ["", " x", "]", "1"])
@pytest.mark.parametrize("text", ['{"a": ', "[1,", '{"a" 1}', "[tru]", "{1: 2}", ""])
def test_what_is_no_json_is_refused(text, tail) -> None:
    """With the error of the standard library."""
    whole = " " * bigjson.LARGE + text + tail
    try:
        expected = json.loads(whole)
    except ValueError:
        with pytest.raises(ValueError):
            bigjson.loads(whole)
    else:
        assert bigjson.loads(whole) == expected


def test_no_piece_is_large(monkeypatch) -> None:
    """The parser that lets nobody else run gets a domain at a time, not the plan."""
    plan = {
        "steps": [
            {
                "id": "mx",
                "outputs": {"before": {f"d{i}.test": {"hosts": ["mx." * 10], "ttl": 300} for i in range(3000)}},
            }
        ]
    }
    pieces = []
    inside = bigjson._C

    def watched(text, at):
        value, end = inside(text, at)
        pieces.append(end - at)
        return value, end

    monkeypatch.setattr(bigjson, "_C", watched)
    assert bigjson.loads(json.dumps(plan)) == plan
    assert max(pieces) < 1000 and len(pieces) > 3000
