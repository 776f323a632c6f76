"""A send to everybody under kill -9 and a hostile vendor. More people and seeds by hand: `send.py`."""

from __future__ import annotations

import asyncio

import pytest
import send


@pytest.mark.parametrize("seed", [11, 12, 13])
def test_nobody_twice_nobody_forgotten(seed) -> None:
    """Two languages, four channels, 3 % invalid numbers, 1 % opted out, bursts of 429, 503 after acceptance, hangs, kill -9; the tally is the vendor's."""
    found = asyncio.run(asyncio.wait_for(send.trial(300, seed), 150))
    assert found["kills"] >= 1
    assert found["sms sent"] + found["sms failed"] + found.get("sms in_doubt", 0) == 300
    assert found["voice sent"] + found["voice failed"] + found.get("voice in_doubt", 0) == 300
