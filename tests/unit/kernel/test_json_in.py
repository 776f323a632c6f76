"""JSON from outside is a value or an error of ours."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.errors import Invalid
from bcp.kernel.json_in import MAX_DEPTH, loads


@pytest.mark.parametrize(
    "raw",
    [
        "",
        "{",
        "nul",
        b"\xff",
        "[" * 100_000 + "]" * 100_000,
        "[" * (MAX_DEPTH + 2) + "]" * (MAX_DEPTH + 2),
        '{"a":' * 101 + "1" + "}" * 101,
        "NaN",
        "[Infinity]",
        "9" * 5000,
        b"\x00",
        '"\\ud800',
    ],
)
def test_what_is_refused(raw) -> None:
    """With one kind of error."""
    with pytest.raises(Invalid):
        loads(raw)


def test_as_deep_as_allowed() -> None:
    """Not one level less."""
    assert loads("[" * MAX_DEPTH + "]" * MAX_DEPTH) is not None
    assert loads('{"a": [1, null, "x"]}', depth=2) == {"a": [1, None, "x"]}


@given(st.binary(max_size=60))
def test_any_bytes(raw) -> None:
    """Nothing else is ever raised."""
    try:
        loads(raw)
    except Invalid:
        pass


def test_half_of_a_character_becomes_a_mark() -> None:
    """No file and no database takes it as UTF-8. Pairs are one character, and stay."""
    found = loads('{"\\ud800": ["\\udfff x", {"a": "\\ud83d\\ude00"}], "n": 1}')
    assert found == {"\ufffd": ["\ufffd x", {"a": "\U0001f600"}], "n": 1}
