"""``dns``: does the primary's MX host resolve, at its authoritative servers and through resolvers?"""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit.dnswire import parse_endpoint
from bcp.kit.resolve import Told, ask_address, name_servers_of

FOUND_FOR_S = 6 * 3600.0
RETRY_S = 600.0


def _endpoints(texts: list[str]) -> list[str]:
    return [str(parse_endpoint(t)) for t in texts]


Endpoints = Annotated[list[str], AfterValidator(_endpoints)]


class DnsProbeSettings(ProbeSettings):
    """One host name to look up."""

    kind: Literal["dns"] = "dns"
    """Which plug-in."""
    host: str
    """The MX host of the primary."""
    resolvers: Endpoints = Field(default_factory=list)
    """Resolvers to ask, each apart; two that are independent of each other. Empty: the system's."""
    authoritative: Literal["auto"] | Endpoints = Field(default_factory=list)
    """Authoritative servers to ask as well, as caches hide an outage; `auto` finds them and remembers them for hours."""
    timeout: Duration = 5.0
    """Deadline of one look."""


class DnsProbe(Probe[DnsProbeSettings]):
    """A and AAAA at every server. The authoritative ones decide where they can be asked from here; an answer without addresses is a failure; no answer from anywhere is *unknown*. Notes whether a resolver validates the name (DNSSEC)."""

    kind = "dns"
    plane = "dns"
    medium: ClassVar[str] = "dns"
    Settings = DnsProbeSettings

    def __init__(self, name: str, settings: DnsProbeSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._servers: list[str] = []
        self._look_again = 0.0
        self._answered = False
        """Authoritative servers answered from here before: their silence means something."""

    async def look(self) -> Signal:
        """One look."""
        s = self.settings
        servers = await self._authoritative()
        resolvers = await ask_address(s.host, s.resolvers, s.timeout * 0.8, dnssec=True)
        direct = await ask_address(s.host, servers, s.timeout * 0.8) if servers else []
        told, said = [a for a in resolvers if a.code], [a for a in direct if a.code]
        self._answered = self._answered or bool(said)
        secure = "secure" if any(a.secure for a in told) else "insecure"
        if said:
            return self._judge(said, "authoritative", secure, cached=any(a.addresses for a in told))
        if not told:
            return self.saw(Result.UNKNOWN, "no-resolver", "no resolver answers: this may be our own network")
        if s.control:  # whatever it says, it answers
            return self.saw(Result.OK, "", f"{told[0].server} answers")
        if direct and self._answered and all(a.addresses for a in told):
            return self.saw(
                Result.DEGRADED,
                "authoritative-silent",
                f"no authoritative server of {s.host} answers any more; resolvers still do, from cache",
            )
        return self._judge(told, "resolver", secure, cached=False)

    def _judge(self, told: list[Told], who: str, secure: str, *, cached: bool) -> Signal:
        host = self.settings.host
        bad = [a for a in told if not a.addresses]
        if not bad:
            return self.saw(Result.OK, "", f"{host} resolves to {', '.join(told[0].addresses[:3])}", dnssec=secure)
        code = bad[0].code if bad[0].code != "NOERROR" else "no address"
        kind = "servfail" if bad[0].code == "SERVFAIL" else "nxdomain"
        hidden = "; caches still hide it" if cached else ""
        evidence = f"{host} at {who} {bad[0].server}: {code} ({len(bad)} of {len(told)}){hidden}"
        return self.saw(Result.DEGRADED if len(bad) < len(told) else Result.FAIL, kind, evidence, dnssec=secure)

    async def _authoritative(self) -> list[str]:
        s = self.settings
        if s.authoritative != "auto":
            return list(s.authoritative)
        now = self.clock.monotonic()
        if now >= self._look_again:
            found = await name_servers_of(s.host, s.resolvers, s.timeout * 0.2)
            self._servers = found or self._servers
            self._look_again = now + (FOUND_FOR_S if found else RETRY_S)
        return self._servers


PLUGIN = ProbePlugin(api=1, settings=DnsProbeSettings, make=DnsProbe)
