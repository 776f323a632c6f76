"""Many DNS messages over one TCP connection (RFC 7766), answered in any order, each verified by TSIG."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, Protocol

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.tsig

from bcp.kernel.endpoint import Endpoint, parse_endpoint

__all__ = ["Endpoint", "InTurn", "Lost", "exchange", "parse_endpoint"]

BURST = 8
"""Messages in one write."""
_RCODE = 0x0F
"""Bits of a header's fourth byte (RFC 1035 section 4.1.1)."""


class Messages(Protocol):
    """Messages by their place: a list, or ``InTurn``."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int, /) -> dns.message.Message: ...


class InTurn:
    """So many messages, each built when it is its turn to be sent: meanwhile the server works on those before.

    Building and signing one update costs about as much as carrying it out.
    """

    def __init__(self, count: int, make: Callable[[int], dns.message.Message]) -> None:
        self._count, self._make = count, make
        self._made: dict[int, dns.message.Message] = {}

    def __len__(self) -> int:
        return self._count

    def __getitem__(self, index: int, /) -> dns.message.Message:
        """The message at this place: the same one each time."""
        if index not in self._made:
            self._made[index] = self._make(index)
        return self._made[index]


class Lost(NamedTuple):
    """No usable answer. ``definite``: it is certain that the server did not act."""

    reason: str
    hint: str = ""
    definite: bool = False
    code: str = "silent"
    """``silent``, ``unreachable``, ``clock``, ``key``, ``unreadable``, ``unsigned``, ``lame``."""


async def exchange(
    endpoint: Endpoint,
    messages: Messages,
    *,
    keyring: dns.tsig.Key | None,
    timeout_s: float,
    window: int,
) -> list[dns.message.Message | Lost]:
    """Send all, with at most ``window`` unanswered, and return the answers in the order of the messages.

    A message without a verified answer in ``timeout_s`` after the last answer is ``Lost``; it may have been acted on.
    One that was never written is not sent again over a second connection more than once.
    """
    results: list[dns.message.Message | Lost | None] = [None] * len(messages)
    todo = list(range(len(messages)))
    for _ in range(
        len(messages) + 1
    ):  # some servers close after a number of messages: what was not written goes on a new one
        written = await _one_connection(endpoint, messages, todo, results, keyring, timeout_s, window)
        todo = [i for i in todo if results[i] is None and i not in written]
        for i in written:
            if results[i] is None:
                results[i] = Lost(f"{endpoint} does not answer", "It may be down, or slow.")
        if not todo or not written:
            break
    for i in todo:
        if results[i] is None:
            results[i] = Lost(
                f"{endpoint} cannot be reached",
                "Is it up, and is TCP to this port allowed?",
                definite=True,
                code="unreachable",
            )
    return [r if r is not None else Lost(f"{endpoint} does not answer") for r in results]


async def _one_connection(
    endpoint: Endpoint,
    messages: Messages,
    todo: list[int],
    results: list[Any],
    keyring: dns.tsig.Key | None,
    timeout_s: float,
    window: int,
) -> set[int]:
    """Work on ``todo`` over one connection; returns what was written."""
    written: set[int] = set()
    try:
        async with asyncio.timeout(timeout_s):
            reader, writer = await asyncio.open_connection(endpoint.address, endpoint.port)
    except (OSError, TimeoutError):
        return written
    flying: dict[int, int] = {}
    queue = list(reversed(todo))
    loop = asyncio.get_running_loop()
    buffer = b""
    try:
        async with asyncio.timeout(timeout_s) as patience:
            while queue or flying:
                if queue and len(flying) <= max(0, window - BURST):  # small bursts: we build while the server works
                    writer.write(_burst(messages, queue, flying, written, window))
                    await writer.drain()
                chunk = await reader.read(262_144)
                if not chunk:
                    break
                before = len(flying)
                buffer = _take_frames(endpoint, buffer + chunk, messages, flying, results, keyring)
                if len(flying) < before:  # an answer is progress; bytes are not: they may drip for hours
                    patience.reschedule(loop.time() + timeout_s)
    except (OSError, TimeoutError):
        pass
    finally:
        if _strange(buffer, flying):
            for index in flying.values():
                results[index] = no_dns(endpoint)
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()
    return written


def _strange(buffer: bytes, flying: Mapping[int, int]) -> bool:
    """Did something else than the rest of an answer arrive? An answer that was cut off begins with a number of ours."""
    return len(buffer) >= 4 and int.from_bytes(buffer[2:4], "big") not in flying


def no_dns(endpoint: Endpoint) -> Lost:
    """Somebody listens there and speaks another language. For programs it is as one that is silent."""
    hint = "Is it the right address and port, and is something between us and it?"
    return Lost(f"{endpoint} answers with something that is no DNS", hint)


def _burst(
    messages: Messages,
    queue: list[int],
    flying: dict[int, int],
    written: set[int],
    window: int,
) -> bytes:
    """Wire form of as many messages as the window has room for."""
    parts: list[bytes] = []
    while queue and len(flying) < window and len(parts) < BURST:
        index = queue.pop()
        message = messages[index]
        while message.id in flying:
            message.id = (message.id + 1) % 65536
        wire = message.to_wire()
        flying[message.id] = index
        written.add(index)
        parts.append(struct.pack("!H", len(wire)) + wire)
    return b"".join(parts)


def _take_frames(
    endpoint: Endpoint,
    buffer: bytes,
    messages: Messages,
    flying: dict[int, int],
    results: list[Any],
    keyring: dns.tsig.Key | None,
) -> bytes:
    """Handle every whole answer in the buffer; return the rest."""
    at = 0
    while len(buffer) - at >= 2:
        size = int.from_bytes(buffer[at : at + 2], "big")
        if len(buffer) - at - 2 < size:
            break
        wire = buffer[at + 2 : at + 2 + size]
        at += 2 + size
        found = flying.pop(int.from_bytes(wire[:2], "big"), None) if size >= 12 else None
        if found is not None:
            results[found] = _parse(endpoint, wire, messages[found], keyring)
    return buffer[at:]


def _parse(
    endpoint: Endpoint, wire: bytes, query: dns.message.Message, keyring: dns.tsig.Key | None
) -> dns.message.Message | Lost:
    try:
        if keyring is None:
            return _unsigned(endpoint, wire, query)
        reply = dns.message.from_wire(wire, keyring=keyring, request_mac=query.mac or b"")
    except dns.tsig.PeerBadTime:
        return Lost(
            f"{endpoint} says that the clocks differ by more than five minutes",
            "Set this machine's clock (NTP).",
            definite=True,
            code="clock",
        )
    except (dns.tsig.PeerBadKey, dns.message.UnknownTSIGKey):
        return Lost(
            f"{endpoint} does not know this key for this change",
            "Check the key's name and algorithm, and its rights.",
            definite=True,
            code="key",
        )
    except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
        return Lost(f"{endpoint} rejects the signature", "Check the key's secret.", definite=True, code="key")
    except dns.exception.DNSException as error:
        return Lost(
            f"{endpoint} sent something unreadable ({type(error).__name__})",
            "Check the key and the server's log.",
            code="unreadable",
        )
    if not reply.had_tsig:
        # An unsigned error may come from anybody; but a server that knows no key can only answer so.
        return Lost(
            f"{endpoint} answers {dns.rcode.to_text(reply.rcode())} without signature",
            "Check the key's name, secret and algorithm, and the zone.",
            definite=reply.rcode() != dns.rcode.NOERROR,
            code="unsigned",
        )
    return reply


def _unsigned(endpoint: Endpoint, wire: bytes, query: dns.message.Message) -> dns.message.Message | Lost:
    """An answer whose number fits. Where it holds an answer, what comes after that section is not read: name servers
    and their addresses take longer to read than what was asked for."""
    answered = int.from_bytes(wire[6:8], "big") > 0 and not wire[3] & _RCODE
    if answered:
        wire = b"".join((wire[:8], b"\0\0\0\0", wire[12:]))
    reply = dns.message.from_wire(wire, ignore_trailing=answered)
    if reply.flags & dns.flags.TC or not query.is_response(reply):
        what = "a part of an answer" if reply.flags & dns.flags.TC else "an answer to something else"
        return Lost(f"{endpoint} sent {what}", "Is something between us and it?", code="unreadable")
    return reply
