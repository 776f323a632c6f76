"""kill -9 at any instant: 20 kills by ``make test``, 40 by ``.ci/run``, 1,000 by ``make kills``."""

from __future__ import annotations

import os

import pytest
from harness import main

pytestmark = pytest.mark.slow
PARTS = 4
TRIALS = int(os.environ.get("BCP_KILLS", "80")) // PARTS


@pytest.mark.parametrize("part", range(PARTS))
def test_nothing_is_repeated_and_nothing_is_lost_over_kill_9(part: int) -> None:
    """If this fails, an outage of ours may send a text twice or move MX behind somebody's back."""
    found = main(TRIALS, first=part * 1000)
    assert found.trials >= TRIALS > 0
    assert found.kills >= TRIALS
    assert not found.repeated
    assert not found.lost
    assert not found.unreported
    assert not found.wrong
    print(f"{found.trials} trials, {found.kills} kills, {found.in_doubt} in doubt, {found.happened} had happened")
