"""``round-trip``: a tagged mail into Exchange, and its way out again to a mailbox that does not share its fate."""

from __future__ import annotations

import asyncio
import secrets
from email import policy
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from bcp.contracts.plugin import Duration, Model
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Reach, Result, Signal
from bcp.kernel.errors import BcpError
from bcp.kernel.secret import Secret
from bcp.kit.imap_search import holds
from bcp.kit.mailer import HEADER, CanaryMailer, canary_message
from bcp.kit.resolve import addresses_of, mx_of_domain, resolvers_of
from bcp.kit.smtp_judge import kind_of
from bcp.kit.smtp_session import Mail, Session, converse

HAND_OVER_S = 30.0
"""Longest time for handing the mail over, at all addresses together."""
MAX_TRIES = 6
ASK_S = 20.0
"""Longest time for one question to the mailbox."""


class ImapMailbox(Model):
    """A mailbox outside Exchange, read over IMAP with TLS."""

    host: str
    """Name."""
    port: Annotated[int, Field(ge=1, le=65535)] = 993
    """Port."""
    user: str
    """Login."""
    password: Secret
    """Password, by reference."""
    ca_file: Path | None = None
    """Certificates of a private authority, beside the system's."""


class RoundTripSettings(ProbeSettings):
    """The way of one mail."""

    kind: Literal["round-trip"] = "round-trip"
    """Which plug-in."""
    to: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    """Mailbox in Exchange. A mail-flow rule there redirects these mails to the mailbox outside:
    that needs neither Graph nor Entra."""
    sender: str = ""
    """Envelope sender; empty is the null sender."""
    resolvers: list[str] = Field(default_factory=list)
    """Resolvers that a sender would use. Empty: the system's."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """SMTP port of the MX hosts."""
    arrival: Path | None = None
    """Maildir in which it arrives."""
    imap: ImapMailbox | None = None
    """Or a mailbox read over IMAP."""
    slow: Duration = 120.0
    """Arrival later than this is *degraded*."""
    ask_every: Duration = 5.0
    """Time between looks into the mailbox."""
    timeout: Duration = 600.0
    """Arrival later than this is a failure."""
    every: Duration | None = 300.0
    """Time between test mails."""

    @model_validator(mode="after")
    def _one_mailbox(self) -> RoundTripSettings:
        if (self.arrival is None) == (self.imap is None):
            raise ValueError("give either arrival: (a Maildir) or imap:")
        return self


class RoundTripProbe(Probe[RoundTripSettings]):
    """Sends a mail with a tag of its own and waits for exactly that one. A mail that came through is the best evidence
    there is. Mail that is not taken says nothing of the way out: the `smtp` probe judges that."""

    kind = "round-trip"
    plane = "outbound"
    medium: ClassVar[str] = "smtp"
    quick: ClassVar[bool] = False
    Settings = RoundTripSettings

    def shares(self) -> tuple[str, ...]:
        """The mailbox may be the one that other probes ask for."""
        return (f"recipient:{self.settings.to.lower()}",)

    def reach(self) -> Reach:
        """Whole mails, to one mailbox."""
        return Reach((self.settings.to,), len(resolvers_of(self.settings.resolvers)), whole_mail=True)

    async def look(self) -> Signal:
        """One mail."""
        s = self.settings
        start = self.clock.monotonic()
        tag = f"rt-{secrets.token_hex(8)}"
        bad = await self._hand_over(tag, min(HAND_OVER_S, s.timeout * 0.5))
        if bad is not None:
            return bad
        self.early(self.saw(Result.UNKNOWN, "taken", "taken at the door; it is under way"))
        unread, read = "", False
        while (left := s.timeout - (self.clock.monotonic() - start)) > 0:
            try:
                async with asyncio.timeout(min(ASK_S, left)):
                    if await self._arrived(tag):
                        return self._came(self.clock.monotonic() - start)
                unread, read = "", True
            except (BcpError, OSError, TimeoutError) as error:
                if not (read and left < ASK_S):  # the end cut it short; before, the mailbox could be read
                    unread = getattr(error, "message", "") or str(error) or type(error).__name__
            await self.clock.sleep(min(s.ask_every, max(0.0, s.timeout - (self.clock.monotonic() - start))))
        if unread:
            return self.saw(Result.UNKNOWN, "mailbox-outside", f"the mailbox outside cannot be read: {unread}")
        return self.saw(Result.FAIL, "lost", f"taken, and not out again after {s.timeout:g} s ({tag})", tag=tag)

    def _came(self, took: float) -> Signal:
        slow = took > self.settings.slow
        result, kind = (Result.DEGRADED, "slow") if slow else (Result.OK, "delivered")
        text = f"there and out again in {took:.0f} s"
        return self.saw_parts(result, kind, text, numbers={"seconds": round(took, 1)}, seconds=f"{took:.1f}")

    async def _hand_over(self, tag: str, timeout_s: float) -> Signal | None:
        """As a sender does: MX by preference, every address, until one takes it. ``None`` when it was taken."""
        s = self.settings
        message = canary_message(s.to, tag, sender=s.sender, at=self.clock.now())
        mail = Mail(s.to, message.as_bytes(policy=policy.SMTP))
        tried: list[Session] = []
        try:
            async with asyncio.timeout(timeout_s):
                for address in (await self._addresses(timeout_s / 3))[:MAX_TRIES]:
                    session = await converse(
                        address, s.port, recipients=[s.to], sender=s.sender, timeout_s=timeout_s / 2, mail=mail
                    )
                    tried.append(session)
                    if session.data is not None and session.data[1].ok:
                        return None
        except TimeoutError:
            pass
        return self._not_taken(tried)

    async def _addresses(self, timeout_s: float) -> list[str]:
        s = self.settings
        hosts = await mx_of_domain(s.to.rpartition("@")[2], s.resolvers, timeout_s)
        return [a for _, host in hosts for a in await addresses_of(host, s.resolvers, timeout_s)]

    def _not_taken(self, tried: list[Session]) -> Signal:
        after = [x.data[1] for x in tried if x.data is not None]
        if after:
            kind = kind_of(after[-1])
            kind = kind if kind.startswith(("4xx", "own-", "throttled")) else "not-taken"
            result = Result.FAIL if kind.startswith("4xx") else Result.UNKNOWN
            return self.saw(result, kind, f"every recipient is taken, the mail is not: {after[-1].say()}")
        said = [x.opening if not x.opening.ok else x.answers[-1][1] for x in tried if x.answers or not x.opening.ok]
        why = said[-1].say() if said else "no address of the MX was found in time"
        return self.saw(Result.UNKNOWN, "not-taken", f"not taken, so it says nothing of the way out: {why}")

    async def _arrived(self, tag: str) -> bool:
        s = self.settings
        if s.imap is None:
            box = CanaryMailer(
                self.clock, to=s.to, sender=s.sender, resolvers=s.resolvers, port=s.port, arrival=s.arrival
            )
            return bool(await box.arrived(tag))
        m = s.imap
        password, patience = m.password.reveal(), ASK_S - 1
        return await holds(m.host, m.port, m.user, password, HEADER, tag, timeout_s=patience, ca_file=m.ca_file)


PLUGIN = ProbePlugin(api=1, settings=RoundTripSettings, make=RoundTripProbe)
