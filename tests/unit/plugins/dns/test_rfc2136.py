"""Our RFC 2136 back end over the lab's name server, and what it makes of every answer."""

from __future__ import annotations

import asyncio
import base64
import re
import shutil
import subprocess
import threading

import dns.message
import dns.rcode
import dns.rdatatype
import dns.tsig
import pytest
from pydantic import ValidationError
from unit.mx.worlds import DOMAIN, PRIMARY, RELAY

from bcp.contracts.dns import MxSet, Permission, Progress, SentState, Step, SwapOrder, Trouble, Writer
from bcp.kernel.clock import SystemClock
from bcp.kernel.errors import Permanent
from bcp.kernel.secret import Secret
from bcp.kit import dns_update
from bcp.kit.dns_update import _own, _proof, _sent
from bcp.kit.dnswire import Lost
from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.plugins.dns.rfc2136 import PLUGIN, Rfc2136, Rfc2136Settings, policy
from bcp.testing.clock import FakeClock
from bcp.testing.dns import DnsSuite

SECRET = base64.b64encode(b"s3cret-never-shown-0123456789abc").decode()
ORDER = SwapOrder(DOMAIN, PRIMARY, RELAY)


class TestLab(DnsSuite):
    """The whole suite where no real server is installed. Faults are those of the wire: see ``tests/real``."""

    can_throttle = can_fail = can_lose = can_deny = False

    def setup_method(self) -> None:
        super().setup_method()
        self.zones = {
            d: Zone(d, [("@", 3600, "MX", ["10 primary.out.test."]), ("@", 60, "NS", [f"ns1.{d}."])])
            for d in self.domains
        }
        self.loop, self.port = asyncio.new_event_loop(), free_port("127.0.0.1")
        threading.Thread(target=self.loop.run_forever, daemon=True).start()
        self.server = NameServer(list(self.zones.values()), {"bcp.": SECRET})
        asyncio.run_coroutine_threadsafe(self.server.start(["127.0.0.1"], self.port), self.loop).result(5)

    def teardown_method(self) -> None:
        asyncio.run_coroutine_threadsafe(self.server.stop(), self.loop).result(5)
        self.loop.call_soon_threadsafe(self.loop.stop)
        super().teardown_method()

    def make(self) -> Writer:
        return writer(self, f"127.0.0.1:{self.port}")

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


def writer(suite, server):
    settings = Rfc2136Settings.model_validate(
        {
            "kind": "rfc2136",
            "server": server,
            "key": {"name": "bcp.", "secret": suite.secret("tsig", SECRET)},
            "timeout": "20s",
        }
    )
    return Rfc2136("main", settings, FakeClock(), {})


def reply(code):
    found = dns.message.make_response(dns.message.make_query(DOMAIN, "SOA"))
    found.set_rcode(dns.rcode.from_text(code))
    return found


@pytest.mark.parametrize(
    ("answer", "state", "code", "permission"),
    [
        (reply("NOERROR"), SentState.ACCEPTED, "", Permission.NOT_ALLOWED),
        (reply("NXRRSET"), SentState.STALE, "nxrrset", Permission.NOT_ALLOWED),
        (reply("YXRRSET"), SentState.STALE, "yxrrset", Permission.ALLOWED),
        (reply("REFUSED"), SentState.REFUSED, "permission", Permission.NOT_ALLOWED),
        (reply("NOTAUTH"), SentState.REFUSED, "key", Permission.NOT_ALLOWED),
        (reply("NOTZONE"), SentState.REFUSED, "zone", Permission.NOT_ALLOWED),
        (reply("NXDOMAIN"), SentState.REFUSED, "zone", Permission.NOT_ALLOWED),
        (reply("FORMERR"), SentState.REFUSED, "key", Permission.NOT_ALLOWED),
        (reply("SERVFAIL"), SentState.REFUSED, "server", Permission.NOT_ALLOWED),
        (reply("NOTIMP"), SentState.REFUSED, "server", Permission.NOT_ALLOWED),
        (reply("BADVERS"), SentState.REFUSED, "server", Permission.NOT_ALLOWED),
        (Lost("late"), SentState.LOST, "silent", Permission.CANNOT_SAY),
        (Lost("away", definite=True, code="unreachable"), SentState.NOT_SENT, "unreachable", Permission.CANNOT_SAY),
        (Lost("skew", "NTP", definite=True, code="clock"), SentState.REFUSED, "clock", Permission.NOT_ALLOWED),
        (Lost("key", definite=True, code="key"), SentState.REFUSED, "key", Permission.NOT_ALLOWED),
        (Lost("odd", code="unreadable"), SentState.LOST, "unreadable", Permission.CANNOT_SAY),
    ],
)
def test_what_every_answer_means_for_a_change_and_for_a_proof(answer, state, code, permission) -> None:
    """NOERROR behind a condition that cannot hold proves nothing: the server ignores conditions."""
    sent, proof = _sent(ORDER, answer), _proof(DOMAIN, answer)
    assert (sent.state, sent.code, proof.permission) == (state, code, permission)
    if state in {SentState.REFUSED, SentState.LOST, SentState.NOT_SENT}:
        assert sent.message and (sent.message != proof.message) is False
    if isinstance(answer, Lost):
        assert sent.hint == answer.hint == proof.hint


def test_whether_a_name_has_a_record_of_its_own_may_be_unknown() -> None:
    assert _own(reply("YXRRSET")) is True and _own(reply("NXRRSET")) is False
    assert _own(reply("REFUSED")) is None is _own(Lost("x"))


class Away(DnsSuite):
    """Only its tools are used."""


@pytest.fixture
def away():
    suite = Away()
    suite.setup_method()
    yield writer(suite, "127.0.0.1:1")
    suite.teardown_method()


def test_a_primary_that_is_away_is_told_as_that_everywhere(away) -> None:
    """Not as a zone that is missing."""

    async def work():
        (reading,) = await away.read([DOMAIN])
        assert reading.trouble is Trouble.UNREACHABLE and "cannot be reached" in reading.problem
        (sent,) = await away.swap([ORDER])
        assert sent.state is SentState.NOT_SENT and sent.code == "unreachable"
        (proof,) = await away.prove([ORDER])
        assert proof.permission is Permission.CANNOT_SAY
        assert "cannot be reached" in (await away.warm([DOMAIN])).problems[DOMAIN]
        assert await away.progress([sent]) == [Progress(DOMAIN, Step.DONE)]

    asyncio.run(work())


def test_a_zone_that_the_configuration_names_is_not_looked_for(away) -> None:
    made = Rfc2136("main", away.settings, FakeClock(), {"a.corp.test": "corp.test"})
    assert asyncio.run(made.warm(["a.corp.test"])).zones == {"a.corp.test": "corp.test"}
    assert made.servers == ("127.0.0.1:1",)


def test_a_silent_answer_about_the_zone_is_not_kept(away, monkeypatch) -> None:
    """The next look asks again."""
    script = [Lost("late")]

    async def exchange(endpoint, messages, **_):
        return [script[0]] * len(messages)

    monkeypatch.setattr(dns_update, "exchange", exchange)
    assert asyncio.run(away.warm([DOMAIN])).problems[DOMAIN] == "late"
    good = dns.message.make_response(dns.message.make_query(DOMAIN, "SOA"))
    good.flags |= dns.flags.AA
    good.answer.append(dns.rrset.from_text(f"{DOMAIN}.", 5, "IN", "SOA", "a. b. 1 2 3 4 5"))
    script[0] = good
    assert asyncio.run(away.warm([DOMAIN])).zones == {DOMAIN: DOMAIN}


def test_a_secret_that_is_no_base64_is_said_without_showing_it(away, tmp_path) -> None:
    (tmp_path / "tsig").write_text("s3cret-never-shown!")
    key = away.settings.key.model_copy(update={"secret": Secret("file:tsig", tmp_path)})
    made = Rfc2136("main", away.settings.model_copy(update={"key": key}), SystemClock(), {DOMAIN: DOMAIN})
    with pytest.raises(Permanent, match="is not base64") as caught:
        asyncio.run(made.swap([ORDER]))
    assert "never-shown" not in str(caught.value) + caught.value.hint


@pytest.mark.parametrize("field", ["server", "authoritative", "resolvers"])
def test_addresses_are_checked_when_the_configuration_is_read(field) -> None:
    given = {"kind": "rfc2136", "server": "192.0.2.1", "key": {"name": "k", "secret": "env:X"}}
    with pytest.raises(ValidationError, match="is not an address"):
        Rfc2136Settings.model_validate({**given, field: "ns1.corp.test" if field == "server" else ["ns1.corp.test"]})


KEY = {"name": "bcp.", "secret": "env:X"}
ZONES = {"corp.test": "corp.test", "mail.corp.test": "corp.test", "b.test": ""}


def test_the_policy_lets_the_key_change_mx_at_these_names_alone() -> None:
    text = policy(Rfc2136Settings.model_validate({"kind": "rfc2136", "server": "192.0.2.1", "key": KEY}), ZONES)
    assert PLUGIN.policy is policy
    assert 'zone "b.test" { update-policy { grant bcp name b.test MX; }; };' in text
    assert "grant bcp name corp.test MX; grant bcp name mail.corp.test MX;" in text
    assert text.count("update-type: [MX]") == 2 and "[corp.test., mail.corp.test.]" in text


@pytest.mark.real
@pytest.mark.skipif(not (shutil.which("named-checkconf") and shutil.which("knotc")), reason="needs BIND and Knot")
def test_bind_and_knot_take_the_policy_as_it_is_printed(tmp_path) -> None:
    text = policy(Rfc2136Settings.model_validate({"kind": "rfc2136", "server": "192.0.2.1", "key": KEY}), ZONES)
    bind, rest = text.split("# Knot DNS (knot.conf)")
    knot = rest.split("# PowerDNS")[0]
    key = 'key "bcp" { algorithm hmac-sha256; secret "c2VjcmV0"; };\n'
    bind = re.sub(r'zone "(.*?)" {', r'zone "\1" { type primary; file "\1.db";', bind)
    (tmp_path / "named.conf").write_text(key + bind)
    subprocess.run(["named-checkconf", tmp_path / "named.conf"], check=True)
    keys = "key:\n  - id: bcp\n    algorithm: hmac-sha256\n    secret: c2VjcmV0\n"
    (tmp_path / "knot.conf").write_text(keys + knot)
    subprocess.run(["knotc", "-c", tmp_path / "knot.conf", "conf-check"], check=True)


def test_the_condition_is_the_old_set_and_no_alias_and_both_go_with_the_change() -> None:
    """Servers take an MX beside a CNAME and drop it: only the condition says so (RFC 2136 section 2.4)."""
    given = Rfc2136Settings.model_validate({"kind": "rfc2136", "server": "127.0.0.1", "key": KEY})
    back = Rfc2136("main", given, FakeClock(), {DOMAIN: DOMAIN})
    back._key = dns.tsig.Key("bcp.", b"0123456789abcdef", dns.tsig.HMAC_SHA256)
    made = back._update(ORDER)
    asked = [(s.rdclass.name, s.rdtype.name, len(s)) for s in made.prerequisite]
    assert asked == [("IN", "MX", len(PRIMARY.hosts)), ("NONE", "CNAME", 0)]
    assert {s.rdtype for s in made.update} == {dns.rdatatype.MX}
