"""``manual``: what a person is asked to enter, word by word, and the suite with a person who does it."""

from __future__ import annotations

import asyncio
import threading

import dns.message
import dns.rdataset
import dns.rdatatype
import pytest
from pydantic import ValidationError

from bcp.contracts.dns import MxHost, MxSet, Permission, Sent, SentState, SwapOrder, Writer
from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.plugins.dns.manual import FORMS, PLUGIN, Manual, ManualSettings, policy, words
from bcp.testing.clock import FakeClock
from bcp.testing.dns import DnsSuite

OLD = MxSet((MxHost(0, "corp-test.mail.protection.outlook.test."),), 3600)
NEW = MxSet((MxHost(10, "mx.backup.test."), MxHost(20, "mx2.backup.test.")), 300)


def settings(**more) -> ManualSettings:
    return ManualSettings.model_validate({"kind": "manual", **more})


class TestSuite(DnsSuite):
    """Every promise, with a person who looks at the form and then enters what they were asked to."""

    can_throttle = can_fail = can_lose = can_deny = False
    writers = 4

    def setup_method(self) -> None:
        super().setup_method()
        self.zones = {
            d: Zone(d, [("@", 3600, "MX", ["10 primary.out.test."]), ("@", 60, "NS", [f"ns1.{d}."])])
            for d in self.domains
        }
        self.loop, self.port = asyncio.new_event_loop(), free_port("127.0.0.1")
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = NameServer(list(self.zones.values()), {})
        asyncio.run_coroutine_threadsafe(self.server.start(["127.0.0.1"], self.port), self.loop).result(120)

    def teardown_method(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(120)
        self.loop.call_soon_threadsafe(self.loop.stop)
        super().teardown_method()

    def make(self) -> Writer:
        suite = self

        class Entered(Manual):
            """A person saves exactly what the request says, where what stands there is what it speaks of."""

            async def swap(self, orders):
                return [await self.save(o) for o in orders]

            async def save(self, order: SwapOrder) -> Sent:
                await asyncio.sleep(0)
                there = await suite.served(order.domain)
                if there is None:
                    return Sent(order.domain, SentState.REFUSED, "zone", "the form has no such domain")
                if not order.old.same(there):
                    return Sent(order.domain, SentState.STALE)
                await suite.put(order.domain, order.new)
                return Sent(order.domain, SentState.ACCEPTED)

        at = [f"127.0.0.1:{self.port}"]
        given = settings(authoritative=at, resolvers=at, timeout="30s")
        return Entered("main", given, FakeClock(), {})

    async def put(self, domain: str, mx: MxSet) -> None:
        zone = self.zones[domain]
        zone.sets[(zone.name, dns.rdatatype.MX)] = dns.rdataset.from_text(
            "IN", "MX", mx.ttl_s, *(str(h) for h in mx.hosts)
        )
        zone.serial += 1

    async def served(self, domain: str) -> MxSet | None:
        from bcp.kit.dns_read import mx_of

        wire = self.server.answer(dns.message.make_query(domain, "MX").to_wire())
        return mx_of(dns.message.from_wire(wire), domain)

    def changes(self, domain: str) -> int | None:
        return self.zones[domain].serial


def test_the_request_says_exactly_what_to_enter_in_an_order_that_never_leaves_no_mx() -> None:
    given = settings(registrar="IONOS", url="https://my.ionos.example", account="4711, password safe: DNS")
    text = words([SwapOrder("corp.test", OLD, NEW)], given, {"corp.test": "corp.test"})
    assert text.splitlines() == [
        "Log in at IONOS (https://my.ionos.example), account: 4711, password safe: DNS; "
        "go to: Domains & SSL, the domain, DNS.",
        "corp.test: add first, and save:",
        "  Type: MX | Host name: @ | Points to: mx.backup.test | Priority: 10 | TTL: 300 seconds",
        "  Type: MX | Host name: @ | Points to: mx2.backup.test | Priority: 20 | TTL: 300 seconds",
        "  then delete: MX 0 corp-test.mail.protection.outlook.test",
        "Say yes when it is saved. It counts when every name server serves it.",
    ]


@pytest.mark.parametrize("registrar", ["", "Somebody's", *FORMS])
def test_every_form_names_every_field(registrar) -> None:
    """Each field once a record; a name below the zone is written as forms want it."""
    text = words([SwapOrder("a.corp.test", OLD, NEW)], settings(registrar=registrar), {"a.corp.test": "corp.test"})
    form = FORMS.get(registrar)
    for part in (form.where, form.host, form.value, form.priority, form.ttl) if form else ("Host: a ", "Value: "):
        assert part in text
    assert text.index("add first") < text.index("then delete") and ": a |" in text


def test_records_that_stay_are_not_deleted_and_a_wildcard_is_left_alone() -> None:
    both = MxSet((*OLD.hosts, *NEW.hosts), 300)
    assert "then delete" not in words([SwapOrder("corp.test", OLD, both)], settings(), {})
    assert "then delete" not in words([SwapOrder("a.corp.test", OLD, NEW, wildcard="*.corp.test")], settings(), {})


def test_nothing_is_ever_sent_and_nothing_is_said_to_be_proven() -> None:
    async def work() -> None:
        writer = Manual("main", settings(who=["alice"]), FakeClock(), {})
        (sent,) = await writer.swap([SwapOrder("corp.test", OLD, NEW)])
        assert sent.state is SentState.REFUSED and sent.code == "by-hand"
        (proof,) = await writer.prove([SwapOrder("corp.test", OLD, NEW)])
        assert proof.permission is Permission.CANNOT_SAY and "alice" in proof.message
        hands = writer.capabilities.by_hand
        assert hands is not None and hands.who == ("alice",) and hands.escalate == ("group:oncall",)

    asyncio.run(work())


@pytest.mark.parametrize("bad", [{"who": []}, {"escalate": []}, {"remind": 5}, {"password": "x"}])
def test_settings_that_could_not_work_are_refused(bad) -> None:
    with pytest.raises(ValidationError):
        settings(**bad)


def test_the_policy_is_what_the_persons_account_should_be() -> None:
    text = policy(settings(registrar="IONOS", who=["anna", "group:dns"]), {"a.b.test": "b.test", "c.test": ""})
    assert "at IONOS" in text and "(anna, group:dns)" in text and "records of b.test, c.test" in text
    assert "at the registrar" in policy(settings(), {"c.test": "c.test"}) and PLUGIN.policy is policy
