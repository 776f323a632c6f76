"""Twilio's emulator on a socket of a network namespace: who was texted, and what."""

from __future__ import annotations

import asyncio
import socket
import threading

from aiohttp import web

from bcp.lab.twilio import TwilioLab
from real.machine import inside

ADDRESS, PORT = "127.0.0.1", 8088


class Phones:
    """Takes messages; ``texts`` is what they say, by number."""

    def __init__(self, namespace: str) -> None:
        self.namespace, self.lab = namespace, TwilioLab()
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def start(self) -> Phones:
        self.thread.start()
        asyncio.run_coroutine_threadsafe(self._serve(), self.loop).result(20)
        return self

    async def _serve(self) -> None:
        app = web.Application()
        app.router.add_post("/2010-04-01/Accounts/{sid}/Messages.json", self.lab._sms_create)
        app.router.add_get("/2010-04-01/Accounts/{sid}/Messages.json", self.lab._sms_list)
        self.runner = runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2)
        await runner.setup()
        with inside(self.namespace):
            ear = socket.socket()
        ear.bind((ADDRESS, PORT))
        await web.SockSite(runner, ear).start()

    def texts(self) -> list[tuple[str, str]]:
        """Number and text of each message, in order."""
        return [(m["to"], m["body"]) for m in self.lab.sms]

    def stop(self) -> None:
        asyncio.run_coroutine_threadsafe(self.runner.cleanup(), self.loop).result(20)
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(10)
        self.loop.close()
