"""Keys of effects: written and read in one place."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bcp.contracts.effect import EffectKey, parse, step_of

names = st.from_regex(r"[a-z][a-z0-9-]{0,12}", fullmatch=True)
numbers = st.none() | st.integers(0, 99)
keys = st.builds(
    EffectKey,
    names,
    names,
    numbers,
    numbers,
    numbers,
    st.booleans(),
    st.lists(st.from_regex(r"[A-Za-z0-9_.@+ -]{1,9}", fullmatch=True), max_size=3).map(tuple),
)


@given(keys)
def test_a_key_read_back_is_the_same(key: EffectKey) -> None:
    """Whatever it is of."""
    assert parse(str(key)) == key
    assert step_of(str(key)) == key.step


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("run-1/mx#0", EffectKey("run-1", "mx", attempt=0)),
        ("run-1/mx!undo#2", EffectKey("run-1", "mx", attempt=2, undo=True)),
        ("run-1/update@3/sms/alice", EffectKey("run-1", "update", round=3, parts=("sms", "alice"))),
        ("run-1/each[4]#1", EffectKey("run-1", "each", item=4, attempt=1)),
        ("run-1/arm/armed/sms/a/back", EffectKey("run-1", "arm", parts=("armed", "sms", "a", "back"))),
    ],
)
def test_keys_of_earlier_runs_are_read(text: str, key: EffectKey) -> None:
    """The form did not change: ledgers of runs that are under way stay readable."""
    assert parse(text) == key
    assert str(key) == text


@pytest.mark.parametrize("text", ["", "mx", "/mx", "run/", "run/[1]", "run/mx#x", "run/mx#1#2", "run/@1"])
def test_what_is_no_key_is_refused(text: str) -> None:
    """And an order outside of a run keeps its own name as its step."""
    with pytest.raises(ValueError, match="no key"):
        parse(text)
    assert step_of(text) == text


def test_another_try_is_the_same_effect() -> None:
    """Only the number differs; people may name it by key or step."""
    key = EffectKey("r", "mx", item=1)
    assert str(key.try_(2)) == "r/mx[1]#2"
    assert key.names("mx") and key.names("r/mx[1]") and not key.names("m")
