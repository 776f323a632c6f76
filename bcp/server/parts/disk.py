"""Tells the people on call that nothing can be written down any more, and that it can again.

While the disk is full no book keeps what was said, so nothing here needs one: texts and calls go out as they are.
"""

from __future__ import annotations

import asyncio
import socket
from typing import Any

from bcp.contracts.channel import Channel
from bcp.contracts.contact import wants
from bcp.kernel.errors import BcpError, StorageError
from bcp.kernel.log import logger
from bcp.pages.words.said import in_language, said
from bcp.server.core import Core
from bcp.server.parts.ports import Speaks
from bcp.server.parts.spoken import language_of

LOG = logger(__name__)
EVERY_S = 10.0
BAD = 2
"""So many rounds in a row: one may fall between two others that write."""
AGAIN_S = 60.0
"""Where no channel took it: tried again after this time."""
TEMPLATE = "incident-notice"


class Disk:
    """The loop. ``told``: the people on call know that nothing can be written."""

    def __init__(self, core: Core, speaker: Speaks) -> None:
        self.core, self.speaker = core, speaker
        self.bad, self.told = 0, False
        self._next = 0.0

    async def run(self) -> None:
        """For ever."""
        while True:
            await self.once()
            await self.core.clock.sleep(EVERY_S)

    async def once(self) -> None:
        """Write something; say what is new about that."""
        try:
            await self.core.do(lambda b: b.pulse())
        except StorageError as error:
            self.bad += 1
            if self.bad == BAD:
                LOG.error("nothing can be written: %s", error.whole)
            if self.bad >= BAD and not self.told and self.core.clock.monotonic() >= self._next:
                self._next = self.core.clock.monotonic() + AGAIN_S
                self.told = await self._tell("full")
            return
        self.bad = 0
        if self.told:
            self.told = False
            sent = await self._tell("free")
            LOG.info("everything can be written again")
            text = "nothing could be written for a while; it can again"
            await self.core.do(lambda b: b.note("disk_again", "", "bcp", text=text, told=sent))
            self.core.changed()

    async def _tell(self, what: str) -> bool:
        """Everybody on call by every channel; True: one took it."""
        ways = [(c, *to) for c in self.speaker.channels() for to in self._addresses(c)]
        done = await asyncio.gather(*(self._one(what, *way) for way in ways))
        if not any(done):
            LOG.error("nobody on call is known to have been told that nothing can be written (%d tries)", len(ways))
        return any(done)

    def _addresses(self, channel: Channel[Any]) -> list[tuple[str, str]]:
        """Language and address of each."""
        if channel.broadcast:
            return [("", place)] if (place := channel.place()) else []
        directory, oncall = self.core.app.people.directory, self.core.settings.oncall
        people = directory.members(oncall) if oncall in directory.audiences else []
        wanted = [p for p in people if wants(p, channel.name, channel.form)]
        return [(p.language, to) for p in wanted if (to := channel.address_of(p))]

    async def _one(self, what: str, channel: Channel[Any], language: str, address: str) -> bool:
        language = language_of(self.core, TEMPLATE, channel.form, language)
        host, folder = socket.gethostname(), str(self.core.state)
        ask = {
            "what": in_language(said(f"ask.notice.disk-{what}"), language),
            "result": in_language(said(f"ask.notice.disk-{what}.do", host=host, folder=folder), language),
            "seen": in_language(said(f"ask.notice.disk-{what}"), language),
            "incident": "",
        }
        key = f"disk/{what}/{self.core.clock.now():.0f}"
        try:
            values = {**self.speaker.org(), "outage_class": "", "ask": ask}
            state, problem = await self.speaker.send(channel, address, TEMPLATE, language, values, key)
        except BcpError as error:
            state, problem = "failed", error.message
        if state != "sent":
            LOG.warning("disk: somebody on call could not be told by %s: %s", channel.name, problem)
        return state == "sent"
