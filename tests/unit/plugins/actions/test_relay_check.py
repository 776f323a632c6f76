"""``relay.check``: would the relay take our mail now?"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace

import pytest

from bcp.contracts.action import StepInfo
from bcp.contracts.relay import QueuedMail, RelayProbe
from bcp.kernel.errors import Invalid, Transient
from bcp.plugins.actions.relay_check import RelayCheck, RelayCheckArgs

STEP = StepInfo("check", "run/check#0")
GOOD = RelayProbe("192.0.2.9:25", True)


class Relay:
    def __init__(self, *probes, held=0, can_count=True) -> None:
        self.probes, self.held, self.can_count, self.asked = probes, held, can_count, []

    async def probe(self, domain, recipient):
        self.asked.append(domain)
        return list(self.probes)

    async def queue(self):
        return [QueuedMail(str(i), "", (), 0.0) for i in range(self.held)]


def plan(asked_of, **args):
    services = SimpleNamespace(relays={"mx-backup": asked_of}, domains={"one.test": None, "two.test": None})
    action = RelayCheck()
    given = RelayCheckArgs(**{"relay": "mx-backup", **args})
    return asyncio.run(action.plan(given, services, STEP)), lambda: asyncio.run(action.perform(given, services, STEP))


def test_a_relay_that_takes_mail_for_every_domain_is_ready() -> None:
    relay = Relay(GOOD, GOOD, held=3)
    found, perform = plan(relay)
    assert found.refusals == () and found.notes == ("mx-backup accepts at 4 addresses, 3 queued",)
    assert relay.asked == ["one.test", "two.test"] and perform().outputs == {
        "accepts": True,
        "open_relay": False,
        "queued": 3,
    }


def test_one_address_that_does_not_take_it_refuses() -> None:
    """Safety item 26: a sender may choose any address."""
    found, perform = plan(Relay(GOOD, RelayProbe("192.0.2.8:25", False, message="450 later")))
    (refusal,) = found.refusals
    assert (
        refusal.rule == "relay-not-ready"
        and not refusal.overridable
        and "192.0.2.8:25 does not take mail for one.test: 450 later" in refusal.message
    )
    with pytest.raises(Transient):
        perform()


def at(host, code=250, *, accepts=None):
    """An address of a host; 0: nobody answers."""
    return RelayProbe(f"{host}:25", code == 250 if accepts is None else accepts, code=code, message="said", host=host)


def test_of_two_relays_one_may_be_dead_and_is_named() -> None:
    """Senders pass over a host that does not answer."""
    found, _ = plan(Relay(at("a."), at("b.", 0)), domains=["one.test"])
    assert found.refusals == ()
    assert found.notes == (
        "mx-backup accepts at 1 address, 0 queued; b does not answer, the other hosts take its mail",
    )


@pytest.mark.parametrize(
    "probes",
    [
        (at("a."), at("b.", 450)),  # it answers: mail for it waits, or bounces
        (at("a.", 0), at("b.", 0)),
        (at("a."), at("a.", 0)),  # another address of the same host
        (at("a."), at("c.", 450), at("b.", 0)),
    ],
)
def test_what_senders_do_not_pass_over_refuses(probes) -> None:
    assert plan(Relay(*probes))[0].refusals[0].rule == "relay-not-ready"


def test_what_must_be_believed_is_said() -> None:
    """A service of somebody else's."""
    relay = Relay(GOOD)
    relay.on_its_word = ("it keeps mail for 5 days",)
    (note,) = plan(relay, domains=["one.test"])[0].notes
    assert note.endswith("; taken on its word: it keeps mail for 5 days")


def test_an_open_relay_is_refused_and_may_be_overridden() -> None:
    """It would be on every block list before the outage is over."""
    (refusal,) = plan(Relay(GOOD, RelayProbe("192.0.2.8:25", True, True)))[0].refusals
    assert refusal.rule == "relay-open" and refusal.overridable


def test_a_relay_that_cannot_count_says_no_number() -> None:
    found, _ = plan(Relay(GOOD, can_count=False), domains=["one.test"])
    assert found.notes == ("mx-backup accepts at 1 address",) and found.outputs["queued"] == -1


def test_an_unknown_relay_is_our_input() -> None:
    with pytest.raises(Invalid, match="no relay 'mx-bakcup'"):
        plan(Relay(GOOD), relay="mx-bakcup")
