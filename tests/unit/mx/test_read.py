"""Gathering facts: everything is asked, side by side, and what cannot be read is a fact too."""

from __future__ import annotations

import asyncio
import hashlib
from types import SimpleNamespace

import pytest
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from unit.mx.worlds import DOMAIN, NOW, OTHER, PRIMARY, RELAY, RELAY_HOST

from bcp.contracts.dns import (
    Accepted,
    Answer,
    Capabilities,
    Chain,
    Delegation,
    Domain,
    HostFacts,
    Inside,
    MxHost,
    MxSet,
    Permission,
    Proof,
    Reading,
    Signed,
    StsPolicy,
    SwapOrder,
    Trouble,
    Warmth,
)
from bcp.contracts.relay import RelayProbe
from bcp.kernel.errors import Invalid, Transient
from bcp.mx.converge import SILENCE_S, Seen, compare, converge
from bcp.mx.facts import Way
from bcp.mx.read import by_back_end, gather, read_all, shown_of
from bcp.testing.clock import FakeClock


class FakeDns:
    """A host whose every answer is set by the test; ``fails`` names methods that raise."""

    def __init__(self, name="main", **answers) -> None:
        self.name, self.fails, self.asked, self.capabilities = name, set(), [], Capabilities(calls_a_zone=4)
        self.served = {"192.0.2.1": PRIMARY}
        self.records: tuple[str, ...] = ()
        self.texts: dict[str, tuple[str, ...]] = {}
        self.__dict__.update(answers)

    def _note(self, method, what):
        self.asked.append((method, what))
        if method in self.fails:
            raise Transient(f"{method} fails")

    async def read(self, domains):
        self._note("read", tuple(domains))
        return [Reading(d, d, PRIMARY) for d in domains]

    async def prove(self, orders):
        self._note("prove", len(orders))
        return [Proof(o.domain, Permission.ALLOWED, self.name) for o in orders]

    async def answers(self, domains):
        self._note("answers", tuple(domains))
        return [
            Answer(d, a, m, 0, True, "" if m else "no answer", Trouble.NONE if m else Trouble.SILENT)
            for d in domains
            for a, m in self.served.items()
        ]

    async def delegations(self, domains):
        self._note("delegations", tuple(domains))
        return [Delegation(d, ("ns.test.",)) for d in domains]

    async def signed(self, domains):
        self._note("signed", tuple(domains))
        return [Signed(Chain.SECURE) for _ in domains]

    async def mta_sts(self, domain):
        self._note("mta_sts", domain)
        return StsPolicy(True, "testing", ("x.test",))

    async def look_up(self, host):
        self._note("look_up", host)
        return HostFacts(host, ("192.0.2.9",))

    async def text(self, name):
        self._note("text", name)
        return self.texts.get(name, ())

    async def tlsa(self, host):
        self._note("tlsa", host)
        return self.records

    async def warm(self, domains):
        self._note("warm", tuple(domains))
        return Warmth(credential_ends=NOW + 5 if self.name == "main" else None)


class FakeRelay:
    mx = RELAY.hosts

    def __init__(self, *probes, fails=False) -> None:
        self.probes, self.fails = probes, fails

    async def probe(self, domain, recipient):
        if self.fails:
            raise Transient("away")
        return list(self.probes)


def world(dns=None, relays=None, **more):
    domains = {
        DOMAIN: Domain(DOMAIN, "main", PRIMARY),
        "two.test": Domain("two.test", "second"),
        "three.test": Domain("three.test", "main"),
    }
    found = {"main": dns or FakeDns(), "second": FakeDns("second")}
    more = {"accepted": None, "inside": None} | more
    return SimpleNamespace(
        domains=domains, dns=found, relays=relays or {"mx-backup": FakeRelay()}, clock=FakeClock(NOW), dry=False, **more
    )


def facts_of(services, way=Way.TO_RELAY, domains=(DOMAIN, "two.test")):
    orders = [SwapOrder(d, PRIMARY, RELAY) for d in domains]
    readings = {d: Reading(d, d, PRIMARY) for d in domains}
    return asyncio.run(gather(orders, readings, services, way))


def test_domains_are_grouped_by_their_host_in_order() -> None:
    assert by_back_end(["three.test", "two.test", DOMAIN], world()) == {
        "main": ["three.test", DOMAIN],
        "second": ["two.test"],
    }
    with pytest.raises(Invalid, match=r"'corp.tset' is not in bcp.yaml") as caught:
        by_back_end(["corp.tset"], world())
    assert "corp.test" in caught.value.hint


def test_readings_come_in_the_order_asked_whoever_holds_them() -> None:
    services = world()
    assert [r.domain for r in asyncio.run(read_all(["three.test", "two.test", DOMAIN], services))] == [
        "three.test",
        "two.test",
        DOMAIN,
    ]
    assert services.dns["main"].asked == [("read", ("three.test", DOMAIN))]
    assert asyncio.run(read_all([], services)) == []


def test_every_fact_is_gathered_from_the_host_that_knows_it() -> None:
    services = world()
    found = facts_of(services)
    first, second = found.domains
    assert (first.order.domain, first.dns, first.primary, first.proof.message) == (DOMAIN, "main", PRIMARY, "main")
    assert (second.order.domain, second.dns, second.primary, second.proof.message) == (
        "two.test",
        "second",
        None,
        "second",
    )
    assert (
        [a.domain for a in first.answers] == [DOMAIN]
        and first.delegation.zone == DOMAIN
        and first.signed.chain is Chain.SECURE
    )
    assert first.sts.mode == "testing" and first.reading.domain == DOMAIN and first.way is Way.TO_RELAY
    assert set(found.hosts) == {"main", "second"} and found.credential_ends == {"main": NOW + 5} and found.now == NOW
    assert (
        list(found.targets) == [RELAY_HOST]
        and found.targets[RELAY_HOST].ours
        and found.targets[RELAY_HOST].found.addresses
    )


def test_on_the_way_back_no_policy_is_fetched() -> None:
    services = world()
    assert facts_of(services, Way.BACK).domains[0].sts == StsPolicy()
    assert not [a for a in services.dns["main"].asked if a[0] == "mta_sts"]


@pytest.mark.parametrize("method", ["prove", "answers", "delegations", "signed", "mta_sts", "look_up", "tlsa"])
def test_what_cannot_be_read_is_a_fact_and_ends_nothing(method) -> None:
    services = world()
    services.dns["main"].fails = {method}
    found = facts_of(services, domains=(DOMAIN,))
    (d,), target = found.domains, found.targets[RELAY_HOST]
    seen = {
        "prove": d.proof is None,
        "answers": d.answers == (),
        "delegations": d.delegation is None,
        "signed": d.signed == Signed(),
        "mta_sts": d.sts.unasked == "mta_sts fails",
        "look_up": target.found.trouble is Trouble.ERROR and target.found.problem == "look_up fails",
        "tlsa": target.tlsa_problem == "tlsa fails",
    }
    assert seen[method] and sum(seen.values()) == 1


def test_a_target_is_looked_up_once_for_all_domains() -> None:
    services = world()
    facts_of(services, domains=(DOMAIN, "three.test"))
    assert [a for a in services.dns["main"].asked if a[0] == "look_up"] == [("look_up", RELAY_HOST)]


def test_the_relay_is_asked_for_its_certificate_only_where_there_are_records() -> None:
    relay = FakeRelay(
        RelayProbe("192.0.2.9:25", True, tls="ok", spki_sha256="ab", host=RELAY_HOST),
        RelayProbe("192.0.2.8:25", True, tls="ok", host="other."),
        RelayProbe("192.0.2.7:25", False),
    )
    assert facts_of(world(relays={"r": relay})).targets[RELAY_HOST].shown == ()
    dns = FakeDns(records=("3 1 1 ab",))
    shown = facts_of(world(dns, {"r": relay}), domains=(DOMAIN,)).targets[RELAY_HOST].shown
    assert [s.address for s in shown] == ["192.0.2.9:25"] and shown[0].chain[0].spki_sha256 == "ab"
    away = facts_of(world(dns, {"r": FakeRelay(fails=True)}), domains=(DOMAIN,)).targets[RELAY_HOST]
    assert away.shown == () and away.ours
    none = facts_of(world(dns, {"r": SimpleNamespace(mx=())}), domains=(DOMAIN,)).targets[RELAY_HOST]
    assert none.shown == () and not none.ours


def test_a_probe_becomes_what_the_dane_rules_see(tmp_path) -> None:
    from cryptography import x509
    from unit.mx.test_sts import certificate

    certificate(tmp_path)
    found = x509.load_pem_x509_certificate((tmp_path / "server.pem").read_bytes())
    der, spki = (
        found.public_bytes(Encoding.DER),
        found.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo),
    )
    shown = shown_of(RelayProbe("a", True, tls="ok", chain=(der, b"no certificate")))
    assert shown.tls and shown.names_host and [c.der for c in shown.chain] == [der, b"no certificate"]
    assert [c.spki for c in shown.chain] == [spki, b""]
    other = shown_of(
        RelayProbe("a", True, tls="certificate does not name relay", spki_sha256=hashlib.sha256(spki).hexdigest())
    )
    assert other.tls and not other.names_host and other.chain[0].spki_sha256
    assert not shown_of(RelayProbe("a", True, tls="none")).tls and not shown_of(RelayProbe("a", True)).tls


# -- converge --------------------------------------------------------------------------------------------------------


def test_answers_are_compared_with_what_was_written() -> None:
    answers = [
        Answer(DOMAIN, "a", RELAY, 0, True),
        Answer(DOMAIN, "b", OTHER, 0, True),
        Answer(DOMAIN, "c", None, 0, True),
        Answer(DOMAIN, "d", None, problem="no answer in time"),
        Answer(DOMAIN, "e", MxSet(RELAY.hosts, 1)),
    ]
    seen = compare(answers, {DOMAIN: RELAY})
    assert seen.lagging == (f"b serves {OTHER} for corp.test", "c serves no MX for corp.test")
    assert seen.unverified == ("d: no answer in time",) and not seen.everywhere
    assert compare(answers[:1], {DOMAIN: RELAY}) == Seen() and Seen().everywhere
    assert not Seen(("x",)).everywhere and not Seen((), ("x",)).everywhere


def wait(services, patience=30.0):
    return asyncio.run(converge({DOMAIN: RELAY}, patience, services)), services.clock.monotonic()


def test_it_waits_until_every_address_serves_it() -> None:
    class Late(FakeDns):
        async def answers(self, domains):
            if len(self.asked) >= 4:
                self.served = {"192.0.2.1": RELAY}
            return await super().answers(domains)

    services = world(Late())
    seen, waited = wait(services)
    assert seen.everywhere and 0.5 < waited < 2 and len(services.dns["main"].asked) == 5


def test_who_lags_to_the_end_is_named() -> None:
    seen, waited = wait(world(), 10.0)
    assert seen.lagging == (f"192.0.2.1 serves {PRIMARY} for corp.test",) and 10 <= waited < 11.5


def test_a_silent_server_is_not_waited_for_to_the_end() -> None:
    """Mail does not wait for it; a lagging one beside it does count."""
    services = world(FakeDns(served={"a": RELAY, "b": None}))
    seen, waited = wait(services)
    assert seen == Seen((), ("b: no answer",)) and SILENCE_S <= waited < SILENCE_S + 1.5
    assert wait(world(FakeDns(served={"a": PRIMARY, "b": None})), 10.0)[1] >= 10
    assert wait(world(FakeDns(served={"b": None})), 1.0)[1] < 2


def test_a_dry_run_asks_once_and_calls_nobody_late() -> None:
    services = world(FakeDns(served={"a": PRIMARY, "b": None}))
    services.dry = True
    seen, waited = wait(services)
    assert seen == Seen((), ("b: no answer",)) and waited == 0 and len(services.dns["main"].asked) == 1


def test_mx_hosts_order_does_not_matter() -> None:
    both = (MxHost(10, "a.test."), MxHost(20, "b.test."))
    assert compare([Answer(DOMAIN, "a", MxSet(both[::-1], 5))], {DOMAIN: MxSet(both, 300)}) == Seen()


def test_marks_of_infrastructure_as_code_are_looked_for_and_the_configuration_wins() -> None:
    marked = {f"_owner.MX.{DOMAIN}": ("*octodns*",)}
    order = SwapOrder(DOMAIN, PRIMARY, RELAY)
    readings = {DOMAIN: Reading(DOMAIN, DOMAIN, PRIMARY)}

    def tools(dns, way=Way.TO_RELAY, **more):
        services = world(dns)
        if more:
            services.domains[DOMAIN] = Domain(DOMAIN, "main", PRIMARY, **more)
        found = asyncio.run(gather([order], readings, services, way))
        return found.domains[0].managed_by

    assert tools(FakeDns(texts=marked)) == ("octodns",)
    assert tools(FakeDns()) == ()
    assert tools(FakeDns(fails={"text"}, texts=marked)) == (), "who does not answer is no mark"
    assert tools(FakeDns(texts=marked), managed_by="terraform") == ("terraform",)
    asked = FakeDns(texts=marked)
    assert tools(asked, Way.BACK) == () and not [a for a in asked.asked if a[0] == "text"]


def test_a_fleet_is_not_asked_for_marks(monkeypatch) -> None:
    """Three look-ups a domain would be more than all the rest."""
    from bcp.mx import read

    monkeypatch.setattr(read, "MARKED", 0)
    dns = FakeDns(texts={f"_owner.MX.{DOMAIN}": ("*octodns*",)})
    services = world(dns)
    readings = {DOMAIN: Reading(DOMAIN, DOMAIN, PRIMARY)}
    found = asyncio.run(gather([SwapOrder(DOMAIN, PRIMARY, RELAY)], readings, services, Way.TO_RELAY))
    assert found.domains[0].managed_by == ()


def test_resolvers_inside_are_asked_on_the_way_out_and_each_domain_gets_what_is_its_own() -> None:
    class View:
        async def look(self, domains):
            return [Inside(d, n, PRIMARY if n == "a" else None) for n in "ab" for d in domains]

    out = facts_of(world(inside=View()))
    assert [[(i.resolver, i.domain) for i in d.inside] for d in out.domains] == [
        [("a", n), ("b", n)] for n in (d.order.domain for d in out.domains)
    ]
    assert [d.inside for d in facts_of(world(inside=View()), Way.BACK).domains] == [(), ()]
    assert facts_of(world()).domains[0].inside == ()


def test_what_the_tenant_accepts_goes_with_every_domain_of_the_configuration() -> None:
    out = facts_of(world(accepted=Accepted(("x.test",), "a.csv")))
    assert out.accepted == Accepted(("x.test",), "a.csv") and out.ours == (DOMAIN, "two.test", "three.test")
    assert facts_of(world()).accepted is None
