"""The suite of DNS back ends over our RFC 2136 back end, with real servers behind it."""

from __future__ import annotations

import tempfile
from pathlib import Path

import dns.message
import dns.query
import dns.tsig
import dns.update
import pytest

from bcp.contracts.dns import MxSet, SentState, SwapOrder, Writer
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
        more = (
            "*.wild 3600 IN MX 10 primary.out.test.\n*.more 3600 IN MX 10 primary.out.test.\n*.more 60 IN A 192.0.2.1\n"
            '*.more 60 IN TXT "x"\n*.null 60 IN MX 0 .\nown.wild 3600 IN MX 10 primary.out.test.\n'
            "host.wild 60 IN A 192.0.2.2\n"
        )
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
            {
                "kind": "rfc2136",
                "server": f"127.0.0.1:{self.proxy.port}",
                "key": {"name": name, "secret": "file:tsig"},
                "timeout": "3s",
            }
        )
        key = settings.key.model_copy(update={"secret": Secret("file:tsig", Path(self.place.name))})
        return Rfc2136("main", settings.model_copy(update={"key": key}), SystemClock(), {})

    def make_denied(self) -> Writer:
        return self.make("reader.")

    def clock(self):
        return SystemClock()

    def _ask(self, message):
        return dns.query.tcp(message, "127.0.0.1", port=self.server.port, timeout=60)

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

    def read(self, *names: str, key: str = "bcp."):
        return self.run(self.make(key).read(names))

    def test_a_record_of_its_own_that_says_what_the_wildcard_says_is_its_own(self) -> None:
        """They look the same in every answer; only the server knows."""
        own, made_up, deep = self.read("own.wild.three.test", "other.wild.three.test", "a.b.wild.three.test")
        assert own.wildcard is None and own.mx == self.before
        assert made_up.wildcard.owner == deep.wildcard.owner == "*.wild.three.test" and made_up.wildcard.shadows == ()

    def test_what_the_name_has_from_wildcards_besides_is_told(self) -> None:
        (reading,) = self.read("x.more.three.test")
        assert reading.wildcard.owner == "*.more.three.test" and reading.wildcard.shadows == ("A", "TXT")

    def test_a_name_that_exists_gets_nothing_from_the_wildcard_and_a_null_mx_is_read_as_one(self) -> None:
        host, null = self.read("host.wild.three.test", "x.null.three.test")
        assert host.mx is None and not host.problem
        assert null.mx.null

    def test_a_key_that_the_server_does_not_know_cannot_tell_whose_record_it_is(self) -> None:
        """Nothing is guessed: the reading has a problem."""
        (reading,) = self.read("x.wild.three.test", key="nobody.")
        assert reading.mx is None and "whether x.wild.three.test has its own is unclear" in reading.problem

    def test_the_wildcard_itself_must_still_say_what_the_plan_saw(self) -> None:
        """Its records are part of the condition."""
        order = SwapOrder("y.wild.three.test", MxSet(self.after.hosts, 3600), self.after, wildcard="*.wild.three.test")
        (sent,) = self.run(self.make().swap([order]))
        assert sent.state is SentState.STALE


class TestBind(Rfc2136Suite):
    """BIND 9."""

    kind, program = "bind", NAMED


class TestKnot(Rfc2136Suite):
    """Knot DNS."""

    kind, program = "knot", KNOTD
