"""An Exchange stand-in that answers by what a recipient is called, and remembers what it took. On loopback."""

from __future__ import annotations

import asyncio
import threading
from collections import Counter

NO, LATER = b"550 5.1.10 RESOLVER.ADR.RecipientNotFound", b"450 4.7.500 Server busy"


class Exchange:
    """``bounce-``: refused for good. ``defer-``: never taken. ``flaky-``: not taken before ``healed``. ``lost-``: the
    first message that has such a recipient is taken, and the answer is never heard. Everybody else: taken."""

    def __init__(self) -> None:
        self.taken: Counter[tuple[str, str]] = Counter()
        """By (Message-ID, recipient): how often."""
        self.healed = False
        self.open = True
        self._lost: set[str] = set()
        self._ready = threading.Event()
        self._loop = asyncio.new_event_loop()
        self.port = 0
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> Exchange:
        self._thread.start()
        assert self._ready.wait(120)
        return self

    def _run(self) -> None:
        async def begin() -> None:
            server = await asyncio.start_server(self._talk, "127.0.0.1", 0, limit=1 << 22)
            self.port = server.sockets[0].getsockname()[1]
            self._ready.set()

        self._loop.run_until_complete(begin())
        self._loop.run_forever()

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            writer.write(b"220 exchange.test ESMTP\r\n")
            people: list[str] = []
            while line := await reader.readline():
                word = line[:4].upper()
                if word in {b"EHLO", b"HELO"}:
                    writer.write(b"250-exchange.test\r\n250-PIPELINING\r\n250-ENHANCEDSTATUSCODES\r\n250 8BITMIME\r\n")
                elif word == b"MAIL":
                    people = []
                    writer.write(b"250 2.1.0 Sender OK\r\n")
                elif word == b"RCPT":
                    to = line.partition(b"<")[2].partition(b">")[0].decode().lower()
                    writer.write(self._rcpt(to, people) + b"\r\n")
                elif word == b"DATA":
                    writer.write(b"354 go ahead\r\n" if people else b"554 5.5.1 no valid recipients\r\n")
                    if people and not await self._data(reader, writer, people):
                        break
                elif word == b"QUIT":
                    writer.write(b"221 2.0.0 bye\r\n")
                    break
                else:
                    writer.write(b"250 2.0.0 OK\r\n")
                await writer.drain()
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def _rcpt(self, to: str, people: list[str]) -> bytes:
        name = to.partition("-")[0]
        if name == "bounce":
            return NO
        if name == "defer" or (name == "flaky" and not self.healed) or not self.open:
            return LATER
        people.append(to)
        return b"250 2.1.5 Recipient OK"

    async def _data(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, people: list[str]) -> bool:
        """False: the connection is lost before the answer."""
        await writer.drain()
        message_id = ""
        while (line := await reader.readline()) not in {b".\r\n", b""}:
            if line.lower().startswith(b"message-id:") and not message_id:
                message_id = line.partition(b"<")[2].partition(b">")[0].decode()
        for to in people:
            self.taken[message_id, to] += 1
        if any(to.startswith("lost-") for to in people) and message_id not in self._lost:
            self._lost.add(message_id)
            return False
        number = sum(self.taken.values())
        writer.write(b"250 2.6.0 <%s> [InternalId=%d, Hostname=ex.test] Queued mail for delivery\r\n"
                     % (message_id.encode(), number))  # fmt: skip
        return True
