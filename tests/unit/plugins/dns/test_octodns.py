"""octoDNS over a provider class of our own: the promises of a back end, and what careless classes may not do."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import ValidationError
from unit.plugins.dns.octo_provider import SHELVES, HTTPError, MemoryProvider, Shelf

from bcp.contracts.dns import Guard, MxHost, MxSet, Permission, SentState, SwapOrder, SwapState, Trouble, Writer
from bcp.contracts.plugin import Around
from bcp.kernel.clock import SystemClock
from bcp.kernel.secret import Secret
from bcp.mx.facts import DomainFacts, Facts, Way
from bcp.mx.target_rules import promises
from bcp.plugins.dns.octodns import PLUGIN, OctoDns, OctodnsSettings, policy
from bcp.testing.clock import FakeClock
from bcp.testing.dns import DnsSuite
from bcp.testing.dns_stage import mx

CLASSES = "unit.plugins.dns.octo_provider"


def settings(shelf: str, made: str = "MemoryProvider", arguments: dict | None = None, **more) -> OctodnsSettings:
    section = {"class": f"{CLASSES}.{made}", "shelf": shelf, **(arguments or {})}
    given = {"kind": "octodns", "provider": section, "timeout": "2s", **more}
    return OctodnsSettings.model_validate(given)


class Octo(DnsSuite):
    """The host behind the class; the suite itself runs in ``TestSuite``."""

    __test__ = False
    wildcard = "a.shops.one.test"
    can_throttle = can_lose = can_fail = can_deny = True

    def setup_method(self) -> None:
        super().setup_method()
        self.shelf = SHELVES[self.folder.name] = Shelf()
        for d in self.domains:
            self.shelf.zones[d] = {}
            self.shelf.put(d, "", "NS", ttl=60, values=[f"ns1.{d}."])
            self.shelf.put(d, "www", "A", ttl=60, values=["192.0.2.1"])
        more = [{"preference": 10, "exchange": "primary.out.test."}]
        self.shelf.put("one.test", "*.shops", "MX", ttl=3600, values=more)

    def teardown_method(self) -> None:
        del SHELVES[self.folder.name]
        super().teardown_method()

    def clock(self):
        return SystemClock()

    def make(self, token: str = "writer", made: str = "MemoryProvider", arguments=None, **more) -> Writer:
        secret = self.secret(token, f"{token}-s3cret-never-shown")
        given = settings(self.folder.name, made, {"token": secret, **(arguments or {})}, **more)
        return OctoDns("main", given, FakeClock(), {})

    def make_denied(self) -> Writer:
        return self.make("reader")

    def at(self, domain: str) -> tuple[str, str]:
        zone = next((z for z in self.shelf.zones if domain == z or domain.endswith("." + z)), "")
        return zone, "" if domain == zone else domain.removesuffix("." + zone)

    async def put(self, domain: str, mx: MxSet) -> None:
        zone, name = self.at(domain)
        values = [{"preference": h.preference, "exchange": h.host} for h in mx.hosts]
        self.shelf.put(zone, name, "MX", ttl=mx.ttl_s, values=values)

    async def served(self, domain: str) -> MxSet | None:
        zone, name = self.at(domain)
        data = self.shelf.zones.get(zone, {}).get((name, "MX"))
        if data is None:
            return None
        return MxSet(tuple(MxHost(v["preference"], v["exchange"]) for v in data["values"]), data["ttl"])

    async def lose_answer(self) -> None:
        self.shelf.lose = 1

    async def throttle(self) -> None:
        self.shelf.throttle = 1

    async def fail_at(self, domain: str) -> None:
        self.shelf.failing = {domain}

    def changes(self, domain: str) -> int | None:
        return self.shelf.changes[self.at(domain)[0]]


class TestSuite(Octo):
    """Every promise of a back end."""

    __test__ = True


class TestOctodns(Octo):
    """What is octoDNS' own."""

    __test__ = True
    for _name in [n for n in dir(DnsSuite) if n.startswith("test_")]:
        locals()[_name] = None

    @pytest.mark.parametrize(
        ("made", "code", "words"),
        [("HastyProvider", "deletes-first", "no MX at all"), ("WholeProvider", "rewrites-zone", "whole zone")],
    )
    def test_a_dangerous_class_is_refused_unless_somebody_takes_it(self, made, code, words) -> None:
        async def work() -> None:
            await self.reset()
            before = self.changes("one.test")
            writer = self.make(made=made)
            (proof,) = await writer.prove([self.order("one.test")])
            assert proof.permission is Permission.NOT_ALLOWED and words in proof.message and code in proof.hint
            (sent,) = await writer.swap([self.order("one.test")])
            assert (sent.state, sent.code) == (SentState.REFUSED, code)
            assert self.changes("one.test") == before
            (proof,) = await self.make(made=made, accept=[code]).prove([self.order("one.test")])
            assert proof.permission is Permission.CANNOT_SAY
            (sent,) = await self.make(made=made, accept=[code]).swap([self.order("one.test")])
            assert sent.state is SentState.ACCEPTED

        self.run(work())

    def test_a_class_that_creates_before_it_deletes_is_not_refused(self) -> None:
        (proof,) = self.run(self.make(made="CarefulProvider").prove([self.order("one.test")]))
        assert proof.permission is Permission.CANNOT_SAY

    def test_each_piece_of_work_has_a_fresh_provider_and_the_plan_has_the_whole_zone(self) -> None:
        """What a class cached is not believed, and one that looks at the whole zone finds it."""

        async def work() -> None:
            await self.reset()
            writer = self.make()
            await writer.read(["two.test"])
            await writer.read(["two.test"])
            assert self.shelf.made == 2
            await writer.swap([self.order("two.test")])
            assert self.shelf.desired == [3] and ("www", "A") in self.shelf.zones["two.test"]

        self.run(work())

    def test_a_name_in_a_zone_further_up_is_found_and_an_alias_is_told(self) -> None:
        self.shelf.put("two.test", "mail.eu", "MX", ttl=60, values=[{"preference": 1, "exchange": "x.out.test."}])
        self.shelf.put("two.test", "alias", "CNAME", ttl=60, value="www.two.test.")
        deep, alias = self.run(self.make().read(["mail.eu.two.test", "alias.two.test"]))
        assert deep.zone == "two.test" and str(deep.mx) == "1 x.out.test. (TTL 60)"
        assert deep.name_servers == ("ns1.two.test",)
        assert alias.cname == "www.two.test." and alias.mx is None
        (sent,) = self.run(self.make().swap([self.order("alias.two.test")]))
        assert (sent.state, sent.code) == (SentState.REFUSED, "cname")

    def test_a_named_zone_is_the_only_one_that_is_looked_at(self) -> None:
        writer = OctoDns("main", settings(self.folder.name), FakeClock(), {"a.one.test": "two.test"})
        (reading,) = self.run(writer.read(["a.one.test"]))
        assert reading.zone == "two.test"

    def test_a_class_that_raises_the_ttl_silently_is_not_asked(self) -> None:
        async def work() -> None:
            await self.reset()
            (sent,) = await self.make(arguments={"min_ttl": 600}).swap([self.order("one.test")])
            assert (sent.state, sent.code) == (SentState.REFUSED, "ttl") and "600" in sent.message

        self.run(work())

    def test_a_provider_that_is_set_to_change_nothing_is_told_as_that(self) -> None:
        async def work() -> None:
            await self.reset()
            (sent,) = await self.make(arguments={"apply_disabled": True}).swap([self.order("one.test")])
            assert (sent.state, sent.code) == (SentState.REFUSED, "disabled")

        self.run(work())

    def test_a_provider_that_hangs_is_bounded_in_time_and_does_not_write_later(self) -> None:
        async def work() -> None:
            await self.reset()
            writer = self.make(timeout="50ms")
            self.shelf.hangs, before = True, set(threading.enumerate())
            (reading,) = await writer.read(["one.test"])
            (sent,) = await writer.swap([self.order("one.test")])
            assert reading.trouble is Trouble.SILENT and sent.state is SentState.NOT_SENT
            left = [t for t in threading.enumerate() if t not in before]
            assert len(left) == 2, "it was waited for until it ended"
            self.shelf.go_on.set()
            while any(t.is_alive() for t in left):
                await asyncio.sleep(0.02)
            assert self.before.equal(await self.served("one.test")), "it was written after it was called unsent"

        self.run(work())

    def test_a_write_that_hangs_may_still_come(self) -> None:
        async def work() -> None:
            await self.reset()
            self.shelf.hangs_in_apply = True
            (sent,) = await self.make(timeout="500ms").swap([self.order("one.test")])
            self.shelf.go_on.set()
            assert sent.state is SentState.LOST

        self.run(work())

    @pytest.mark.parametrize(
        ("error", "trouble"),
        [
            (HTTPError(401), Trouble.NOT_ALLOWED),
            (HTTPError(502), Trouble.SILENT),
            (ConnectionError("reset"), Trouble.UNREACHABLE),
            (TimeoutError("slow"), Trouble.SILENT),
            (KeyError("rrsets"), Trouble.ERROR),
            (RecursionError("deep"), Trouble.ERROR),
        ],
    )
    def test_whatever_a_provider_raises_is_an_outcome(self, error, trouble) -> None:
        async def work() -> None:
            self.shelf.error = error
            writer = self.make()
            (reading,) = await writer.read(["one.test"])
            assert reading.trouble is trouble and reading.problem and reading.mx is None
            (sent,) = await writer.swap([self.order("one.test")])
            assert sent.state in {SentState.NOT_SENT, SentState.REFUSED}, "nothing was written"
            (proof,) = await writer.prove([self.order("one.test")])
            assert proof.permission is not Permission.ALLOWED
            assert (await writer.warm(["one.test"])).problems

        self.run(work())

    def test_the_loser_of_two_is_told(self) -> None:
        """There is no compare-and-swap: ours looks again after a while."""

        async def work() -> None:
            await self.reset()
            first, second = self.host(), self.host()
            ends = await asyncio.gather(
                first.swap([self.order("one.test")]),
                second.swap([self.order("one.test", new=mx("other.out.test.", 300))]),
            )
            assert sorted(s.state for (s,) in ends) == [SwapState.APPLIED, SwapState.CONFLICT]

        self.run(work())


def test_the_plan_says_in_plain_words_that_there_is_no_compare_and_swap() -> None:
    host = OctoDns("main", settings("none"), FakeClock(), {}).capabilities
    assert host.guard is Guard.NONE and host.reads_whole_zone and not host.proves
    order = SwapOrder("one.test", mx("a.test."), mx("b.test."))
    from bcp.contracts.dns import Reading, Signed

    facts = DomainFacts(order, Reading("one.test", "one.test", order.old), Way.TO_RELAY, "main", None, signed=Signed())
    said = promises("main", Facts(domains=(facts,), targets={}, hosts={"main": host}, now=0.0))
    assert any("no compare-and-swap on this provider" in n for n in said.notes)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("octodns_nobody.Provider", "octodns-nobody"),
        (f"{CLASSES}.Nobody", "no octoDNS provider"),
        (f"{CLASSES}.Shelf", "no octoDNS provider"),
        ("os.path", "no octoDNS provider"),
    ],
)
def test_a_class_that_is_not_there_is_one_sentence(path, words) -> None:
    given = OctodnsSettings.model_validate({"kind": "octodns", "provider": {"class": path}})
    writer = OctoDns("main", given, FakeClock(), {})
    (proof,) = asyncio.run(writer.prove([SwapOrder("one.test", mx("a.test."), mx("b.test."))]))
    assert proof.permission is Permission.NOT_ALLOWED and words in proof.message + proof.hint
    (sent,) = asyncio.run(writer.swap([SwapOrder("one.test", mx("a.test."), mx("b.test."))]))
    assert sent.state is SentState.REFUSED


def test_arguments_that_the_class_does_not_take_are_one_sentence() -> None:
    given = settings("none", arguments={"apikey2": 1})
    (reading,) = asyncio.run(OctoDns("main", given, FakeClock(), {}).read(["one.test"]))
    assert "octo_provider.MemoryProvider" in reading.problem and reading.mx is None


def test_secrets_are_references_however_deep() -> None:
    given = settings("x", arguments={"token": "env:A", "auth": {"client_secret": "file:b"}, "list": ["env:C", 3]})
    assert given.arguments["token"] == Secret("env:A")
    assert given.arguments["auth"]["client_secret"] == Secret("file:b")
    assert given.arguments["list"] == [Secret("env:C"), 3]


@pytest.mark.parametrize("name", ["token", "api_key", "password", "key_secret", "client_secret", "secret_access_key"])
@pytest.mark.parametrize("value", ["hunter2-hunter2", "env/POWERDNS_KEY"])
def test_a_secret_written_out_is_refused_and_not_shown(name, value) -> None:
    with pytest.raises(ValidationError, match="write a reference") as caught:
        settings("x", arguments={"deep": {name: value}})
    assert "hunter2-hunter2" not in caught.value.errors()[0]["msg"]


@pytest.mark.parametrize("section", [{}, {"class": "NoPackage"}, {"class": 3}, {"class": "a b.C"}])
def test_a_section_without_a_class_is_refused(section) -> None:
    with pytest.raises(ValidationError, match="needs class"):
        OctodnsSettings.model_validate({"kind": "octodns", "provider": section})


@pytest.mark.parametrize(
    ("path", "accept", "found"),
    [
        ("octodns_digitalocean.DigitalOceanProvider", [], True),
        ("octodns_digitalocean.DigitalOceanProvider", ["deletes-first"], False),
        ("octodns_transip.TransipProvider", ["deletes-first"], True),
        ("octodns_transip.TransipProvider", ["rewrites-zone"], False),
        ("octodns_powerdns.PowerDnsProvider", [], False),
    ],
)
def test_known_dangers_are_found_when_the_configuration_is_read(path, accept, found) -> None:
    given = OctodnsSettings.model_validate({"kind": "octodns", "provider": {"class": path}, "accept": accept})
    flaws = given.flaws(Around("main"))
    assert [f.rule for f in flaws] == (["dns.octodns-hazard"] if found else [])


def test_the_least_privilege_is_said_and_holds_no_secret() -> None:
    text = policy(settings("x", arguments={"token": "env:A"}), {"a.one.test": "one.test", "two.test": "two.test"})
    assert "zone one.test: read all, change MX" in text and "zone two.test" in text and "env:A" not in text
    assert PLUGIN.policy is policy
    assert all(len(line) <= 80 for line in text.splitlines())


def test_what_is_no_mx_is_never_taken_for_one() -> None:
    from bcp.plugins.vendors.octodns_zone import set_of

    class Odd:
        values, ttl = [], 60

    with pytest.raises(ValueError, match="no host"):
        set_of(Odd())
    assert MemoryProvider.SUPPORTS
