"""Cloudflare over an emulator that enforces the documented conditions, and over answers that no document names."""

from __future__ import annotations

import asyncio
import threading

import pytest
from pydantic import ValidationError

from bcp.contracts.dns import MxHost, MxSet, Permission, SentState, SwapOrder, SwapState, Trouble, Writer
from bcp.kernel.secret import Secret
from bcp.lab.cloudflare import EDIT, READ, CloudflareLab, CloudflareZone
from bcp.lab.nameserver import Zone
from bcp.lab.net import free_port
from bcp.plugins.dns import cloudflare
from bcp.plugins.dns.cloudflare import PLUGIN, CloudflareDns, CloudflareSettings, policy
from bcp.plugins.vendors.cloudflare_records import lenient, set_of
from bcp.testing.clock import FakeClock
from bcp.testing.dns import DnsSuite
from bcp.testing.dns_stage import mx
from bcp.testing.vendor import DRIP, HANG, WRONG_ANSWERS, Answer, FakeVendor

GOOD, READ_ONLY = "cf-token-good-0123456789", "cf-token-read-0123456789"


class Cloud(DnsSuite):
    """The emulator and tools; the suite itself runs in ``TestSuite``."""

    __test__ = False
    can_throttle = can_lose = can_fail = can_deny = True
    wildcard = "a.shops.one.test"

    def setup_method(self) -> None:
        super().setup_method()
        self.loop = asyncio.new_event_loop()
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.lab = CloudflareLab(tokens={GOOD: EDIT, READ_ONLY: READ})
        self.zones: dict[str, CloudflareZone] = {}
        for d in self.domains:
            more = [("*.shops", 3600, "MX", ["10 primary.out.test."])] if d == "one.test" else []
            zone = Zone(d, [("@", 3600, "MX", ["10 primary.out.test."]), *more])
            self.zones[d] = self.lab.add(zone)
        self.call(self.lab.start("127.0.0.1", free_port("127.0.0.1")))
        self.versions = dict.fromkeys(self.domains, 0)

    def teardown_method(self) -> None:
        self.call(self.lab.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        super().teardown_method()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(5)

    def make(self) -> Writer:
        return self.writer(GOOD)

    def make_denied(self) -> Writer:
        return self.writer(READ_ONLY)

    def settings(self, token: str, **more) -> CloudflareSettings:
        secret = self.secret(f"t{len(token)}{token[9]}", token)
        given = {"kind": "cloudflare", "token": secret, "api_url": self.lab.url, "timeout": "2s", **more}
        return CloudflareSettings.model_validate(given)

    def writer(self, token: str, **more) -> CloudflareDns:
        return CloudflareDns("main", self.settings(token, **more), FakeClock(), {})

    def zone(self, domain: str) -> CloudflareZone:
        return next(z for d, z in self.zones.items() if domain == d or domain.endswith("." + d))

    async def put(self, domain: str, mx: MxSet) -> None:
        rows = [{"content": h.host.rstrip("."), "priority": h.preference, "ttl": mx.ttl_s} for h in mx.hosts]
        self.lab.edit(self.zone(domain), rows, domain)

    async def served(self, domain: str) -> MxSet | None:
        if not any(domain == d or domain.endswith("." + d) for d in self.zones):
            return None
        zone = self.zone(domain)
        import dns.name
        import dns.rdatatype

        found = zone.served.get(dns.name.from_text(domain), dns.rdatatype.MX)
        return (
            MxSet(tuple(MxHost(r.preference, r.exchange.to_text()) for r in found), int(found.ttl)) if found else None
        )

    async def lose_answer(self) -> None:
        self.lab.faults["lose"] = 1

    async def throttle(self) -> None:
        self.lab.faults["throttle"] = 1

    async def fail_at(self, domain: str) -> None:
        self.lab.failing.add(domain)

    def changes(self, domain: str) -> int | None:
        return self.zone(domain).served.serial


class TestSuite(Cloud):
    """Every promise of a back end."""

    __test__ = True


class TestCloudflare(Cloud):
    """What is Cloudflare's own. The promises of the suite are not run twice."""

    __test__ = True
    for _name in [n for n in dir(DnsSuite) if n.startswith("test_")]:
        locals()[_name] = None

    def go(self, work):
        return self.run(work)

    def test_no_more_calls_than_a_user_has_in_five_minutes(self, monkeypatch) -> None:
        """Whoever makes more is shut out for five minutes: every call counts, also those that find the zone."""
        assert cloudflare.CALLS <= 1_200 and cloudflare.CALLS_S == 300.0
        monkeypatch.setattr(cloudflare, "CALLS", 4)
        writer = self.make()
        assert writer.capabilities.burst == 4 and writer.capabilities.calls_per_s == 4 / 300

        async def work() -> None:
            await self.reset()
            began = writer._clock.monotonic()
            for _ in range(2):
                await writer.read(["one.test", "two.test"])
            assert len(self.lab.calls) == 6 and writer._clock.monotonic() - began == 300.0

        self.go(work())

    def test_an_edit_in_place_is_overwritten_and_told(self) -> None:
        """The plan says that this is not promised; whoever was overwritten is named."""

        async def work() -> None:
            await self.reset()
            writer, domain = self.make(), "two.test"
            order = await self.fresh(writer, domain)
            self.lab.before_batch = lambda: self.lab.edit_in_place(self.zones[domain], "edited.out.test")
            (sent,) = await writer.swap([order])
            assert sent.state is SentState.ACCEPTED and "edited.out.test" in sent.message
            (swap,) = await self.host(writer).swap([SwapOrder(domain, self.after, self.before)])
            assert swap.state is SwapState.APPLIED and "edited.out.test" in swap.message

        self.go(work())

    def test_a_record_that_came_between_is_kept_and_told(self) -> None:
        """The batch deletes by id what was read: somebody else's new record survives, and the end is a conflict."""

        async def work() -> None:
            await self.reset()
            writer, domain, zone = self.make(), "two.test", self.zones["two.test"]
            added = {"type": "MX", "name": domain, "content": "late.out.test", "priority": 5, "ttl": 300}
            self.lab.before_batch = lambda: self.lab.put(zone, **added) if len(zone.records) == 1 else None
            (swap,) = await self.host(writer).swap([self.order(domain)])
            assert swap.state is SwapState.CONFLICT and "late.out.test" in str(swap.found)
            theirs = {*self.before.hosts, MxHost(5, "late.out.test.")}
            found = await self.served(domain)
            assert found is not None and set(found.hosts) == theirs, "one of the two whole sets stands"

        self.go(work())

    def test_ttl_one_is_automatic_and_the_longest_of_several_counts(self) -> None:
        async def work() -> None:
            rows = [
                {"content": "a.out.test", "priority": 5, "ttl": 1},
                {"content": "b.out.test", "priority": 9, "ttl": 120},
            ]
            self.lab.edit(self.zones["two.test"], rows)
            (reading,) = await self.make().read(["two.test"])
            assert reading.mx is not None and reading.mx.ttl_s == 300 and len(reading.mx.hosts) == 2

        self.go(work())

    def test_a_relay_behind_the_proxy_is_refused_before_the_day(self) -> None:
        """Mail does not pass Cloudflare's web proxy: an MX that points there is an outage of our own making."""

        async def work() -> None:
            await self.reset()
            self.lab.put(self.zones["two.test"], type="A", name="relay.two.test", content="192.0.2.9", proxied=True)
            order = SwapOrder("two.test", self.before, mx("relay.two.test.", 300))
            (proof,) = await self.make().prove([order])
            assert proof.permission is Permission.NOT_ALLOWED and "proxied" in proof.message and "orange" in proof.hint

        self.go(work())

    def test_two_zones_of_one_name_are_told_apart_by_id_only(self) -> None:
        async def work() -> None:
            twin = self.lab.add(Zone("two.test", [("@", 300, "MX", ["1 twin.out.test."])]))
            (reading,) = await self.make().read(["two.test"])
            assert reading.trouble is Trouble.TWO_ZONES and "zone_ids" in reading.problem
            (reading,) = await self.writer(GOOD, zone_ids={"two.test": twin.id}).read(["two.test"])
            assert str(reading.mx) == str(mx("twin.out.test.", 300)).replace("10 ", "1 ")

        self.go(work())

    def test_a_zone_of_a_network_beside_the_public_one_is_left_out(self) -> None:
        """Cloudflare's internal DNS: a private zone of the same name."""
        self.lab.add(Zone("two.test", [("@", 300, "MX", ["1 inside.out.test."])]), type="internal")
        (reading,) = self.go(self.make().read(["two.test"]))
        assert self.before.equal(reading.mx)

    def test_an_id_is_compared_with_what_it_should_be(self) -> None:
        """A zone that is another, or that the world does not see, is refused though the settings name it."""
        one, two = self.zones["one.test"], self.zones["two.test"]
        (reading,) = self.go(self.writer(GOOD, zone_ids={"two.test": one.id}).read(["two.test"]))
        assert "one.test, not two.test" in reading.problem and reading.trouble is Trouble.NO_ZONE
        (reading,) = self.go(self.writer(GOOD, zone_ids={"two.test": two.id}).read(["two.test"]))
        assert self.before.equal(reading.mx)
        two.status = "pending"
        (reading,) = self.go(self.writer(GOOD, zone_ids={"two.test": two.id}).read(["two.test"]))
        assert "pending" in reading.problem

    @pytest.mark.parametrize(("status", "kind"), [("pending", "full"), ("active", "partial"), ("moved", "full")])
    def test_a_zone_that_the_world_does_not_see_is_a_problem(self, status, kind) -> None:
        self.zones["two.test"].status, self.zones["two.test"].type = status, kind
        (reading,) = self.go(self.make().read(["two.test"]))
        assert reading.mx is None and status in reading.problem and reading.trouble is Trouble.ERROR

    def test_a_zone_of_five_thousand_records_is_not_read_whole(self) -> None:
        for n in range(5_000):
            self.lab.put(self.zones["two.test"], type="A", name=f"h{n}.two.test", content="192.0.2.1")
        before = len(self.lab.calls)
        (reading,) = self.go(self.make().read(["two.test"]))
        assert reading.mx is not None and len(self.lab.calls) - before == 2

    def test_comments_and_tags_are_remarks(self) -> None:
        """Infrastructure as code leaves its name there."""
        record = next(r for r in self.zones["two.test"].records.values() if r["type"] == "MX")
        record |= {"comment": "managed by Terraform", "tags": ["team:mail", 7], "other": "x"}
        (reading,) = self.go(self.make().read(["two.test"]))
        assert reading.remarks == ("managed by Terraform", "team:mail")

    def test_an_alias_is_told(self) -> None:
        self.lab.put(self.zones["two.test"], type="CNAME", name="shop.two.test", content="other.test")
        (reading,) = self.go(self.make().read(["shop.two.test"]))
        assert reading.cname == "other.test" and reading.mx is None

    def test_an_alias_at_the_top_of_a_zone_is_flattened_and_the_mx_beside_it_moves(self) -> None:
        """Cloudflare serves the addresses of its target there, and other records stand beside it."""
        self.lab.put(self.zones["two.test"], type="CNAME", name="two.test", content="shop.example", proxied=True)
        (reading,) = self.go(self.make().read(["two.test"]))
        assert reading.cname == "" and self.before.equal(reading.mx)
        (swap,) = self.go(self.host().swap([SwapOrder("two.test", self.before, self.after, "")]))
        assert swap.state is SwapState.APPLIED and self.after.equal(self.go(self.served("two.test")))

    @pytest.mark.parametrize(
        ("ends", "right"),
        [("2030-01-01T00:00:00Z", 1893456000.0), ("", None), ("soon", None)],
    )
    def test_the_end_of_the_token_is_known_in_peacetime(self, ends, right) -> None:
        self.lab.expires_on = ends
        warmth = self.go(self.make().warm(["two.test"]))
        assert warmth.credential_ends == right and warmth.zones == {"two.test": self.zones["two.test"].id}

    def test_a_token_that_is_unknown_or_no_token_is_said_without_showing_it(self) -> None:
        (reading,) = self.go(self.writer("cf-token-gone-0123456789").read(["two.test"]))
        assert reading.trouble is Trouble.NOT_ALLOWED and "gone" not in reading.problem
        (reading,) = self.go(self.writer("cf token with blanks 0123").read(["two.test"]))
        assert "no token has" in reading.problem and "blanks" not in reading.problem
        assert reading.trouble is Trouble.NOT_ALLOWED

    def test_a_host_that_is_away_was_not_sent_anything(self) -> None:
        writer = self.writer(GOOD, api_url="http://127.0.0.1:1")
        (sent,) = self.go(writer.swap([self.order("two.test")]))
        assert sent.state is SentState.NOT_SENT
        (proof,) = self.go(self.writer(GOOD, api_url="http://127.0.0.1:1").prove([self.order("two.test")]))
        assert proof.permission is Permission.CANNOT_SAY


@pytest.fixture
def liar(tmp_path):
    """A writer, and what answers it."""
    (tmp_path / "token").write_text(GOOD)
    script: dict[str, object] = {}
    zone = {"id": "a" * 32, "name": "two.test", "status": "active", "type": "full"}
    record = {"id": "b" * 32, "type": "MX", "name": "two.test", "content": "old.out.test", "priority": 10, "ttl": 3600}

    def respond(asked):
        part = "batch" if asked.path.endswith("batch") else ("records" if "dns_records" in asked.path else "zones")
        if part in script:
            return script[part]
        result = {"zones": [zone], "records": [record], "batch": {"deletes": [], "posts": []}}[part]
        return Answer(200, {"success": True, "errors": [], "result": result})

    def make(url: str) -> CloudflareDns:
        secret = Secret("file:token", tmp_path)
        patience = "1s" if any(a in (HANG, DRIP) for a in script.values()) else "10s"
        settings = CloudflareSettings(kind="cloudflare", token=secret, api_url=url, timeout=patience, settle="0s")
        return CloudflareDns("main", settings, FakeClock(), {})

    return script, respond, make


ORDER = SwapOrder("two.test", mx("old.out.test."), mx("relay.out.test.", 300), f'["{"b" * 32}"]')


@pytest.mark.parametrize("part", ["zones", "records", "batch"])
@pytest.mark.parametrize("wrong", sorted(WRONG_ANSWERS))
def test_whatever_answers_is_an_outcome_and_never_a_yes(liar, part, wrong) -> None:
    """At every point of a swap: never accepted, never an exception, and after a batch never said to be unsent."""
    script, respond, make = liar

    async def work() -> None:
        vendor = FakeVendor(respond)
        await vendor.start()
        script[part] = WRONG_ANSWERS[wrong]
        writer = make(vendor.url)
        try:
            (sent,) = await writer.swap([ORDER])
            assert sent.state is not SentState.ACCEPTED, sent
            if part == "batch":
                assert sent.state in {SentState.LOST, SentState.THROTTLED, SentState.REFUSED}, sent
                assert sum(a.path.endswith("batch") for a in vendor.asked) == 1, "it was sent again"
            else:
                assert not any(a.path.endswith("batch") for a in vendor.asked), "it was written blindly"
            (reading,) = await writer.read(["two.test"])
            assert part == "batch" or reading.problem or reading.mx is None
            await writer.prove([ORDER])
            await writer.warm(["two.test"])
        finally:
            await writer.close()
            await vendor.stop()

    asyncio.run(work())


@pytest.mark.parametrize(
    "record",
    [{"priority": "ten", "content": "a.test"}, {"priority": 1}, {"priority": 1, "content": "not a name"}, {}],
)
def test_a_record_that_is_no_mx_is_never_taken_for_one(record) -> None:
    with pytest.raises(ValueError):
        set_of([{"id": "x", "type": "MX", **record}])
    assert lenient([record]) is None


def test_the_global_key_and_odd_settings_are_refused() -> None:
    good = {"kind": "cloudflare", "token": "env:X"}
    CloudflareSettings.model_validate(good)
    for bad in ({"token": "literal"}, {"zone_ids": {"a.test": "short"}}, {"min_ttl": 1}, {"api_url": "ftp://x"}):
        with pytest.raises((ValidationError, ValueError)):
            CloudflareSettings.model_validate({**good, **bad})


def test_the_policy_names_the_zones_once_and_the_least_permission() -> None:
    given = CloudflareSettings.model_validate(
        {"kind": "cloudflare", "token": "env:X", "zone_ids": {"b.test": "a" * 32}}
    )
    text = policy(given, {"b.test": "b.test", "mail.b.test": "b.test", "a.test": ""})
    assert "Zone | DNS | Edit" in text and PLUGIN.policy is policy
    assert [ln.partition("zone | ")[2] for ln in text.splitlines() if "Specific" in ln] == [
        "a.test",
        f"b.test ({'a' * 32})",
    ]
