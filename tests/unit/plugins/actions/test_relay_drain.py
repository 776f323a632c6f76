"""Draining: patient, counted by recipient, and never sure of what the relay did not say."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.drain import NoDrains
from bcp.contracts.relay import MailFate, QueuedMail
from bcp.contracts.services import Drained, NoBooks
from bcp.kernel.errors import InDoubt, Invalid, Permanent, Transient
from bcp.plugins.actions.relay_drain import Drain, DrainArgs
from bcp.testing.clock import FakeClock

STEP = StepInfo("drain", "run/drain#0")
QUIET = {"run": SimpleNamespace(started=0.0, id="run"), "books": NoBooks(), "drains": NoDrains()}


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
    services = SimpleNamespace(**QUIET, clock=clock, relays={"r": relay}, domains={"x.example": 1})
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
        services = SimpleNamespace(**QUIET, clock=FakeClock(), relays={"r": relay}, domains={"x.example": 1})
        return asyncio.run(Drain().plan(DrainArgs(relay="r"), services, STEP)).notes[0]

    assert notes(Scripted([[mail("Q1", "a@x.example")]])) == "r holds 1 message(s) for us"
    assert "not known" in notes(Scripted([Transient("no answer")]))
    assert "cannot say" in notes(Scripted([[]], can_count=False))


def test_unknown_relay() -> None:
    """Did you mean."""
    with pytest.raises(Invalid, match="no relay"):
        asyncio.run(Drain().plan(DrainArgs(relay="x"), SimpleNamespace(relays={"r": 1}, domains={}), STEP))


# -- exactly what is asked, when, and what is handed on ----------------------------------------------------------------


def services_of(relay, clock=None, domains=("x.example",)):
    return SimpleNamespace(**QUIET, clock=clock or FakeClock(), relays={"r": relay}, domains=dict.fromkeys(domains, 1))


@dataclass
class Diary(Scripted):
    """A relay that writes down when it was asked for what."""

    clock: FakeClock = field(default_factory=FakeClock)
    asks: list = field(default_factory=list)
    ids: list = field(default_factory=list)

    async def drain(self, domains):
        self.asks.append((self.clock.steady, list(domains)))
        return await super().drain(domains)

    async def fates(self, ids):
        self.ids.append(list(ids))
        return await super().fates(ids)


def run(relay, configured=("x.example",), **args):
    given = DrainArgs(relay="r", **args)
    return asyncio.run(Drain().perform(given, services_of(relay, relay.clock, configured), STEP))


def test_delivery_is_asked_for_our_domains_until_nothing_is_left() -> None:
    """At each look that finds something; of those that are named, or of all that are configured."""
    one = [mail("Q1", "a@x.example")]
    relay = Diary([one, one, []])
    run(relay, ("x.example", "y.example"))
    assert relay.asks == [(0.0, ["x.example", "y.example"]), (2.0, ["x.example", "y.example"])]
    relay = Diary([one, []])
    run(relay, ("x.example", "y.example"), domains=["x.example"], ask_every="7s")
    assert relay.asks == [(0.0, ["x.example"])] and relay.clock.steady == 7.0 and relay.ids == [["Q1"]]


def test_domains_that_are_named_are_waited_for_and_no_others() -> None:
    """However they are written."""
    relay = Diary([[mail("Q1", "a@y.example"), mail("Q2", "B@X.EXAMPLE")], []], [MailFate("Q2", "b@x.example", "sent")])
    found = run(relay, ("x.example", "y.example"), domains=["X.example"])
    assert (found.outputs["seen"], found.outputs["sent"]) == (1, 1)


def test_nothing_is_asked_of_an_empty_queue_nor_of_one_that_is_not_told() -> None:
    """It is looked at again."""
    relay = Diary([Transient("busy"), []])
    run(relay)
    assert relay.asks == [] and relay.clock.steady == 2.0


@pytest.mark.parametrize(("quiet", "looks", "ends"), [("0s", 1, 0.0), ("4s", 3, 4.0), ("3s", 3, 4.0)])
def test_it_is_over_when_it_was_quiet_for_long_enough(quiet, looks, ends) -> None:
    """Counted from the first empty look."""
    relay = Diary([[]])
    run(relay, quiet=quiet, ask_every="2s")
    assert (relay.asked, relay.clock.steady) == (looks, ends)


def test_a_queue_that_is_not_told_interrupts_the_quiet() -> None:
    """Silence is not *nothing*."""
    relay = Diary([[], Transient("busy"), []])
    run(relay, quiet="2s", ask_every="2s")
    assert relay.asked == 4


def test_the_time_is_over_exactly_then() -> None:
    """With what is left, five of them at most."""
    many = [mail(f"Q{n}", f"a{n}@x.example", "z@y.example") for n in range(7)]
    relay = Diary([many])
    with pytest.raises(Transient) as caught:
        run(relay, timeout="10s", ask_every="2s")
    assert relay.clock.steady == 10.0 and len(relay.asks) == 5
    text = str(caught.value)
    assert text.startswith("7 message(s) are still in the queue of r: Q0 for a0@x.example, z@y.example (later), Q1")
    assert "Q4" in text and "Q5" not in text and "request failed" not in text
    assert "bcp resume" in caught.value.hint


def test_what_was_quiet_in_time_is_done_even_at_the_last_moment() -> None:
    """And what was not quiet for long enough is late, with nothing in the queue."""
    relay = Diary([[mail("Q1", "a@x.example")], []], [MailFate("Q1", "a@x.example", "sent")])
    assert run(relay, timeout="2s", ask_every="2s").outputs["sent"] == 1
    with pytest.raises(Transient, match=r"^the queue of r is empty, but not yet for 1m \(quiet:\)") as caught:
        run(Diary([[]]), timeout="4s", quiet="60s", ask_every="2s")
    assert "bcp resume" in caught.value.hint


def test_the_account_is_whole() -> None:
    """Every number, and by name those that did not get it, a thousand at most."""
    people = [f"p{n}@x.example" for n in range(1003)]
    relay = Diary(
        [[mail("Q1", *people)], []], [MailFate("Q1", "p0@x.example", "sent"), MailFate("Q1", "p1@x.example", "expired")]
    )
    found = run(relay)
    assert {k: v for k, v in found.outputs.items() if k != "by_name"} == {
        "seen": 1,
        "recipients": 1003,
        "sent": 1,
        "bounced": 1,
        "unaccounted": 1001,
        "left": 0,
        "arrivals": [1.0],
    }
    assert len(found.outputs["by_name"]) == 1000 and found.changed is True
    assert found.outputs["by_name"][0] == "Q1 to p1@x.example: expired"
    assert found.summary.startswith("1003 recipient(s) of 1 message(s): 1 delivered, 1 bounced, 1001 without")


def test_a_relay_that_cannot_count_is_asked_once_and_not_believed() -> None:
    """Nobody knows what became of the mail."""
    relay = Diary([[]], can_count=False)
    with pytest.raises(Permanent, match="cannot say what it holds") as caught:
        run(relay)
    assert relay.asks == [(0.0, ["x.example"])] and relay.asked == 0 and "queue:" in caught.value.hint


def test_a_relay_that_is_not_configured() -> None:
    """With the name that was meant."""
    with pytest.raises(Invalid) as caught:
        asyncio.run(Drain().perform(DrainArgs(relay="rr"), services_of(Diary([[]])), STEP))
    assert "'rr'" in str(caught.value) and "r" in caught.value.hint
    assert asyncio.run(Drain().probe(DrainArgs(relay="r"), services_of(Diary([[]])), STEP)).happened == "no"


@pytest.mark.parametrize(
    ("relay", "waiting", "note"),
    [
        (Scripted([[mail("Q1", "a@x.example"), mail("Q2", "z@y.example")]]), 1, "r holds 1 message(s) for us"),
        (Scripted([Transient("busy")]), 0, "it is not known what r holds: busy"),
        (Scripted([InDoubt("it hung")]), 0, "it is not known what r holds: it hung"),
        (Scripted([[mail("Q1", "a@x.example")]], can_count=False), 0, "r cannot say what it holds"),
    ],
)
def test_a_plan_says_what_waits(relay, waiting, note) -> None:
    """As far as it is known; nothing is asked for."""
    found = asyncio.run(Drain().plan(DrainArgs(relay="r"), services_of(relay), STEP))
    assert found.notes == (note,)
    assert found.outputs == {
        "seen": waiting,
        "sent": waiting,
        "recipients": 0,
        "bounced": 0,
        "unaccounted": 0,
        "left": 0,
        "arrivals": [],
        "by_name": [],
    }


def test_the_domain_of_an_address_is_what_stands_after_its_last_at() -> None:
    """A quoted local part may hold one (RFC 5321, section 4.1.2)."""
    relay = Diary([[mail("Q1", '"a@b"@x.example')], []])
    assert run(relay).outputs["recipients"] == 1


# -- counted by the agent's ledger -----------------------------------------------------------------------------------


@dataclass
class Ledger:
    """What the agent of a relay tells."""

    told: Drained | None
    asked: list = field(default_factory=list)

    def says(self, relay):
        return f"the agent of {relay} accounts for every recipient"

    async def drained(self, relay, domains, run, since):
        self.asked.append((relay, domains, run, since))
        return self.told


def drained_by(ledger):
    """A queue that was never seen full: what came went at once."""
    services = services_of(Scripted([[]]))
    services.books, services.run = ledger, SimpleNamespace(id="run-1", started=50.0)
    return asyncio.run(Drain().perform(DrainArgs(relay="r", timeout="9s", ask_every="1s"), services, STEP))


def test_what_no_look_saw_is_counted_by_the_agent() -> None:
    """Mails that come and go between two looks at the queue."""
    ledger = Ledger(Drained(9, 5, 2, 1, 1, "9 accepted", ("Q1 to a@x.example: bounced",), ("its clock is off",)))
    found = drained_by(ledger)
    counted = {k: found.outputs[k] for k in ("recipients", "sent", "bounced", "unaccounted", "left", "by_name")}
    assert counted == {
        "recipients": 9, "sent": 5, "bounced": 2, "unaccounted": 1, "left": 1,
        "by_name": ["Q1 to a@x.example: bounced"],
    }  # fmt: skip
    assert found.summary == "9 accepted; its clock is off" and found.changed
    assert ledger.asked == [("r", ["x.example"], "run-1", 50.0)]


def test_an_agent_that_is_not_heard_leaves_the_log() -> None:
    found = drained_by(Ledger(None))
    assert (found.outputs["recipients"], found.changed) == (0, False)


def test_a_plan_says_who_counts() -> None:
    services = services_of(Scripted([[]]))
    services.books = Ledger(None)
    found = asyncio.run(Drain().plan(DrainArgs(relay="r"), services, STEP))
    assert found.notes == ("r holds 0 message(s) for us", "the agent of r accounts for every recipient")


@dataclass
class Pair(Scripted):
    """Of two hosts, one is dead."""

    unheard: dict = field(default_factory=lambda: {"relay2.test": "no route"})


def test_a_dead_host_is_named_by_the_plan_and_the_outcome() -> None:
    """What it holds is not known: whoever closes the incident reads it."""
    services = SimpleNamespace(**QUIET, clock=FakeClock(), relays={"r": Pair([[]])}, domains={"x.example": 1})
    made = asyncio.run(Drain().plan(DrainArgs(relay="r"), services, STEP))
    assert "relay2.test does not answer: what it holds is not known" in made.notes[0]
    found = drained(Pair([[]]))
    assert found.outputs["unheard"] == ["relay2.test"] and "what it holds is not known" in found.summary
    assert "unheard" not in drained(Scripted([[]])).outputs


def test_an_agent_that_was_not_heard_is_named_beside_the_hosts() -> None:
    class Books:
        async def drained(self, *given):
            return Drained(1, 1, 0, 0, 0, "1 accepted", unheard=("r@relay1.test",))

    services = SimpleNamespace(
        **{**QUIET, "books": Books()}, clock=FakeClock(), relays={"r": Pair([[]])}, domains={"x.example": 1}
    )
    found = asyncio.run(Drain().perform(DrainArgs(relay="r"), services, STEP))
    assert found.outputs["unheard"] == ["r@relay1.test", "relay2.test"]
