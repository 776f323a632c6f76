"""Segments: the carriers' arithmetic."""

from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from bcp.comms.segments import count, simplify


def test_agrees_with_the_vendors_calculator(specs) -> None:
    """All cases but the empty text, which the vendor counts as one."""
    cases = json.loads((specs / "segments_cases.json").read_text())["cases"]
    assert len(cases) >= 40
    for name, case in cases.items():
        found = count(case["text"])
        if name == "empty":
            continue
        assert (found.encoding, found.segments) == (case["encoding"], case["segments"]), name
        assert {o.character for o in found.offenders} <= set("".join(case["nonGsm"])), name
        assert bool(found.offenders) == bool(case["nonGsm"]), name


@given(st.text(max_size=400))
def test_more_text_never_needs_fewer_segments(text) -> None:
    """And the first offender is really not in the set."""
    found = count(text)
    assert found.segments <= count(text + "a").segments
    assert all(text[o.position] == o.character for o in found.offenders)
    assert count(simplify(text)).segments <= max(found.segments, 1) * 3 + 1
