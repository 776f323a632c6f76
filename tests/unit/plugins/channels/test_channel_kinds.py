"""What single kinds of channels do beside what all of them keep (test_channels_conform.py)."""

from __future__ import annotations

import asyncio
import json
from dataclasses import replace
from datetime import UTC, datetime
from types import SimpleNamespace

import pytest
from aiohttp import web

from bcp import registry
from bcp.contracts.channel import Channel, Delivery, Message
from bcp.kernel.errors import Permanent
from bcp.kernel.hashing import digest_text
from bcp.lab.net import free_port

SECRET = "s3cret-token-never-shown"
NOW = 1_800_000_000.0


HTTP = {
    "twilio-voice": {"account_sid": "file:sid", "auth_token": "file:token", "from": "+15005550006"},
}
FILES = {"hotline": {"file": "hotline.xml"}}


def make(kind: str, url: str, tmp_path, **more) -> Channel:
    from bcp.settings import _anchor

    (tmp_path / "sid").write_text("AC" + "0" * 32)
    (tmp_path / "token").write_text(SECRET)
    (tmp_path / "url").write_text(url + f"/hook/{SECRET}")
    for name in ("sid", "token", "url"):
        (tmp_path / name).chmod(0o600)
    given = {"kind": kind, **(HTTP.get(kind) or FILES.get(kind) or {}), **more}
    if url:
        given |= {"timeout": "60s", "api_url": url}
    settings = registry.settings_class("channels", kind).model_validate(given)
    return registry.load("channels", kind).create("c", _anchor(settings, tmp_path))


def delivery(channel: Channel, key: str = "run/step/c/alice") -> Delivery:
    address = channel.place() if channel.broadcast else "+12025550101"
    return Delivery(
        key,
        address,
        Message("t", channel.form, "en", "Mail is late", "Do not resend mail.", "<p>Do not resend mail.</p>", 1),
        NOW,
    )


def test_a_call_says_the_text_and_escapes_it(tmp_path) -> None:
    """TwiML: language, text, and a digit only where somebody can be told of it."""
    channel = make("twilio-voice", "", tmp_path)
    d = Delivery("k", "+12025550101", Message("t", "voice", "de", "", "A & B <C>"), NOW)
    assert channel.twiml(d) == '<Response><Say language="de-DE">A &amp; B &lt;C&gt;</Say><Pause length="1"/></Response>'
    asks = make("twilio-voice", "", tmp_path, answers_url='https://x.example/a?b="1"&c')
    assert "<Gather" in asks.twiml(d) and "&quot;1&quot;&amp;c" in asks.twiml(d)
    long = replace(d, message=replace(d.message, body="wort " * 900))
    with pytest.raises(Permanent, match="too long for a call"):  # never half a text
        asyncio.run(channel.send(long))
    assert channel.seconds_for([1] * 100) == 145.0


def test_the_hotline_is_twiml_that_a_caller_hears(tmp_path) -> None:
    """Well-formed XML with the text; a later message replaces it."""
    import xml.etree.ElementTree as ET

    channel = make("hotline", "", tmp_path)
    asyncio.run(channel.send(delivery(channel, "one")))
    asyncio.run(channel.send(delivery(channel, "two")))
    text = (tmp_path / "hotline.xml").read_text()
    assert ET.fromstring(text)[0].text == "Do not resend mail." and digest_text("two")[:16] in text
    assert asyncio.run(channel.find(delivery(channel, "one"))) is None


def test_the_status_page_shows_a_key_once(tmp_path) -> None:
    """The same key again replaces its entry, and nobody reads it twice."""
    page = make("status-page", "", tmp_path, folder="public")

    async def twice() -> None:
        await page.send(delivery(page))
        await page.send(delivery(page))

    asyncio.run(twice())
    assert len(json.loads((tmp_path / "public" / "entries.json").read_text())) == 1


def test_teams_shares_fate() -> None:
    """An extra, never counted as an alternative."""
    assert registry.load("channels", "teams").make.shares_fate_with == ("microsoft",)


class Workspace:
    """Slack's methods that an incident channel needs."""

    def __init__(self) -> None:
        self.rooms, self.posts, self.pins, self.invited, self.lose = {}, [], [], [], False

    async def handle(self, request: web.Request) -> web.Response:
        method = request.path.rsplit("/", 1)[1]
        data = (
            await request.json()
            if request.content_type == "application/json"
            else {**request.query, **(dict(await request.post()))}
        )
        return web.json_response(getattr(self, method.replace(".", "_"))(data))

    def conversations_create(self, data):
        if data["name"] in self.rooms:
            return {"ok": False, "error": "name_taken"}
        self.rooms[data["name"]] = f"C{len(self.rooms):08}"
        return {"ok": True, "channel": {"id": self.rooms[data["name"]], "name": data["name"]}}

    def conversations_list(self, data):
        return {
            "ok": True,
            "channels": [{"id": i, "name": n} for n, i in self.rooms.items()],
            "response_metadata": {"next_cursor": ""},
        }

    def conversations_invite(self, data):
        self.invited.append(data["users"].split(","))
        return {"ok": True}

    def conversations_history(self, data):
        return {
            "ok": True,
            "messages": [p for p in reversed(self.posts) if p["channel"] == data["channel"] and not p.get("thread_ts")],
        }

    def pins_add(self, data):
        self.pins.append(data["timestamp"])
        return {"ok": True}

    def chat_postMessage(self, data):
        meta = data.get("metadata")
        self.posts.append(
            {**data, "ts": f"{len(self.posts) + 1}.0", "metadata": json.loads(meta) if isinstance(meta, str) else meta}
        )
        return {"ok": True, "channel": data["channel"], "ts": self.posts[-1]["ts"]}


def test_an_incident_channel_is_opened_once_filled_pinned_and_threaded(tmp_path) -> None:
    """One channel a run, people in batches, the first message pinned, later ones in its thread;
    a second process finds it again."""

    async def work():
        slack = Workspace()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", slack.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port("127.0.0.1")
        await web.TCPSite(runner, "127.0.0.1", port).start()
        url = f"http://127.0.0.1:{port}"
        HTTP["slack-incident"] = {"token": "file:token", "invite": [f"U{i:07}" for i in range(450)]}
        try:
            first, second = make("slack-incident", url, tmp_path), make("slack-incident", url, tmp_path)
            one, two = (
                delivery(first, "run-20260122-174500-x7kq/tell/slack/all"),
                delivery(first, "run-20260122-174500-x7kq/update#1/slack/all"),
            )
            assert await first.find(one) is None
            await first.send(one)
            await second.send(two)
            found = await second.find(one)
            await first.close()
            await second.close()
        finally:
            HTTP.pop("slack-incident")
            await runner.cleanup()
        return slack, found

    slack, found = asyncio.run(asyncio.wait_for(work(), 120))
    assert list(slack.rooms) == ["inc-20260122-174500-x7kq"] and found.id == "1.0"
    assert [len(b) for b in slack.invited[:3]] == [200, 200, 50] and slack.pins == ["1.0"]
    assert slack.posts[1]["thread_ts"] == "1.0" and all(p["text"] and p["blocks"] for p in slack.posts)


def test_apprise_carries_no_texts_and_no_teams(tmp_path) -> None:
    """They have channels of their own, or fall with Exchange."""
    pytest.importorskip("apprise")
    for url in ("twilio://a:b@15005550006/15005550007", "msteams://a/b/c/d", "nonsense"):
        (tmp_path / "url").write_text(url)
        (tmp_path / "url").chmod(0o600)
        from bcp.settings import _anchor

        settings = registry.settings_class("channels", "apprise").model_validate({"kind": "apprise", "url": "file:url"})
        channel = registry.load("channels", "apprise").create("c", _anchor(settings, tmp_path))
        assert asyncio.run(channel.check())[0].state == "fail"


def _calls(*sids: str):
    """Twilio's list of calls, all to one number and made just now."""
    made = datetime.fromtimestamp(NOW + 1, UTC)

    async def listed(**query):
        return [SimpleNamespace(sid=sid, status="queued", date_created=made) for sid in sids]

    return SimpleNamespace(calls=SimpleNamespace(list_async=listed))


@pytest.mark.parametrize(
    ("listed", "others", "wanted"),
    [
        (("CA2", "CA1"), {"CA2"}, "CA1"),  # the newer one is another step's
        (("CA2",), {"CA2"}, None),
        (("CA2",), (), "CA2"),
        ((), {"CA1"}, None),
    ],
)
def test_a_call_of_another_delivery_is_not_found_as_ours(listed, others, wanted, tmp_path, monkeypatch) -> None:
    """Two steps may call one person within a minute, and Twilio's list shows the number alone."""
    channel = make("twilio-voice", "", tmp_path)
    monkeypatch.setattr(channel._twilio, "open", lambda: _calls(*listed))
    mine = Delivery("r/one/sms/a", "+12025550101", Message("t", "voice", "en", "", "x"), NOW, others=frozenset(others))
    found = asyncio.run(channel.find(mine))
    assert (found.id if found else None) == wanted


def test_one_call_is_found_for_one_of_two_lost_answers(tmp_path, monkeypatch) -> None:
    """The second is told that there is none, whatever order they ask in."""
    channel = make("twilio-voice", "", tmp_path)
    monkeypatch.setattr(channel._twilio, "open", lambda: _calls("CA1"))
    message = Message("t", "voice", "en", "", "x")
    first, second = (Delivery(f"r/{s}/sms/a", "+12025550101", message, NOW) for s in ("one", "two"))
    assert asyncio.run(channel.find(first)).id == "CA1"
    assert asyncio.run(channel.find(second)) is None and asyncio.run(channel.find(first)).id == "CA1"
