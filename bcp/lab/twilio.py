"""Twilio's REST API, as far as it is used: messages, calls, numbers and the account."""

from __future__ import annotations

import asyncio
import base64
import secrets
import time
from email.utils import formatdate
from typing import Any

from aiohttp import web

from bcp.lab.vendor_lab import VendorLab


class TwilioLab(VendorLab):
    """Messages and calls, with the errors that Twilio answers."""

    def _twilio_auth(self, request: web.Request) -> web.Response | None:
        wanted = "Basic " + base64.b64encode(f"{self.twilio_sid}:{self.twilio_token}".encode()).decode()
        if request.headers.get("Authorization") != wanted or request.match_info["sid"] != self.twilio_sid:
            return _twilio_error(401, 20003, "Authenticate")
        return None

    async def _sms_create(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        wrong = await self._note(request, form)
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        fault = self._fault("twilio")
        if fault and fault.kind == "429":
            return _twilio_error(429, 20429, "Too Many Requests", {"Retry-After": fault.retry_after})
        problem = _sms_problem(form, self.invalid_numbers, self.opted_out)
        if problem or wrong:
            code, text = problem or (21601, "; ".join(wrong))
            self.complaints += [] if problem and code in {21211, 21610} else [text]
            return _twilio_error(400, code, text)
        message: dict[str, Any] = {
            "sid": "SM" + secrets.token_hex(16),
            "to": form["To"],
            "from": form.get("From"),
            "body": form["Body"],
            "status": "scheduled" if form.get("ScheduleType") else "queued",
            "send_at": form.get("SendAt"),
            "account_sid": self.twilio_sid,
            "date_created": formatdate(time.time()),
            "date_updated": formatdate(time.time()),
            "date_sent": None,
            "num_segments": "1",
            "direction": "outbound-api",
            "error_code": None,
            "error_message": None,
            "messaging_service_sid": form.get("MessagingServiceSid"),
            "price": None,
            "price_unit": "USD",
            "num_media": "0",
            "api_version": "2010-04-01",
            "uri": "/x",
            "subresource_uris": {},
        }
        self.sms.append({**message, "at": time.time()})
        if fault and fault.kind == "503-after":
            return web.Response(status=503, text="upstream")
        if fault and fault.kind == "hang-after":
            await asyncio.sleep(3600)
        return web.json_response(message, status=201)

    async def _call_create(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        wrong = await self._note(request, form)
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        fault = self._fault("twilio-voice")
        if fault and fault.kind == "429":
            return _twilio_error(429, 20429, "Too Many Requests", {"Retry-After": fault.retry_after})
        to = str(form.get("To", ""))
        if to in self.invalid_numbers or not to.startswith("+"):
            return _twilio_error(400, 21211, f"The 'To' number {to} is not a valid phone number.")
        if wrong or not form.get("From") or not (form.get("Twiml") or form.get("Url")):
            self.complaints.append("a call needs From, and Twiml or Url")
            return _twilio_error(400, 21213, "; ".join(wrong) or "missing parameter")
        call: dict[str, Any] = {
            "sid": "CA" + secrets.token_hex(16),
            "to": to,
            "from": form["From"],
            "status": "queued",
            "date_created": formatdate(time.time()),
            "account_sid": self.twilio_sid,
        }
        self.calls.append({**call, "twiml": form.get("Twiml"), "at": time.time()})
        if fault and fault.kind == "503-after":
            return web.Response(status=503, text="upstream")
        if fault and fault.kind == "hang-after":
            await asyncio.sleep(3600)
        return web.json_response(call, status=201)

    async def _numbers(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        number = request.query.get("PhoneNumber", "")
        able = self.numbers.get(number)
        rows = (
            []
            if able is None
            else [
                {"sid": "PN1", "phone_number": number, "capabilities": {"sms": "sms" in able, "voice": "voice" in able}}
            ]
        )
        return web.json_response({"incoming_phone_numbers": rows, "page": 0, "page_size": 1, "next_page_uri": None})

    async def _call_list(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        to = request.query.get("To")
        rows = [{k: v for k, v in c.items() if k not in {"at", "twiml"}} for c in self.calls if to in (None, c["to"])]
        return web.json_response({"calls": rows[::-1][:50], "page": 0, "page_size": 50, "next_page_uri": None})

    async def _sms_update(self, request: web.Request) -> web.Response:
        form = dict(await request.post())
        await self._note(request, form)
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        found = next((m for m in self.sms if m["sid"] == request.match_info["message"]), None)
        if found is None:
            return _twilio_error(404, 20404, "The requested resource was not found")
        if form.get("Status") != "canceled" or found["status"] != "scheduled":
            return _twilio_error(400, 30409, "Message cannot be cancelled")
        found["status"] = "canceled"
        return web.json_response({k: v for k, v in found.items() if k != "at"})

    async def _sms_list(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        to = request.query.get("To")
        rows = [{k: v for k, v in m.items() if k != "at"} for m in (*self.sms, *self.inbound) if to in (None, m["to"])]
        rows = rows[::-1][: int(request.query.get("PageSize", 50))]
        return web.json_response(
            {
                "messages": rows,
                "page": 0,
                "page_size": 50,
                "start": 0,
                "end": len(rows),
                "uri": "/x",
                "first_page_uri": "/x",
                "next_page_uri": None,
                "previous_page_uri": None,
            }
        )

    async def _account(self, request: web.Request) -> web.Response:
        await self._note(request, {})
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        return web.json_response(
            {
                "sid": self.twilio_sid,
                "status": "active",
                "friendly_name": "lab",
                "type": "Full",
                "date_created": formatdate(0),
                "date_updated": formatdate(0),
            }
        )

    async def _balance(self, request: web.Request) -> web.Response:
        await self._note(request, {})
        if (refused := self._twilio_auth(request)) is not None:
            return refused
        return web.json_response({"account_sid": self.twilio_sid, "balance": self.twilio_balance, "currency": "USD"})


def _twilio_error(status: int, code: int, text: str, headers: dict[str, str] | None = None) -> web.Response:
    return web.json_response(
        {"code": code, "message": text, "more_info": f"https://www.twilio.com/docs/errors/{code}", "status": status},
        status=status,
        headers=headers,
    )


def _sms_problem(form: dict[str, Any], invalid: set[str], opted_out: set[str]) -> tuple[int, str] | None:
    """What Twilio's prose demands beyond its schema."""
    to = str(form.get("To", ""))
    if not to.startswith("+") or not to[1:].isdigit() or to in invalid:
        return 21211, f"The 'To' number {to} is not a valid phone number."
    if to in opted_out:
        return 21610, "Attempt to send to unsubscribed recipient"
    if not form.get("From") and not form.get("MessagingServiceSid"):
        return 21603, "A 'From' or 'MessagingServiceSid' is required"
    body = str(form.get("Body", ""))
    if not body or len(body) > 1600:
        return 21602 if not body else 21617, "Body must have 1 to 1600 characters"
    if not 1 <= int(form.get("ValidityPeriod", 14400)) <= 36000:
        return 21622, "ValidityPeriod must be 1 to 36000"
    return None
