"""How far this machine's clock is from a time server's: one SNTP question (RFC 4330), and what the kernel says."""

from __future__ import annotations

import asyncio
import os
import struct
from collections.abc import Callable

from bcp.kernel.errors import Transient
from bcp.kit.timekeeper import kernel

PORT = 123
UNIX_IN_NTP = 2_208_988_800
"""Seconds from 1900, where NTP counts from, to 1970."""
ERA_S = 2**32
"""NTP's seconds begin anew in 2036 (RFC 4330 section 3)."""
QUESTION = bytes([0x23]) + bytes(39)
"""Version 4, mode 3 (client); the last eight of the 48 bytes are our own time, and come back."""


async def offset(server: str, now: Callable[[], float], timeout_s: float = 3.0) -> float:
    """How many seconds our clock is ahead of the server's; negative: behind. Raises ``Transient``."""
    host, _, port = server.partition(":") if server.count(":") == 1 else (server, "", "")
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(timeout_s):
            transport, ear = await loop.create_datagram_endpoint(
                _Ear, remote_addr=(host.strip("[]"), int(port or PORT))
            )
            try:
                mark = os.urandom(8)  # RFC 4330 section 5: an answer to another question is none
                sent = now()
                transport.sendto(QUESTION + mark)
                answer = await ear.heard
                return _judge(answer, mark, sent, now())
            finally:
                transport.close()
    except TimeoutError as error:
        raise Transient(f"no answer in {timeout_s:g} s") from error
    except (OSError, ValueError, OverflowError) as error:
        raise Transient(str(getattr(error, "strerror", None) or error)) from error


class _Ear(asyncio.DatagramProtocol):
    """Waits for one datagram."""

    def __init__(self) -> None:
        self.heard: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()

    def datagram_received(self, data: bytes, addr: object) -> None:
        """The answer."""
        if not self.heard.done():
            self.heard.set_result(data)

    def error_received(self, exc: Exception) -> None:
        """Nobody listens there."""
        if not self.heard.done():
            self.heard.set_exception(exc)


def _judge(answer: bytes, mark: bytes, sent: float, got: float) -> float:
    """RFC 4330 section 5. Raises ``ValueError`` for what is no answer to our question."""
    if len(answer) < 48 or answer[0] & 7 != 4 or answer[24:32] != mark:
        raise ValueError("it answers something that is no answer")
    if answer[0] >> 6 == 3 or not 1 <= answer[1] <= 15:
        raise ValueError("it says itself that its clock is not set")
    if answer[12:16] == b"LOCL" or answer[12:15] == bytes([127, 127, 1]):  # RFC 4330 section 4; ``local``
        raise ValueError("it says itself that it follows nothing but its own clock")
    received, answered = _seconds(answer[32:40], sent), _seconds(answer[40:48], sent)
    return ((sent - received) + (got - answered)) / 2


def _seconds(raw: bytes, near: float) -> float:
    """A time stamp of NTP in epoch seconds, in the era that is nearest to our own time."""
    whole, part = struct.unpack("!II", raw)
    found = float(whole) - UNIX_IN_NTP + float(part) / ERA_S
    return found + round((near - found) / ERA_S) * ERA_S


def kept_by_kernel() -> bool | None:
    """Does something discipline this machine's clock, as its kernel says? ``None``: it cannot be asked."""
    return kernel().kept
