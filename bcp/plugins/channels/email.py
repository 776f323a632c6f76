"""``email``: mail through a relay that does not share Exchange's fate."""

from __future__ import annotations

from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from bcp.contracts.channel import Channel, ChannelPlugin, ChannelSettings, Check, Delivery, Message, NotSent, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Around, Duration, Flaw
from bcp.kernel.errors import Invalid, Permanent, Transient
from bcp.kernel.hashing import digest_text
from bcp.kernel.secret import Secret
from bcp.kit import dkim_sign, smtp


class Dkim(BaseModel):
    """The key we sign with, where the relay does not sign (RFC 6376)."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    selector: str = Field(pattern=r"^[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?$")
    """The public key is looked up at `<selector>._domainkey.<domain>`."""
    key: Secret
    """An RSA private key as PEM, by reference."""
    domain: str = ""
    """The domain that signs: the sender's own, or one above it (DMARC alignment, RFC 7489 section 3.1.1).
    Empty: the sender's."""
    resolvers: list[str] = Field(default_factory=list)
    """Where `bcp doctor` looks the public key up. Empty: the system's resolvers."""


class EmailSettings(ChannelSettings):
    """A submission host, and the address we write from."""

    kind: Literal["email"] = "email"
    """Which plug-in."""
    host: str
    """Host name or address of the relay that takes our mail."""
    port: Annotated[int, Field(ge=1, le=65535)] = 25
    """Port."""
    from_: str = Field(alias="from", pattern=r"^[^@\s]+@[^@\s]+$")
    """Sender address; its domain must allow this relay in SPF, or sign with DKIM."""
    from_name: str = ""
    """Sender name."""
    dkim: Dkim | None = None
    """Sign here. Empty: the relay signs."""
    avoid_domains: list[str] = Field(default_factory=list)
    """Addresses in these domains are skipped: their mailboxes are what is down.
    `bcp init` fills in your own domains."""
    timeout: Duration = 20.0
    """For one message."""
    concurrency: Annotated[int, Field(ge=1, le=50)] = 5
    """Connections at once."""

    def flaws(self, around: Around) -> list[Flaw]:
        """A sender in one of our domains writes to our own people: their mailboxes are what is down."""
        ours = set(around.domains)
        if self.avoid_domains or self.from_.rpartition("@")[2].lower() not in ours:
            return []
        text = f"the e-mail channel {around.name!r} would write to mailboxes that are down"
        return [Flaw("shared-fate", text, f"Add avoid_domains: [{', '.join(sorted(ours)[:3])}]")]

    @model_validator(mode="after")
    def _aligned(self) -> EmailSettings:
        sender = self.from_.rpartition("@")[2].lower()
        if self.dkim and self.dkim.domain and not f".{sender}".endswith(f".{self.dkim.domain.lower().rstrip('.')}"):
            raise ValueError(
                f"dkim.domain {self.dkim.domain} is not {sender} or a domain above it: "
                "DMARC would not count the signature"
            )
        return self

    def at_once(self) -> int:
        """As configured."""
        return self.concurrency


class Email(Channel[EmailSettings]):
    """Mail to addresses that are not in the domains that are down.
    The Message-ID is made from our key: a repeat can be recognised."""

    kind = "email"
    form = "email"
    Settings = EmailSettings

    def address_of(self, contact: Contact) -> str:
        """The address, unless it lies in a domain that is down."""
        domain = contact.email.rpartition("@")[2].lower()
        return "" if domain in {d.lower() for d in self.settings.avoid_domains} else contact.email

    async def send(self, delivery: Delivery) -> Receipt:
        """Hand over one message."""
        message = self._message(delivery)
        s = self.settings
        try:
            answer = await smtp.send(
                s.host, s.port, self._sealed(message), sender=s.from_, recipient=delivery.address, timeout_s=s.timeout
            )
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error
        except Invalid as error:
            raise Permanent(error.message, hint=error.hint) from error
        return Receipt(message["Message-ID"], answer)

    def _sealed(self, message: EmailMessage) -> bytes:
        """As it goes over the wire, signed where we sign."""
        raw = message.as_bytes(policy=policy.SMTP)
        if not (dkim := self.settings.dkim):
            return raw
        domain = dkim.domain or self.settings.from_.rpartition("@")[2]
        return dkim_sign.sign(raw, selector=dkim.selector, domain=domain, key=dkim.key.reveal())

    def _message(self, delivery: Delivery) -> EmailMessage:
        s = self.settings
        message = EmailMessage()
        user, _, domain = s.from_.partition("@")
        message["From"] = Address(s.from_name, user, domain)
        message["To"] = delivery.address
        message["Subject"] = delivery.message.subject or delivery.message.title or delivery.message.template
        message["Date"] = format_datetime(datetime.fromtimestamp(delivery.since, UTC))
        message["Message-ID"] = f"<{digest_text(delivery.key)[:32]}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        body = delivery.message.body
        message.set_content(body, cte="7bit" if body.isascii() else "quoted-printable")  # no relay has to rewrite it
        return message

    async def check(self) -> list[Check]:
        """EHLO to RCPT, nothing is sent; and whether the key that signs is the one that is published."""
        found = [await self._check_relay()]
        if self.settings.dkim:
            found.append(await self._check_key(self.settings.dkim))
        return found

    async def _check_key(self, dkim: Dkim) -> Check:
        sample = Delivery("check", self.settings.from_, Message("check", "email", "en", "check", "check"), 0.0)
        try:
            wrong = await dkim_sign.published(
                self._sealed(self._message(sample)),
                resolvers=dkim.resolvers,
                timeout_s=min(10.0, self.settings.timeout),
            )
        except Invalid as error:
            return Check(f"{self.name} DKIM", "fail", error.message, error.hint)
        if wrong:
            return Check(f"{self.name} DKIM", "fail", wrong, "Publish the public key, or let the relay sign.")
        return Check(f"{self.name} DKIM", "ok", f"signs as {dkim.selector}; the published key verifies")

    async def _check_relay(self) -> Check:
        talk = await smtp.rcpt(
            self.settings.host,
            self.settings.port,
            recipient=self.settings.from_,
            sender=self.settings.from_,
            timeout_s=min(10.0, self.settings.timeout),
        )
        if talk.stage in {"rcpt", "done"}:
            return Check(self.name, "ok", f"{self.settings.host}:{self.settings.port} speaks SMTP and takes our sender")
        return Check(
            self.name, "fail", f"{self.settings.host}:{self.settings.port} at {talk.say()}", "Is the relay up?"
        )


PLUGIN = ChannelPlugin(api=1, settings=EmailSettings, make=Email)
