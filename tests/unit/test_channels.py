"""One conformance suite for every channel that speaks HTTP or writes files: outcomes are typed, nothing is repeated by itself, deadlines and cancelling hold, secrets do not show."""

from __future__ import annotations

import asyncio
import json
import time
from dataclasses import replace

import pytest
from aiohttp import web

from bcp import registry
from bcp.contracts.channel import Channel, Delivery, Message, NotSent, RateLimited
from bcp.kernel.errors import InDoubt, Permanent
from bcp.kernel.hashing import digest_text
from bcp.lab.net import free_port

SECRET = "s3cret-token-never-shown"
NOW = 1_800_000_000.0


class Vendor:
    """Answers as told, counts requests, keeps what it took."""

    def __init__(self) -> None:
        self.mode, self.requests, self.taken, self.url = "ok", [], [], ""

    async def handle(self, request: web.Request) -> web.Response:
        text = await request.text()
        self.requests.append((request.method, request.path, text, dict(request.headers)))
        if request.method == "GET":
            return self._listing(request)
        mode = self.mode
        if mode == "429":
            return web.Response(status=429, headers={"Retry-After": "7"}, text="{}")
        if mode == "400":
            return web.json_response({"code": 21211, "message": "invalid", "status": 400, "ok": False, "error": "invalid_auth"}, status=400)
        self.taken.append((request.path, text, time.time()))
        if mode == "503":
            return web.Response(status=503, text="upstream")
        if mode == "hang":
            await asyncio.sleep(60)
        if mode == "garbage":
            return web.Response(status=200, body=b"\xff\xfe{{{")
        return self._created(request)

    def _created(self, request: web.Request) -> web.Response:
        if "/Accounts/" in request.path:
            return web.json_response({"sid": "CA1", "status": "queued", "date_created": "Fri, 15 Jan 2027 08:00:00 +0000"}, status=201)
        return web.json_response({"ok": True, "ts": "1.2", "id": "n1"})

    def _listing(self, request: web.Request) -> web.Response:
        if "Calls.json" in request.path or "Messages.json" in request.path:
            kind = "calls" if "Calls" in request.path else "messages"
            rows = [{"sid": "CA1", "status": "queued", "body": "Do not resend mail.", "date_created": "Fri, 15 Jan 2027 08:00:05 +0000"}] if self.taken else []
            return web.json_response({kind: rows, "page": 0, "page_size": 50, "next_page_uri": None})
        if request.path.endswith("/json"):
            return web.Response(text="\n".join(json.dumps({"id": "n1", "tags": json.loads(t)["tags"]}) for _, t, _ in self.taken))
        return web.json_response({"healthy": True})


HTTP = {
    "twilio-sms": {"account_sid": "file:sid", "auth_token": "file:token", "from": "+15005550006"},
    "twilio-voice": {"account_sid": "file:sid", "auth_token": "file:token", "from": "+15005550006"},
    "twilio-whatsapp": {"account_sid": "file:sid", "auth_token": "file:token", "from": "+15005550006", "content_sid": "HX" + "0" * 32},
    "slack": {"token": "file:token", "channel": "C0LAB000001"},
    "ntfy": {"topic": "mail-down", "token": "file:token"},
    "teams": {},
}
FILES = {"hotline": {"file": "hotline.xml"}, "status-page": {"folder": "public"}}
CAN_ASK = {"twilio-sms", "twilio-voice", "twilio-whatsapp", "ntfy", "hotline", "status-page"}


def make(kind: str, vendor: Vendor | None, tmp_path, **more) -> Channel:
    from bcp.settings import _anchor

    (tmp_path / "sid").write_text("AC" + "0" * 32)
    (tmp_path / "token").write_text(SECRET)
    (tmp_path / "url").write_text((vendor.url if vendor else "") + f"/hook/{SECRET}")
    for name in ("sid", "token", "url"):
        (tmp_path / name).chmod(0o600)
    given = {"kind": kind, **(HTTP.get(kind) or FILES.get(kind) or {}), **more}
    if vendor is not None:
        given |= {"timeout": "1s"}
        given |= {"url": "file:url"} if kind == "teams" else ({"url": vendor.url} if kind == "ntfy" else {"api_url": vendor.url})
    settings = registry.settings_class("channels", kind).model_validate(given)
    return registry.load("channels", kind).create("c", _anchor(settings, tmp_path))


def delivery(channel: Channel, key: str = "run/step/c/alice") -> Delivery:
    address = channel.place() if channel.broadcast else "+12025550101"
    return Delivery(key, address, Message("t", channel.form, "en", "Mail is late", "Do not resend mail.", "<p>Do not resend mail.</p>", 1), NOW)


def with_vendor(work):
    async def run():
        vendor = Vendor()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", vendor.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port("127.0.0.1")
        await web.TCPSite(runner, "127.0.0.1", port).start()
        vendor.url = f"http://127.0.0.1:{port}"
        try:
            return await work(vendor)
        finally:
            await runner.cleanup()

    return asyncio.run(asyncio.wait_for(run(), 30))


def test_every_channel_is_in_one_suite_or_named_here() -> None:
    """A new one must join."""
    assert set(registry.kinds("channels")) == {*HTTP, *FILES, "email", "slack-incident", "apprise"}


@pytest.mark.parametrize("kind", sorted(HTTP))
@pytest.mark.parametrize(("mode", "outcome"), [("ok", None), ("429", RateLimited), ("400", Permanent), ("503", InDoubt), ("hang", InDoubt), ("gone", NotSent)])
def test_outcomes_are_typed_and_one_request_is_one_request(kind, mode, outcome, tmp_path) -> None:
    """Not taken, taken, or nobody knows; never a hidden repeat; within the deadline; no secret in what is said."""

    async def work(vendor):
        vendor.mode = mode
        if mode == "gone":
            vendor.url = f"http://127.0.0.1:{free_port('127.0.0.1')}"
        channel = make(kind, vendor, tmp_path)
        start = time.monotonic()
        try:
            found = await channel.send(delivery(channel))
        except (RateLimited, NotSent, Permanent, InDoubt) as error:
            found = error
        finally:
            await channel.close()
        return found, time.monotonic() - start, vendor

    found, took, vendor = with_vendor(work)
    if outcome is None:
        assert found.id, found
    else:
        assert type(found) is outcome, found
        assert SECRET not in found.message + found.hint
    if mode == "429":
        assert found.retry_after_s == 7.0
    assert took < 15
    assert len([r for r in vendor.requests if r[0] == "POST"]) == (0 if mode == "gone" else 1)


@pytest.mark.parametrize("kind", sorted(HTTP))
def test_a_send_can_be_cancelled_at_once(kind, tmp_path) -> None:
    """Stop-send does not wait for a vendor."""

    async def work(vendor):
        vendor.mode = "hang"
        channel = make(kind, vendor, tmp_path, timeout="20s")
        task = asyncio.create_task(channel.send(delivery(channel)))
        await asyncio.sleep(0.3)
        start = time.monotonic()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await channel.close()
        return time.monotonic() - start

    async def wrapped(vendor):
        return await work(vendor)

    assert with_vendor(wrapped) < 1.0


@pytest.mark.parametrize("kind", sorted(CAN_ASK & set(HTTP)))
def test_what_a_vendor_took_can_be_asked(kind, tmp_path) -> None:
    """After a lost answer: found when it was taken, provably not when it was not."""

    async def work(vendor):
        channel = make(kind, vendor, tmp_path)
        before = await channel.find(delivery(channel))
        vendor.mode = "503"
        with pytest.raises(InDoubt):
            await channel.send(delivery(channel))
        after = await channel.find(delivery(channel))
        await channel.close()
        return before, after

    before, after = with_vendor(work)
    assert before is None and after is not None and after.id


@pytest.mark.parametrize("kind", sorted(FILES))
def test_files_are_written_once_and_can_be_asked(kind, tmp_path) -> None:
    """The same key again changes nothing that people see twice."""

    async def work():
        channel = make(kind, None, tmp_path)
        assert await channel.find(delivery(channel)) is None
        await channel.send(delivery(channel))
        await channel.send(delivery(channel))
        return await channel.find(delivery(channel)), await channel.check()

    found, checks = asyncio.run(work())
    assert found is not None and checks[0].state == "ok"
    if kind == "status-page":
        assert len(json.loads((tmp_path / "public" / "entries.json").read_text())) == 1


def test_a_call_says_the_text_and_escapes_it(tmp_path) -> None:
    """TwiML: language, text, and a digit only where somebody can be told of it."""
    channel = make("twilio-voice", None, tmp_path)
    d = Delivery("k", "+12025550101", Message("t", "voice", "de", "", "A & B <C>"), NOW)
    assert channel.twiml(d) == '<Response><Say language="de-DE">A &amp; B &lt;C&gt;</Say><Pause length="1"/></Response>'
    asks = make("twilio-voice", None, tmp_path, answers_url='https://x.example/a?b="1"&c')
    assert "<Gather" in asks.twiml(d) and "&quot;1&quot;&amp;c" in asks.twiml(d)
    long = replace(d, message=replace(d.message, body="wort " * 900))
    with pytest.raises(Permanent, match="too long for a call"):  # never half a text
        asyncio.run(channel.send(long))
    assert channel.seconds_for([1] * 100) == 145.0


def test_the_hotline_is_twiml_that_a_caller_hears(tmp_path) -> None:
    """Well-formed XML with the text; a later message replaces it."""
    import xml.etree.ElementTree as ET

    channel = make("hotline", None, tmp_path)
    asyncio.run(channel.send(delivery(channel, "one")))
    asyncio.run(channel.send(delivery(channel, "two")))
    text = (tmp_path / "hotline.xml").read_text()
    assert ET.fromstring(text)[0].text == "Do not resend mail." and digest_text("two")[:16] in text
    assert asyncio.run(channel.find(delivery(channel, "one"))) is None


def test_teams_shares_fate() -> None:
    """An extra, never counted as an alternative."""
    assert registry.load("channels", "teams").make.shares_fate_with == ("microsoft",)


class Workspace:
    """Slack's methods that an incident channel needs."""

    def __init__(self) -> None:
        self.rooms, self.posts, self.pins, self.invited, self.lose = {}, [], [], [], False

    async def handle(self, request: web.Request) -> web.Response:
        method = request.path.rsplit("/", 1)[1]
        data = await request.json() if request.content_type == "application/json" else {**request.query, **(dict(await request.post()))}
        return web.json_response(getattr(self, method.replace(".", "_"))(data))

    def conversations_create(self, data):
        if data["name"] in self.rooms:
            return {"ok": False, "error": "name_taken"}
        self.rooms[data["name"]] = f"C{len(self.rooms):08}"
        return {"ok": True, "channel": {"id": self.rooms[data["name"]], "name": data["name"]}}

    def conversations_list(self, data):
        return {"ok": True, "channels": [{"id": i, "name": n} for n, i in self.rooms.items()], "response_metadata": {"next_cursor": ""}}

    def conversations_invite(self, data):
        self.invited.append(data["users"].split(","))
        return {"ok": True}

    def conversations_history(self, data):
        return {"ok": True, "messages": [p for p in reversed(self.posts) if p["channel"] == data["channel"] and not p.get("thread_ts")]}

    def pins_add(self, data):
        self.pins.append(data["timestamp"])
        return {"ok": True}

    def chat_postMessage(self, data):
        meta = data.get("metadata")
        self.posts.append({**data, "ts": f"{len(self.posts) + 1}.0", "metadata": json.loads(meta) if isinstance(meta, str) else meta})
        return {"ok": True, "channel": data["channel"], "ts": self.posts[-1]["ts"]}


def test_an_incident_channel_is_opened_once_filled_pinned_and_threaded(tmp_path) -> None:
    """One channel a run, people in batches, the first message pinned, later ones in its thread; a second process finds it again."""

    async def work():
        slack = Workspace()
        app = web.Application()
        app.router.add_route("*", "/{tail:.*}", slack.handle)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        port = free_port("127.0.0.1")
        await web.TCPSite(runner, "127.0.0.1", port).start()
        vendor = Vendor()
        vendor.url = f"http://127.0.0.1:{port}"
        HTTP["slack-incident"] = {"token": "file:token", "invite": [f"U{i:07}" for i in range(450)]}
        try:
            first, second = make("slack-incident", vendor, tmp_path), make("slack-incident", vendor, tmp_path)
            one, two = delivery(first, "run-20260122-174500-x7kq/tell/slack/all"), delivery(first, "run-20260122-174500-x7kq/update#1/slack/all")
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

    slack, found = asyncio.run(asyncio.wait_for(work(), 30))
    assert list(slack.rooms) == ["inc-20260122-174500-x7kq"] and found.id == "1.0"
    assert [len(b) for b in slack.invited[:3]] == [200, 200, 50] and slack.pins == ["1.0"]
    assert slack.posts[1]["thread_ts"] == "1.0" and all(p["text"] and p["blocks"] for p in slack.posts)


@pytest.mark.parametrize(("mode", "outcome"), [("ok", None), ("503", InDoubt), ("400", InDoubt), ("hang", InDoubt)])
def test_apprise_for_the_long_tail(mode, outcome, tmp_path) -> None:
    """Yes is a receipt; anything else is in doubt, because Apprise does not say more. One request, within the deadline."""
    pytest.importorskip("apprise")

    async def work(vendor):
        vendor.mode = mode
        (tmp_path / "url").write_text(f"json://127.0.0.1:{vendor.url.rsplit(':', 1)[1]}/{SECRET}")
        (tmp_path / "url").chmod(0o600)
        settings = registry.settings_class("channels", "apprise").model_validate({"kind": "apprise", "url": "file:url", "timeout": "2s"})
        from bcp.settings import _anchor

        channel = registry.load("channels", "apprise").create("c", _anchor(settings, tmp_path))
        try:
            return await channel.send(delivery(channel)), vendor
        except (InDoubt, Permanent) as error:
            return error, vendor

    found, vendor = with_vendor(work)
    assert (found.id if outcome is None else type(found) is outcome), found
    assert len(vendor.requests) == 1 and SECRET not in str(getattr(found, "message", ""))


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
