"""``twilio-whatsapp``: WhatsApp through Twilio. Outside of a conversation only an approved template may be sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.channel import Channel, Check, Delivery, Receipt
from bcp.contracts.contact import Contact
from bcp.contracts.plugin import Duration, PluginSettings
from bcp.kernel.errors import BcpError, InDoubt
from bcp.kernel.secret import Secret
from bcp.kit.twilio import Twilio, check_account, translate

RATE = 80.0
"""Messages a second of one WhatsApp sender (twilio.com, WhatsApp)."""


class TwilioWhatsappSettings(PluginSettings):
    """A Twilio account, a WhatsApp sender and an approved template."""

    kind: Literal["twilio-whatsapp"] = "twilio-whatsapp"
    """Which plug-in."""
    account_sid: Secret
    """Account SID, by reference."""
    auth_token: Secret
    """Auth token, by reference."""
    from_: Annotated[str, Field(alias="from", pattern=r"^\+[1-9]\d{6,14}$")]
    """The sender's number."""
    content_sid: Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")]
    """An approved template whose variable {{1}} takes our text. Approval takes days: get it in peacetime."""
    timeout: Duration = 15.0
    """For one request."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 20
    """Requests under way at once."""
    api_url: str = ""
    """Another base URL, for tests."""


class TwilioWhatsapp(Channel[TwilioWhatsappSettings]):
    """Texts by WhatsApp. The `sms` form is used; segments do not matter."""

    kind = "twilio-whatsapp"
    form = "sms"
    Settings = TwilioWhatsappSettings

    def __init__(self, name: str, settings: TwilioWhatsappSettings) -> None:
        super().__init__(name, settings)
        self._twilio = Twilio(
            settings.account_sid,
            settings.auth_token,
            api_url=settings.api_url,
            timeout_s=settings.timeout,
            connections=settings.concurrency,
        )

    def address_of(self, contact: Contact) -> str:
        """The phone number."""
        return contact.phone

    def seconds_for(self, segments: Sequence[int]) -> float:
        """By the sender's rate."""
        return len(segments) / RATE

    async def send(self, delivery: Delivery) -> Receipt:
        """Create one message from the template."""
        from twilio.base.exceptions import TwilioException  # noqa: PLC0415

        s = self.settings
        arguments: dict[str, Any] = {
            "to": f"whatsapp:{delivery.address}",
            "from_": f"whatsapp:{s.from_}",
            "content_sid": s.content_sid,
            "content_variables": json.dumps({"1": delivery.message.body}, ensure_ascii=False),
        }
        try:
            created = await self._twilio.open().messages.create_async(**arguments)
        except BcpError:
            raise
        except TwilioException as error:
            raise translate(error) from error
        return Receipt(str(created.sid), str(created.status))

    async def find(self, delivery: Delivery) -> Receipt | None:
        """A message to this number that holds this text, made since the claim (2 s allowed for clocks and rounding)."""
        from twilio.base.exceptions import TwilioException  # noqa: PLC0415

        try:
            found = await self._twilio.open().messages.list_async(to=f"whatsapp:{delivery.address}", limit=50)
        except (BcpError, TwilioException) as error:
            raise InDoubt("Twilio cannot be asked whether it took it", hint="Ask again later: `bcp resume`.") from error
        for message in found:
            made = message.date_created
            if delivery.message.body in str(message.body or "") and (
                made is None or made.timestamp() >= delivery.since - 2
            ):
                return Receipt(str(message.sid), f"found: {message.status}")
        return None

    async def check(self) -> list[Check]:
        """The account, and whether the sender can do it."""
        s = self.settings
        return await check_account(self._twilio, self.name, s.account_sid.reveal(), None, "sms")

    async def close(self) -> None:
        """Close the pool."""
        await self._twilio.close()


def create(name: str, settings: TwilioWhatsappSettings) -> TwilioWhatsapp:
    """The channel of these settings."""
    return TwilioWhatsapp(name, settings)
