"""``dns``: does the primary's MX host resolve, at its authoritative servers and through resolvers?"""

from __future__ import annotations

import asyncio
from typing import ClassVar, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Reach, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit.dns_judge import ADDRESSES, Told, ask_authority, ask_resolver, judge, parts_of
from bcp.kit.dns_servers import Endpoints, Servers
from bcp.kit.resolve import resolvers_of


class DnsProbeSettings(ProbeSettings):
    """One host name to look up."""

    kind: Literal["dns"] = "dns"
    """Which plug-in."""
    host: str
    """The MX host of the primary."""
    resolvers: Endpoints = Field(default_factory=list)
    """Resolvers to ask, each apart; two that are independent of each other. Empty: the system's."""
    authoritative: Literal["auto"] | Endpoints = Field(default_factory=list)
    """Authoritative servers to ask as well, as caches hide an outage;
    `auto` finds them and remembers them for hours."""
    timeout: Duration = 5.0
    """Deadline of one look."""


class DnsProbe(Probe[DnsProbeSettings]):
    """A and AAAA at every server, over UDP and TCP. The authoritative ones decide where they can be asked from here;
    where they are well and the resolvers refuse the name (DNSSEC), that decides. An answer without addresses is a
    failure; no answer from anywhere is *unknown*. Notes whether a resolver validates the name."""

    kind = "dns"
    plane = "dns"
    medium: ClassVar[str] = "dns"
    Settings = DnsProbeSettings

    def __init__(self, name: str, settings: DnsProbeSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._servers = Servers(clock, settings.host, settings.resolvers, settings.authoritative)
        self._answered = False
        """Authoritative servers answered from here before: their silence means something."""

    def reach(self) -> Reach:
        """How many resolvers it asks, and whether it asks the zone's servers."""
        s = self.settings
        return Reach(resolvers=len(resolvers_of(s.resolvers)), authoritative=bool(s.authoritative))

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        resolvers = resolvers_of(s.resolvers)
        servers = await self._servers.find(s.timeout * 0.2)
        each = s.timeout * 0.75
        found = await asyncio.gather(
            *(ask_authority(e, s.host, ADDRESSES, each) for e in servers),
            *(ask_resolver(e, s.host, ADDRESSES, each) for e in resolvers),
        )
        return self._judge(found)

    def _judge(self, told: list[Told]) -> Signal:
        answering = [t for t in told if not t.silent]
        seen = judge(told, answered_before=self._answered)
        self._answered = self._answered or any(t.own for t in answering)
        if self.settings.control:  # whatever it says, it answers
            if not answering:
                return self.saw(Result.UNKNOWN, "no-resolver", seen.evidence)
            return self.saw(Result.OK, "", f"{answering[0].server} answers")
        secure = "secure" if any(t.secure for t in told) else "insecure"
        parts = parts_of(told, seen, host=self.settings.host)
        evidence = f"{self.settings.host}: {seen.evidence}" if seen.evidence else ""
        return self.saw_parts(seen.result, seen.kind, evidence, parts=parts, dnssec=secure)


PLUGIN = ProbePlugin(api=1, settings=DnsProbeSettings, make=DnsProbe)
