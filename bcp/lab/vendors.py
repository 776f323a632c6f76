"""Emulators of Twilio, Slack and Graph over HTTP: they check what they are sent, keep a log, and can misbehave."""

from __future__ import annotations

import asyncio
import base64
import json
import random
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from aiohttp import web

from bcp.lab.net import only_loopback

Checker = Callable[[str, str, dict[str, Any]], list[str]]
"""Given method, path and parameters: what is wrong with the request."""


@dataclass
class Fault:
    """What happens to the next requests: ``kind`` 429, 503-after, hang-after, refuse; ``times`` how often."""

    kind: str
    times: int = 1
    retry_after: str = "1"


@dataclass
class Vendors:
    """All three on one port. ``log`` holds every request; ``complaints`` what was wrong with them."""

    twilio_sid: str = "AC" + "0" * 32
    twilio_token: str = "lab-token"
    slack_token: str = "xoxb-lab"
    delay_s: float = 0.0
    checker: Checker | None = None
    invalid_numbers: set[str] = field(default_factory=set)
    opted_out: set[str] = field(default_factory=set)
    users: list[dict[str, Any]] = field(default_factory=list)
    health: str = "serviceOperational"
    issues: list[dict[str, Any]] = field(default_factory=list)
    mailbox_faults: dict[str, int] = field(default_factory=dict)
    """HTTP status by mailbox, or ``*``; 0 hangs."""
    entra: str = "ok"
    """ok, hang, metadata-503, token-503, or a code such as AADSTS7000222."""
    changes: list[dict[str, Any]] = field(default_factory=list)
    """What happened to users since the first delta link."""
    tokens: int = 0
    numbers: dict[str, tuple[str, ...]] = field(default_factory=dict)
    """Numbers of the account, and what they can: sms, voice."""
    scopes: str = ""
    """What Slack says the token may do; empty: it says nothing."""
    calls: list[dict[str, Any]] = field(default_factory=list)
    inbound: list[dict[str, Any]] = field(default_factory=list)
    chaos: random.Random | None = None
    """With it requests are met by bursts of 429, by 503 after acceptance and by hangs, by chance."""
    _burst: int = 0
    mx_record: str = ""
    members: dict[str, list[str]] = field(default_factory=dict)
    """Ids of users by group of Entra."""
    page_size: int = 2
    sms: list[dict[str, Any]] = field(default_factory=list)
    posts: list[dict[str, Any]] = field(default_factory=list)
    log: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    faults: dict[str, list[Fault]] = field(default_factory=dict)
    url: str = ""
    _runner: web.AppRunner | None = None

    async def start(self, address: str, port: int) -> None:
        """Listen."""
        app = web.Application(client_max_size=2**20)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self._sms_create)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Messages.json", self._sms_list)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages/{message}.json", self._sms_update)
        app.router.add_post("/2010-04-01/Accounts/{sid}/Calls.json", self._call_create)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Calls.json", self._call_list)
        app.router.add_get("/2010-04-01/Accounts/{sid}/IncomingPhoneNumbers.json", self._numbers)
        app.router.add_get("/2010-04-01/Accounts/{sid}.json", self._account)
        app.router.add_post("/api/{method}", self._slack)
        app.router.add_get("/api/{method}", self._slack)
        app.router.add_get("/v1.0/users", self._users)
        app.router.add_get("/v1.0/users/delta()", self._delta)
        app.router.add_get("/v1.0/groups/{group}/transitiveMembers/graph.user", self._members)
        app.router.add_get("/v1.0/admin/serviceAnnouncement/healthOverviews", self._health)
        app.router.add_get("/v1.0/admin/serviceAnnouncement/issues", self._issues)
        app.router.add_get("/v1.0/users/{user}/mailFolders/inbox", self._inbox)
        app.router.add_get("/v1.0/domains/{domain}/serviceConfigurationRecords", self._records)
        app.router.add_get("/{tenant}/v2.0/.well-known/openid-configuration", self._openid)
        app.router.add_post("/{tenant}/oauth2/v2.0/token", self._token)
        self._runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await self._runner.setup()
        await web.TCPSite(self._runner, only_loopback(address), port).start()
        self.url = f"http://{address}:{port}"

    async def stop(self) -> None:
        """Stop listening."""
        if self._runner is not None:
            await self._runner.cleanup()

    def fail_next(self, vendor: str, kind: str, times: int = 1, retry_after: str = "1") -> None:
        """Misbehave on the next requests to ``twilio`` or ``slack``."""
        self.faults.setdefault(vendor, []).append(Fault(kind, times, retry_after))

    def reply(self, sender: str, to: str, text: str) -> None:
        """Somebody texts back."""
        self.inbound.append(
            {
                "sid": "SM" + secrets.token_hex(16), "to": to, "from": sender, "body": text, "status": "received",
                "direction": "inbound",
                "account_sid": self.twilio_sid, "date_created": formatdate(time.time()),
                "date_sent": formatdate(time.time()), "num_segments": "1",
            }
        )  # fmt: skip

    def _trouble(self) -> Fault | None:
        """1 % begin a burst of ten 429, 1 % are taken and answered 503, 0.3 % are taken and never answered."""
        if self.chaos is None:
            return None
        if self._burst > 0:
            self._burst -= 1
            return Fault("429", retry_after="0")
        chance = self.chaos.random()
        if chance < 0.01:
            self._burst = 10
            return Fault("429", retry_after="0")
        return Fault("503-after") if chance < 0.02 else (Fault("hang-after") if chance < 0.023 else None)

    def _fault(self, vendor: str) -> Fault | None:
        if trouble := self._trouble():
            return trouble
        queue = self.faults.get(vendor) or []
        if not queue:
            return None
        fault = queue[0]
        fault.times -= 1
        if fault.times <= 0:
            queue.pop(0)
        return fault

    async def _note(self, request: web.Request, parameters: dict[str, Any]) -> list[str]:
        self.log.append((request.method, request.path, parameters))
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        wrong = self.checker(request.method, request.path, parameters) if self.checker else []
        self.complaints += wrong
        return wrong

    # -- Twilio --------------------------------------------------------------------------------------------------

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

    # -- Slack ---------------------------------------------------------------------------------------------------

    async def _slack(self, request: web.Request) -> web.Response:
        method = request.match_info["method"]
        data = await _slack_data(request)
        await self._note(request, data)
        if request.headers.get("Authorization") != f"Bearer {self.slack_token}":
            return web.json_response({"ok": False, "error": "invalid_auth"})
        if method == "auth.test":
            return web.json_response(
                headers={"X-OAuth-Scopes": self.scopes} if self.scopes else None,
                data={
                    "ok": True,
                    "team": "Lab",
                    "user": "bcp",
                    "team_id": "T1",
                    "user_id": "U1",
                    "url": "https://lab.invalid/",
                },
            )
        if method == "conversations.history":
            oldest = float(data.get("oldest") or 0)
            return web.json_response(
                {
                    "ok": True,
                    "messages": [p for p in reversed(self.posts) if float(p["ts"]) >= oldest],
                    "has_more": False,
                }
            )
        if method != "chat.postMessage":
            self.complaints.append(f"slack: {method} is not emulated")
            return web.json_response({"ok": False, "error": "unknown_method"})
        return await self._post(data)

    async def _post(self, data: dict[str, Any]) -> web.Response:
        fault = self._fault("slack")
        if fault and fault.kind == "429":
            return web.json_response(
                {"ok": False, "error": "ratelimited"}, status=429, headers={"Retry-After": fault.retry_after}
            )
        if not data.get("channel") or not data.get("text"):
            self.complaints.append("slack: channel and text are needed")
            return web.json_response({"ok": False, "error": "no_text"})
        post = {
            "type": "message",
            "ts": f"{time.time():.6f}",
            "text": data["text"],
            "channel": data["channel"],
            "metadata": data.get("metadata"),
            "blocks": data.get("blocks"),
        }
        self.posts.append(post)
        if fault and fault.kind == "503-after":
            return web.Response(status=503, text="upstream")
        if fault and fault.kind == "hang-after":
            await asyncio.sleep(3600)
        return web.json_response({"ok": True, "channel": data["channel"], "ts": post["ts"], "message": post})

    # -- Graph ---------------------------------------------------------------------------------------------------

    async def _users(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        start = int(request.query.get("$skiptoken", 0))
        rows = self.users[start : start + self.page_size]
        page: dict[str, Any] = {"@odata.context": "x", "value": rows}
        if start + self.page_size < len(self.users):
            page["@odata.nextLink"] = f"{self.url}/v1.0/users?$skiptoken={start + self.page_size}"
        return web.json_response(page)

    async def _members(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        ids = self.members.get(request.match_info["group"])
        if ids is None:
            return web.json_response(
                {"error": {"code": "Request_ResourceNotFound", "message": "no such group"}}, status=404
            )
        start = int(request.query.get("$skiptoken", 0))
        page: dict[str, Any] = {"value": [{"id": i} for i in ids[start : start + self.page_size]]}
        if start + self.page_size < len(ids):
            page["@odata.nextLink"] = f"{self.url}{request.path}?$skiptoken={start + self.page_size}"
        return web.json_response(page)

    async def _delta(self, request: web.Request) -> web.Response:
        """All users, page by page; with a delta token only what changed since (``changes``: users, or ids that are
        gone)."""
        await self._note(request, dict(request.query))
        base = f"{self.url}/v1.0/users/delta()"
        token = request.query.get("$deltatoken")
        if token is not None and int(token) > len(self.changes):
            return web.json_response(
                {"error": {"code": "syncStateNotFound", "message": "the token is too old"}}, status=410
            )
        if token is not None:
            rows = self.changes[int(token) :]
            return web.json_response(
                {"@odata.context": "x", "value": rows, "@odata.deltaLink": f"{base}?$deltatoken={len(self.changes)}"}
            )
        start = int(request.query.get("$skiptoken", 0))
        page: dict[str, Any] = {"@odata.context": "x", "value": self.users[start : start + self.page_size]}
        if start + self.page_size < len(self.users):
            page["@odata.nextLink"] = f"{base}?$skiptoken={start + self.page_size}"
        else:
            page["@odata.deltaLink"] = f"{base}?$deltatoken={len(self.changes)}"
        return web.json_response(page)

    async def _health(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        return web.json_response(
            {"@odata.context": "x", "value": [{"id": "Exchange", "service": "Exchange Online", "status": self.health}]}
        )

    async def _issues(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        return web.json_response({"@odata.context": "x", "value": self.issues})

    async def _inbox(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        status = self.mailbox_faults.get(request.match_info["user"], self.mailbox_faults.get("*", 200))
        if status == 0:
            await asyncio.sleep(3600)
        if status != 200:
            return web.json_response({"error": {"code": "x", "message": "the lab says no"}}, status=status)
        return web.json_response({"id": "inbox", "displayName": "Inbox"})

    async def _records(self, request: web.Request) -> web.Response:
        await self._note(request, dict(request.query))
        domain = request.match_info["domain"]
        rows = [
            {
                "@odata.type": "#microsoft.graph.domainDnsMxRecord",
                "id": "1",
                "label": domain,
                "recordType": "Mx",
                "supportedService": "Email",
                "ttl": 3600,
                "mailExchange": self.mx_record or f"{domain.replace('.', '-')}.mail.protection.outlook.com",
                "preference": 0,
            },
            {
                "@odata.type": "#microsoft.graph.domainDnsTxtRecord",
                "id": "2",
                "label": domain,
                "recordType": "Txt",
                "supportedService": "Email",
                "ttl": 3600,
                "text": "v=spf1 include:spf.protection.outlook.com -all",
            },
        ]
        return web.json_response({"@odata.context": "x", "value": rows})

    async def _openid(self, request: web.Request) -> web.Response:
        if self.entra == "hang":
            await asyncio.sleep(3600)
        if self.entra == "metadata-503":
            return web.Response(status=503)
        tenant = request.match_info["tenant"]
        return web.json_response({"token_endpoint": f"{self.url}/{tenant}/oauth2/v2.0/token", "issuer": "x"})

    async def _token(self, request: web.Request) -> web.Response:
        self.tokens += 1
        form = await request.post()
        if self.entra == "token-503":
            return web.Response(status=503)
        if self.entra.startswith("AADSTS"):
            return web.json_response({"error": "x", "error_description": f"{self.entra}: the lab says no"}, status=401)
        if form.get("grant_type") != "client_credentials" or not form.get("client_secret"):
            return web.json_response({"error": "invalid_request"}, status=400)
        return web.json_response({"token_type": "Bearer", "expires_in": 3599, "access_token": "lab-token"})


async def _slack_data(request: web.Request) -> dict[str, Any]:
    if request.content_type == "application/json":
        return dict(await request.json())
    data: dict[str, Any] = {**request.query, **(dict(await request.post()) if request.method == "POST" else {})}
    for name in ("metadata", "blocks"):
        if isinstance(data.get(name), str):
            data[name] = json.loads(data[name])
    return data


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
