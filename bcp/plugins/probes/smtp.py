"""``smtp``: speak SMTP with the primary up to RCPT for a recipient that is known to be good."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration, PluginSettings
from bcp.contracts.probe import Probe, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit import smtp
from bcp.kit.resolve import addresses_of


class SmtpProbeSettings(PluginSettings):
    """One host to look at."""

    kind: Literal["smtp"] = "smtp"
    """Which plug-in."""
    host: str
    """Name or address of the mail host."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """Port."""
    addresses: list[str] = Field(default_factory=list)
    """Addresses, where the name should not be resolved."""
    recipient: str
    """A recipient that certainly exists. A 5xx for it is a false reject."""
    sender: str = ""
    """Sender of the probe; empty is the null sender."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers for the host name. Empty: the system's."""
    timeout: Duration = 10.0
    """For the whole look."""
    control: bool = False
    """True: it looks at something unrelated, to tell our own sickness from the service's."""


class SmtpProbe(Probe[SmtpProbeSettings]):
    """Connect, 220, EHLO, STARTTLS, MAIL, RCPT, RSET, QUIT. Sends nothing. Asks every address; one that accepts is enough for *degraded*."""

    kind = "smtp"
    plane = "inbound"
    Settings = SmtpProbeSettings

    async def look(self) -> Signal:
        """One look at all addresses."""
        s = self.settings
        addresses = s.addresses or await addresses_of(s.host, s.resolvers, s.timeout / 2)
        if not addresses:
            return self._signal(
                Result.UNKNOWN, "unresolved", f"{s.host} does not resolve here; the dns probe judges that"
            )
        talks = [
            await smtp.rcpt(a, s.port, recipient=s.recipient, sender=s.sender, timeout_s=s.timeout / len(addresses))
            for a in addresses[:4]
        ]
        bad = [(a, t) for a, t in zip(addresses, talks, strict=False) if not t.ok]
        if not bad:
            return self._signal(Result.OK, "", f"{s.host} accepts {s.recipient}")
        address, talk = bad[0]
        evidence = f"{address}:{s.port} at {talk.say()}"
        if talk.code in range(500, 600) and talk.stage in {"rcpt"}:
            return self._signal(Result.FAIL, "rejects", evidence)
        if len(bad) < len(talks):
            return self._signal(Result.DEGRADED, talk.kind, evidence)
        return self._signal(Result.FAIL, talk.kind, evidence)

    def _signal(self, result: Result, kind: str, evidence: str) -> Signal:
        return Signal(self.name, self.plane, result, self.clock.now(), kind, evidence, self.settings.control)


def create(name: str, settings: SmtpProbeSettings, clock: Clock) -> SmtpProbe:
    """The probe of these settings."""
    return SmtpProbe(name, settings, clock)
