"""Vendors over HTTP: they keep what they took, and answer as they are told to."""

from __future__ import annotations

import asyncio
import contextlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

from bcp.testing.vendor import Answer, Asked, read_asked
from liars.script import Script

Honest = Callable[[], Answer]


@dataclass(frozen=True, slots=True)
class Stream:
    """What goes over the wire: ``first``, then ``more`` every ``pause_s`` (0: as fast as it is read) until the other
    side goes; ``cut``: a reset at the end; ``hold``: nothing more, and the connection stays open."""

    first: bytes = b""
    more: bytes = b""
    pause_s: float = 0.0
    cut: bool = False
    hold: bool = False


@dataclass(frozen=True, slots=True)
class HttpLie:
    """``say`` makes what goes over the wire; ``honest`` does what was asked when it is called."""

    say: Callable[[Asked, Honest], Answer | Stream]
    refuse: bool = False
    """Nobody listens."""


@dataclass(slots=True)
class Taken:
    """One message that a vendor took."""

    point: str
    to: str
    text: str


@dataclass(slots=True)
class Web:
    """All vendors on one port. ``now`` is the time of the game."""

    script: Script
    now: Callable[[], float]
    taken: list[Taken] = field(default_factory=list)
    rows: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    queue: Callable[[], str] = lambda: ""
    service_ok: bool = True
    port: int = 0
    _server: asyncio.Server | None = None
    _count: int = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self) -> None:
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**22)
        self.port = self._server.sockets[0].getsockname()[1]

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()

    def begin(self) -> None:
        """A new game."""
        self.taken.clear()
        self.rows.clear()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            asked = await read_asked(reader)
            if asked is not None:
                await self._answer(asked, reader, writer)
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()

    async def _answer(self, asked: Asked, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        point, work = self._route(asked)
        lie: HttpLie | None = self.script.cue(point)
        said = work(asked) if lie is None else lie.say(asked, lambda: work(asked))
        if isinstance(said, Answer):
            said = Stream(said.wire())
        writer.write(said.first)
        await writer.drain()
        while said.more and not reader.at_eof() and not writer.transport.is_closing():
            writer.write(said.more)
            await writer.drain()
            await asyncio.sleep(said.pause_s)
        if said.hold:
            await reader.read()
        if said.cut:
            writer.transport.abort()

    # -- what each vendor does when it does what it should ---------------------------------------------------------

    def _route(self, asked: Asked) -> tuple[str, Callable[[Asked], Answer]]:
        path, post = asked.path, asked.method == "POST"
        routes: list[tuple[bool, str, Callable[[Asked], Answer]]] = [
            (path.endswith("/Messages.json") and post, "twilio.send", self._sms),
            (path.endswith("/Messages.json"), "twilio.list", lambda a: self._listed(a, "messages")),
            (path.endswith("/Calls.json") and post, "twilio.call", self._call),
            (path.endswith("/Calls.json"), "twilio.calls", lambda a: self._listed(a, "calls")),
            (path == "/api/chat.postMessage", "slack.post", self._slack),
            (path == "/api/conversations.history", "slack.history", self._history),
            (path.startswith("/api/conversations.list"), "slack.list", self._channels),
            (path.startswith("/api/"), f"slack.{path.rpartition('.')[2]}", self._slack_other),
            (path == "/queue", "relay.queue", lambda a: Answer(200, self.queue().encode())),
            (path == "/teams", "teams.post", lambda a: self._took("teams.post", "", a, Answer(202, b""))),
            (path in {"", "/"} and post, "ntfy.post", self._ntfy),
            (path.endswith("/json"), "ntfy.poll", self._ntfy_poll),
            (path == "/ticket", "webhook", lambda a: self._took("webhook", "", a, Answer(200, {"key": "T-1"}))),
            (path == "/apprise", "apprise.post", lambda a: self._took("apprise.post", "", a, Answer(200, b"ok"))),
            (path.endswith("/token"), "entra.token", lambda a: Answer(200, _TOKEN)),
            (path.endswith("openid-configuration"), "entra.openid", self._openid),
            (path.endswith("/healthOverviews"), "graph.health", lambda a: Answer(200, {"value": [_HEALTH]})),
            (path.endswith("/issues"), "graph.issues", lambda a: Answer(200, {"value": []})),
            (path.endswith("/mailFolders/inbox"), "graph.inbox", lambda a: Answer(200, {"id": "x"})),
            (path == "/provider", "provider.page", lambda a: Answer(200, "<p>All systems operational</p>")),
            (path == "/owa", "owa.page", lambda a: Answer(200, "<p>sign in</p>")),
        ]
        return next(((point, work) for fits, point, work in routes if fits), ("unknown", lambda a: Answer(404, {})))

    def _took(self, point: str, to: str, asked: Asked, answer: Answer) -> Answer:
        self.taken.append(Taken(point, to, asked.body.decode("utf-8", "replace")))
        return answer

    def _id(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count:032x}"

    def _sms(self, asked: Asked) -> Answer:
        form = asked.fields
        text = form["Body"] if "Body" in form else str(json.loads(form["ContentVariables"])["1"])
        row = {
            "sid": self._id("SM"), "to": form["To"], "from": form.get("From"), "body": text, "status": "queued",
            "date_created": formatdate(self.now()), "date_updated": formatdate(self.now()), "date_sent": None,
            "num_segments": "1", "direction": "outbound-api", "error_code": None, "error_message": None,
        }  # fmt: skip
        self.rows.setdefault("messages", []).append(row)
        self.taken.append(Taken("twilio.send", form["To"].removeprefix("whatsapp:"), text))
        return Answer(201, row)

    def _call(self, asked: Asked) -> Answer:
        form = asked.fields
        row = {
            "sid": self._id("CA"), "to": form["To"], "from": form["From"], "status": "queued",
            "date_created": formatdate(self.now()), "account_sid": "AC", "direction": "outbound-api",
        }  # fmt: skip
        self.rows.setdefault("calls", []).append(row)
        self.taken.append(Taken("twilio.call", form["To"], form.get("Twiml", "")))
        return Answer(201, row)

    def _listed(self, asked: Asked, what: str) -> Answer:
        to = asked.fields.get("To")
        rows = [r for r in self.rows.get(what, []) if to in {None, r["to"]}]
        return Answer(200, {what: rows[::-1], "page": 0, "page_size": 50, "next_page_uri": None})

    def _slack(self, asked: Asked) -> Answer:
        data = _slack_data(asked)
        post = {"type": "message", "ts": f"{self.now():.6f}", "text": data["text"], "metadata": data.get("metadata")}
        self.rows.setdefault("posts", []).append(post)
        self.taken.append(Taken("slack.post", str(data["channel"]), str(data["text"])))
        return Answer(200, {"ok": True, "channel": data["channel"], "ts": post["ts"], "message": post})

    def _history(self, asked: Asked) -> Answer:
        oldest = float(_slack_data(asked).get("oldest") or 0)
        rows = [p for p in reversed(self.rows.get("posts", [])) if float(p["ts"]) >= oldest]
        return Answer(200, {"ok": True, "messages": rows, "has_more": False})

    def _channels(self, asked: Asked) -> Answer:
        rooms = self.rows.get("rooms", [])
        return Answer(200, {"ok": True, "channels": rooms, "response_metadata": {"next_cursor": ""}})

    def _slack_other(self, asked: Asked) -> Answer:
        data = _slack_data(asked)
        if asked.path.endswith("conversations.create"):
            room = {"id": "C0INC00001", "name": data["name"]}
            if room in self.rows.get("rooms", []):
                return Answer(200, {"ok": False, "error": "name_taken"})
            self.rows.setdefault("rooms", []).append(room)
            return Answer(200, {"ok": True, "channel": room})
        return Answer(200, {"ok": True})

    def _ntfy(self, asked: Asked) -> Answer:
        data = asked.json()
        row = {"id": self._id("n"), "time": int(self.now()), "event": "message", "topic": data["topic"],
               "message": data["message"], "tags": data["tags"]}  # fmt: skip
        self.rows.setdefault("ntfy", []).append(row)
        self.taken.append(Taken("ntfy.post", data["topic"], data["message"]))
        return Answer(200, row)

    def _ntfy_poll(self, asked: Asked) -> Answer:
        return Answer(200, "".join(json.dumps(r) + "\n" for r in self.rows.get("ntfy", [])).encode())

    def _openid(self, asked: Asked) -> Answer:
        return Answer(200, {"issuer": f"{self.url}/t/v2.0", "token_endpoint": f"{self.url}/t/oauth2/v2.0/token"})


_TOKEN = {"token_type": "Bearer", "expires_in": 3599, "access_token": "t"}
_HEALTH = {"id": "Exchange", "service": "Exchange Online", "status": "serviceOperational"}


def _slack_data(asked: Asked) -> dict[str, Any]:
    if "json" in asked.headers.get("content-type", ""):
        return dict(asked.json())
    data: dict[str, Any] = dict(asked.fields)
    for name in ("metadata", "blocks"):
        if isinstance(data.get(name), str):
            data[name] = json.loads(data[name])
    return data
