"""What the back ends of cloud providers are all tried with, each over its own emulator: the suite, and what a provider
has beside it (policies, twins, private zones, pages in between)."""

from __future__ import annotations

import asyncio
import atexit
import datetime
import ipaddress
import shutil
import ssl
import threading
from functools import cache
from pathlib import Path
from tempfile import mkdtemp

import dns.name
import dns.rdatatype

from bcp.contracts.dns import MxHost, MxSet, Permission, SentState, Step, SwapOrder, SwapState, Trouble, Writer
from bcp.lab.cloud import CloudLab
from bcp.lab.nameserver import Zone
from bcp.lab.net import free_port
from bcp.testing.dns import DnsSuite
from bcp.testing.dns_stage import mx


@cache
def certificate() -> Path:
    """Key and certificate of 127.0.0.1 in one file, signed by itself: made once."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import rsa

    key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "lab")])
    now = datetime.datetime.now(datetime.UTC)
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(now - datetime.timedelta(days=1))
    made = made.not_valid_after(now + datetime.timedelta(days=1))
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = made.add_extension(names, critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    signed = made.sign(key, hashes.SHA256())
    plain = serialization.NoEncryption()
    text = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, plain)
    path = Path(mkdtemp(prefix="bcp-lab-tls-")) / "lab.pem"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    path.write_bytes(text + signed.public_bytes(serialization.Encoding.PEM))
    return path


def without_suite(cls: type) -> type:
    """The same class without the promises of the suite: they are run once."""
    for name in [n for n in dir(DnsSuite) if n.startswith("test_")]:
        setattr(cls, name, None)
    return cls


class Cloud(DnsSuite):
    """An emulator in a thread of its own, with the suite's three zones. A subclass says how it is made and written."""

    __test__ = False
    can_throttle = can_lose = can_fail = can_deny = True
    wildcard = "a.shops.one.test"
    reads = 1
    """Calls that reading one domain takes once its zone is known."""
    lab: CloudLab

    # -- of the host ---------------------------------------------------------------------------------------------

    def emulator(self) -> CloudLab:
        """A new emulator, with credentials: one that may do everything, one that may read."""
        raise NotImplementedError

    def writer(self, who: str = "good", **more) -> Writer:
        """A back end. ``who``: good, reader, ended, unknown, policy (what ``policy`` says, for the first two zones)."""
        raise NotImplementedError

    def write(self, zone, domain: str, mx: MxSet | None) -> None:
        """Somebody else writes the MX of a name (or takes it away)."""
        raise NotImplementedError

    def put_other(self, zone, name: str, kind: str, value: str) -> None:
        """Somebody else writes another record."""
        raise NotImplementedError

    def twin(self, domain: str, *, private: bool):
        """A second zone of the same name."""
        raise NotImplementedError

    def pinned(self, zone) -> dict:
        """Settings that say that this zone is meant."""
        return {"zone_ids": {zone.name: zone.id}}

    def tls(self) -> ssl.SSLContext | None:
        """Of the emulator; ``None``: plain HTTP."""
        return None

    # -- the stage -----------------------------------------------------------------------------------------------

    def setup_method(self) -> None:
        super().setup_method()
        self.loop, self.ours = asyncio.new_event_loop(), asyncio.new_event_loop()
        for loop in (self.loop, self.ours):
            threading.Thread(target=loop.run_forever, daemon=True).start()
        self.lab, self.zones = self.emulator(), {}
        for d in self.domains:
            more = [("*.shops", 3600, "MX", ["10 primary.out.test."])] if d == "one.test" else []
            self.zones[d] = self.lab.add(Zone(d, [("@", 3600, "MX", ["10 primary.out.test."]), *more]))
        self.call(self.lab.start("127.0.0.1", free_port("127.0.0.1"), self.tls()))

    def teardown_method(self) -> None:
        self.call(self.lab.stop())
        for loop in (self.loop, self.ours):
            loop.call_soon_threadsafe(loop.stop)
        super().teardown_method()

    def call(self, work):
        return asyncio.run_coroutine_threadsafe(work, self.loop).result(10)

    def run(self, work):
        """All of one test in one event loop, as in one process: connections are kept between calls."""
        return asyncio.run_coroutine_threadsafe(work, self.ours).result(self.seconds * self.patience())

    def make(self) -> Writer:
        return self.writer()

    def make_denied(self) -> Writer:
        return self.writer("reader")

    def zone(self, domain: str):
        return next(z for d, z in self.zones.items() if domain == d or domain.endswith("." + d))

    async def put(self, domain: str, mx: MxSet) -> None:
        self.write(self.zone(domain), domain, mx)

    async def served(self, domain: str) -> MxSet | None:
        if not any(domain == d or domain.endswith("." + d) for d in self.zones):
            return None
        return self.there(self.zone(domain), domain)

    def there(self, zone, domain: str) -> MxSet | None:
        found = zone.served.get(dns.name.from_text(domain), dns.rdatatype.MX)
        hosts = [MxHost(r.preference, r.exchange.to_text()) for r in found or ()]
        return MxSet(tuple(hosts), int(found.ttl)) if found else None

    async def lose_answer(self) -> None:
        self.lab.faults["lose"] = 1

    async def throttle(self) -> None:
        self.lab.faults["throttle"] = 1

    async def fail_at(self, domain: str) -> None:
        self.lab.failing.add(domain)

    def changes(self, domain: str) -> int | None:
        return self.zone(domain).served.serial

    def read(self, writer: Writer, domain: str = "two.test"):
        (reading,) = self.run(writer.read([domain]))
        return reading

    def send_one(self, writer: Writer, domain: str = "two.test", order: SwapOrder | None = None):
        async def work():
            (sent,) = await writer.swap([order or await self.fresh(writer, domain)])
            return sent

        return self.run(work())


class CloudPromises(Cloud):
    """What each cloud provider's back end must keep beside the suite."""

    def test_a_ttl_that_moved_since_the_read_is_stale(self) -> None:
        """Ours reads again and sends the set as it stands; the host itself has refused."""

        async def work():
            await self.reset()
            writer = self.make()
            order = await self.fresh(writer, "two.test")
            await self.put("two.test", mx("primary.out.test.", 1234))
            (sent,) = await writer.swap([order])
            (swap,) = await self.host(writer).swap([order])
            return sent, swap

        sent, swap = self.run(work())
        assert sent.state is SentState.STALE
        assert swap.state is SwapState.APPLIED and self.after.equal(self.there(self.zones["two.test"], "two.test"))

    def test_somebody_who_edits_between_read_and_write_wins(self) -> None:
        zone = self.zones["two.test"]
        self.lab.before_change = lambda: self.write(zone, "two.test", mx("late.out.test."))
        assert self.send_one(self.make()).state is SentState.STALE
        assert mx("late.out.test.").equal(self.there(zone, "two.test"))

    def test_two_public_zones_of_one_name_are_told_apart_by_id_only(self) -> None:
        twin = self.twin("two.test", private=False)
        reading = self.read(self.writer())
        assert reading.trouble is Trouble.TWO_ZONES and "zone_ids" in reading.problem
        assert self.send_one(self.writer(), order=self.order("two.test")).code == "zone"
        writer = self.writer(**self.pinned(twin))
        assert self.read(writer).mx == self.there(twin, "two.test") != self.before
        assert self.send_one(writer).state is SentState.ACCEPTED
        assert self.after.equal(self.there(twin, "two.test")) and self.before.equal(
            self.there(self.zones["two.test"], "two.test")
        )

    def test_a_private_zone_of_the_same_name_is_not_looked_at(self) -> None:
        self.twin("two.test", private=True)
        assert self.before.equal(self.read(self.writer()).mx)

    def test_a_zone_of_five_thousand_records_is_not_read_whole(self) -> None:
        for n in range(5_000):
            self.put_other(self.zones["two.test"], f"h{n}.two.test", "A", "192.0.2.1")
        writer = self.make()
        self.run(writer.warm(["two.test"]))
        before = len(self.lab.calls)
        assert self.before.equal(self.read(writer).mx)
        assert len(self.lab.calls) - before == self.reads

    def test_an_alias_at_the_name_is_told(self) -> None:
        zone = self.zones["two.test"]
        self.write(zone, "www.two.test", None)
        self.put_other(zone, "www.two.test", "CNAME", "other.test.")
        reading = self.read(self.make(), "www.two.test")
        assert reading.cname == "other.test." and reading.mx is None

    def test_a_credential_that_has_ended_or_is_unknown_is_one_sentence(self) -> None:
        for who in ("ended", "unknown"):
            reading = self.read(self.writer(who))
            assert reading.trouble is Trouble.NOT_ALLOWED and reading.problem, (who, reading)
            sent = self.send_one(self.writer(who), order=self.order("two.test"))
            assert (sent.state, sent.code) == (SentState.REFUSED, "credential"), (who, sent)
            assert sent.message and sent.hint and "\n" not in sent.message + sent.hint
            (proof,) = self.run(self.writer(who).prove([self.order("two.test")]))
            assert proof.permission is Permission.NOT_ALLOWED and proof.message
        assert self.lab.changes == 0

    def test_a_page_of_a_proxy_or_a_redirect_is_not_the_provider(self) -> None:
        """Before the write nothing is sent; in the place of the answer to a write it is lost, and read."""
        for fault in ("html", "redirect"):
            writer = self.make()
            self.run(writer.warm(["two.test"]))
            self.lab.faults[fault] = 1
            reading = self.read(writer)
            assert reading.problem and reading.mx is None, fault
            assert "proxy" in reading.problem, reading.problem
            order = self.run(self.fresh(writer, "two.test"))
            self.lab.faults[fault] = 1
            assert self.send_one(writer, order=order).state is SentState.LOST
            assert self.before.equal(self.there(self.zones["two.test"], "two.test"))

    def test_a_host_that_is_away_was_not_sent_anything(self) -> None:
        self.call(self.lab.stop())
        writer = self.writer()
        assert self.send_one(writer, order=self.order("two.test")).state is SentState.NOT_SENT
        (proof,) = self.run(writer.prove([self.order("two.test")]))
        assert proof.permission is Permission.CANNOT_SAY
        assert self.read(writer).trouble is Trouble.UNREACHABLE

    def test_the_proof_changes_nothing_even_where_no_condition_is_looked_at(self) -> None:
        """A server that is not the real one, or has a fault: what stood there stands there afterwards."""
        self.lab.unconditional = True
        (proof,) = self.run(self.make().prove([self.order("two.test")]))
        assert proof.permission is Permission.CANNOT_SAY and proof.message
        assert self.before.equal(self.there(self.zones["two.test"], "two.test"))

    def test_the_proof_says_no_where_only_reading_is_allowed(self) -> None:
        (proof,) = self.run(self.make_denied().prove([self.order("two.test")]))
        assert proof.permission is Permission.NOT_ALLOWED and proof.hint

    def test_with_the_printed_policy_the_switch_works_and_other_names_do_not(self) -> None:
        """``three.test`` is not in it; the failback works like the switch."""

        async def work():
            await self.reset()
            host = self.host(self.writer("policy"))
            (there,) = await host.swap([self.order("two.test")])
            (back,) = await host.swap([SwapOrder("two.test", self.after, self.before)])
            (other,) = await host.swap([self.order("three.test")])
            return there, back, other

        there, back, other = self.run(work())
        assert (there.state, back.state) == (SwapState.APPLIED, SwapState.APPLIED), (there, back)
        assert other.state is SwapState.REFUSED, other
        assert self.before.equal(self.there(self.zones["three.test"], "three.test"))

    def test_with_the_printed_policy_an_a_record_cannot_be_touched(self) -> None:
        assert self.try_an_a_record("policy") == 403
        assert self.try_an_a_record("good") < 300

    def try_an_a_record(self, who: str) -> int:
        """The status of making an A record in two.test, by the provider's own call and this credential."""
        raise NotImplementedError

    def test_progress_is_what_the_host_says(self) -> None:
        if not self.make().capabilities.reports_progress:
            return
        self.lab.pending = 1

        async def work():
            writer = self.make()
            sent = await writer.swap([await self.fresh(writer, "two.test")])
            return [(await writer.progress(sent))[0].step for _ in range(2)], sent

        steps, sent = self.run(work())
        assert steps == [Step.PENDING, Step.DONE] and sent[0].change

    def test_many_domains_go_in_one_call_each_once(self) -> None:
        """And a subdomain in the zone of another is in that zone."""
        self.write(self.zones["one.test"], "mail.one.test", self.before)
        names = [*self.domains, "mail.one.test"]

        async def work():
            writer = self.make()
            readings = await writer.read(names)
            sent = await writer.swap([SwapOrder(r.domain, r.mx, self.after, r.token) for r in readings])
            return readings, sent

        readings, sent = self.run(work())
        assert [r.zone for r in readings] == [*self.domains, "one.test"]
        assert {s.state for s in sent} == {SentState.ACCEPTED} and self.lab.changes == 4
