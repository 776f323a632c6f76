"""Draining: patient, counted by recipient, and never sure of what the relay did not say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.relay import MailFate, QueuedMail
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Transient
from bcp.plugins.actions.relay_drain import Drain, DrainArgs
from bcp.testing.clock import FakeClock

STEP = StepInfo("drain", "run/drain#0")


def mail(ident, *recipients, arrived=1.0):
    """A queued message."""
    return QueuedMail(ident, "s@y.example", recipients, arrived, "later")


@dataclass
class Scripted:
    """A relay whose queue changes with every look; an error in the script is raised."""

    looks: list
    told: list = field(default_factory=list)
    drains: list = field(default_factory=list)
    can_count: bool = True
    asked: int = 0

    async def queue(self):
        found = self.looks[min(self.asked, len(self.looks) - 1)]
        self.asked += 1
        if isinstance(found, Exception):
            raise found
        return found

    async def drain(self, domains):
        found = self.drains.pop(0) if self.drains else "asked"
        if isinstance(found, Exception):
            raise found
        return found

    async def fates(self, ids):
        return [f for f in self.told if f.queue_id in ids]


def drained(relay, **args):
    """The outcome."""
    clock = FakeClock()
    services = SimpleNamespace(clock=clock, relays={"r": relay}, domains={"x.example": 1})
    return asyncio.run(Drain().perform(DrainArgs(relay="r", **args), services, STEP))


def test_a_recipient_that_left_the_queue_earlier_is_counted() -> None:
    """``postqueue`` lists only those that are left."""
    relay = Scripted(
        [[mail("Q1", "a@x.example", "b@x.example")], [mail("Q1", "b@x.example")], []],
        [MailFate("Q1", "a@x.example", "sent"), MailFate("Q1", "b@x.example", "bounced", "(550)")],
    )
    found = drained(relay).outputs
    assert (found["seen"], found["recipients"], found["sent"], found["bounced"], found["unaccounted"]) == (
        1,
        2,
        1,
        1,
        0,
    )
    assert found["by_name"] == ["Q1 to b@x.example: bounced (550)"]


def test_strangers_mail_is_not_ours() -> None:
    """Messages for others are neither waited for nor counted; of a shared message only our recipients are."""
    relay = Scripted(
        [
            [mail("Q1", "a@x.example", "z@other.example"), mail("Q2", "z@other.example")],
            [mail("Q2", "z@other.example")],
        ],
        [MailFate("Q1", "a@x.example", "sent")],
    )
    found = drained(relay)
    assert found.outputs["recipients"] == found.outputs["sent"] == 1 and found.changed


@pytest.mark.parametrize("trouble", [Transient("no answer"), InDoubt("it did not end in 10 s")])
def test_a_relay_that_does_not_answer_once_is_asked_again(trouble) -> None:
    """And its silence is not an empty queue."""
    relay = Scripted(
        [trouble, trouble, [mail("Q1", "a@x.example")], []], [MailFate("Q1", "a@x.example", "sent")], [trouble]
    )
    assert drained(relay).outputs["sent"] == 1


def test_a_relay_that_never_answers_is_not_empty() -> None:
    """The step fails, and says why."""
    with pytest.raises(Transient, match="does not say what it holds: no answer") as caught:
        drained(Scripted([Transient("no answer")]), timeout="10s")
    assert "bcp resume" in caught.value.hint


def test_what_stays_is_named() -> None:
    """Id, recipient, reason, and the last trouble."""
    with pytest.raises(Transient, match=r"1 message.* Q1 for a@x.example \(later\); the last request failed: busy"):
        drained(Scripted([[mail("Q1", "a@x.example")]], drains=[Transient("busy")]), timeout="10s")


def test_quiet_time_starts_anew_with_every_late_mail() -> None:
    """Late senders still use the old MX."""
    relay = Scripted([[], [], [mail("Q1", "a@x.example")], [], [], [], [], []], [MailFate("Q1", "a@x.example", "sent")])
    found = drained(relay, quiet="6s", ask_every="2s")
    assert found.outputs["sent"] == 1 and relay.asked >= 6


def test_nothing_was_there() -> None:
    """Unchanged."""
    assert not drained(Scripted([[]])).changed


def test_a_relay_that_cannot_count_is_asked_and_said() -> None:
    """Never an account made up."""
    relay = Scripted([[]], can_count=False)
    with pytest.raises(Permanent, match="cannot say what it holds"):
        drained(relay)


def test_plan_says_what_it_knows() -> None:
    """Not zero where nobody looked."""

    def notes(relay):
        services = SimpleNamespace(clock=FakeClock(), relays={"r": relay}, domains={"x.example": 1})
        return asyncio.run(Drain().plan(DrainArgs(relay="r"), services, STEP)).notes[0]

    assert notes(Scripted([[mail("Q1", "a@x.example")]])) == "r holds 1 message(s) for us"
    assert "not known" in notes(Scripted([Transient("no answer")]))
    assert "cannot say" in notes(Scripted([[]], can_count=False))


def test_unknown_relay() -> None:
    """Did you mean."""
    with pytest.raises(Invalid, match="no relay"):
        asyncio.run(Drain().plan(DrainArgs(relay="x"), SimpleNamespace(relays={"r": 1}, domains={}), STEP))
