"""``smtp-unknown``: the same conversation for a recipient that certainly does not exist. It must be refused."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar, Literal

from bcp.contracts.probe import REJECTS, Part, Probe, ProbePlugin, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit.resolve import addresses_of
from bcp.kit.smtp_judge import FirstContact, SmtpTarget, count_text, look_at, parts_of, summarize

MAX_ADDRESSES = 8
REFUSED, ACCEPTS = "refused-unknown", "accepts-unknown"


class SmtpUnknownSettings(SmtpTarget):
    """One host to look at."""

    kind: Literal["smtp-unknown"] = "smtp-unknown"
    """Which plug-in."""
    recipient: str
    """A recipient of your domain that certainly does not exist."""


class SmtpUnknownProbe(Probe[SmtpUnknownSettings]):
    """A 5xx is right. A 250 is noted (no recipient check at the edge, or an inverted one), but is no outage.
    4xx, time-outs and refusals of the connection are failures, at every address apart."""

    kind = "smtp-unknown"
    plane = "inbound"
    medium: ClassVar[str] = "smtp"
    Settings = SmtpUnknownSettings

    def __init__(self, name: str, settings: SmtpUnknownSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._first = FirstContact(1800.0)

    async def look(self) -> Signal:
        """One look at all addresses."""
        s = self.settings
        addresses = s.addresses or await addresses_of(s.host, s.resolvers, s.timeout * 0.3)
        if not addresses:
            return self.saw(Result.UNKNOWN, "unresolved", f"{s.host} does not resolve here; the dns probe judges that")
        limit = s.timeout * (1.0 if s.addresses else 0.7)
        seen = await look_at(addresses[:MAX_ADDRESSES], s, [s.recipient], timeout_s=limit)
        now = self.clock.monotonic()
        parts = [
            self._turned(part, asked=session.opening.ok)
            for session in seen
            for part in parts_of(session, s, [s.recipient], first=self._first, now=now)
        ]
        result, kind, shown = summarize(parts)
        if result is Result.OK:
            taken = any(p.kind == ACCEPTS for p in parts)
            text = f"{s.host} takes any recipient: {s.recipient}" if taken else f"{s.host} refuses {s.recipient}"
            return self.saw_parts(Result.OK, ACCEPTS if taken else REFUSED, text, parts=parts)
        many = count_text(parts)
        evidence = (shown.evidence if shown else "") + (f" ({many})" if many else "")
        return self.saw_parts(result, kind, evidence, parts=parts)

    @staticmethod
    def _turned(part: Part, *, asked: bool) -> Part:
        """What is bad for a good recipient is good for this one, where it was asked for at all."""
        part = replace(part, recipient="")
        if asked and part.kind in {REJECTS, "5xx"}:
            return replace(part, result=Result.OK, kind=REFUSED)
        if part.kind == "accepted":
            return replace(part, kind=ACCEPTS)
        return part


PLUGIN = ProbePlugin(api=1, settings=SmtpUnknownSettings, make=SmtpUnknownProbe)
