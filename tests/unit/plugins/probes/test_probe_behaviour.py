"""Every probe: what it calls well, a failure, and unknown. Real sockets; vendors from the lab."""

from __future__ import annotations

import asyncio
import json
import time

import pytest
from probes import hostile
from probes.scripted import make

from bcp import registry
from bcp.contracts.probe import DISPROVES, PLANES, Result, Role
from bcp.kit.problems import Problem, add_problem
from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors
from bcp.plugins.probes.graph_health import STATUS
from bcp.testing.clock import FakeClock

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED


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
    assert cls.kind == kind and cls.plane in PLANES and isinstance(cls.role, Role)
    fields = registry.settings_class("probes", kind).model_fields
    assert {"timeout", "every", "control", "plane", "vantages"} <= set(fields)
    assert f"probes: `{kind}`" in (ROOT / "docs" / "reference" / "configuration.md").read_text()


def test_smtp_asks_every_address_apart() -> None:
    """One of two fails: degraded, with the count. Both: fail. They are asked side by side."""

    async def run(second):
        async with hostile.serving(smtp_server({})) as port:
            server = await asyncio.start_server(hostile.silence, "127.0.0.2", port) if second == "hang" else None
            try:
                return await make(
                    "smtp",
                    host="mail.example.com",
                    addresses=["127.0.0.1", "127.0.0.2"] if second != "both" else ["127.0.0.3", "127.0.0.2"],
                    port=port,
                    recipient="a@example.com",
                    timeout="3s",
                ).look()
            finally:
                if server:
                    server.close()

    found = asyncio.run(run("refuse"))
    assert found.result is DEGRADED and "1 of 2 addresses" in found.evidence
    found = asyncio.run(run("hang"))  # each has its own deadline: the one that hangs takes nothing of the other's
    assert found.result is DEGRADED
    found = asyncio.run(run("both"))
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
    strict = asyncio.run(
        at(handler, lambda p: make("smtp", host="127.0.0.1", port=p, recipient="a@example.com", require_tls=True))
    )
    assert loose.result is OK and "certificate" in loose.evidence
    assert (strict.result, strict.kind) == (FAIL, "tls")


def test_a_control_is_content_with_any_answer() -> None:
    """It vouches for the network, not for what is at the other end."""
    assert (
        asyncio.run(
            at(
                smtp_server({"RCPT": "550 5.1.1 no such user"}),
                lambda p: make("smtp", host="127.0.0.1", port=p, recipient="a@example.com", control=True),
            )
        ).result
        is OK
    )
    assert (
        asyncio.run(
            at(
                hostile.http(b"HTTP/1.1 503 No\r\nContent-Length: 0\r\n"),
                lambda p: make("https", url=f"http://127.0.0.1:{p}/", control=True),
            )
        ).result
        is OK
    )
    for found in (
        asyncio.run(make("smtp", host="127.0.0.1", port=1, recipient="a@example.com", control=True).look()),
        asyncio.run(make("https", url="http://127.0.0.1:1/", control=True).look()),
    ):
        assert found.result is FAIL and found.control
    assert (
        asyncio.run(
            make("dns", host="example.com", resolvers=["127.0.0.1:1"], control=True, timeout="500ms").look()
        ).result
        is UNKNOWN
    )


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
    return make(
        kind, tenant_id="t", client_id="c", client_secret=secret, api_url=vendors.url, **{"timeout": "15s", **more}
    )


EVERY_STATUS = [
    "serviceOperational",
    "investigating",
    "restoringService",
    "verifyingService",
    "serviceRestored",
    "postIncidentReviewPublished",
    "serviceDegradation",
    "serviceInterruption",
    "extendedRecovery",
    "falsePositive",
    "investigationSuspended",
    "resolved",
    "mitigatedExternal",
    "mitigated",
    "resolvedExternal",
    "confirmed",
    "reported",
    "unknownFutureValue",
    "someNewValueOfNextYear",
]


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
    """The worst open issue of our service counts; one of our own making is our own fault;
    others' services do not matter."""

    def issue(**more):
        return {
            "id": "EX1",
            "service": "Exchange Online",
            "status": "serviceDegradation",
            "origin": "microsoft",
            "isResolved": False,
            "title": "x",
            **more,
        }

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
    return "".join(
        json.dumps(
            {
                "queue_name": q,
                "queue_id": i,
                "arrival_time": at,
                "recipients": [{"address": to, **({"delay_reason": why} if why else {})}],
            }
        )
        + "\n"
        for q, i, at, to, why in mails
    )


def test_queue_counts_and_silence_is_not_failure(tmp_path) -> None:
    """Growth is a failure, passing mail is well, an empty queue says nothing."""
    path = tmp_path / "queue"
    clock = FakeClock(10_000.0)
    probe = make(
        "queue", clock, command=["cat", str(path)], domains=["x.example"], deferred=2, oldest="5m", plane="gateway"
    )

    def look(*mails):
        path.write_text(postqueue(*mails) + "not json\n")
        return asyncio.run(probe.look())

    assert look().kind == "no-queue"  # it prints something, and that is no queue
    old = ("deferred", "A", 9_000, "u@x.example", "host mx said: 451 4.3.2 temporary server issue")
    found = look(
        old,
        ("deferred", "B", 9_100, "v@x.example", "connect to mx: Connection timed out"),
        ("deferred", "C", 9_000, "w@other.example", "451 no"),
    )
    assert (
        found.result is FAIL
        and found.plane == "gateway"
        and found.data["deferred"] == "2"
        and "451:1" in found.data["codes"]
    )
    assert look(old).result is OK  # B has passed
    assert look(("deferred", "D", 9_990, "u@x.example", "451 x")).result is OK
    assert look(("active", "E", 9_999, "u@x.example", "")).result is OK
    assert look(("active", "E", 9_999, "u@x.example", "")).result is UNKNOWN
    broken = make("queue", command=["false"])
    assert (asyncio.run(broken.look()).result, asyncio.run(make("queue", command=["/no/such"]).look()).kind) == (
        UNKNOWN,
        "no-queue",
    )


def test_alert_reads_alertmanagers_bodies(tmp_path) -> None:
    """Per alert, newest first; silence is unknown; an old one no longer counts; broken bodies hold none."""
    store = tmp_path / "alerts"
    probe = make("alert", store=str(store), labels={"service": "exchange-online"}, valid="1h")
    assert (asyncio.run(probe.look()).result, asyncio.run(probe.look()).kind) == (UNKNOWN, "silent")
    store.mkdir()

    def body(name, *alerts):
        (store / name).write_text(
            json.dumps(
                {
                    "version": "4",
                    "status": "firing",
                    "alerts": [
                        {
                            "status": s,
                            "fingerprint": f,
                            "labels": {"alertname": "MailDown", "service": sv},
                            "startsAt": "2026-01-22T17:45:00Z",
                        }
                        for s, f, sv in alerts
                    ],
                }
            )
        )

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
