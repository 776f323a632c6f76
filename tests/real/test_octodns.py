"""The octoDNS back end through octodns-powerdns and octodns-bind, over real servers."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dns.message
import dns.query
import dns.tsig
import dns.update
import pytest

from bcp.contracts.dns import MxSet, SentState, SwapState, Trouble, Writer
from bcp.kernel.clock import SystemClock
from bcp.kit.dns_read import mx_of
from bcp.plugins.dns.octodns import OctoDns, OctodnsSettings
from bcp.testing.dns import DnsSuite
from bcp.testing.dns_stage import mx
from real.powerdns import PDNS, PowerDns
from real.servers import NAMED, DnsServer, have

pytestmark = pytest.mark.real

ODD = {
    "_dmarc.two.test": ['"v=DMARC1; p=none; rua=mailto:a@two.test"'],
    "quoted.two.test": [r'"say \"hi\" \; and \\ stays" "" "second; string"'],
    "_long._domainkey.two.test": ['"v=DKIM1; k=rsa; p=%s" "%s" "%s"' % ("A" * 200, "B" * 255, "c=")],
    "Mixed.xn--bcher-kva.two.test": ['"' + "x" * 255 + '"'],
}
"""TXT records that tools which read whole zones could stumble over."""
BYTES = r'"\226\130\172 \000\255"'


class OctoReal(DnsSuite):
    """What both servers share."""

    __test__ = False
    can_throttle = can_fail = can_lose = False
    program = ""
    seconds = 90.0
    server: PowerDns | DnsServer

    @classmethod
    def setup_class(cls) -> None:
        if why := have(cls.program):
            pytest.skip(why)
        cls.place = tempfile.TemporaryDirectory(prefix="bcp-octo-")
        cls.server = cls.start(Path(cls.place.name))

    @classmethod
    def teardown_class(cls) -> None:
        cls.server.stop()
        cls.place.cleanup()

    @classmethod
    def start(cls, folder: Path) -> PowerDns | DnsServer:
        raise NotImplementedError

    def section(self, secret: str, **more: object) -> dict[str, object]:
        raise NotImplementedError

    def writer(self, secret: str, **more: object) -> Writer:
        given = {"kind": "octodns", "provider": self.section(secret, **more), "timeout": "5s", "min_ttl": 60}
        return OctoDns("main", OctodnsSettings.model_validate(given), SystemClock(), {})

    def clock(self):
        return SystemClock()

    def _ask(self, message):
        return dns.query.tcp(message, "127.0.0.1", port=self.server.port, timeout=60)

    async def served(self, domain: str) -> MxSet | None:
        return mx_of(self._ask(dns.message.make_query(domain, "MX")), domain)

    async def write(self, name: str, kind: str, values: list[str]) -> None:
        """Somebody writes a set in ``two.test``."""
        raise NotImplementedError

    def test_what_stands_beside_the_mx_stays_byte_for_byte(self) -> None:
        """Quotes, semicolons, backslashes, many strings; and the MX has a form of its own."""

        def beside() -> dict[str, list[bytes]]:
            found = {n: self._ask(dns.message.make_query(n, "TXT")).answer[0] for n in ODD}
            return {n: sorted(bytes(rd.to_wire()) for rd in rrset) for n, rrset in found.items()}

        async def work() -> None:
            await self.reset()
            for name, values in ODD.items():
                await self.write(name, "TXT", values)
            await self.write("two.test", "MX", ["10 Primary.OUT.test."])
            before = beside()
            assert sum(map(len, before.values())) == len(ODD)
            (reading,) = await self.host().read(["two.test"])
            (swap,) = await self.host().swap([self.order("two.test")])
            assert swap.state is SwapState.APPLIED and reading.mx == mx("primary.out.test."), (swap, reading)
            assert beside() == before

        self.run(work())

    def changes(self, domain: str) -> int | None:
        answer = self._ask(dns.message.make_query(domain, "SOA")).answer
        return answer[0][0].serial if answer else None


class TestPowerDns(OctoReal):
    """octodns-powerdns."""

    __test__ = True
    program = PDNS
    wildcard = "x.wild.three.test"

    @classmethod
    def start(cls, folder: Path) -> PowerDns:
        server = PowerDns(folder, cls.domains).start()
        server.put("three.test", "*.wild.three.test", "MX", 3600, "10 primary.out.test.")
        server.put("two.test", "big.two.test", "TXT", 60, '"some other record"')
        return server

    def make(self) -> Writer:
        return self.writer(self.secret("key", self.server.key))

    def make_denied(self) -> Writer:
        return self.writer(self.secret("wrong", "not-the-key-not-the-key"))

    def section(self, secret: str, **more: object) -> dict[str, object]:
        return {
            "class": "octodns_powerdns.PowerDnsProvider",
            "host": "127.0.0.1",
            "port": self.server.api_port,
            "api_key": secret,
            **more,
        }

    async def put(self, domain: str, mx: MxSet) -> None:
        zone = next(z for z in self.domains if domain.endswith(z))
        self.server.put(zone, domain, "MX", mx.ttl_s, *map(str, mx.hosts))

    async def write(self, name: str, kind: str, values: list[str]) -> None:
        self.server.put("two.test", name, kind, 3600, *values)

    def test_a_credential_that_may_not_write_is_refused_and_says_so_beforehand(self) -> None:
        """PowerDNS has one key for all: with a wrong one nothing can be read either."""
        (reading,) = self.run(self.make_denied().read(["one.test"]))
        assert reading.mx is None and "unauthorized" in reading.problem
        (sent,) = self.run(self.make_denied().swap([self.order("one.test")]))
        assert sent.state in {SentState.REFUSED, SentState.NOT_SENT} and sent.message

    def test_nothing_but_the_mx_is_touched_and_no_zone_is_made(self) -> None:
        async def work() -> None:
            await self.reset()
            await self.host().swap([self.order("two.test")])
            found = {z["name"] for z in self.server.call("GET", "zones")}
            assert found == {f"{d}." for d in self.domains}
            reply = self._ask(dns.message.make_query("big.two.test", "TXT"))
            assert "some other record" in reply.answer[0].to_text()

        self.run(work())

    def test_an_edit_between_read_and_write_is_found_by_looking_again(self) -> None:
        """There is no compare-and-swap: what was written over ours is told, not believed away."""

        async def work() -> None:
            await self.reset()
            host = self.host()

            class Between(type(host.writer)):
                async def swap(inner, orders):
                    sent = await super().swap(orders)
                    await self.put("one.test", mx("somebody.out.test."))
                    return sent

            host.writer.__class__ = Between
            (swap,) = await host.swap([self.order("one.test")])
            assert swap.state is SwapState.CONFLICT and "somebody.out.test." in str(swap.found)

        self.run(work())


class TestBind(OctoReal):
    """octodns-bind: the whole zone by AXFR, then an update without a condition."""

    __test__ = True
    program = NAMED
    wildcard = "shop.wild.three.test"

    @classmethod
    def start(cls, folder: Path) -> DnsServer:
        odd = [f"{n}. 3600 IN TXT {v}" for n, values in ODD.items() for v in values]
        more = "\n".join(
            ["*.wild 3600 IN MX 10 primary.out.test.", "$ORIGIN .", *odd, f"x.bytes.test. 60 IN TXT {BYTES}", ""]
        )
        return DnsServer("bind", folder, zones=(*cls.domains, "bytes.test"), more=more).start()

    def make(self, name: str = "bcp.") -> Writer:
        return self.writer(self.secret("tsig", self.server.secret), key_name=name)

    def make_denied(self) -> Writer:
        return self.make("reader.")

    def section(self, secret: str, **more: object) -> dict[str, object]:
        return {
            "class": "octodns_bind.Rfc2136Provider",
            "host": "127.0.0.1",
            "port": self.server.port,
            "key_secret": secret,
            "key_algorithm": "hmac-sha256",
            "timeout": 5,
            **more,
        }

    async def put(self, domain: str, mx: MxSet) -> None:
        zone = next(z for z in self.domains if domain.endswith(z))
        update = dns.update.UpdateMessage(zone, keyring=dns.tsig.Key("bcp.", self.server.secret, dns.tsig.HMAC_SHA256))
        update.delete(domain + ".", "MX")
        for host in mx.hosts:
            update.add(domain + ".", mx.ttl_s, "MX", str(host))
        assert self._ask(update).rcode() == 0

    async def write(self, name: str, kind: str, values: list[str]) -> None:
        if kind == "MX":  # the others stand in the zone from its beginning: the key may change no more
            await self.put(name, mx(values[0].split()[1]))

    def test_a_record_that_the_tool_cannot_read_is_said_and_another_way_named(self) -> None:
        """octoDNS reads the whole zone before it changes one MX, and takes no bytes beyond ASCII in a TXT from BIND."""
        (reading,) = self.run(self.make().read(["bytes.test"]))
        assert reading.mx is None and reading.trouble is Trouble.ERROR
        assert "form of one of its records" in reading.problem and "use another kind:" in reading.problem

    def test_a_key_that_nobody_knows_is_one_sentence(self) -> None:
        (reading,) = self.run(self.make("nobody.").read(["one.test"]))
        assert reading.mx is None and reading.problem
        (sent,) = self.run(self.make("nobody.").swap([self.order("one.test")]))
        assert sent.state in {SentState.REFUSED, SentState.NOT_SENT}
