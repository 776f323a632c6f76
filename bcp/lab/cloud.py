"""What the lab's DNS providers share: a server on loopback, faults by kind, zones that the lab's name server serves."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

import dns.name
import dns.rdataset
import dns.rdatatype
from aiohttp import web

from bcp.lab.nameserver import Zone
from bcp.lab.net import only_loopback

PAGE = "<!doctype html><html><body><h1>Guest network: please log in</h1></body></html>"


@dataclass
class CloudLab:
    """``faults`` by kind, how often still: lose (apply, then cut the connection), throttle, html, redirect."""

    faults: dict[str, int] = field(default_factory=dict)
    failing: set[str] = field(default_factory=set)
    """Changes at these names end in 500, with nothing changed."""
    before_change: Callable[[], None] = lambda: None
    """Called when a change has arrived and was not looked at: somebody else edits between."""
    unconditional: bool = False
    """No condition is looked at: what a server does that is not the real one."""
    pending: int = 0
    """So often a change is still pending when it is asked about."""
    changes: int = 0
    calls: list[tuple[str, str]] = field(default_factory=list)
    url: str = ""
    _runner: web.AppRunner | None = None

    def takes(self, fault: str) -> bool:
        """One of this fault less; was there one?"""
        if self.faults.get(fault, 0) <= 0:
            return False
        self.faults[fault] -= 1
        return True

    def routes(self, app: web.Application) -> None:
        """Add the handlers of the provider."""
        raise NotImplementedError

    async def start(self, address: str, port: int, tls: ssl.SSLContext | None = None) -> None:
        """Listen."""
        app = web.Application(middlewares=[self._between], handler_args={"keepalive_timeout": 5.0})
        self.routes(app)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, only_loopback(address), port, ssl_context=tls).start()
        self.url = f"http{'s' if tls else ''}://{address}:{port}"

    async def stop(self) -> None:
        """Listen no more."""
        if self._runner is not None:
            await self._runner.cleanup()

    @property
    def _between(self) -> Any:
        """What stands between: it may answer in the provider's place."""

        @web.middleware
        async def between(
            request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
        ) -> web.StreamResponse:
            self.calls.append((request.method, request.path))
            if self.takes("html"):
                return web.Response(status=200, text=PAGE, content_type="text/html")
            if self.takes("redirect"):
                return web.Response(status=302, headers={"Location": "http://127.0.0.1:9/login"})
            return await handler(request)

        return between

    async def answer(self, request: web.Request, response: web.StreamResponse) -> web.StreamResponse:
        """The answer to a change that was made, or none when it is to be lost."""
        self.changes += 1
        if self.takes("lose"):
            assert request.transport is not None
            request.transport.abort()
            await asyncio.sleep(0)
        return response


def serve(zone: Zone, name: str, values: list[str], ttl: int) -> None:
    """What the provider holds is what the name server serves. ``values``: such as ``10 mx.out.test.``; none: no MX."""
    key = (dns.name.from_text(name), dns.rdatatype.MX)
    if values:
        zone.sets[key] = dns.rdataset.from_text("IN", "MX", ttl, *values)
    else:
        zone.sets.pop(key, None)
    zone.serial += 1


def name_servers(zone: Zone, *otherwise: str) -> list[str]:
    """The zone's own name servers, which the provider says that it gave it; those that are named where it has none."""
    found = zone.sets.get((zone.name, dns.rdatatype.NS))
    return sorted(r.to_text() for r in found) if found else list(otherwise)


def mx_of(zone: Zone) -> list[tuple[str, int, list[str]]]:
    """Every MX that a zone has: name without its final dot, TTL, values."""
    return [
        (owner.to_text().rstrip("."), int(rdataset.ttl), [r.to_text() for r in rdataset])
        for (owner, kind), rdataset in zone.sets.items()
        if kind == dns.rdatatype.MX
    ]
