"""``deadman.arm``: what the vendor would not keep is refused before the day."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.kernel.clock import moment_text
from bcp.kernel.errors import Invalid
from bcp.plugins.actions.deadman_arm import DeadmanArm, DeadmanArmArgs
from bcp.testing.clock import FakeClock

STEP = StepInfo("arm", "run/arm#0")


class Courier:
    """Two people; what is left with the vendor is remembered."""

    def __init__(self, why: str = "") -> None:
        self.why, self.left = why, []

    def can_arm(self, order) -> str:
        """As the test says."""
        return self.why

    async def forecast(self, order):
        """One channel."""
        return [SimpleNamespace(messages=2)]

    async def arm(self, order, key, at, prefix):
        """The vendor keeps it."""
        self.left.append((order.channels, key, at, prefix))
        return 2, 0


def services(courier: Courier, zone: str = "UTC") -> SimpleNamespace:
    """With this courier."""
    return SimpleNamespace(courier=courier, clock=FakeClock(), run=SimpleNamespace(id="run-1", zone=zone))


def args(after: str = "45m") -> DeadmanArmArgs:
    """A usual switch."""
    return DeadmanArmArgs(audience="oncall", template="no-update", channels=["sms"], after=after)


def rules(courier: Courier, after: str = "45m") -> list[str]:
    """What is refused. Nothing is left with anybody to find out."""
    found = asyncio.run(DeadmanArm().plan(args(after), services(courier), STEP))
    assert courier.left == [] and found.facts == {"people": 2}
    return [r.rule for r in found.refusals]


@pytest.mark.parametrize(
    ("after", "fits"),
    [("299s", False), ("5m", True), ("45m", True), ("35d", True), ("3024001s", False), ("0s", False)],
)
def test_the_vendor_keeps_a_message_five_minutes_to_thirty_five_days(after, fits) -> None:
    """twilio.com/docs/api/errors/35115. Refused in the plan, and by the step if it is run all the same."""
    assert rules(Courier(), after) == ([] if fits else ["deadman.after"])
    courier = Courier()
    work = DeadmanArm().perform(args(after), services(courier), STEP)
    if fits:
        assert asyncio.run(work).outputs["left"] == 2 and len(courier.left) == 1
    else:
        with pytest.raises(Invalid, match="is not 5m to 35d"):
            asyncio.run(work)
        assert courier.left == []


def test_a_channel_that_leaves_nothing_with_its_vendor_is_refused() -> None:
    """The step that asks for it is named, with the reason of the channel."""
    courier = Courier("ntfy cannot leave a message for later")
    assert rules(courier) == ["deadman.channel"]
    (refusal,) = asyncio.run(DeadmanArm().plan(args(), services(courier), STEP)).refusals
    assert refusal.message == "arm: ntfy cannot leave a message for later"


def test_both_are_said_at_once() -> None:
    """Whoever mends one should not meet the other afterwards."""
    assert rules(Courier("no"), "1m") == ["deadman.after", "deadman.channel"]


@pytest.mark.parametrize(
    ("zone", "after", "said"),
    [("UTC", "45m", "UTC"), ("Europe/Berlin", "45m", "CET"), ("Asia/Tokyo", "2d", "JST")],
)
def test_people_read_their_own_time_with_its_name(zone, after, said) -> None:
    """And the day, where it is another one."""
    made = services(Courier(), zone)
    at = made.clock.now() + (2_700 if after == "45m" else 172_800)
    found = asyncio.run(DeadmanArm().perform(args(after), made, STEP)).summary
    assert found == f"2 left for {moment_text(at, made.clock.now(), zone)}, 0 taken back" and said in found
