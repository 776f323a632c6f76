"""Where one way of looking is down and another sees it well, a person is asked; if none contradicts, time tells."""

from __future__ import annotations

from types import SimpleNamespace as Made

import pytest

from bcp.contracts.probe import Role
from bcp.detect.conclude import _disputed


def way(*, down: bool = False, known: bool = True, role: Role = Role.LOOK, muted: bool = False) -> Made:
    return Made(down=down, known=known, role=role, muted=muted)


def disputed(
    *ways: Made, status: str = "down", failing: bool = True, since: float = 0.0, plane: str = "inbound"
) -> bool:
    r = Made(now=100.0, rules=Made(confirm_for_s=60.0), of=lambda name: Made(down_since=since))
    return _disputed(r, Made(name=plane, status=status, ways=ways, failing_now=failing))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("ways", "more", "truth"),
    [
        ([way(down=True), way()], {}, True),
        ([way(down=True)], {}, False),
        ([way(down=True), way(known=False)], {}, False),
        ([way(down=True), way(role=Role.DECLARED)], {}, False),
        ([way(down=True), way(muted=True)], {}, False),
        ([way(down=True), way()], {"since": 50.0}, False),
        ([way(down=True)], {"failing": False}, True),
        ([way(down=True)], {"status": "suspect"}, True),
        ([way(down=True), way()], {"status": "partial"}, False),
        ([way(down=True, muted=True), way()], {"status": "suspect"}, False),
        ([way()], {"status": "suspect"}, False),
        ([way(down=True), way()], {"plane": "mailbox"}, False),
    ],
)
def test_what_is_disputed(ways, more, truth) -> None:
    """Nobody else speaks of it: it is a blip, or it will be confirmed. Another way sees it well: it never would be."""
    assert disputed(*ways, **more) is truth
