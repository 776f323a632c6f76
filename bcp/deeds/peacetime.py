"""Take a snapshot while everything works: everything that failover and failback need and that an outage hides."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import asdict
from functools import partial
from typing import Any

from bcp.contracts.directory import TellsDomains
from bcp.contracts.dns import Dns, Domain
from bcp.detect.snapshot import Snapshot
from bcp.kernel.errors import BcpError
from bcp.kit.resolve import names_of_servers
from bcp.wiring import App

MAX_AT_ONCE = 20
AGAIN_S = 1.0


class _Taker:
    """Reads what it can, and lists what it could not."""

    def __init__(self, app: App) -> None:
        self.app = app
        self.unreadable: list[str] = []
        self._gate = asyncio.Semaphore(MAX_AT_ONCE)

    async def fact(self, where: str, read: Callable[[], Awaitable[Any]], empty: Any) -> Any:
        """A fact, or ``empty`` and a line that it could not be read. There is time to ask twice: it is peace."""
        for pause in (AGAIN_S, 0.0):
            try:
                async with self._gate, asyncio.timeout(30):
                    return await read()
            except (BcpError, TimeoutError, OSError, ValueError):
                await self.app.clock.sleep(pause)
        self.unreadable.append(where)
        return empty

    async def domain(self, domain: Domain) -> dict[str, Any]:
        """DNS facts of a domain."""
        dns = self.app.world.dns[domain.dns]
        resolvers = self.app.settings.canary.resolvers
        mx = await self.fact(f"{domain.name} mx", lambda: _mx(dns, domain.name), None)
        hosts = [str(h[1]) for h in (mx or {}).get("hosts", [])]
        facts = {
            "mx": mx,
            "ns": await self.fact(f"{domain.name} ns", lambda: names_of_servers(domain.name, resolvers, 5.0), []),
            "spf": await self.fact(f"{domain.name} spf", lambda: _text(dns, domain.name, "v=spf1"), []),
            "dmarc": await self.fact(
                f"{domain.name} dmarc", lambda: _text(dns, f"_dmarc.{domain.name}", "v=dmarc1"), []
            ),
            "mta_sts": await self.fact(f"{domain.name} mta_sts", lambda: _mta_sts(dns, domain.name), {}),
            "tlsa": {h: list(await self.fact(f"{domain.name} tlsa", partial(dns.tlsa, h), ())) for h in hosts},
            "addresses": {
                h: await self.fact(f"{domain.name} addresses", partial(_addresses, dns, h), []) for h in hosts
            },
        }
        if self.app.world.source is not None:
            facts["graph"] = await self.fact(
                f"{domain.name} mx in the directory", lambda: self._configuration(domain.name), None
            )
        return facts

    async def _configuration(self, domain: str) -> list[dict[str, Any]]:
        """`serviceConfigurationRecords`: the only true source of where failback goes."""
        assert self.app.world.source is not None
        return [asdict(r) for r in await self.app.world.source.mail_records(domain)]

    async def accepted(self) -> tuple[str, ...] | None:
        """Domains that the tenant accepts mail for, where the directory can tell."""
        source = self.app.world.source
        if not isinstance(source, TellsDomains):
            return None
        found = await self.fact("accepted domains", source.accepted_domains, None)
        return tuple(sorted(found)) if found is not None else None

    async def health(self) -> dict[str, str]:
        """Status of every service, to know what was amiss before."""
        source = self.app.world.source
        return dict(await self.fact("health", source.health, {})) if source is not None else {}

    async def relay(self, name: str) -> dict[str, Any]:
        """What the relay answers and which key its certificate has, address by address."""
        relay = self.app.world.relays[name]

        async def look() -> list[Any]:
            """One that does not accept is asked again, as everything here is: a busy moment is no change."""
            seen = list(await relay.probe(next(iter(self.app.world.domains)), ""))
            if all(f.accepts for f in seen):
                return seen
            await self.app.clock.sleep(AGAIN_S)
            return list(await relay.probe(next(iter(self.app.world.domains)), ""))

        found = await self.fact(f"relay {name} probe", look, [])
        return {"probe": {f.address: {"accepts": f.accepts, "tls": f.tls, "spki_sha256": f.spki_sha256} for f in found}}


async def _mx(dns: Dns, domain: str) -> dict[str, Any] | None:
    (reading,) = await dns.read([domain])
    if reading.problem or reading.mx is None:
        raise ValueError(reading.problem or "no MX")
    return reading.mx.to_data()


async def _text(dns: Dns, name: str, begins: str) -> list[str]:
    return sorted(t for t in await dns.text(name) if t.lower().replace(" ", "").startswith(begins))


async def _addresses(dns: Dns, host: str) -> list[str]:
    return sorted((await dns.look_up(host)).addresses)


async def _mta_sts(dns: Dns, domain: str) -> dict[str, Any]:
    found = await dns.mta_sts(domain)
    if found.problem or found.unasked:
        raise ValueError(found.problem or found.unasked)
    if not found.announced:
        return {}
    return {"record": found.record, "mode": found.mode, "mx": list(found.patterns)}


async def take(app: App) -> Snapshot:
    """Read everything, side by side. Raises nothing: what cannot be read is listed in ``unreadable``."""
    taker = _Taker(app)
    domains, relays = list(app.world.domains.values()), list(app.world.relays)
    facts, probes, health, accepted = await asyncio.gather(
        asyncio.gather(*(taker.domain(d) for d in domains)),
        asyncio.gather(*(taker.relay(r) for r in relays)),
        taker.health(),
        taker.accepted(),
    )
    return Snapshot(
        app.clock.now(),
        {d.name: f for d, f in zip(domains, facts, strict=True)},
        dict(zip(relays, probes, strict=True)),
        health,
        tuple(sorted(set(taker.unreadable))),
        accepted,
    )
