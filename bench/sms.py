"""2,000 texts by one client: ``us`` (courier, ledger, twilio's client over our transport), twilio's own clients,
Apprise."""

from __future__ import annotations

import asyncio
import json
import resource
import sys
import tempfile
import time
from pathlib import Path

BODY = "Contoso IT: Exchange mailboxes cannot be opened. Mail is safe and waits. Use phone and chat."


def serve(delay: float) -> None:
    """A bare stub on asyncio: reads a request, answers 200."""
    answer = json.dumps(
        {
            "ok": True,
            "ts": "1700000000.000100",
            "channel": "C0LAB000001",
            "sid": "SM" + "0" * 32,
            "status": "queued",
            "body": BODY,
            "to": "+12025550100",
            "date_created": None,
        }
    ).encode()
    wire = (
        b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: "
        + str(len(answer)).encode()
        + b"\r\n\r\n"
        + answer
    )

    class Stub(asyncio.Protocol):
        def connection_made(self, transport):
            self.transport, self.data = transport, b""

        def data_received(self, data):
            self.data += data
            while True:
                head, found, rest = self.data.partition(b"\r\n\r\n")
                if not found:
                    return
                size = next(
                    (
                        int(line.split(b":")[1])
                        for line in head.split(b"\r\n")
                        if line.lower().startswith(b"content-length")
                    ),
                    0,
                )
                if len(rest) < size:
                    return
                self.data = rest[size:]
                if delay:
                    asyncio.get_running_loop().call_later(delay, self.transport.write, wire)
                else:
                    self.transport.write(wire)

    async def main():
        server = await asyncio.get_running_loop().create_server(Stub, "127.0.0.1", 0, backlog=1000)
        print(server.sockets[0].getsockname()[1], flush=True)
        await asyncio.sleep(600)

    asyncio.run(main())


async def us(url: str, count: int) -> tuple[float, float]:
    from bcp.comms.courier import Courier, Pace
    from bcp.comms.pack import MessageFile, Pack, Template
    from bcp.contacts.directory import Audience, Directory
    from bcp.contracts.contact import Contact
    from bcp.contracts.services import Order
    from bcp.kernel.clock import SystemClock
    from bcp.kernel.document import parse
    from bcp.kernel.secret import Secret
    from bcp.plugins.channels.twilio_sms import TwilioSms, TwilioSmsSettings
    from bcp.plugins.engines.embedded import EmbeddedStore

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "s").write_text("AC" + "0" * 32)
        settings = TwilioSmsSettings.model_validate(
            {
                "kind": "twilio-sms",
                "account_sid": "file:s",
                "auth_token": "file:s",
                "from": "+15005550006",
                "api_url": url,
                "concurrency": 50,
            }
        )
        channel = TwilioSms(
            "sms",
            settings.model_copy(
                update={"account_sid": Secret("file:s", folder), "auth_token": Secret("file:s", folder)}
            ),
        )
        EmbeddedStore().create(folder / "run.db", {})
        journal = EmbeddedStore().open(folder / "run.db", SystemClock())
        directory = Directory(
            tuple(Contact(f"p{i}", phone=f"+1202{i:07d}", groups=("staff",)) for i in range(count)),
            {"staff": Audience("staff", ("staff",))},
        )
        pack = Pack(
            [
                Template(
                    MessageFile.model_validate(
                        {"version": 1, "name": "m", "title": "m", "phase": "update", "sms": {"en": BODY}}
                    ),
                    parse("{}"),
                )
            ]
        )
        courier = Courier(
            directory,
            pack,
            {"sms": channel},
            journal,
            SystemClock(),
            lambda extra: dict(extra),
            paces={"sms": Pace(concurrency=50)},
        )
        channel._twilio.open()
        began = (time.monotonic(), time.process_time())
        tally = (await courier.deliver(Order("staff", "m", ("sms",)), "run/tell"))[0]
        wall = (time.monotonic() - began[0], time.process_time() - began[1])
        assert tally.sent == count, tally
        await channel.close()
        journal.close()
    return wall


async def slack_us(url: str, count: int) -> tuple[float, float]:
    from bcp.contracts.channel import Delivery, Message
    from bcp.kernel.secret import Secret
    from bcp.plugins.channels.slack import Slack, SlackSettings

    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "s").write_text("xoxb-bench")
        settings = SlackSettings.model_validate(
            {"kind": "slack", "token": "file:s", "channel": "C0LAB000001", "api_url": url}
        )
        channel = Slack("slack", settings.model_copy(update={"token": Secret("file:s", Path(name))}))
        message, numbers = Message("m", "chat", "en", "", BODY), iter(range(count))

        async def worker():
            for i in numbers:
                await channel.send(Delivery(f"run/tell/{i}", "C0LAB000001", message, time.time()))

        await channel.send(Delivery("warm", "C0LAB000001", message, time.time()))
        began = (time.monotonic(), time.process_time())
        await asyncio.gather(*(worker() for _ in range(20)))
        wall = (time.monotonic() - began[0], time.process_time() - began[1])
        await channel.close()
    return wall


async def slack_sdk(url: str, count: int) -> tuple[float, float]:
    import aiohttp
    from slack_sdk.web.async_client import AsyncWebClient

    async with aiohttp.ClientSession() as session:
        client, numbers = (
            AsyncWebClient(token="xoxb-bench", base_url=url + "/api/", session=session),
            iter(range(count)),
        )

        async def worker():
            for i in numbers:
                await client.chat_postMessage(
                    channel="C0LAB000001",
                    text=BODY,
                    blocks=[{"type": "section", "text": {"type": "mrkdwn", "text": BODY}}],
                    metadata={"event_type": "bench", "event_payload": {"key": f"run/tell/{i}"}},
                    unfurl_links=False,
                )

        await client.chat_postMessage(channel="C0LAB000001", text=BODY)
        began = (time.monotonic(), time.process_time())
        await asyncio.gather(*(worker() for _ in range(20)))
        return time.monotonic() - began[0], time.process_time() - began[1]


async def twilio_async(url: str, count: int) -> tuple[float, float]:
    from twilio.http.async_http_client import AsyncTwilioHttpClient
    from twilio.rest import Client

    http = AsyncTwilioHttpClient()
    client = Client("AC" + "0" * 32, "t", http_client=http)
    client.api.base_url = url
    numbers = iter(range(count))

    async def worker():
        for i in numbers:
            await client.messages.create_async(to=f"+1202{i:07d}", from_="+15005550006", body=BODY)

    began = (time.monotonic(), time.process_time())
    await asyncio.gather(*(worker() for _ in range(50)))
    wall = (time.monotonic() - began[0], time.process_time() - began[1])
    await http.session.close()
    return wall


def twilio_threads(url: str, count: int) -> tuple[float, float]:
    from concurrent.futures import ThreadPoolExecutor

    from twilio.rest import Client

    client = Client("AC" + "0" * 32, "t")
    client.api.base_url = url
    began = (time.monotonic(), time.process_time())
    with ThreadPoolExecutor(50) as pool:
        list(
            pool.map(
                lambda i: client.messages.create(to=f"+1202{i:07d}", from_="+15005550006", body=BODY), range(count)
            )
        )
    return time.monotonic() - began[0], time.process_time() - began[1]


def apprise(url: str, count: int) -> tuple[float, float]:
    import logging

    from apprise import Apprise
    from apprise.plugins.twilio import NotifyTwilio

    logging.disable(logging.CRITICAL)
    NotifyTwilio.notify_sms_url = url + "/2010-04-01/Accounts/{sid}/Messages.json"
    NotifyTwilio.notify_url = NotifyTwilio.notify_sms_url
    NotifyTwilio.request_rate_per_sec = 0
    targets = "/".join(f"1202{i:07d}" for i in range(count))
    notifier = Apprise()
    assert notifier.add(f"twilio://AC{'0' * 32}:{'t' * 32}@15005550006/{targets}")
    began = (time.monotonic(), time.process_time())
    notifier.notify(body=BODY)
    return time.monotonic() - began[0], time.process_time() - began[1]


if sys.argv[1] == "serve":
    serve(float(sys.argv[2]))
else:
    where, number = f"http://127.0.0.1:{sys.argv[2]}", int(sys.argv[3])
    together = {"us": us, "twilio-async": twilio_async, "slack-us": slack_us, "slack-sdk": slack_sdk}
    if sys.argv[1] in together:
        took = asyncio.run(together[sys.argv[1]](where, number))
    else:
        took = {"twilio-threads": twilio_threads, "apprise": apprise}[sys.argv[1]](where, number)
    print(
        json.dumps({"wall": took[0], "cpu": took[1], "mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024})
    )
