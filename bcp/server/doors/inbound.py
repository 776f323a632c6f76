"""What vendors call us with: texts, delivery reports, pressed keys (Twilio), pressed buttons (Slack).
Each proves itself first."""

from __future__ import annotations

import hashlib
import hmac
import time
from html import escape
from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from bcp.contracts.channel import Inbound
from bcp.incident import questions
from bcp.incident.receipts import note_receipt
from bcp.kernel.errors import BcpError, Invalid, Refused
from bcp.kernel.json_in import loads
from bcp.kernel.log import logger
from bcp.kit.hook_auth import fresh
from bcp.server.daemon import Daemon
from bcp.server.doors.body import read_or_refuse
from bcp.store.files.inbox import add_answer
from bcp.store.files.optouts import note_optout, word_of

LOG = logger(__name__)
MAX = 100_000


class TwilioCalls:
    """`X-Twilio-Signature` over the configured public URL and the sorted parameters (twilio.com, webhooks security)."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    async def _form(self, request: Request) -> dict[str, str] | Response:
        from twilio.request_validator import RequestValidator

        inbound = self.daemon.settings.twilio
        if inbound is None:
            return PlainTextResponse("not configured", 404)
        raw = await read_or_refuse(request, MAX)
        if isinstance(raw, Response):
            return raw
        if request.headers.get("content-type", "").partition(";")[0] != "application/x-www-form-urlencoded":
            return PlainTextResponse("a form is expected", 415)
        try:
            form = dict(parse_qsl(raw.decode(), keep_blank_values=True, max_num_fields=200))
        except (ValueError, UnicodeDecodeError):
            return PlainTextResponse("no form", 422)
        query = f"?{request.url.query}" if request.url.query else ""
        url = self.daemon.settings.public_url + request.url.path + query
        signature = request.headers.get("x-twilio-signature", "")
        if not RequestValidator(inbound.auth_token.reveal()).validate(url, form, signature):
            LOG.warning("a call that says it is Twilio is not signed by it")
            return PlainTextResponse("not signed", 401)
        return form

    async def text(self, request: Request) -> Response:
        """A text that somebody sent us."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        sender = form.get("From", "").removeprefix("whatsapp:")
        message = Inbound(sender, form.get("Body", ""), self.daemon.clock.now(), form.get("MessageSid", ""))
        try:
            word = form.get("OptOutType", "").lower() or word_of(message.text)
            if word in {"stop", "start"}:
                await self._opted(sender, word)
                return _twiml("")  # Twilio itself answers these
            add_answer(self.daemon.state, message)
            said = await self.daemon.hearer.text("twilio", message)
        except Refused as error:
            said = error.message
        except BcpError as error:
            LOG.error("a text could not be taken: %s", error.message)
            return PlainTextResponse("try again", 503)
        return _twiml(f"<Message>{escape(said)}</Message>" if said else "")

    async def _opted(self, number: str, word: str) -> None:
        if note_optout(self.daemon.state, number, word):
            person = next((c.id for c in self.daemon.app.people.directory.contacts if c.phone == number), "")
            await self.daemon.writer.do(lambda b: b.note(f"texts_{word}", "", person))
            self.daemon.app.people.forget()

    async def keys(self, request: Request) -> Response:
        """A key that somebody pressed in a call that read a message to them."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        person, digits = form.get("To", ""), form.get("Digits", "")
        if digits.isascii() and digits.isdigit():
            try:
                add_answer(self.daemon.state, Inbound(person, digits, self.daemon.clock.now(), form.get("CallSid", "")))
            except BcpError:
                return PlainTextResponse("try again", 503)
        return _say("Thank you." if digits else "Good bye.")

    async def gather(self, request: Request) -> Response:
        """A key that somebody pressed in a call about one question: 1 yes, 2 no."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        token, key, digit = str(request.path_params["token"])[:100], self.daemon.key, form.get("Digits", "")
        if digit not in {"1", "2"}:
            return _say("Nothing was answered.")
        try:
            asked, person = await self.daemon.writer.do(lambda b: questions.by_link(b, token, key))
            said = await self.daemon.hearer.answer(asked, person, yes=digit == "1", how="call")
        except BcpError as error:
            return _say(error.message)
        return _say(said.partition(",")[0])

    async def status(self, request: Request) -> Response:
        """What became of a message. Reports come in any order: a rank never goes back."""
        form = await self._form(request)
        if isinstance(form, Response):
            return form
        mark = form.get("MessageSid") or form.get("CallSid") or ""
        state = form.get("MessageStatus") or form.get("CallStatus") or ""
        if mark and state:
            error = form.get("ErrorCode", "")
            try:
                await self.daemon.writer.do(lambda b: note_receipt(b, mark, state, error))
            except BcpError:
                return PlainTextResponse("try again", 503)
        return Response(status_code=204)


def _twiml(inner: str) -> Response:
    return Response(f'<?xml version="1.0" encoding="UTF-8"?><Response>{inner}</Response>', media_type="text/xml")


def _say(text: str) -> Response:
    return _twiml(f"<Say>{escape(text)}</Say>")


class SlackCalls:
    """Signed requests of Slack: `v0=` HMAC-SHA256 over `v0:time:body` (api.slack.com, verifying requests)."""

    def __init__(self, daemon: Daemon) -> None:
        self.daemon = daemon

    async def pressed(self, request: Request) -> Response:
        """A button."""
        inbound = self.daemon.settings.slack
        if inbound is None or inbound.signing_secret is None:
            return PlainTextResponse("not configured", 404)
        raw = await read_or_refuse(request, MAX)
        if isinstance(raw, Response):
            return raw
        moment, given = (
            request.headers.get("x-slack-request-timestamp", ""),
            request.headers.get("x-slack-signature", ""),
        )
        right = hmac.new(
            inbound.signing_secret.reveal().encode(), b"v0:" + moment.encode() + b":" + raw, hashlib.sha256
        )
        if not fresh(moment, time.time(), 300.0) or not hmac.compare_digest(  # noqa: TID251 - signatures age in real time
            f"v0={right.hexdigest()}".encode(), given.encode()
        ):
            return PlainTextResponse("not signed", 401)
        try:
            payload = loads(dict(parse_qsl(raw.decode()))["payload"])
        except (ValueError, KeyError, UnicodeDecodeError, Invalid):
            return PlainTextResponse("no payload", 422)
        return JSONResponse({"text": await pressed(self.daemon, payload)})


async def pressed(daemon: Daemon, payload: Any) -> str:
    """What a button of ours does, whichever way Slack told us; the text to show."""
    try:
        user, action = str(payload["user"]["id"]), payload["actions"][0]
        name, _, word = str(action["value"]).partition(":")
        if payload.get("type") != "block_actions" or word not in {"yes", "no"}:
            return "This is no button of ours."
        person = next((c.id for c in daemon.app.people.directory.contacts if c.slack == user), "")
        if not person:
            return "Your Slack account belongs to nobody in the contacts; answer in another way."
        asked = await daemon.writer.do(lambda b: questions.question(b, name))
        return await daemon.hearer.answer(asked, person, yes=word == "yes", how="slack button")
    except (KeyError, IndexError, TypeError, AttributeError):
        return "This is no button of ours."
    except (Refused, Invalid) as error:
        return f"{error.message}. {error.hint}"
    except BcpError as error:
        LOG.error("a button could not be taken: %s", error.message)
        return "It could not be written down; press again."
