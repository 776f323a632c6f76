"""What web and Graph probes may see, by the words of docs/reference/probes.md.
Each scene takes (folder, secret reference)."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from unittest.mock import patch

from bcp.contracts.probe import Signal
from bcp.kit.fetch import Page
from bcp.lab.net import free_port
from bcp.lab.vendors import Vendors
from probes import hostile
from probes.scripted import PATIENT, make

Scene = Callable[[Path, str], Awaitable[Signal]]
EMPTY = b"Content-Length: 0\r\n"


def body(status: bytes, text: bytes, kind: bytes = b"application/json"):
    """An HTTP answer."""
    return hostile.http(b"HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %d\r\n" % (status, kind, len(text)), text)


def web(server, **settings) -> Scene:
    async def play(folder: Path, secret: str) -> Signal:
        async with hostile.serving(server) as port:
            return await make("https", url=f"http://127.0.0.1:{port}/", **settings).look()

    return play


def secured(days: tuple[int, int], names=("localhost",)) -> Scene:
    async def play(folder: Path, secret: str) -> Signal:
        tls = hostile.certificate(folder, names=names, days=days)
        pem = next(folder.glob("*.pem"))
        async with hostile.serving(web_ok, tls=tls) as port:
            with patch.dict("os.environ", {"SSL_CERT_FILE": str(pem)}):
                return await make("https", url=f"https://127.0.0.1:{port}/").look()

    return play


web_ok = hostile.http(b"HTTP/1.1 200 OK\r\n" + EMPTY)


async def _refused(folder: Path, secret: str) -> Signal:
    return await make("https", url="http://127.0.0.1:1/").look()


async def _not_yet(folder: Path, secret: str) -> Signal:
    page = Page(problem="tls", detail="certificate is not yet valid")

    async def told(*_: object, **__: object) -> Page:
        return page

    with patch("bcp.plugins.probes.https.fetch", told):
        return await make("https", url="https://mail.example/").look()


async def _no_name(folder: Path, secret: str) -> Signal:
    return await make("https", url="http://no-such-host.invalid/").look()


def greets(text: bytes, timeout: str = PATIENT) -> Scene:
    async def handler(reader, writer):
        writer.write(text)
        await writer.drain()
        await reader.read(1)

    async def play(folder: Path, secret: str) -> Signal:
        async with hostile.serving(handler) as port:
            return await make("imap", host="127.0.0.1", port=port, tls=False, timeout=timeout).look()

    return play


async def _imap_refused(folder: Path, secret: str) -> Signal:
    return await make("imap", host="127.0.0.1", port=1, tls=False).look()


HTTPS: dict[str, Scene] = {
    "https: 200, 302 or 401": web(hostile.http(b"HTTP/1.1 302 Found\r\nLocation: /x\r\n" + EMPTY)),
    "https: 503": web(hostile.http(b"HTTP/1.1 503 No\r\n" + EMPTY)),
    "https: a status that `expect:` does not name": web(web_ok, expect=[204]),
    "https: 429": web(hostile.http(b"HTTP/1.1 429 No\r\n" + EMPTY)),
    "https: an answer that is late": web(web_ok, slow=0.0000001),
    "https: the port is closed": _refused,
    "https: no answer in time": web(hostile.silence, timeout="800ms"),
    "https: the name does not resolve": _no_name,
    "https: a certificate that is expired": secured((-30, -1)),
    "https: a certificate that is not yet valid": _not_yet,
    "https: something that is not HTTP": web(hostile.garbage),
    "imap: a greeting": greets(b"* OK ready\r\n"),
    "imap: BYE": greets(b"* BYE busy\r\n"),
    "imap: another greeting": greets(b"SSH-2.0-x\r\n"),
    "imap: no greeting in time": greets(b"", "500ms"),
    "imap: the port is closed": _imap_refused,
}


def vendors(kind: str, *, attributes: dict | None = None, **settings) -> Scene:
    """A look at the lab's Graph and Entra."""

    async def play(folder: Path, secret: str) -> Signal:
        world = Vendors(**(attributes or {}))
        await world.start("127.0.0.1", free_port("127.0.0.1"))
        where = {"authority": world.url} if kind == "entra" else {"api_url": world.url}
        hangs = (attributes or {}).get("entra") == "hang" or 0 in (attributes or {}).get("mailbox_faults", {}).values()
        probe = make(
            kind,
            tenant_id="t",
            client_id="c",
            client_secret=secret,
            timeout="1500ms" if hangs else PATIENT,
            **where,
            **settings,
        )
        try:
            return await probe.look()
        finally:
            await probe.close()
            await world.stop()

    return play


def graph_server(kind: str, server, **settings) -> Scene:
    """A look at a scripted server in place of Graph."""

    async def play(folder: Path, secret: str) -> Signal:
        async with hostile.serving(server) as port:
            probe = make(
                kind,
                tenant_id="t",
                client_id="c",
                client_secret=secret,
                api_url=f"http://127.0.0.1:{port}",
                timeout=PATIENT,
                **settings,
            )
            try:
                return await probe.look()
            finally:
                await probe.close()

    return play


def sign_in(metadata, token=None) -> Scene:
    """Entra as two scripted answers, by path."""

    async def handler(reader, writer):
        head = await reader.readuntil(b"\r\n\r\n")
        again = asyncio.StreamReader()
        again.feed_data(head)
        await (metadata if b"openid-configuration" in head else token)(again, writer)

    async def play(folder: Path, secret: str) -> Signal:
        async with hostile.serving(handler) as port:
            probe = make(
                "entra", tenant_id="t", client_id="c", client_secret=secret, authority=f"http://127.0.0.1:{port}"
            )
            return await probe.look()

    return play


METADATA = body(b"200 OK", json.dumps({"token_endpoint": "https://x.example/token"}).encode())
HTML = body(b"200 OK", b"<html>please log in to the guest network</html>", b"text/html")
ENTRA: dict[str, Scene] = {
    "a fresh token": vendors("entra"),
    "metadata 503, or a token request that gets 503": vendors("entra", attributes={"entra": "token-503"}),
    "no answer in time": vendors("entra", attributes={"entra": "hang"}),
    "an AADSTS code that is not about us": vendors("entra", attributes={"entra": "AADSTS90033"}),
    "our secret is refused or over (AADSTS7000215, AADSTS7000222)": vendors(
        "entra", attributes={"entra": "AADSTS7000222"}
    ),
    "our clock is wrong (AADSTS700024)": vendors("entra", attributes={"entra": "AADSTS700024"}),
    "metadata 404: no such tenant": sign_in(body(b"404 No", b"{}")),
    "429": sign_in(METADATA, body(b"429 No", b"{}")),
    "200 with HTML, a list, a body cut off": sign_in(HTML),
    "a token that is no text": sign_in(METADATA, body(b"200 OK", b'{"access_token": 17}')),
}
BOXES = ["a@x.example", "b@x.example", "c@x.example", "d@x.example"]


def boxes(**faults: int) -> Scene:
    known = {("*" if k == "every" else f"{k}@x.example"): v for k, v in faults.items()}
    return vendors("graph-mailbox", attributes={"mailbox_faults": known}, mailboxes=BOXES)


GRAPH_MAILBOX: dict[str, Scene] = {
    "all can be opened": boxes(),
    "503 for half of them or more": boxes(a=503, b=503),
    "503 for fewer": boxes(a=503),
    "no answer in time for all": boxes(every=0),
    "429 for all: a limit of our application": boxes(every=429),
    "429 for one, the others can be opened": boxes(a=429),
    "401: no sign-in": boxes(every=401),
    "403": boxes(every=403),
    "404 for all": boxes(every=404),
    "HTML, another type, an empty body": graph_server("graph-mailbox", HTML, mailboxes=BOXES),
}


def health(status: str, *issues: dict) -> Scene:
    return vendors("graph-health", attributes={"health": status, "issues": list(issues)})


def issue(**more) -> dict:
    return {
        "id": "EX1",
        "service": "Exchange Online",
        "status": "serviceDegradation",
        "origin": "microsoft",
        "isResolved": False,
        "title": "x",
        **more,
    }


def page(text: bytes) -> Scene:
    async def play(folder: Path, secret: str) -> Signal:
        async with hostile.serving(body(b"200 OK", text, b"text/html")) as port:
            return await make("status-page", url=f"http://127.0.0.1:{port}/").look()

    return play


DECLARED: dict[str, Scene] = {
    "graph-health: serviceInterruption": health("serviceInterruption"),
    "graph-health: serviceDegradation, extendedRecovery, restoringService": health("serviceDegradation"),
    "graph-health: serviceDegradation, and every open issue is an advisory": health(
        "serviceDegradation", issue(classification="advisory")
    ),
    "graph-health: investigating": health("investigating"),
    "graph-health: serviceOperational, serviceRestored, verifyingService": health("serviceOperational"),
    "graph-health: an issue whose origin is ourselves": health("serviceOperational", issue(origin="customer")),
    "graph-health: a status that nobody knows": health("someNewValueOfNextYear"),
    "graph-health: 429": graph_server("graph-health", body(b"429 No", b"{}")),
    "graph-health: an answer that cannot be read": graph_server("graph-health", HTML),
    "status-page: words of an outage": page(b"<h1>Service degradation</h1> for Exchange Online users"),
    "status-page: words of health": page(b"All systems operational"),
    "status-page: other words": page(b"<html>hello"),
}
