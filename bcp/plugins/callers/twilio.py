"""``twilio``: Twilio's calls to us: texts, keys pressed in calls, delivery reports."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from typing import ClassVar, Literal
from urllib.parse import parse_qsl

from bcp.contracts.caller import (
    Answered,
    Call,
    Caller,
    CallerPlugin,
    CallerSettings,
    Keyed,
    Reply,
    Reported,
    Said,
    Texted,
    Unauthentic,
    language_of,
)
from bcp.contracts.channel import Inbound
from bcp.contracts.plugin import Around, Flaw
from bcp.kernel.errors import Invalid, Missing
from bcp.kernel.secret import Secret
from bcp.plugins.vendors.twiml import say

FORM = "application/x-www-form-urlencoded"


class TwilioCallsSettings(CallerSettings):
    """Calls of Twilio to us: answers, delivery reports, keys pressed.
    Needs `public_url`; without it the lists are polled."""

    kind: Literal["twilio"] = "twilio"
    """Which plug-in."""
    auth_token: Secret
    """Token with which Twilio signs."""

    def flaws(self, around: Around) -> Sequence[Flaw]:
        """Without an address of ours nothing can be signed."""
        if around.public_url:
            return ()
        return (
            Flaw("value", "twilio: needs public_url: Twilio signs the URL that it calls", "Set serve: public_url:."),
        )


class TwilioCalls(Caller[TwilioCallsSettings]):
    """`X-Twilio-Signature` over the public URL and the sorted parameters (twilio.com, webhooks security)."""

    kind = "twilio"
    forms = (FORM,)
    voices = ("twilio-voice",)
    answer_path = "gather/{link}"
    Settings = TwilioCallsSettings
    example: ClassVar[
        str
    ] = """Phone Numbers > your number > Messaging, A message comes in: webhook {url}/sms, HTTP POST
bcp.yaml, channels: status_callback: {url}/status   answers_url: {url}/keys"""

    async def prove(self, call: Call) -> None:
        """Signed for exactly this address and these parameters."""
        from twilio.request_validator import RequestValidator

        signature = call.headers.get("x-twilio-signature", "")
        if not RequestValidator(self.settings.auth_token.reveal()).validate(call.url, _form(call.raw), signature):
            raise Unauthentic("not signed by Twilio")

    def heard(self, call: Call) -> Said:
        """By the address that was called."""
        form = _form(call.raw)
        what, _, token = call.path.partition("/")
        if what == "gather" and token:
            return Answered(token[:100], {"1": True, "2": False}.get(form.get("Digits", "")))
        if token:
            raise Missing(f"Twilio has nothing to say at {call.path[:60]!r}", rule="no-such-path")
        if what == "sms":
            sender = form.get("From", "").removeprefix("whatsapp:")
            opt = form.get("OptOutType", "").lower()
            message = Inbound(sender, form.get("Body", ""), call.at, form.get("MessageSid", ""))
            return Texted(message, opt if opt in {"stop", "start"} else "")
        if what == "keys":
            digits = form.get("Digits", "")
            pressed = digits if digits.isascii() and digits.isdigit() else ""
            return Keyed(Inbound(form.get("To", ""), pressed, call.at, form.get("CallSid", "")))
        if what == "status":
            receipt = form.get("MessageSid") or form.get("CallSid") or ""
            status = form.get("MessageStatus") or form.get("CallStatus") or ""
            return Reported(receipt, status, form.get("ErrorCode", ""))
        raise Missing(f"Twilio has nothing to say at {call.path[:60]!r}", rule="no-such-path")

    def reply(self, said: Said, words: str) -> Reply:
        """TwiML: a text back, or words to say with a voice of their language."""
        if isinstance(said, Reported):
            return Reply(status=204)
        if isinstance(said, Texted):
            return _twiml(f"<Message>{escape(words)}</Message>" if words else "")
        return _twiml(say(words or "Good bye.", language_of(words)))


def _form(raw: bytes) -> dict[str, str]:
    """Its fields. Raises ``Invalid``."""
    try:
        return dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=200))
    except (ValueError, UnicodeDecodeError) as error:
        raise Invalid("the body is no form") from error


def _twiml(inner: str) -> Reply:
    return Reply(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>', "text/xml")


PLUGIN = CallerPlugin(api=1, settings=TwilioCallsSettings, make=TwilioCalls)
