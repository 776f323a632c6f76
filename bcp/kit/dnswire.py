"""Many DNS messages over one TCP connection (RFC 7766), answered in any order, each verified by TSIG."""

from __future__ import annotations

import asyncio
import contextlib
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import dns.exception
import dns.message
import dns.rcode
import dns.tsig

BURST = 8
"""Messages in one write."""


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a server listens."""

    address: str
    port: int = 53

    def __str__(self) -> str:
        host = f"[{self.address}]" if ":" in self.address else self.address
        return host if self.port == 53 else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Lost:
    """No usable answer. ``definite``: it is certain that the server did not act."""

    reason: str
    hint: str = ""
    definite: bool = False


def parse_endpoint(text: str) -> Endpoint:
    """``192.0.2.1``, ``192.0.2.1:5300``, ``2001:db8::1``, ``[2001:db8::1]:5300``. Addresses only: a name would need DNS.

    Raises:
        ValueError: when it is none of these.
    """
    import ipaddress  # noqa: PLC0415

    host, port = text.strip(), "53"
    if host.startswith("["):
        host, _, rest = host[1:].partition("]")
        port = rest.removeprefix(":") or "53"
    elif host.count(":") == 1:
        host, _, port = host.partition(":")
    try:
        ipaddress.ip_address(host)
        number = int(port)
    except ValueError as error:
        raise ValueError(f"{text!r} is not an address with an optional port, such as 192.0.2.1:53") from error
    if not 0 < number < 65536:
        raise ValueError(f"{text!r}: the port must be 1 to 65535")
    return Endpoint(host, number)


async def exchange(
    endpoint: Endpoint,
    messages: Sequence[dns.message.Message],
    *,
    keyring: dns.tsig.Key | None,
    timeout_s: float,
    window: int,
) -> list[dns.message.Message | Lost]:
    """Send all, with at most ``window`` unanswered, and return the answers in the order of the messages.

    A message without a verified answer in ``timeout_s`` after the last progress is ``Lost``; it may have been acted on.
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
                f"{endpoint} cannot be reached", "Is it up, and is TCP to this port allowed?", definite=True
            )
    return [r if r is not None else Lost(f"{endpoint} does not answer") for r in results]


async def _one_connection(
    endpoint: Endpoint,
    messages: Sequence[dns.message.Message],
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
                patience.reschedule(loop.time() + timeout_s)  # progress was made
                buffer = _take_frames(endpoint, buffer + chunk, messages, flying, results, keyring)
    except (OSError, TimeoutError):
        pass
    finally:
        writer.close()
        with contextlib.suppress(OSError, TimeoutError):
            async with asyncio.timeout(1):
                await writer.wait_closed()
    return written


def _burst(
    messages: Sequence[dns.message.Message],
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
    messages: Sequence[dns.message.Message],
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
        reply = dns.message.from_wire(wire, keyring=keyring, request_mac=query.mac if keyring else b"")
    except dns.tsig.PeerBadTime:
        return Lost(
            f"{endpoint} says that the clocks differ by more than five minutes",
            "Set this machine's clock (NTP).",
            definite=True,
        )
    except (dns.tsig.PeerBadKey, dns.message.UnknownTSIGKey):
        return Lost(
            f"{endpoint} does not know this key for this change",
            "Check the key's name and algorithm, and its rights.",
            definite=True,
        )
    except (dns.tsig.PeerBadSignature, dns.tsig.BadSignature):
        return Lost(f"{endpoint} rejects the signature", "Check the key's secret.", definite=True)
    except dns.exception.DNSException as error:
        return Lost(
            f"{endpoint} sent something unreadable ({type(error).__name__})", "Check the key and the server's log."
        )
    if keyring is not None and not reply.had_tsig:
        # An unsigned error may come from anybody; but a server that knows no key can only answer so.
        return Lost(
            f"{endpoint} answers {dns.rcode.to_text(reply.rcode())} without signature",
            "Check the key's name, secret and algorithm, and the zone.",
            definite=reply.rcode() != dns.rcode.NOERROR,
        )
    return reply
