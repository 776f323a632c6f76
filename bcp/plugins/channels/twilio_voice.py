"""``twilio-voice``: calls that read a message aloud, and take a digit as answer where somebody can be told of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, ClassVar, Literal
from xml.sax.saxutils import escape

from pydantic import Field

from bcp.contracts.channel import ChannelPlugin, Check, Delivery, Receipt
from bcp.contracts.plugin import Duration
from bcp.kernel.errors import Permanent
from bcp.plugins.vendors.twilio import check_account
from bcp.plugins.vendors.twilio_channel import (
    LISTED,
    TwilioAccount,
    TwilioChannel,
    day_of,
    made_since,
    questions,
    receipt_of,
    refusals,
)
from bcp.plugins.vendors.twiml import say

MAX_TWIML = 4_000
"""Characters of the Twiml parameter (twilio.com, Call resource)."""


class TwilioVoiceSettings(TwilioAccount):
    """A Twilio account and the number it calls from."""

    kind: Literal["twilio-voice"] = "twilio-voice"
    """Which plug-in."""
    from_: Annotated[str, Field(alias="from", pattern=r"^\+[1-9]\d{6,14}$")]
    """Number in E.164 that may call."""
    answers_url: str = ""
    """Where Twilio tells the digit that was pressed: `https://bcp.example.org/twilio/keys` of `bcp serve`.
    Empty: no digit is asked for."""
    ring: Duration = 30.0
    """How long it rings."""
    calls_per_second: Annotated[float, Field(gt=0, le=30)] = 1.0
    """Twilio's rate for the account: 1 by default, up to 30 with an approved business profile."""
    seconds_per_call: Annotated[float, Field(gt=0)] = 45.0
    """How long a call lasts, for the forecast."""
    concurrency: Annotated[int, Field(ge=1, le=50)] = 5
    """Requests under way at once."""


class TwilioVoice(TwilioChannel[TwilioVoiceSettings]):
    """Voice. Like texts, calls have no idempotency key:
    a lost answer is asked about by the list of calls to this number since the claim."""

    kind = "twilio-voice"
    form = "voice"
    by_number: ClassVar[bool] = True
    Settings = TwilioVoiceSettings

    def __init__(self, name: str, settings: TwilioVoiceSettings) -> None:
        super().__init__(name, settings)
        self._given: dict[str, str] = {}
        """Whose call each receipt is: the key of its delivery."""

    def seconds_for(self, segments: Sequence[int]) -> float:
        """By the account's rate of calls; the last call has to be listened to."""
        return len(segments) / self.settings.calls_per_second + (self.settings.seconds_per_call if segments else 0)

    def twiml(self, delivery: Delivery) -> str:
        """What is said. TwiML Say and Gather (twilio.com, TwiML for voice)."""
        spoken = say(delivery.message.body, delivery.message.language) + '<Pause length="1"/>'
        where = delivery.reply_url or self.settings.answers_url
        if not where:
            return f"<Response>{spoken}</Response>"
        url = escape(where, {'"': "&quot;"})
        return f'<Response><Gather numDigits="1" timeout="8" action="{url}">{spoken}</Gather></Response>'

    async def send(self, delivery: Delivery) -> Receipt:
        """Create one call."""
        s = self.settings
        twiml = self.twiml(delivery)
        if len(twiml) > MAX_TWIML:  # half a text may be half a truth, and half an element is no TwiML
            raise Permanent(
                f"the text is too long for a call: {len(twiml)} characters of TwiML, {MAX_TWIML} are allowed",
                hint="Shorten the voice form of the message.",
            )
        with refusals():
            created = await self._twilio.open().calls.create_async(
                to=delivery.address, from_=s.from_, twiml=twiml, timeout=int(s.ring)
            )
        return self._mine(receipt_of(created), delivery)

    async def find(self, delivery: Delivery) -> Receipt | None:
        """A call to this number, made since the claim (2 s allowed for clocks and rounding), that is no other
        delivery's: two steps may call the same person within a minute, and the list does not show what was said."""
        with questions():
            found = await self._twilio.open().calls.list_async(to=delivery.address, limit=LISTED)
            receipt = made_since(found, delivery, lambda call: self._free(str(call.sid), delivery))
        return self._mine(receipt, delivery) if receipt is not None else None

    def _mine(self, receipt: Receipt, delivery: Delivery) -> Receipt:
        self._given[receipt.id] = delivery.key
        return receipt

    def _free(self, sid: str, delivery: Delivery) -> bool:
        return sid not in delivery.others and self._given.get(sid, delivery.key) == delivery.key

    async def reports(self, since: float) -> dict[str, tuple[str, str]]:
        """From the list of calls."""
        with refusals():
            found = await self._twilio.open().calls.list_async(
                from_=self.settings.from_, start_time_after=day_of(since), limit=20_000, page_size=1_000
            )
        return {str(c.sid): (str(c.status), "") for c in found}

    async def check(self) -> list[Check]:
        """The account, and whether the sender can do it."""
        s = self.settings
        return await check_account(self._twilio, self.name, s.account_sid.reveal(), s.from_, "voice")


PLUGIN = ChannelPlugin(api=1, settings=TwilioVoiceSettings, make=TwilioVoice)
