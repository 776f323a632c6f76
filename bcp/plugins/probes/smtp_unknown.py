"""``smtp-unknown``: the same conversation for a recipient that certainly does not exist. It must be refused."""

from __future__ import annotations

from typing import ClassVar, Literal

from bcp.contracts.probe import REJECTS, Probe, ProbePlugin, Result, Signal
from bcp.kit.resolve import addresses_of
from bcp.kit.smtp_judge import SmtpTarget, look_at


class SmtpUnknownSettings(SmtpTarget):
    """One host to look at."""

    kind: Literal["smtp-unknown"] = "smtp-unknown"
    """Which plug-in."""
    recipient: str
    """A recipient of your domain that certainly does not exist."""


class SmtpUnknownProbe(Probe[SmtpUnknownSettings]):
    """A 5xx is right. A 250 is noted (no recipient check at the edge, or an inverted one), but is no outage. 4xx, time-outs and refusals of the connection are failures."""

    kind = "smtp-unknown"
    plane = "inbound"
    medium: ClassVar[str] = "smtp"
    Settings = SmtpUnknownSettings

    async def look(self) -> Signal:
        """One look at the first address."""
        s = self.settings
        addresses = s.addresses or await addresses_of(s.host, s.resolvers, s.timeout / 2)
        if not addresses:
            return self.saw(Result.UNKNOWN, "unresolved", f"{s.host} does not resolve here; the dns probe judges that")
        (seen,) = await look_at(
            addresses[:1], s.port, recipient=s.recipient, sender=s.sender, timeout_s=s.timeout, tls_name=s.host
        )
        evidence = f"{seen.address}:{s.port} at {seen.talk.say()}"
        if seen.talk.ok:
            return self.saw(Result.OK, "accepts-unknown", f"{s.host} takes any recipient: {s.recipient}")
        if seen.kind == REJECTS:
            return self.saw(Result.OK, "", f"{s.host} refuses {s.recipient}, as it should")
        if seen.kind.startswith("own-"):
            return self.saw(Result.UNKNOWN, seen.kind, evidence)
        return self.saw(Result.FAIL, seen.kind, evidence)


PLUGIN = ProbePlugin(api=1, settings=SmtpUnknownSettings, make=SmtpUnknownProbe)
