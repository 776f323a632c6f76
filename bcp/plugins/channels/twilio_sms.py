"""``twilio-sms``: text messages through Twilio's own client, over a transport that never repeats by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, model_validator

from bcp.contracts.channel import ChannelPlugin, Check, Delivery, Inbound, Receipt
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import Invalid
from bcp.plugins.vendors.twilio import check_account, translate
from bcp.plugins.vendors.twilio_channel import (
    LISTED,
    TwilioAccount,
    TwilioChannel,
    all_pages,
    day_of,
    inbound_among,
    questions,
    receipt_of,
    refusals,
    text_among,
)

RATES = {"long-code": 1.0, "toll-free": 3.0, "short-code": 100.0, "10dlc": 4.0}
"""Segments a second by kind of sender (https://www.twilio.com/docs/api/errors/30001 and the pages it links)."""


class TwilioSmsSettings(TwilioAccount):
    """A Twilio account and the sender it texts from."""

    kind: Literal["twilio-sms"] = "twilio-sms"
    """Which plug-in."""
    from_: str | None = Field(default=None, alias="from", pattern=r"^\+[1-9]\d{6,14}$|^[A-Za-z0-9 ]{1,11}$|^\d{4,8}$")
    """Sender: a number in E.164, a short code or an alphanumeric sender (which cannot receive answers)."""
    messaging_service_sid: str | None = Field(default=None, pattern=r"^MG[0-9a-fA-F]{32}$")
    """Messaging Service instead of one sender."""
    sender: Literal["long-code", "toll-free", "short-code", "10dlc"] = "long-code"
    """Kind of sender; the forecast rests on its rate."""
    segments_per_second: Annotated[float, Field(gt=0)] | None = None
    """Rate of the sender pool, where it is known better."""
    validity: Duration = 14_400.0
    """Twilio drops a message that it could not hand on in this time: an old outage notice does harm. 1 s to 10 h."""
    concurrency: Annotated[int, Field(ge=1, le=200)] = 20
    """Requests under way at once."""
    status_callback: Annotated[str, Field(pattern=r"^$|^https?://\S+$")] = ""
    """Where Twilio tells what became of each message: `https://bcp.example.org/twilio/status` of `bcp serve`.
    Empty: `bcp comms receipts` asks."""

    @model_validator(mode="after")
    def _sender(self) -> TwilioSmsSettings:
        if (self.from_ is None) == (self.messaging_service_sid is None):
            raise ValueError("give either from: or messaging_service_sid:")
        if not 1 <= self.validity <= 36_000:
            raise ValueError("validity must be 1s to 10h")
        return self


class TwilioSms(TwilioChannel[TwilioSmsSettings]):
    """SMS. Twilio has no idempotency key for messages: a lost answer is asked about, never repeated blindly."""

    kind = "twilio-sms"
    form = "sms"
    shares_fate_with: ClassVar[tuple[str, ...]] = ()
    Settings = TwilioSmsSettings

    def seconds_for(self, segments: Sequence[int]) -> float:
        """By the sender's rate."""
        return sum(segments) / (self.settings.segments_per_second or RATES[self.settings.sender])

    async def send(self, delivery: Delivery) -> Receipt:
        """Create one message."""
        s = self.settings
        arguments: dict[str, Any] = {
            "to": delivery.address,
            "body": delivery.message.body,
            "validity_period": int(s.validity),
        }
        arguments |= {"from_": s.from_} if s.from_ else {"messaging_service_sid": s.messaging_service_sid}
        arguments |= {"status_callback": s.status_callback} if s.status_callback else {}
        with refusals():
            created = await self._twilio.open().messages.create_async(**arguments)
        return receipt_of(created)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """Look for this text among those to this number since the claim (2 s allowed for clocks and rounding)."""
        with questions():
            found = await self._twilio.open().messages.list_async(to=delivery.address, limit=LISTED)
            rows = list(found)
        return text_among(rows, delivery)

    def can_schedule(self) -> str:
        """Twilio schedules for Messaging Services only (twilio.com/docs/api/errors/35118)."""
        return "" if self.settings.messaging_service_sid else "scheduling needs messaging_service_sid:"

    async def schedule(self, delivery: Delivery, at: float) -> Receipt:
        """``ScheduleType=fixed``: 5 minutes to 35 days ahead."""
        from datetime import UTC, datetime

        if why := self.can_schedule():
            raise Invalid(why, hint="Set messaging_service_sid: in bcp.yaml.")
        with refusals():
            created = await self._twilio.open().messages.create_async(
                to=delivery.address,
                body=delivery.message.body,
                messaging_service_sid=self.settings.messaging_service_sid,
                schedule_type="fixed",
                send_at=datetime.fromtimestamp(at, UTC),
            )
        return receipt_of(created)

    async def unschedule(self, receipt_id: str) -> None:
        """Cancel it; one that has gone out or was cancelled before says so with a 4xx, and that is fine."""
        from twilio.base.exceptions import TwilioException

        try:
            await self._twilio.open().messages(receipt_id).update_async(status="canceled")
        except TwilioException as error:
            if getattr(error, "status", 0) not in {400, 404}:
                raise translate(error) from error

    async def answers(self, since: float) -> list[Inbound]:
        """Texts to our number since then, by polling: no public address of ours is needed."""
        if not self.settings.from_:
            return []
        day = day_of(since)
        with refusals():
            first = await self._twilio.open().messages.page_async(
                to=self.settings.from_, date_sent_after=day, page_size=1_000
            )
            return inbound_among(await all_pages(first))

    async def reports(self, since: float) -> dict[str, tuple[str, str]]:
        """From the list of messages, for those whom Twilio cannot call."""
        given = {"from_": self.settings.from_} if self.settings.from_ else {}
        with refusals():
            found = await self._twilio.open().messages.list_async(
                date_sent_after=day_of(since), limit=20_000, page_size=1_000, **given
            )
        return {str(m.sid): (str(m.status), str(m.error_code or "")) for m in found if str(m.direction) != "inbound"}

    async def check(self) -> list[Check]:
        """The account, and whether the sender can do it."""
        s = self.settings
        return await check_account(self._twilio, self.name, s.account_sid.reveal(), s.from_, "sms")


PLUGIN = ChannelPlugin(api=1, settings=TwilioSmsSettings, make=TwilioSms)
