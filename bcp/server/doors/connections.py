"""Connections: how many, how long each may say nothing or take nothing, and how large a head may be."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from contextlib import suppress
from typing import Any, ClassVar

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from bcp.kernel.log import logger

LOG = logger("bcp.access")
HEAD_S, CONNECTIONS = 10.0, 2000
KEEP_S = 15.0
"""Between an answer and the whole head of the next request."""
STALL_S = 20.0
"""In which something of an answer must be taken."""
PIPELINED = 16
"""Requests of one connection that wait behind one that is under way."""
HEAD_BYTES = 65_536
"""Of a request line with its headers."""
RESERVED = 160
"""Descriptors for everything but connections: books, runs, vendors, DNS."""
AT_ONCE, WAITING = 16, 2048
"""Connections that are taken in one turn of the loop (asyncio takes a whole backlog, some turns before they are counted
here: a burst of them took the last descriptor and with it the daemon), and those that wait in the system until then."""


class GuardedProtocol(HttpToolsProtocol):
    """Closes connections whose request line and headers do not come in time or have no end, on which nothing is asked,
    or from which answers are not taken; and keeps no more than so many. Where there are as many as there may be, the
    one that has asked nothing for longest makes room: idle ones keep nobody out.

    uvicorn's httptools protocol has no limit of its own for the size of a head or of trailers, for requests that wait
    behind one another, or for who does not read; and its timer between requests ends with any byte.
    """

    alive = 0
    most = CONNECTIONS
    """Set by ``fit_descriptors`` to what this process may open."""
    idle: ClassVar[OrderedDict[GuardedProtocol, None]] = OrderedDict()
    """Those on which no request is under way, the one that waits for longest first."""

    def connection_made(self, transport: Any) -> None:
        """A connection."""
        super().connection_made(transport)
        GuardedProtocol.alive += 1
        self._counted, self._head_size, self._in_head = True, 0, True
        self._tail, self._heads, self._body, self._loose = b"", 0, 0, 0
        self._head: asyncio.TimerHandle | None = None
        self._stall: asyncio.TimerHandle | None = None
        with suppress(NotImplementedError):
            transport.set_write_buffer_limits(0)  # so that we are told of every byte that is not taken
        if GuardedProtocol.alive > GuardedProtocol.most and not self._make_room():
            transport.close()
            return
        self._wait(HEAD_S)

    def _make_room(self) -> bool:
        """End the connection that has asked nothing for longest. False where all are at work."""
        if not self.idle:
            return False
        other, _ = self.idle.popitem(last=False)
        GuardedProtocol.alive -= 1
        other._counted = False
        other.transport.abort()
        return True

    def _wait(self, seconds: float, *, idle: bool = True) -> None:
        """For the next head, so long."""
        self._no_timer()
        if idle:
            self.idle[self] = None
        self._head = asyncio.get_running_loop().call_later(seconds, self._slow)

    def _no_timer(self) -> None:
        if self._head is not None:
            self._head.cancel()

    def data_received(self, data: bytes) -> None:
        """Bytes. Those of a head are counted, whatever it is made of; what of a body comes along with it is not."""
        began, heads, body = self._in_head, self._heads, self._body
        head = self._head_of(data) if began else 0
        self._head_size += head
        if self._head_size > HEAD_BYTES:
            self._end(b"HTTP/1.1 431 Request Header Fields Too Large\r\nconnection: close\r\ncontent-length: 0\r\n\r\n")
            return
        if not self.transport.is_closing():
            super().data_received(data)
        if began and self._in_head and heads == self._heads:  # what looked like its end was none
            self._head_size += len(data) - head
        if not began and not self._in_head:
            self._loose += len(data) - (self._body - body)
            if self._loose > HEAD_BYTES + 8 * self._body:  # trailers without an end; a chunk of one byte has five more
                self._end(b"")

    def _head_of(self, data: bytes) -> int:
        """How many of these bytes belong to the head: a busy machine reads it and much of the body at once."""
        before, seen = len(self._tail), self._tail + data
        ends = [i + len(mark) for mark in (b"\n\r\n", b"\n\n") if (i := seen.find(mark)) >= 0]
        self._tail = seen[-2:]
        return max(0, min(ends) - before) if ends else len(data)

    def on_headers_complete(self) -> None:
        """The head came."""
        if len(self.pipeline) >= PIPELINED:
            raise ValueError("too many requests that wait behind one another")
        self._no_timer()
        self.idle.pop(self, None)
        self._in_head, self._head_size, self._tail = False, 0, b""
        self._body = self._loose = 0
        self._heads += 1
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """A part of a body."""
        self._body += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole; the next bytes are another head."""
        self._in_head = True
        super().on_message_complete()

    def on_message_begin(self) -> None:
        """Another request on the same connection: it too must come in time."""
        self._wait(HEAD_S, idle=self.cycle is None or self.cycle.response_complete)
        super().on_message_begin()

    def on_response_complete(self) -> None:
        """Answered: the next one comes in time, or none. What is left of the body counts as nothing."""
        super().on_response_complete()
        if not self.transport.is_closing() and not self.pipeline and self.cycle.response_complete:
            self._wait(KEEP_S)

    def pause_writing(self) -> None:
        """Something is not taken at once."""
        super().pause_writing()
        self._watch_stall(self._left())

    def resume_writing(self) -> None:
        """All is taken."""
        super().resume_writing()
        if self._stall is not None:
            self._stall.cancel()

    def _left(self) -> int:
        return int(self.transport.get_write_buffer_size())

    def _watch_stall(self, before: int) -> None:
        """End a connection whose other side takes nothing for a while. A slow one takes a little."""

        def look() -> None:
            if (left := self._left()) >= before:
                self.transport.abort()
            else:
                self._watch_stall(left)

        self._stall = asyncio.get_running_loop().call_later(STALL_S, look)

    def _end(self, words: bytes) -> None:
        if not self.transport.is_closing():
            if words:
                self.transport.write(words)
            self.transport.close()

    def _slow(self) -> None:
        if not self.transport.is_closing():
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """It is over."""
        if getattr(self, "_counted", False):
            GuardedProtocol.alive -= 1
            self._counted = False
        if self._stall is not None:
            self._stall.cancel()
        self._no_timer()
        self.idle.pop(self, None)
        super().connection_lost(exc)


def fit_descriptors() -> int:
    """Raise this process's limit of open files as far as it may go, and leave room beside the connections.

    Without this, idle connections take the last descriptors, and then no database, lock or vendor can be opened.
    Returns how many connections are taken.
    """
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 8192 if hard == resource.RLIM_INFINITY else min(8192, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (ValueError, OSError):
            LOG.warning("the limit of open files stays at %s", soft)
    room = CONNECTIONS if soft == resource.RLIM_INFINITY else soft - RESERVED
    GuardedProtocol.most = max(16, min(CONNECTIONS, room))
    return GuardedProtocol.most
