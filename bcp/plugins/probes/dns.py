"""``dns``: does the primary's MX host resolve, at its authoritative servers or through resolvers?"""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from bcp.contracts.plugin import Duration, PluginSettings
from bcp.contracts.probe import Probe, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit.resolve import ask_address


class DnsProbeSettings(PluginSettings):
    """One host name to look up."""

    kind: Literal["dns"] = "dns"
    """Which plug-in."""
    host: str
    """The MX host of the primary."""
    resolvers: list[str] = Field(default_factory=list)
    """Servers to ask, each apart. Empty: the system's resolvers."""
    timeout: Duration = 5.0
    """For one answer."""
    control: bool = False
    """True: it looks up something unrelated."""


class DnsProbe(Probe[DnsProbeSettings]):
    """A and AAAA at every server. An answer without addresses is a failure; no answer from anywhere is *unknown*."""

    kind = "dns"
    plane = "dns"
    Settings = DnsProbeSettings

    async def look(self) -> Signal:
        """One look."""
        answers = await ask_address(self.settings.host, self.settings.resolvers, self.settings.timeout)
        told = [a for a in answers if a.code]
        if not told:
            return self._signal(Result.UNKNOWN, "no-resolver", "no resolver answers: this may be our own network")
        bad = [a for a in told if not a.addresses]
        if not bad:
            return self._signal(Result.OK, "", f"{self.settings.host} resolves to {', '.join(told[0].addresses[:3])}")
        kind = "servfail" if bad[0].code == "SERVFAIL" else "nxdomain"
        evidence = (
            f"{self.settings.host} at {bad[0].server}: {bad[0].code if bad[0].code != 'NOERROR' else 'no address'}"
        )
        return self._signal(Result.DEGRADED if len(bad) < len(told) else Result.FAIL, kind, evidence)

    def _signal(self, result: Result, kind: str, evidence: str) -> Signal:
        return Signal(self.name, self.plane, result, self.clock.now(), kind, evidence, self.settings.control)


def create(name: str, settings: DnsProbeSettings, clock: Clock) -> DnsProbe:
    """The probe of these settings."""
    return DnsProbe(name, settings, clock)
