"""``smtp``: speak SMTP with the primary up to RCPT for recipients that are known to be good;
now and then a whole mail."""

from __future__ import annotations

import secrets
from email import policy
from typing import Annotated, ClassVar, Literal

from pydantic import Field, StringConstraints, model_validator

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Part, Probe, ProbePlugin, Reach, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit.mailer import canary_message
from bcp.kit.resolve import addresses_of, resolvers_of
from bcp.kit.smtp_judge import FirstContact, SmtpTarget, count_text, look_at, parts_of, summarize
from bcp.kit.smtp_session import Mail, Session

MAX_ADDRESSES = 8
Recipient = Annotated[str, StringConstraints(pattern=r"^[^@\s]+@[^@\s]+$", max_length=254)]


class SmtpProbeSettings(SmtpTarget):
    """One host to look at."""

    kind: Literal["smtp"] = "smtp"
    """Which plug-in."""
    recipient: Recipient | None = None
    """A recipient that certainly exists. A 5xx for it is a false reject."""
    recipients: Annotated[list[Recipient], Field(max_length=10)] = Field(default_factory=list)
    """More of them. Two or more: one that somebody deleted is then no outage."""
    mail_to: Recipient | None = None
    """A monitoring mailbox that gets a whole test mail now and then: only that shows a refusal after DATA.
    Empty: the probe speaks up to RCPT and sends nothing."""
    mail_every: Duration = 300.0
    """Time between test mails; while one is refused, every look sends one."""
    greylisting: Duration = 1800.0
    """How long 451 4.7.1 is taken for greylisting of a first contact, and says nothing."""
    require_tls: bool = False
    """True: a certificate that a strict sender (MTA-STS, DANE) would refuse counts as a failure.
    Set it when you publish such a policy."""

    @model_validator(mode="after")
    def _somebody(self) -> SmtpProbeSettings:
        if not self.everybody():
            raise ValueError("give recipient:, or better two or more under recipients:")
        return self

    def everybody(self) -> list[str]:
        """All known recipients, each once."""
        one = [self.recipient] if self.recipient else []
        return list(dict.fromkeys([*one, *self.recipients]))


class SmtpProbe(Probe[SmtpProbeSettings]):
    """Connect, 220, EHLO, STARTTLS and certificate, MAIL, RCPT for every recipient, RSET, QUIT. Sends nothing unless
    `mail_to` is given. Every address and every recipient is a part: all must fail for *fail*, some for *degraded*."""

    kind = "smtp"
    plane = "inbound"
    medium: ClassVar[str] = "smtp"
    Settings = SmtpProbeSettings

    def __init__(self, name: str, settings: SmtpProbeSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        self._first = FirstContact(settings.greylisting)
        self._next_mail = 0.0
        self._turn = 0
        self._refused = False
        """The last test mail was not taken."""

    def shares(self) -> tuple[str, ...]:
        """A recipient that is deleted is deleted for every probe that asks for it."""
        return tuple(f"recipient:{r.lower()}" for r in self.settings.everybody())

    def reach(self) -> Reach:
        """Its recipients, and whether it hands over whole mails."""
        s = self.settings
        return Reach(tuple(s.everybody()), len(resolvers_of(s.resolvers)), whole_mail=s.mail_to is not None)

    async def look(self) -> Signal:
        """One look at all addresses."""
        s = self.settings
        addresses = s.addresses or await addresses_of(s.host, s.resolvers, s.timeout * 0.3)
        if not addresses:
            return self.saw(Result.UNKNOWN, "unresolved", f"{s.host} does not resolve here; the dns probe judges that")
        chosen = addresses[:MAX_ADDRESSES]
        limit = s.timeout * (1.0 if s.addresses else 0.7)
        seen = await look_at(chosen, s, s.everybody(), timeout_s=limit, mails=self._mails(chosen))
        self._mailed(seen)
        now = self.clock.monotonic()
        parts = [
            part
            for session in seen
            for part in parts_of(session, s, s.everybody(), first=self._first, now=now, require_tls=s.require_tls)
        ]
        return self._judge(seen, parts)

    def _mails(self, addresses: list[str]) -> dict[str, Mail]:
        """The test mail that is due, by address: at one address, another one every time."""
        s = self.settings
        if s.mail_to is None or s.control or self.clock.monotonic() < self._next_mail:
            return {}
        message = canary_message(s.mail_to, f"smtp-{secrets.token_hex(8)}", sender=s.sender, at=self.clock.now())
        mail = Mail(s.mail_to, message.as_bytes(policy=policy.SMTP))
        return dict.fromkeys(addresses if self._refused else [addresses[self._turn % len(addresses)]], mail)

    def _mailed(self, seen: list[Session]) -> None:
        """Taken: the next one is due later, at the next address. Refused: again at once, and at every address."""
        told = [x.data[1] for x in seen if x.data is not None]
        self._refused = any(not t.ok for t in told)
        if told and not self._refused:
            self._next_mail = self.clock.monotonic() + self.settings.mail_every
            self._turn += 1

    def _judge(self, seen: list[Session], parts: list[Part]) -> Signal:
        s = self.settings
        result, kind, shown = summarize(parts)
        if s.control and result is not Result.OK and (answering := next((x for x in seen if x.opening.code), None)):
            return self.saw(Result.OK, "", f"{s.host} answers at {answering.address}")  # port 25 works from here
        numbers = {"seconds": max((x.seconds for x in seen), default=0.0)}
        tls = next((x.tls for x in seen if x.opening.ok), "none")
        if result is Result.OK:
            note = "" if tls == "ok" else f" (TLS: {tls})"
            who = ", ".join(s.everybody()[:3])
            return self.saw_parts(result, kind, f"{s.host} accepts {who}{note}", parts=parts, numbers=numbers, tls=tls)
        many = count_text(parts)
        evidence = (shown.evidence if shown else "") + (f" ({many})" if many else "")
        return self.saw_parts(result, kind, evidence, parts=parts, numbers=numbers, tls=tls)


PLUGIN = ProbePlugin(api=1, settings=SmtpProbeSettings, make=SmtpProbe)
