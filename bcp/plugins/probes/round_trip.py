"""``round-trip``: a tagged mail into Exchange, and its way out again to a mailbox that does not share its fate."""

from __future__ import annotations

import secrets
from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from bcp.contracts.plugin import Duration, Model
from bcp.contracts.probe import Probe, ProbePlugin, ProbeSettings, Result, Signal
from bcp.kernel.errors import BcpError, InDoubt, Transient
from bcp.kernel.secret import Secret
from bcp.kit.imap_search import holds
from bcp.kit.mailer import HEADER, CanaryMailer


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


class RoundTripSettings(ProbeSettings):
    """The way of one mail."""

    kind: Literal["round-trip"] = "round-trip"
    """Which plug-in."""
    to: Annotated[str, Field(pattern=r"^[^@\s]+@[^@\s]+$")]
    """Mailbox in Exchange. A mail-flow rule there redirects these mails to the mailbox outside: that needs neither Graph nor Entra."""
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
    """Sends a mail with a tag of its own and waits for exactly that one. Mail that is not taken says nothing here: the `smtp` probe judges that."""

    kind = "round-trip"
    plane = "outbound"
    medium: ClassVar[str] = "smtp"
    quick: ClassVar[bool] = False
    Settings = RoundTripSettings

    async def look(self) -> Signal:
        """One mail."""
        s = self.settings
        start = self.clock.monotonic()
        tag = f"rt-{secrets.token_hex(8)}"
        mailer = CanaryMailer(
            self.clock, to=s.to, sender=s.sender, resolvers=s.resolvers, port=s.port, arrival=s.arrival
        )
        try:
            await mailer.canary(s.to, tag, timeout_s=min(30.0, s.timeout), expect="accepted")
        except Transient as error:
            return self.saw(
                Result.UNKNOWN, "not-taken", f"not taken, so it says nothing of the way out: {error.message}"
            )
        while (took := self.clock.monotonic() - start) < s.timeout:
            try:
                if await (mailer.arrived(tag) if s.imap is None else self._in_imap(tag)):
                    return self._arrived(took)
            except (BcpError, OSError) as error:
                return self.saw(Result.UNKNOWN, "mailbox-outside", f"the mailbox outside cannot be read: {error}")
            await self.clock.sleep(s.ask_every)
        return self.saw(Result.FAIL, "lost", f"taken, and not out again after {s.timeout:g} s ({tag})", tag=tag)

    def _arrived(self, took: float) -> Signal:
        slow = took > self.settings.slow
        return self.saw(
            Result.DEGRADED if slow else Result.OK,
            "slow" if slow else "",
            f"there and out again in {took:.0f} s",
            seconds=f"{took:.1f}",
        )

    async def _in_imap(self, tag: str) -> bool:
        m = self.settings.imap
        assert m is not None
        try:
            return await holds(m.host, m.port, m.user, m.password.reveal(), HEADER, tag, timeout_s=20.0)
        except InDoubt as error:
            raise OSError(error.message) from error


PLUGIN = ProbePlugin(api=1, settings=RoundTripSettings, make=RoundTripProbe)
