"""One canonical form, one chain: what is fast must say the same as what is plain."""

from __future__ import annotations

import gc

from hypothesis import given
from hypothesis import strategies as st

from bcp.kernel.calm import calm
from bcp.kernel.hashing import GENESIS, canonical, link, link_event

TEXT = st.text(st.characters(codec="utf-8")) | st.sampled_from(['"', "\\", "\n", "\x00", "\u2028", "é", "😀", ""])


@given(
    st.integers(1, 2**40),
    st.floats(0, 4e9, allow_nan=False) | st.sampled_from([1e16, 1e-7, 0.0, 1764035000.123456]),
    TEXT,
    TEXT,
    TEXT,
    st.dictionaries(TEXT, TEXT | st.integers() | st.none()),
)
def test_the_fast_link_is_the_link(seq, at, kind, step, actor, data) -> None:
    """Byte by byte; a chain written before is verified by it."""
    body = canonical(data)
    record = {"seq": seq, "at": at, "kind": kind, "step": step, "actor": actor, "data": body}
    assert link_event(GENESIS, seq, at, kind, step, actor, body) == link(GENESIS, record)


def test_the_collector_is_as_before_afterwards(monkeypatch) -> None:
    """Nested, side by side, after an error. Daemons of other tests may have left this process calm for good."""
    for name in ("_before", "_for_good"):
        monkeypatch.setattr(f"bcp.kernel.calm.{name}", [])
    left, before = gc.get_threshold(), (700, 10, 10)
    gc.unfreeze()
    gc.set_threshold(*before)
    with calm(), calm():
        assert gc.get_threshold()[0] > before[0] and gc.get_freeze_count() > 0
    one, two = calm(), calm()
    one.__enter__()
    two.__enter__()
    one.__exit__(None, None, None)
    assert gc.get_threshold()[0] > before[0]
    two.__exit__(None, None, None)
    try:
        with calm():
            raise ValueError
    except ValueError:
        pass
    assert gc.get_threshold() == before and gc.get_freeze_count() == 0
    gc.set_threshold(*left)
