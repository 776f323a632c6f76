"""Every probe: what it calls well, a failure, and unknown. Real sockets; vendors from the lab."""

from __future__ import annotations

import asyncio
import json
import time

import pytest

from bcp import registry
from bcp.contracts.probe import DISPROVES, Result, Role
from bcp.kernel.clock import SystemClock
from bcp.kit.problems import Problem, add_problem
from bcp.lab.mailhost import MailHost
from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors
from bcp.plugins.probes.graph_health import STATUS
from bcp.testing.clock import FakeClock
from probes import hostile

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED


def make(kind: str, clock=None, **settings):
    given = registry.settings_class("probes", kind).model_validate({"timeout": "2s", **settings})
    return registry.load("probes", kind).create("p", given, clock or SystemClock())


def smtp_server(answers: dict[str, str], *, greeting="220 mail ESMTP", delay=0.0):
    """A server with fixed answers by verb."""

    async def handler(reader, writer):
        await asyncio.sleep(delay)
        writer.write(greeting.encode() + b"\r\n")
        while line := await reader.readline():
            verb = line.split(b" ")[0].strip().upper().decode()
            writer.write(answers.get(verb, "250 ok").encode() + b"\r\n")
            await writer.drain()

    return handler


async def at(handler, probe):
    async with hostile.serving(handler) as port:
        looker = probe(port)
        try:
            return await looker.look()
        finally:
            await looker.close()


@pytest.mark.parametrize("kind", registry.kinds("probes"))
def test_every_probe_says_what_it_is(kind) -> None:
    """Plane, role, deadline, and a page in the reference. Its settings refuse what they do not know."""
    from support import ROOT

    cls = registry.probe_class(kind)
    assert cls.kind == kind and cls.plane in ("dns", "inbound", "outbound", "mailbox", "auth", "edge", "declared") and isinstance(cls.role, Role)
    fields = registry.settings_class("probes", kind).model_fields
    assert {"timeout", "every", "control", "plane", "vantages"} <= set(fields)
    assert f"probes: `{kind}`" in (ROOT / "docs" / "reference" / "configuration.md").read_text()


@pytest.mark.parametrize(
    ("answer", "greeting", "result", "kind"),
    [("250 2.1.5 Recipient OK", "220 hi", OK, ""), ("451 4.3.2 temporary server issue", "220 hi", FAIL, "4xx"), ("550 5.4.1 Recipient address rejected: Access denied", "220 hi", FAIL, "rejects"),
     ("550 5.1.10 RESOLVER.ADR.RecipientNotFound", "220 hi", FAIL, "rejects"), ("550 no such user", "220 hi", FAIL, "rejects"), ("451 4.7.500 Server busy. Please try again later from [192.0.2.1]", "220 hi", FAIL, "throttled"),
     ("550 5.7.606 Access denied, banned sending IP [192.0.2.1]", "220 hi", FAIL, "throttled"), ("550 5.7.1 Service unavailable, Client host [192.0.2.1] blocked using Spamhaus", "220 hi", FAIL, "throttled"),
     ("550 5.7.64 TenantAttribution; Relay Access Denied", "220 hi", UNKNOWN, "own-connector"), ("250 ok", "421 4.3.2 Service not available", FAIL, "4xx"), ("250 ok", "554 5.7.1 you are listed", FAIL, "throttled")])
def test_smtp_tells_the_service_from_ourselves(answer, greeting, result, kind) -> None:
    """A 5xx for a good recipient is a false reject; one about our address is throttling; one about our connector is our own fault."""
    found = asyncio.run(at(smtp_server({"RCPT": answer}, greeting=greeting), lambda p: make("smtp", host="127.0.0.1", port=p, recipient="a@example.com")))
    assert (found.result, found.kind) == (result, kind), found


def test_smtp_asks_every_address_apart() -> None:
    """One of two fails: degraded, with the count. Both: fail. They are asked side by side."""

    async def run(second):
        async with hostile.serving(smtp_server({})) as port:
            server = await asyncio.start_server(hostile.silence, "127.0.0.2", port) if second == "hang" else None
            try:
                start = time.monotonic()
                found = await make("smtp", host="mail.example.com", addresses=["127.0.0.1", "127.0.0.2"] if second != "both" else ["127.0.0.3", "127.0.0.2"], port=port, recipient="a@example.com", timeout="1s").look()
                return found, time.monotonic() - start
            finally:
                if server:
                    server.close()

    found, _ = asyncio.run(run("refuse"))
    assert found.result is DEGRADED and "1 of 2 addresses" in found.evidence
    found, took = asyncio.run(run("hang"))
    assert found.result is DEGRADED and took < 5
    found, _ = asyncio.run(run("both"))
    assert (found.result, found.kind) == (FAIL, "refused")


def test_smtp_notes_a_bad_certificate_and_fails_on_it_only_where_strict_senders_would(tmp_path) -> None:
    """STARTTLS with a certificate for another name, long expired."""
    context = hostile.certificate(tmp_path, names=("wrong.example",), days=(-30, -1))

    async def handler(reader, writer):
        writer.write(b"220 mail\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"EHLO"):
                writer.write(b"250-mail\r\n250 STARTTLS\r\n")
            elif line.upper().startswith(b"STARTTLS"):
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(context)
            else:
                writer.write(b"250 ok\r\n")
            await writer.drain()

    loose = asyncio.run(at(handler, lambda p: make("smtp", host="127.0.0.1", port=p, recipient="a@example.com")))
    strict = asyncio.run(at(handler, lambda p: make("smtp", host="127.0.0.1", port=p, recipient="a@example.com", require_tls=True)))
    assert loose.result is OK and "certificate" in loose.evidence
    assert (strict.result, strict.kind) == (FAIL, "tls")


def test_smtp_unknown_wants_a_refusal() -> None:
    """550 is right, 250 is noted, 451 is a failure."""
    for answer, result, kind in (("550 5.4.1 Recipient address rejected", OK, ""), ("250 ok", OK, "accepts-unknown"), ("451 4.3.2 later", FAIL, "4xx"), ("550 5.7.606 banned", FAIL, "throttled")):
        found = asyncio.run(at(smtp_server({"RCPT": answer}), lambda p: make("smtp-unknown", host="127.0.0.1", port=p, recipient="nobody@example.com")))
        assert (found.result, found.kind) == (result, kind), answer


def test_smtp_without_a_name_is_unknown() -> None:
    """That is for the dns probe to judge."""
    found = asyncio.run(make("smtp", host="mail.example.com", resolvers=["127.0.0.1:1"], recipient="a@example.com").look())
    assert (found.result, found.kind) == (UNKNOWN, "unresolved")


def test_dns_asks_the_authoritative_servers() -> None:
    """Caches hide an outage; a server that never answered from here proves nothing by its silence."""
    from bcp.lab.nameserver import NameServer

    assert NameServer is not None

    def answering(rcode, address="192.0.2.1", ad=False):
        import dns.flags
        import dns.message
        import dns.rcode
        import dns.rrset

        async def handler(reader, writer):
            while True:
                size = int.from_bytes(await reader.readexactly(2), "big")
                query = dns.message.from_wire(await reader.readexactly(size))
                reply = dns.message.make_response(query)
                reply.set_rcode(dns.rcode.from_text(rcode))
                if ad:
                    reply.flags |= dns.flags.AD
                if rcode == "NOERROR" and address and query.question[0].rdtype == 1:
                    reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", address))
                wire = reply.to_wire()
                writer.write(len(wire).to_bytes(2, "big") + wire)
                await writer.drain()

        return handler

    async def run(resolver, authority, warm=None):
        async with hostile.serving(resolver) as r:
            if authority is None:
                return await make("dns", host="mx.example.com", resolvers=[f"127.0.0.1:{r}"]).look()
            async with hostile.serving(authority) as a:
                probe = make("dns", host="mx.example.com", resolvers=[f"127.0.0.1:{r}"], authoritative=[f"127.0.0.1:{a}"])
                first = await probe.look()
            return (first, await probe.look()) if warm else first

    good, bad, gone = answering("NOERROR", ad=True), answering("SERVFAIL"), answering("NXDOMAIN")
    found = asyncio.run(run(good, None))
    assert found.result is OK and found.data["dnssec"] == "secure"
    assert asyncio.run(run(answering("NOERROR"), None)).data["dnssec"] == "insecure"
    assert (asyncio.run(run(bad, None)).result, asyncio.run(run(bad, None)).kind) == (FAIL, "servfail")
    assert asyncio.run(run(gone, None)).kind == "nxdomain"
    assert asyncio.run(run(answering("NOERROR", address=""), None)).result is FAIL
    hidden = asyncio.run(run(good, bad))
    assert hidden.result is FAIL and "caches still hide it" in hidden.evidence
    assert asyncio.run(run(bad, good)).result is OK
    before, after = asyncio.run(run(good, good, warm=True))
    assert before.result is OK and (after.result, after.kind) == (DEGRADED, "authoritative-silent")
    assert asyncio.run(run(good, hostile.hang_up)).result is OK


def test_a_control_is_content_with_any_answer() -> None:
    """It vouches for the network, not for what is at the other end."""
    assert asyncio.run(at(smtp_server({"RCPT": "550 5.1.1 no such user"}), lambda p: make("smtp", host="127.0.0.1", port=p, recipient="a@example.com", control=True))).result is OK
    assert asyncio.run(at(hostile.http(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n"), lambda p: make("https", url=f"http://127.0.0.1:{p}/", control=True))).result is OK
    for found in (asyncio.run(make("smtp", host="127.0.0.1", port=1, recipient="a@example.com", control=True).look()), asyncio.run(make("https", url="http://127.0.0.1:1/", control=True).look())):
        assert found.result is FAIL and found.control
    assert asyncio.run(make("dns", host="example.com", resolvers=["127.0.0.1:1"], control=True).look()).result is UNKNOWN


def test_https_and_imap() -> None:
    """A login page is well; 503, 429 and slowness are not the same."""
    for head, result, kind in ((b"HTTP/1.1 302 Found\r\nLocation: /x\r\nContent-Length: 0\r\n", OK, ""), (b"HTTP/1.1 401 No\r\nContent-Length: 0\r\n", OK, ""), (b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n", FAIL, "5xx"), (b"HTTP/1.1 429 No\r\nContent-Length: 0\r\n", FAIL, "throttled")):
        found = asyncio.run(at(hostile.http(head), lambda p: make("https", url=f"http://127.0.0.1:{p}/owa/")))
        assert (found.result, found.kind) == (result, kind)
    slow = asyncio.run(at(hostile.http(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), lambda p: make("https", url=f"http://127.0.0.1:{p}/", slow=0.0000001)))
    assert (slow.result, slow.kind) == (DEGRADED, "slow")
    assert asyncio.run(at(hostile.http(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n"), lambda p: make("https", url=f"http://127.0.0.1:{p}/", expect=[204]))).result is FAIL

    def greets(text):
        async def handler(reader, writer):
            writer.write(text)
            await writer.drain()
            await asyncio.sleep(5)

        return handler

    assert asyncio.run(at(greets(b"* OK ready\r\n"), lambda p: make("imap", host="127.0.0.1", port=p, tls=False))).result is OK
    assert asyncio.run(at(greets(b"* BYE busy\r\n"), lambda p: make("imap", host="127.0.0.1", port=p, tls=False))).kind == "bye"


# -- vendors -----------------------------------------------------------------------------------------------------


@pytest.fixture
def secret(tmp_path):
    path = tmp_path / "secret"
    path.write_text("s" * 20)
    path.chmod(0o600)
    return f"file:{path}"


def with_vendors(work, **attributes):
    async def run():
        vendors = Vendors(**attributes)
        await vendors.start("127.0.0.1", free_port("127.0.0.1"))
        try:
            return await work(vendors)
        finally:
            await vendors.stop()

    return asyncio.run(run())


def graph(kind, vendors, secret, **more):
    return make(kind, tenant_id="t", client_id="c", client_secret=secret, api_url=vendors.url, **more)


@pytest.mark.parametrize(
    ("faults", "result", "kind"),
    [({}, OK, ""), ({"*": 503}, FAIL, "5xx"), ({"a@x.example": 503}, DEGRADED, "5xx"), ({"a@x.example": 503, "b@x.example": 500}, FAIL, "5xx"), ({"*": 401}, UNKNOWN, "no-token"), ({"*": 403}, UNKNOWN, "own-permission"),
     ({"*": 404}, UNKNOWN, "own-mailbox"), ({"*": 0}, FAIL, "timeout")])
def test_graph_mailbox(faults, result, kind, secret) -> None:
    """Half of the monitor mailboxes decide; without a token nothing can be said."""

    async def work(vendors):
        probe = graph("graph-mailbox", vendors, secret, mailboxes=["a@x.example", "b@x.example", "c@x.example", "d@x.example"], timeout="1500ms")
        try:
            return await probe.look()
        finally:
            await probe.close()

    found = with_vendors(work, mailbox_faults=faults)
    assert (found.result, found.kind) == (result, kind), found


EVERY_STATUS = ["serviceOperational", "investigating", "restoringService", "verifyingService", "serviceRestored", "postIncidentReviewPublished", "serviceDegradation", "serviceInterruption", "extendedRecovery", "falsePositive",
                "investigationSuspended", "resolved", "mitigatedExternal", "mitigated", "resolvedExternal", "confirmed", "reported", "unknownFutureValue", "someNewValueOfNextYear"]


@pytest.mark.parametrize("status", EVERY_STATUS)
def test_graph_health_maps_every_status(status, secret) -> None:
    """Through msgraph-sdk's own parser: those that mean nothing are unknown, never healthy."""

    async def work(vendors):
        probe = graph("graph-health", vendors, secret)
        try:
            return await probe.look()
        finally:
            await probe.close()

    found = with_vendors(work, health=status)
    expected = STATUS.get(status, (UNKNOWN, "none"))
    assert (found.result, found.kind) == expected, found
    strong = {"serviceInterruption", "serviceDegradation", "extendedRecovery", "restoringService"}
    assert (found.result is FAIL) == (status in strong)
    assert (found.result is DEGRADED) == (status == "investigating")


def test_graph_health_reads_issues(secret) -> None:
    """The worst open issue of our service counts; one of our own making is our own fault; others' services do not matter."""

    def issue(**more):
        return {"id": "EX1", "service": "Exchange Online", "status": "serviceDegradation", "origin": "microsoft", "isResolved": False, "title": "x", **more}

    async def work(vendors):
        probe = graph("graph-health", vendors, secret)
        try:
            return await probe.look()
        finally:
            await probe.close()

    found = with_vendors(work, issues=[issue()])
    assert found.result is FAIL and "EX1" in found.evidence and found.data["issues"] == "EX1"
    assert with_vendors(work, issues=[issue(isResolved=True)]).kind == DISPROVES
    assert with_vendors(work, issues=[issue(service="Microsoft Teams")]).kind == DISPROVES
    assert with_vendors(work, issues=[issue(origin="customer")]).kind == "own-declared"
    assert "third party" in with_vendors(work, issues=[issue(origin="thirdParty")]).evidence
    assert with_vendors(work, issues=[issue(status="serviceInterruption"), issue(id="EX2")]).kind == "interruption"


@pytest.mark.parametrize(
    ("mode", "result", "kind"),
    [("ok", OK, ""), ("metadata-503", FAIL, "5xx"), ("token-503", FAIL, "5xx"), ("hang", FAIL, "timeout"), ("AADSTS7000222", UNKNOWN, "own-credential"), ("AADSTS700024", UNKNOWN, "own-clock"), ("AADSTS90033", FAIL, "4xx")])
def test_entra(mode, result, kind, secret) -> None:
    """A refused credential of ours is no outage."""
    found = with_vendors(lambda v: make("entra", tenant_id="t", client_id="c", client_secret=secret, authority=v.url).look(), entra=mode)
    assert (found.result, found.kind) == (result, kind), found


def test_entra_asks_for_fresh_tokens_slowly_and_at_every_look_while_it_fails(secret) -> None:
    """Cached tokens would hide the outage; asking all the time would be rude."""

    async def work(vendors):
        clock = FakeClock()
        probe = make("entra", clock, tenant_id="t", client_id="c", client_secret=secret, authority=vendors.url)
        for _ in range(4):
            await probe.look()
            await clock.sleep(60)
        calm = vendors.tokens
        vendors.entra = "token-503"
        await clock.sleep(300)
        for _ in range(3):
            await probe.look()
            await clock.sleep(60)
        return calm, vendors.tokens

    assert with_vendors(work) == (1, 4)


# -- our own side ------------------------------------------------------------------------------------------------


def postqueue(*mails):
    return "".join(json.dumps({"queue_name": q, "queue_id": i, "arrival_time": at, "recipients": [{"address": to, **({"delay_reason": why} if why else {})}]}) + "\n" for q, i, at, to, why in mails)


def test_queue_counts_and_silence_is_not_failure(tmp_path) -> None:
    """Growth is a failure, passing mail is well, an empty queue says nothing."""
    path = tmp_path / "queue"
    clock = FakeClock(10_000.0)
    probe = make("queue", clock, command=["cat", str(path)], domains=["x.example"], deferred=2, oldest="5m", plane="gateway")

    def look(*mails):
        path.write_text(postqueue(*mails) + "not json\n")
        return asyncio.run(probe.look())

    assert (look().result, look().kind) == (UNKNOWN, "silent")
    old = ("deferred", "A", 9_000, "u@x.example", "host mx said: 451 4.3.2 temporary server issue")
    found = look(old, ("deferred", "B", 9_100, "v@x.example", "connect to mx: Connection timed out"), ("deferred", "C", 9_000, "w@other.example", "451 no"))
    assert found.result is FAIL and found.plane == "gateway" and found.data["deferred"] == "2" and "451:1" in found.data["codes"]
    assert look(old).result is OK  # B has passed
    assert look(("deferred", "D", 9_990, "u@x.example", "451 x")).result is OK
    assert look(("active", "E", 9_999, "u@x.example", "")).result is OK
    assert look(("active", "E", 9_999, "u@x.example", "")).result is UNKNOWN
    broken = make("queue", command=["false"])
    assert (asyncio.run(broken.look()).result, asyncio.run(make("queue", command=["/no/such"]).look()).kind) == (UNKNOWN, "no-queue")


def test_alert_reads_alertmanagers_bodies(tmp_path) -> None:
    """Per alert, newest first; silence is unknown; an old one no longer counts; broken bodies hold none."""
    store = tmp_path / "alerts"
    probe = make("alert", store=str(store), labels={"service": "exchange-online"}, valid="1h")
    assert (asyncio.run(probe.look()).result, asyncio.run(probe.look()).kind) == (UNKNOWN, "silent")
    store.mkdir()

    def body(name, *alerts):
        (store / name).write_text(json.dumps({"version": "4", "status": "firing", "alerts": [{"status": s, "fingerprint": f, "labels": {"alertname": "MailDown", "service": sv}, "startsAt": "2026-01-22T17:45:00Z"} for s, f, sv in alerts]}))

    (store / "0.json").write_text("{broken")
    body("1.json", ("firing", "a", "exchange-online"), ("firing", "b", "other"))
    found = asyncio.run(probe.look())
    assert found.result is FAIL and "MailDown since 17:45" in found.evidence
    time.sleep(0.02)
    body("2.json", ("resolved", "a", "exchange-online"))
    assert asyncio.run(probe.look()).result is OK
    clock = FakeClock(time.time() + 7200)
    body("3.json", ("firing", "a", "exchange-online"))
    stale = make("alert", clock, store=str(store), labels={"service": "exchange-online"}, valid="1h")
    assert (asyncio.run(stale.look()).result, asyncio.run(stale.look()).kind) == (UNKNOWN, "stale")


def test_people_are_counted_once_each(tmp_path) -> None:
    """Three different people in a quarter of an hour; one who declares is enough; withdrawn reports no longer count."""
    store, clock = tmp_path / "problems.jsonl", FakeClock(10_000.0)
    probe = make("people", clock, store=str(store), plane="mailbox")

    def say(who, kind="reported", plane="mailbox"):
        add_problem(store, Problem(clock.now(), who, plane, kind, "Outlook does not open"))
        return asyncio.run(probe.look())

    assert asyncio.run(probe.look()).kind == "silent"
    assert [say("a").kind, say("a").kind, say("b", plane="edge").kind, say("b").kind] == ["few"] * 4
    assert say("c").result is FAIL
    clock.set(clock.now() + 1000)
    assert asyncio.run(probe.look()).result is OK
    assert say("boss", "declared").result is FAIL
    clock.set(clock.now() + 1)
    assert say("boss", "resolved").result is OK


def test_status_page_looks_for_words() -> None:
    """Down is a weak sign, up a weak sign of recovery, anything else nothing."""
    for text, result, kind in ((b"<h1>Service degradation</h1> for Exchange Online users", DEGRADED, "declared"), (b"All systems operational", OK, DISPROVES), (b"<html>hello", UNKNOWN, "none")):
        head = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: %d\r\n" % len(text)
        found = asyncio.run(at(hostile.http(head, text), lambda p: make("status-page", url=f"http://127.0.0.1:{p}/")))
        assert (found.result, found.kind) == (result, kind)


def test_round_trip_finds_its_own_mail(tmp_path, monkeypatch) -> None:
    """The mail with this tag, no other; late is degraded, lost is a failure, not taken is unknown."""
    monkeypatch.setattr("bcp.kit.mailer.mx_of_domain", _mx)
    monkeypatch.setattr("bcp.kit.mailer.addresses_of", _loopback)

    async def run(arrival, **more):
        host = MailHost("exchange", {"x.example"}, tmp_path / "mail")
        await host.start("127.0.0.1", 0)
        port = host._server.sockets[0].getsockname()[1]
        if more.pop("closed", False):
            await host.stop()
        try:
            return await make("round-trip", to="canary@x.example", port=port, arrival=str(arrival), ask_every="50ms", timeout="1500ms", **more).look()
        finally:
            await host.stop()

    found = asyncio.run(run(tmp_path / "mail"))
    assert found.result is OK and "out again" in found.evidence
    assert asyncio.run(run(tmp_path / "mail", slow="1ms")).kind == "slow"
    assert (asyncio.run(run(tmp_path / "elsewhere")).result, asyncio.run(run(tmp_path / "elsewhere")).kind) == (FAIL, "lost")
    assert (asyncio.run(run(tmp_path / "mail", closed=True)).result) is UNKNOWN


async def _mx(domain, resolvers, timeout_s):
    return [(0, "mail.x.example.")]


async def _loopback(host, resolvers, timeout_s):
    return ["127.0.0.1"]
