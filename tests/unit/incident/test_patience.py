"""Which refusals can pass, and how long is waited."""

from __future__ import annotations

import pytest

from bcp.incident.patience import FIRST_S, MOST_S, PASSING, may_try_again, wait_s
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Refused, StorageError, Transient


@pytest.mark.parametrize("rule", sorted(PASSING))
def test_what_can_pass_is_tried_again(rule: str) -> None:
    """By its rule, whatever its words are."""
    assert may_try_again(Refused("the words do not matter", rule=rule))


@pytest.mark.parametrize(
    "rule",
    ["", "relay-open", "dns.not-allowed", "dns.same-target", "approval-unanswerable", "plan-used", "automatic-limit"],
)
def test_what_lasts_is_not(rule: str) -> None:
    """Somebody must change something first."""
    assert not may_try_again(Refused("no", rule=rule))


def test_errors_by_their_kind() -> None:
    """Transient ones again; what is in doubt never blindly; wrong input, and what is permanent, not."""
    assert may_try_again(Transient("it hangs"))
    for error in (InDoubt("who knows"), Invalid("wrong"), Permanent("gone"), StorageError("full")):
        assert not may_try_again(error)


def test_waits_double_up_to_a_minute_and_never_overflow() -> None:
    """Twelve seconds of a dead relay cost at most a few seconds more."""
    waits = [wait_s(i) for i in range(8)]
    assert waits[0] == FIRST_S and waits == sorted(waits) and waits[-1] == MOST_S
    assert waits[1] == 2 * FIRST_S
    assert wait_s(10_000) == MOST_S
