"""The suite of DNS back ends over our RFC 2136 back end, with real servers behind it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dns.message
import dns.query
import dns.tsig
import dns.update
import pytest

from bcp.contracts.dns import MxSet, Writer
from bcp.kernel.clock import SystemClock
from bcp.kernel.secret import Secret
from bcp.kit.dns_read import mx_of
from bcp.plugins.dns.rfc2136 import Rfc2136, Rfc2136Settings
from bcp.testing.dns import DnsSuite
from real.dns_proxy import DnsProxy
from real.servers import KNOTD, NAMED, DnsServer, have

pytestmark = pytest.mark.real


class Rfc2136Suite(DnsSuite):
    """Our back end behind a proxy that can lose and break; ``kind`` is the server's."""

    kind = ""
    program = ""
    wildcard = "shop.wild.three.test"
    can_throttle = False  # RFC 2136 knows no *not now*
    seconds = 60.0

    @classmethod
    def setup_class(cls) -> None:
        if why := have(cls.program):
            pytest.skip(why)
        cls.place = tempfile.TemporaryDirectory(prefix="bcp-suite-")
        more = "*.wild 3600 IN MX 10 primary.out.test.\n"
        cls.server = DnsServer(cls.kind, Path(cls.place.name), zones=cls.domains, more=more).start()
        cls.proxy = DnsProxy(cls.server.port)
        (Path(cls.place.name) / "tsig").write_text(cls.server.secret)

    @classmethod
    def teardown_class(cls) -> None:
        cls.proxy.stop()
        cls.server.stop()
        cls.place.cleanup()

    def setup_method(self) -> None:
        super().setup_method()
        self.proxy.lose, self.proxy.fail = 0, set()

    def make(self, name: str = "bcp.") -> Writer:
        settings = Rfc2136Settings.model_validate(
            {"kind": "rfc2136", "server": f"127.0.0.1:{self.proxy.port}", "key": {"name": name, "secret": "file:tsig"}, "timeout": "3s"}
        )
        key = settings.key.model_copy(update={"secret": Secret("file:tsig", Path(self.place.name))})
        return Rfc2136("main", settings.model_copy(update={"key": key}), SystemClock(), {})

    def make_denied(self) -> Writer:
        return self.make("reader.")

    def clock(self):
        return SystemClock()

    def _ask(self, message):
        return dns.query.tcp(message, "127.0.0.1", port=self.server.port, timeout=5)

    async def put(self, domain: str, mx: MxSet) -> None:
        zone = next(z for z in self.domains if domain.endswith(z))
        update = dns.update.UpdateMessage(zone, keyring=dns.tsig.Key("bcp.", self.server.secret, dns.tsig.HMAC_SHA256))
        update.delete(domain + ".", "MX")
        for host in mx.hosts:
            update.add(domain + ".", mx.ttl_s, "MX", str(host))
        assert self._ask(update).rcode() == 0

    async def served(self, domain: str) -> MxSet | None:
        return mx_of(self._ask(dns.message.make_query(domain, "MX")), domain)

    async def lose_answer(self) -> None:
        self.proxy.lose = 1

    async def fail_at(self, domain: str) -> None:
        self.proxy.fail = {domain + "."}

    def changes(self, domain: str) -> int | None:
        answer = self._ask(dns.message.make_query(domain, "SOA")).answer
        return answer[0][0].serial


class TestBind(Rfc2136Suite):
    """BIND 9."""

    kind, program = "bind", NAMED


class TestKnot(Rfc2136Suite):
    """Knot DNS."""

    kind, program = "knot", KNOTD
