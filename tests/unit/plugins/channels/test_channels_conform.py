"""Each of our channels keeps what ``bcp.testing.channel`` asks of every channel."""

from __future__ import annotations

import json
from typing import Any

import pytest

from bcp import registry
from bcp.contracts.channel import ChannelPlugin
from bcp.testing.channel import ChannelSuite
from bcp.testing.vendor import WRONG_ANSWERS, Answer, Asked

ROW = {
    "sid": "CA1",
    "status": "queued",
    "body": "Mail is late. Do not resend it.",
    "date_created": "Fri, 15 Jan 2027 08:00:05 +0000",
}


class Twilio(ChannelSuite):
    """The account and its lists, as Twilio's documents show them."""

    can_find = True

    def settings(self) -> dict[str, Any]:
        return {
            "account_sid": self.secret("sid", "AC" + "0" * 32),
            "auth_token": self.secret("token"),
            "from": "+15005550006",
            "api_url": self.url,
        }

    def respond(self, asked: Asked) -> Answer:
        if asked.method == "POST":
            return Answer(201, {"sid": "CA1", "status": "queued", "date_created": "Fri, 15 Jan 2027 08:00:00 +0000"})
        if "Calls.json" in asked.path or "Messages.json" in asked.path:
            kind = "calls" if "Calls" in asked.path else "messages"
            return Answer(200, {kind: [ROW] if self.taken else [], "page": 0, "page_size": 50, "next_page_uri": None})
        return Answer(200, {"sid": "AC1", "status": "active", "type": "Full", "incoming_phone_numbers": []})


class TestTwilioSms(Twilio):
    """Texts."""

    plugin = registry.find(ChannelPlugin, "twilio-sms")


class TestTwilioVoice(Twilio):
    """Calls."""

    plugin = registry.find(ChannelPlugin, "twilio-voice")


class TestTwilioWhatsapp(Twilio):
    """WhatsApp, by an approved template."""

    plugin = registry.find(ChannelPlugin, "twilio-whatsapp")

    def settings(self) -> dict[str, Any]:
        return {**super().settings(), "content_sid": "HX" + "0" * 32}


class TestSlack(ChannelSuite):
    """A bot in a channel."""

    plugin = registry.find(ChannelPlugin, "slack")
    can_find = True

    def settings(self) -> dict[str, Any]:
        return {"token": self.secret("token"), "channel": "C0LAB000001", "api_url": self.url}

    def is_send(self, asked: Asked) -> bool:
        return asked.path.endswith("chat.postMessage")

    def respond(self, asked: Asked) -> Answer:
        if asked.path.endswith("conversations.history"):
            kept = [{"ts": "1.2", "metadata": {"event_payload": {"key": _key(t)}}} for t in self.taken]
            return Answer(200, {"ok": True, "messages": kept, "has_more": False})
        return Answer(200, {"ok": True, "ts": "1.2", "channel": "C0LAB000001", "team": "T", "user": "bcp"})


def _key(asked: Asked) -> str:
    raw = asked.json()["metadata"] if "json" in asked.headers.get("content-type", "") else asked.fields["metadata"]
    return str((json.loads(raw) if isinstance(raw, str) else raw)["event_payload"]["key"])


class TestSlackIncident(TestSlack):
    """A room of its own for each run: opened, filled and pinned."""

    plugin = registry.find(ChannelPlugin, "slack-incident")

    def settings(self) -> dict[str, Any]:
        return {"token": self.secret("token"), "api_url": self.url}

    def respond(self, asked: Asked) -> Answer:
        if asked.path.endswith(("conversations.create", "conversations.list")):
            room = {"id": "C0LAB000001", "name": "inc-20270115-080000-aaaa"}
            return Answer(
                200, {"ok": True, "channel": room, "channels": [room], "response_metadata": {"next_cursor": ""}}
            )
        return super().respond(asked)


class TestNtfy(ChannelSuite):
    """A topic at a server of one's own."""

    plugin = registry.find(ChannelPlugin, "ntfy")
    can_find = True
    none_too = frozenset({"empty", "empty json", "blanks"})  # an empty topic is an empty body

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "topic": "mail-down", "token": self.secret("token")}

    def respond(self, asked: Asked) -> Answer:
        if asked.path.endswith("/json"):
            return Answer(
                200,
                "\n".join(json.dumps({"id": "n1", "event": "message", "tags": t.json()["tags"]}) for t in self.taken),
            )
        return Answer(200, {"id": "n1", "healthy": True})


class TestTeams(ChannelSuite):
    """A workflow's URL, which holds the secret itself."""

    plugin = registry.find(ChannelPlugin, "teams")
    yes_too = frozenset({"a number"})  # connectors of old answered 200 and 1; workflows 202

    def settings(self) -> dict[str, Any]:
        (self.folder / "url").unlink(missing_ok=True)
        return {"url": self.secret("url", f"{self.url}/hook/s3cret-never-shown")}

    def respond(self, asked: Asked) -> Answer:
        return Answer(202, b"")


class TestApprise(ChannelSuite):
    """The long tail: yes or nothing known."""

    plugin = registry.find(ChannelPlugin, "apprise")
    tells_refusal = tells_rate = False
    yes_too = frozenset(
        n
        for n, a in WRONG_ANSWERS.items()
        if n.startswith(("cut", "a length")) or (isinstance(a, Answer) and a.status == 200)
    )
    timeout = "2s"  # Apprise reads the status alone

    def settings(self) -> dict[str, Any]:
        pytest.importorskip("apprise")
        (self.folder / "url").unlink(missing_ok=True)
        return {"url": self.secret("url", f"json://{self.url.removeprefix('http://')}/s3cret-never-shown")}

    def respond(self, asked: Asked) -> Answer:
        return Answer(200, {"ok": True})


class TestHotline(ChannelSuite):
    """A file that callers hear."""

    plugin = registry.find(ChannelPlugin, "hotline")
    speaks_http = False
    can_find = True

    def settings(self) -> dict[str, Any]:
        return {"file": "hotline.xml"}


class TestStatusPage(ChannelSuite):
    """Files that people read."""

    plugin = registry.find(ChannelPlugin, "status-page")
    speaks_http = False
    can_find = True

    def settings(self) -> dict[str, Any]:
        return {"folder": "public"}


def test_every_channel_of_ours_is_here_or_has_a_reason() -> None:
    """A new one joins, or says why not. E-mail speaks SMTP:
    tests/real and tests/unit/plugins/channels/test_email.py."""
    here = {c.plugin.kind for c in _all(ChannelSuite) if hasattr(c, "plugin")}
    assert here | {"email"} == set(registry.own("channels"))


def _all(cls: type) -> list[type]:
    return [s for c in cls.__subclasses__() for s in (c, *_all(c)) if s.__module__ == __name__]


class TestPagerDuty(ChannelSuite):
    """An alarm, merged by our key."""

    plugin = registry.find(ChannelPlugin, "pagerduty")

    def settings(self) -> dict[str, Any]:
        return {"routing_key": self.secret("key"), "api_url": self.url}

    def respond(self, asked: Asked) -> Answer:
        told = {"status": "success", "message": "Event processed", "dedup_key": asked.json()["dedup_key"]}
        return Answer(202, told)

    def refusal(self) -> Answer:
        return Answer(400, {"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid key"]})


class TestServiceNow(ChannelSuite):
    """A record, found by our correlation id before one is made."""

    plugin = registry.find(ChannelPlugin, "servicenow")
    can_find = True
    asks_first = 1

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "user": "bcp", "password": self.secret("password")}

    def respond(self, asked: Asked) -> Answer:
        if asked.method == "GET":
            shown = asked.fields.get("sysparm_display_value") == "true"
            return Answer(200, {"result": self.__dict__.get("made", []) if shown else []})
        row = {"sys_id": "a1", "work_notes": "", "close_notes": "", **asked.json()}
        self.__dict__["made"] = [row]
        return Answer(201, {"result": {"sys_id": "a1"}})

    def refusal(self) -> Answer:
        return Answer(403, {"error": {"message": "Operation Failed"}, "status": "failure"})


class TestJira(ChannelSuite):
    """An issue, found by our label before one is made."""

    plugin = registry.find(ChannelPlugin, "jira")
    can_find = True
    asks_first = 1

    def settings(self) -> dict[str, Any]:
        return {"url": self.url, "user": "bcp@out.test", "token": self.secret("token"), "project": "OPS"}

    def respond(self, asked: Asked) -> Answer:
        if asked.path.endswith("/comment"):
            return Answer(200, {"comments": []})
        if asked.method == "GET":
            shown = asked.fields["fields"] == "description"
            return Answer(200, {"issues": self.__dict__.get("made", []) if shown else []})
        self.__dict__["made"] = [{"id": "1", "key": "OPS-1", "fields": asked.json()["fields"]}]
        return Answer(201, {"id": "1", "key": "OPS-1"})

    def refusal(self) -> Answer:
        return Answer(400, {"errorMessages": [], "errors": {"project": "project is required"}})
