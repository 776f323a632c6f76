"""``smtp``: speak SMTP with the primary up to RCPT for a recipient that is known to be good."""

from __future__ import annotations

from typing import ClassVar, Literal

from bcp.contracts.probe import REJECTS, THROTTLED, Probe, ProbePlugin, Result, Signal
from bcp.kit.resolve import addresses_of
from bcp.kit.smtp_judge import Seen, SmtpTarget, look_at

MAX_ADDRESSES = 8


class SmtpProbeSettings(SmtpTarget):
    """One host to look at."""

    kind: Literal["smtp"] = "smtp"
    """Which plug-in."""
    recipient: str
    """A recipient that certainly exists. A 5xx for it is a false reject."""
    require_tls: bool = False
    """True: a certificate that a strict sender (MTA-STS, DANE) would refuse counts as a failure. Set it when you publish such a policy."""


class SmtpProbe(Probe[SmtpProbeSettings]):
    """Connect, 220, EHLO, STARTTLS and certificate, MAIL, RCPT, RSET, QUIT. Sends nothing. Every address of the host apart: all must fail for *fail*, some for *degraded*."""

    kind = "smtp"
    plane = "inbound"
    medium: ClassVar[str] = "smtp"
    Settings = SmtpProbeSettings

    async def look(self) -> Signal:
        """One look at all addresses."""
        s = self.settings
        addresses = s.addresses or await addresses_of(s.host, s.resolvers, s.timeout / 2)
        if not addresses:
            return self.saw(Result.UNKNOWN, "unresolved", f"{s.host} does not resolve here; the dns probe judges that")
        seen = await look_at(
            addresses[:MAX_ADDRESSES],
            s.port,
            recipient=s.recipient,
            sender=s.sender,
            timeout_s=s.timeout,
            tls_name=s.host,
        )
        return self._judge(seen)

    def _judge(self, seen: list[Seen]) -> Signal:
        s = self.settings
        bad = [x for x in seen if x.kind or (s.require_tls and x.talk.tls != "ok")]
        if not bad:
            tls = seen[0].talk.tls
            note = "" if tls == "ok" else f" (TLS: {tls})"
            return self.saw(Result.OK, "", f"{s.host} accepts {s.recipient}{note}", tls=tls)
        if s.control and any(x.talk.code for x in seen):  # whatever it says, port 25 works from here
            return self.saw(Result.OK, "", f"{s.host} answers")
        kinds = [x.kind or "tls" for x in bad]
        worst = next((k for k in (REJECTS, THROTTLED) if kinds.count(k) * 2 > len(seen)), kinds[0])
        shown = next(x for x, k in zip(bad, kinds, strict=True) if k == worst)
        text = shown.talk.say() if shown.kind else f"STARTTLS: {shown.talk.tls}"
        many = f" ({len(bad)} of {len(seen)} addresses)" if len(seen) > 1 else ""
        evidence = f"{shown.address}:{s.port} at {text}{many}"
        if worst.startswith("own-"):
            return self.saw(Result.UNKNOWN, worst, evidence)
        if worst == REJECTS:
            return self.saw(Result.FAIL, REJECTS, evidence)
        return self.saw(Result.DEGRADED if len(bad) < len(seen) else Result.FAIL, worst, evidence)


PLUGIN = ProbePlugin(api=1, settings=SmtpProbeSettings, make=SmtpProbe)
