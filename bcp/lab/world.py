"""The whole lab: DNS, Exchange, relay, sender, vendors; breaks and heals it; counts every numbered mail to its end."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
import secrets
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import dns.name
import dns.rdataset
import dns.rdatatype
from aiohttp import web

from bcp.lab.mailhost import MailHost, RelayHost
from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import free_port
from bcp.lab.resolver import Resolver
from bcp.lab.sender import Sender
from bcp.lab.vendors import Vendors

DOMAIN = "corp.test"
EXCHANGE = "corp-test.mail.protection.outlook.test."
RELAY = "mx.backup.test."
BREAKS = ("refuse", "hang", "421", "451", "550-valid-recipients", "mx-host-unresolvable", "slow")
ALIASES = {"550": "550-valid-recipients", "dns": "mx-host-unresolvable"}


@dataclass(frozen=True, slots=True)
class Tally:
    """Every mail counted. ``lost`` = sent, and neither delivered, bounced nor still queued somewhere."""

    sent: int
    delivered: int
    bounced: tuple[int, ...]
    lost: tuple[int, ...]
    duplicated: tuple[int, ...]
    queued: tuple[int, ...]


class LabRelay(Protocol):
    """A backup relay of the lab."""

    @property
    def accepted(self) -> list[tuple[int, float]]:
        """Number and time of every mail of the lab that it took."""

    async def start(self, address: str, port: int) -> None:
        """Listen."""

    async def stop(self) -> None:
        """End."""

    def queue(self) -> list[dict[str, Any]]:
        """What ``postqueue -j`` would print."""

    def numbers(self) -> list[int]:
        """Mails of the lab that it holds."""


@dataclass
class World:
    """Start it, break it, heal it, count. Mail domains (the first one gets mail), two authoritative addresses, one
    resolver. All names are served on loopback, whoever owns them outside."""

    folder: Path
    ttl: int = 5
    domains: tuple[str, ...] = (DOMAIN,)
    exchange_host: str = EXCHANGE
    relay_host: str = RELAY
    every_s: float = 0.5
    tsig_secret: str = field(default_factory=lambda: base64.b64encode(secrets.token_bytes(32)).decode())
    vendors: Vendors = field(default_factory=Vendors)
    make_relay: Callable[[World], LabRelay] | None = None
    """Another backup relay than the lab's own."""
    broken_at: float = 0.0
    healed_at: float = 0.0

    async def start(self) -> None:
        """Listen everywhere."""
        self.dns_addresses = ["127.0.53.1", "127.0.53.2"]
        self.resolver_address, self.exchange_address, self.relay_address = "127.0.53.9", "127.0.25.1", "127.0.25.2"
        self.dns_port = free_port(*self.dns_addresses, self.resolver_address)
        self.smtp_port = free_port(self.exchange_address, self.relay_address)
        self.http_port, self.queue_port = free_port("127.0.0.1"), free_port("127.0.0.1")
        self.names = NameServer(self._zones(), {"bcp.": self.tsig_secret})
        await self.names.start(self.dns_addresses, self.dns_port)
        self.resolver = Resolver((self.dns_addresses[0], self.dns_port))
        await self.resolver.start(self.resolver_address, self.dns_port)
        self.exchange = MailHost("exchange", set(self.domains), self.folder / "exchange")
        self.relay = (self.make_relay or _own_relay)(self)
        await self.exchange.start(self.exchange_address, self.smtp_port)
        await self.relay.start(self.relay_address, self.smtp_port)
        await self.vendors.start("127.0.0.1", self.http_port)
        self.sender = Sender(
            (self.resolver_address, self.dns_port), self.smtp_port, self.domains[0], every_s=self.every_s
        )
        await self._serve_queue()
        self._sending = asyncio.get_running_loop().create_task(self.sender.run())

    def _zones(self) -> list[Zone]:
        def mail(domain: str) -> Zone:
            return Zone(
                domain,
                [
                    ("@", 60, "NS", [f"ns1.{domain}.", f"ns2.{domain}."]),
                    ("@", self.ttl, "MX", [f"0 {self.exchange_host}"]),
                    ("ns1", 60, "A", [self.dns_addresses[0]]),
                    ("ns2", 60, "A", [self.dns_addresses[1]]),
                    ("@", 60, "TXT", ['"v=spf1 -all"']),
                ],
            )

        zones = [mail(d) for d in self.domains]
        _serve(zones, self.exchange_host, self.ttl, self.exchange_address)
        _serve(zones, self.relay_host, 60, self.relay_address)
        return zones

    async def _serve_queue(self) -> None:
        async def queue(request: web.Request) -> web.Response:
            return web.Response(text="".join(json.dumps(row) + "\n" for row in self.relay.queue()))

        app = web.Application()
        app.router.add_get("/queue", queue)
        self._queue_runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._queue_runner.setup()
        await web.TCPSite(self._queue_runner, "127.0.0.1", self.queue_port).start()

    async def break_(self, how: str) -> None:
        """Break the Exchange stand-in in one of ``BREAKS``."""
        how = ALIASES.get(how, how)
        if how not in BREAKS:
            raise ValueError(f"{how!r} is not a way to break: {', '.join(BREAKS)}")
        self.broken_at = time.time()
        if how == "mx-host-unresolvable":
            self.names.broken.add(dns.name.from_text(self.exchange_host))
        await self.exchange.set_mode({"550-valid-recipients": "550", "mx-host-unresolvable": "refuse"}.get(how, how))

    async def heal(self) -> None:
        """Everything works again."""
        self.healed_at = time.time()
        self.names.broken.clear()
        await self.exchange.set_mode("ok")

    def published_mx(self) -> str:
        """The MX as it stands."""
        found = self.names.zones[0].get(dns.name.from_text(self.domains[0]), dns.rdatatype.MX)
        return ", ".join(r.to_text() for r in found) if found else ""

    def first_at_relay(self) -> float:
        """When the relay took its first mail made after the break."""
        return min((at for _, at in self.relay.accepted if at >= self.broken_at), default=0.0)

    def tally(self) -> Tally:
        """Count by number."""
        arrived = Counter(n for n, _ in self.exchange.messages())
        in_relay = set(self.relay.numbers())
        bounced = tuple(m.number for m in self.sender.mails if m.bounced)
        waiting = {m.number for m in self.sender.mails if not m.delivered and not m.bounced} | in_relay
        numbers = [m.number for m in self.sender.mails]
        ended = {*arrived, *waiting, *bounced}
        lost = tuple(n for n in numbers if n not in ended)
        return Tally(
            len(numbers),
            len(arrived),
            bounced,
            lost,
            tuple(n for n, c in arrived.items() if c > 1),
            tuple(sorted(waiting - set(arrived))),
        )

    async def settle(self, timeout_s: float) -> bool:
        """Send nothing new, and wait until every mail has come to an end."""
        self.sender.finish()
        deadline = time.monotonic() + timeout_s
        while time.monotonic() < deadline:
            if await self.sender.drained(0.1) and not self.tally().queued:
                return True
            await asyncio.sleep(0.1)
        return False

    async def stop(self) -> None:
        """Stop everything."""
        self.sender.finish()
        self.sender.close()
        self._sending.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._sending
        for thing in (self.exchange, self.relay, self.names, self.resolver, self.vendors):
            await thing.stop()
        await self._queue_runner.cleanup()


def _own_relay(world: World) -> LabRelay:
    next_hop = (world.exchange_address, world.smtp_port)
    return RelayHost("relay", set(world.domains), world.folder / "relay", next_hop)


def _serve(zones: list[Zone], host: str, ttl: int, address: str) -> None:
    """Serve the address of a host: in the zone that it is in, else in one of its own, named after what stands above."""
    name = dns.name.from_text(host)
    found = next((z for z in zones if name.is_subdomain(z.name)), None)
    if found is None:
        found = Zone(name.parent().to_text(), [])
        zones.append(found)
    found.sets[name, dns.rdatatype.A] = dns.rdataset.from_text("IN", "A", ttl, address)
