"""``email``: mail through a relay that does not share Exchange's fate."""

from __future__ import annotations

from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from typing import Annotated, Literal

from pydantic import Field

from bcp.contracts.channel import Channel, Check, Delivery, NotSent, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration, PluginSettings
from bcp.kernel.errors import Transient
from bcp.kernel.hashing import digest_text
from bcp.kit import smtp


class EmailSettings(PluginSettings):
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
    avoid_domains: list[str] = Field(default_factory=list)
    """Addresses in these domains are skipped: their mailboxes are what is down. `bcp init` fills in your own domains."""
    timeout: Duration = 20.0
    """For one message."""
    concurrency: Annotated[int, Field(ge=1, le=50)] = 5
    """Connections at once."""
    depends_on: list[str] = Field(default_factory=list)
    """Outside parties whose outage takes this relay down."""


class Email(Channel[EmailSettings]):
    """Mail to addresses that are not in the domains that are down. The Message-ID is made from our key: a repeat can be recognised."""

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
                s.host, s.port, message, sender=s.from_, recipient=delivery.address, timeout_s=s.timeout
            )
        except Transient as error:
            raise NotSent(error.message, hint=error.hint) from error
        return Receipt(message["Message-ID"], answer)

    def _message(self, delivery: Delivery) -> EmailMessage:

        s = self.settings
        message = EmailMessage()
        user, _, domain = s.from_.partition("@")
        message["From"] = Address(s.from_name, user, domain)
        message["To"] = delivery.address
        message["Subject"] = delivery.message.subject or delivery.message.template
        message["Date"] = format_datetime(datetime.fromtimestamp(delivery.since, UTC))
        message["Message-ID"] = f"<{digest_text(delivery.key)[:32]}@{domain}>"
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(delivery.message.body)
        return message

    async def check(self) -> list[Check]:
        """EHLO only."""
        talk = await smtp.rcpt(
            self.settings.host,
            self.settings.port,
            recipient=self.settings.from_,
            sender=self.settings.from_,
            timeout_s=min(10.0, self.settings.timeout),
        )
        if talk.stage in {"rcpt", "done"}:
            return [
                Check(self.name, "ok", f"{self.settings.host}:{self.settings.port} speaks SMTP and takes our sender")
            ]
        return [
            Check(
                self.name,
                "fail",
                f"{self.settings.host}:{self.settings.port} at {talk.say()}",
                "Is the relay up?",
            )
        ]


def create(name: str, settings: EmailSettings) -> Email:
    """The channel of these settings."""
    return Email(name, settings)
