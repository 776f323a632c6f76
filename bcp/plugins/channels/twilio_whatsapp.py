"""``twilio-whatsapp``: WhatsApp through Twilio. Outside of a conversation only an approved template may be sent."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field

from bcp.contracts.channel import ChannelPlugin, Check, Delivery, Receipt
from bcp.plugins.vendors.twilio import check_account
from bcp.plugins.vendors.twilio_channel import (
    LISTED,
    TwilioAccount,
    TwilioChannel,
    questions,
    receipt_of,
    refusals,
    text_among,
)

RATE = 80.0
"""Messages a second of one WhatsApp sender (twilio.com, WhatsApp)."""


class TwilioWhatsappSettings(TwilioAccount):
    """A Twilio account, a WhatsApp sender and an approved template."""

    kind: Literal["twilio-whatsapp"] = "twilio-whatsapp"
    """Which plug-in."""
    from_: Annotated[str, Field(alias="from", pattern=r"^\+[1-9]\d{6,14}$")]
    """The sender's number."""
    content_sid: Annotated[str, Field(pattern=r"^HX[0-9a-fA-F]{32}$")]
    """An approved template whose variable {{1}} takes our text. Approval takes days: get it in peacetime."""
    concurrency: Annotated[int, Field(ge=1, le=100)] = 20
    """Requests under way at once."""


class TwilioWhatsapp(TwilioChannel[TwilioWhatsappSettings]):
    """Texts by WhatsApp. The `sms` form is used; segments do not matter."""

    kind = "twilio-whatsapp"
    form = "sms"
    Settings = TwilioWhatsappSettings

    def seconds_for(self, segments: Sequence[int]) -> float:
        """By the sender's rate."""
        return len(segments) / RATE

    async def send(self, delivery: Delivery) -> Receipt:
        """Create one message from the template."""
        s = self.settings
        arguments: dict[str, Any] = {
            "to": f"whatsapp:{delivery.address}",
            "from_": f"whatsapp:{s.from_}",
            "content_sid": s.content_sid,
            "content_variables": json.dumps({"1": delivery.message.body}, ensure_ascii=False),
        }
        with refusals():
            created = await self._twilio.open().messages.create_async(**arguments)
        return receipt_of(created)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """A message to this number that holds this text, made since the claim (2 s allowed for clocks and rounding)."""
        with questions():
            found = await self._twilio.open().messages.list_async(to=f"whatsapp:{delivery.address}", limit=LISTED)
            rows = list(found)
        return text_among(rows, delivery)

    async def check(self) -> list[Check]:
        """The account, and whether the sender can do it."""
        s = self.settings
        return await check_account(self._twilio, self.name, s.account_sid.reveal(), None, "sms")


PLUGIN = ChannelPlugin(api=1, settings=TwilioWhatsappSettings, make=TwilioWhatsapp)
