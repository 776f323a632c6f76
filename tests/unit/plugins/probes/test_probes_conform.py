"""Each of our probes keeps what ``bcp.testing.probe`` asks of every probe."""

from __future__ import annotations

import asyncio
import json
from typing import Any

from bcp import registry
from bcp.contracts.probe import ProbePlugin
from bcp.testing.probe import HOSTILE, ProbeSuite
from bcp.testing.vendor import Answer, Asked, read_asked

ANY_ANSWER = frozenset(n for n in HOSTILE if n.startswith("http, "))


class Http(ProbeSuite):
    """Over HTTP."""

    def answer(self, asked: Asked) -> Answer:
        return Answer(200, {})

    async def well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await read_asked(reader)
        if asked is not None:
            writer.write(self.answer(asked).wire())
            await writer.drain()


class TestHttps(Http):
    """A page that should answer: which status counts is in tests/probes."""

    plugin = registry.find(ProbePlugin, "https")
    ok_too = ANY_ANSWER

    def settings(self) -> dict[str, Any]:
        return {"url": self.url + "/"}


class TestSmtp(ProbeSuite):
    """RCPT for somebody who certainly exists."""

    plugin = registry.find(ProbePlugin, "smtp")

    def settings(self) -> dict[str, Any]:
        return {"host": "mx.test", "addresses": ["127.0.0.1"], "port": self.port, "recipient": "alice@corp.test"}

    async def well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"220 mx.test ESMTP\r\n")
        while line := await reader.readline():
            word = line[:4].upper().strip()
            if word == b"QUIT":
                writer.write(b"221 bye\r\n")
                return
            no = word == b"RCPT" and b"alice" not in line.lower()
            writer.write(b"550 5.1.1 no such user\r\n" if no else b"250 2.1.5 ok\r\n")


class TestSmtpUnknown(TestSmtp):
    """RCPT for somebody who certainly does not exist."""

    plugin = registry.find(ProbePlugin, "smtp-unknown")

    def settings(self) -> dict[str, Any]:
        return {"host": "mx.test", "addresses": ["127.0.0.1"], "port": self.port, "recipient": "nobody@corp.test"}


class TestImap(ProbeSuite):
    """A mailbox that opens."""

    plugin = registry.find(ProbePlugin, "imap")

    def settings(self) -> dict[str, Any]:
        return {"host": "127.0.0.1", "port": self.port, "tls": False}

    async def well(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"* OK [CAPABILITY IMAP4rev1] ready\r\n")
        while line := await reader.readline():
            tag, _, rest = line.strip().partition(b" ")
            if rest.upper().startswith(b"CAPABILITY"):
                writer.write(b"* CAPABILITY IMAP4rev1\r\n")
            writer.write(tag + b" OK done\r\n")


class TestPeople(ProbeSuite):
    """What people report."""

    plugin = registry.find(ProbePlugin, "people")
    connects = False


class TestAlert(ProbeSuite):
    """What another system says."""

    plugin = registry.find(ProbePlugin, "alert")
    connects = False

    def files_well(self) -> None:
        folder = self.folder / "alerts"
        folder.mkdir(exist_ok=True)
        body = {"alerts": [{"status": "resolved", "labels": {"alertname": "x"}, "fingerprint": "a"}]}
        (folder / "1.json").write_text(json.dumps(body))


class TestQueue(ProbeSuite):
    """How much waits at a relay of ours."""

    plugin = registry.find(ProbePlugin, "queue")
    connects = False

    def settings(self) -> dict[str, Any]:
        return {"command": ["true"]}


class TestDns(ProbeSuite):
    """Asks a resolver over UDP, where nobody is: what it makes of answers is in tests/probes."""

    plugin = registry.find(ProbePlugin, "dns")
    connects = False

    def settings(self) -> dict[str, Any]:
        return {"host": "mx.test", "resolvers": ["127.0.0.1:9"], "authoritative": []}


class TestOwnMx(ProbeSuite):
    """Asks resolvers and the zone's own servers, where nobody is:
    what it makes of answers is in the table of probes."""

    plugin = registry.find(ProbePlugin, "own-mx")
    connects = False

    def settings(self) -> dict[str, Any]:
        return {"domains": ["corp.test"], "resolvers": ["127.0.0.1:9"], "authoritative": []}


class TestStatusPage(Http):
    """What the provider's page says."""

    plugin = registry.find(ProbePlugin, "status-page")

    def settings(self) -> dict[str, Any]:
        return {"url": self.url + "/"}

    def answer(self, asked: Asked) -> Answer:
        return Answer(200, "<p>All systems operational</p>")


class TestEntra(Http):
    """Whether people can sign in."""

    plugin = registry.find(ProbePlugin, "entra")

    def settings(self) -> dict[str, Any]:
        return {
            "tenant_id": "corp.test",
            "client_id": "c",
            "client_secret": self.secret("graph"),
            "authority": self.url,
        }

    def answer(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(200, {"access_token": "t", "token_type": "Bearer", "expires_in": 3599})
        at = f"{self.url}/corp.test"
        return Answer(
            200,
            {
                "issuer": f"{at}/v2.0",
                "token_endpoint": f"{at}/oauth2/v2.0/token",
                "authorization_endpoint": f"{at}/oauth2/v2.0/authorize",
                "jwks_uri": f"{at}/keys",
            },
        )


class Graph(Http):
    """Through msgraph-sdk."""

    def settings(self) -> dict[str, Any]:
        return {"tenant_id": "corp.test", "client_id": "c", "client_secret": self.secret("graph"), "api_url": self.url}


class TestGraphHealth(Graph):
    """What Microsoft declares."""

    plugin = registry.find(ProbePlugin, "graph-health")

    def answer(self, asked: Asked) -> Answer:
        if asked.path.endswith("/issues"):
            return Answer(200, {"value": []})
        return Answer(
            200,
            {
                "id": "Exchange",
                "service": "Exchange Online",
                "status": "serviceOperational",
                "value": [{"id": "Exchange", "service": "Exchange Online", "status": "serviceOperational"}],
            },
        )


class TestGraphMailbox(Graph):
    """Whether mailboxes open."""

    plugin = registry.find(ProbePlugin, "graph-mailbox")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "mailboxes": ["monitor@corp.test"]}

    def answer(self, asked: Asked) -> Answer:
        return Answer(200, {"value": [{"id": "m1"}], "id": "inbox"})


class TestRoundTrip(ProbeSuite):
    """A mail that nobody takes: the way of one that arrives is in tests/probes."""

    plugin = registry.find(ProbePlugin, "round-trip")
    connects = False

    def settings(self) -> dict[str, Any]:
        return {"to": "monitor@mx.invalid", "resolvers": ["127.0.0.1:9"], "arrival": "arrived"}


def test_every_probe_of_ours_is_here() -> None:
    """A new one joins."""
    assert {c.plugin.kind for c in _all(ProbeSuite) if hasattr(c, "plugin")} == set(registry.own("probes"))


def _all(cls: type) -> list[type]:
    return [s for c in cls.__subclasses__() for s in (c, *_all(c)) if s.__module__ == __name__]
