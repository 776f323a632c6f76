"""Mail hosts that say what they are told to say, at the stage at which they are told to."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field

from liars.script import Script

CUT, SILENCE, DRIP = b"(cut)", b"(silence)", b"(drip)"
VERBS = {"EHLO": "ehlo", "HELO": "ehlo", "MAIL": "mail", "RCPT": "rcpt", "DATA": "data", "RSET": "rset"}


@dataclass(frozen=True, slots=True)
class SmtpLie:
    """``said`` in place of the honest answer; ``takes``: the mail was kept although this is said."""

    said: bytes
    takes: bool = False


@dataclass(slots=True)
class MailFake:
    """One host. ``broken``: what it answers to RCPT, if not 250. ``taken``: who got what (recipient, body)."""

    point: str
    script: Script
    broken: str = ""
    greets: bytes = b"220 mail.test ESMTP\r\n"
    taken: list[tuple[str, bytes]] = field(default_factory=list)
    on_etrn: Callable[[], None] = lambda: None
    _server: asyncio.Server | None = None
    _writers: set[asyncio.StreamWriter] = field(default_factory=set)

    async def start(self, address: str, port: int) -> None:
        self._server = await asyncio.start_server(self._serve, address, port, limit=2**22)

    async def stop(self) -> None:
        assert self._server is not None
        self._server.close()
        self.cut()

    def cut(self) -> None:
        """Drop every connection."""
        for writer in list(self._writers):
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.add(writer)
        try:
            await _Talk(self, reader, writer).hold()
        except (OSError, ValueError, asyncio.IncompleteReadError, asyncio.LimitOverrunError):
            pass
        finally:
            self._writers.discard(writer)
            writer.close()
            with contextlib.suppress(OSError):
                await writer.wait_closed()


class _Talk:
    def __init__(self, host: MailFake, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.host, self.reader, self.writer = host, reader, writer
        self.recipients: list[str] = []

    async def hold(self) -> None:
        if not await self.say("greeting", self.host.greets):
            return
        while line := await self.reader.readline():
            verb = line[:4].decode("latin-1").strip().upper()
            if not await self._answer(verb, line.decode("latin-1").strip()):
                return

    async def _answer(self, verb: str, line: str) -> bool:
        if verb == "QUIT":
            await self.say("quit", b"221 2.0.0 bye\r\n")
            return False
        if verb == "RCPT":
            return await self._rcpt(line.partition("<")[2].partition(">")[0])
        if verb == "DATA":
            return await self._data()
        if verb == "ETRN":
            self.host.on_etrn()
            return await self.say("etrn", b"250 2.0.0 queuing started\r\n")
        stage = VERBS.get(verb, "")
        if not stage:
            return await self.say("other", b"502 5.5.1 not implemented\r\n")
        if stage in {"mail", "rset"}:
            self.recipients = []
        features = b"250-mail.test\r\n250 ENHANCEDSTATUSCODES\r\n"
        return await self.say(stage, features if stage == "ehlo" else b"250 ok\r\n")

    async def _rcpt(self, to: str) -> bool:
        if self.host.broken:
            return await self.say("rcpt", self.host.broken.encode() + b"\r\n")
        if not to.endswith((".test", ".example")):
            return await self.say("rcpt", b"554 5.7.1 relay access denied\r\n")
        if to.startswith("nobody"):
            return await self.say("rcpt", b"550 5.1.1 no such user\r\n")
        self.recipients.append(to)
        return await self.say("rcpt", b"250 2.1.5 ok\r\n")

    async def _data(self) -> bool:
        if not await self.say("data", b"354 go ahead\r\n"):
            return False
        body = await self.reader.readuntil(b"\r\n.\r\n")
        lie = self.host.script.cue(f"{self.host.point}.dot")
        if lie is None or lie.takes:
            self.host.taken += [(to, body) for to in self.recipients]
        return await self._out(b"250 2.0.0 queued\r\n" if lie is None else lie.said)

    async def say(self, stage: str, honest: bytes) -> bool:
        """The answer; false when the talk is over."""
        lie = self.host.script.cue(f"{self.host.point}.{stage}")
        return await self._out(honest if lie is None else lie.said)

    async def _out(self, said: bytes) -> bool:
        if said is CUT:
            self.writer.transport.abort()
            return False
        if said is SILENCE:
            await self.reader.read()
            return False
        if said is DRIP:
            while not self.reader.at_eof():
                self.writer.write(b"2")
                await self.writer.drain()
                await asyncio.sleep(0.2)
            return False
        self.writer.write(said)
        await self.writer.drain()
        return True
