"""kill -9 at any instant."""

from __future__ import annotations

import pytest
from harness import main

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("part", range(4))
def test_nothing_is_repeated_and_nothing_is_lost_over_kill_9(part: int) -> None:
    """If this fails, an outage of ours may send a text twice or move MX behind somebody's back."""
    found = main(60, first=part * 1000)
    assert found.trials >= 60
    assert found.kills >= 60
    assert not found.repeated
    assert not found.lost
    assert not found.unreported
    assert not found.wrong
