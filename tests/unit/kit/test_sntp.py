"""One question to a time server over UDP: what is no answer to it is none (RFC 4330 section 5)."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable

import pytest

from bcp.kernel.errors import Transient
from bcp.kit import sntp, timekeeper

NOW = 1_800_000_000.0
Answer = Callable[[bytes], bytes]


def stamp(at: float) -> bytes:
    return struct.pack("!II", int(at + sntp.UNIX_IN_NTP) % 2**32, 0)


def answer(
    question: bytes, *, at: float = NOW, mode: int = 4, leap: int = 0, stratum: int = 2, of: bytes = bytes(4)
) -> bytes:
    head = bytes([leap << 6 | 4 << 3 | mode, stratum, 6, 0xEC])
    return head + bytes(8) + of + bytes(8) + question[40:48] + stamp(at) + stamp(at)


class Server(asyncio.DatagramProtocol):
    def __init__(self, make: Answer) -> None:
        self.make = make

    def connection_made(self, transport) -> None:
        self.transport = transport

    def datagram_received(self, data: bytes, addr) -> None:
        self.transport.sendto(self.make(data), addr)


def ask(make: Answer | None, timeout_s: float = 2.0) -> float:
    async def work() -> float:
        loop = asyncio.get_running_loop()
        transport, _ = await loop.create_datagram_endpoint(
            lambda: Server(make) if make else asyncio.DatagramProtocol(), local_addr=("127.0.0.1", 0)
        )
        try:
            port = transport.get_extra_info("sockname")[1]
            return await sntp.offset(f"127.0.0.1:{port}", lambda: NOW, timeout_s)
        finally:
            transport.close()

    return asyncio.run(work())


@pytest.mark.parametrize("shift", [0.0, 600.0, -600.0])
def test_how_far_our_clock_is_from_the_servers(shift: float) -> None:
    assert ask(lambda q: answer(q, at=NOW + shift)) == pytest.approx(-shift)


def test_after_2036_the_count_begins_anew_and_is_understood() -> None:
    assert sntp._seconds(struct.pack("!II", 5, 2**31), 2_085_978_496.0) == pytest.approx(2_085_978_501.5)


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda q: b"HTTP/1.0 400", "no answer"),
        (lambda q: answer(q[:40] + b"notours!"), "no answer"),
        (lambda q: answer(q, mode=3), "no answer"),
        (lambda q: answer(q, leap=3), "not set"),
        (lambda q: answer(q, stratum=0), "not set"),
        (lambda q: answer(q, stratum=16), "not set"),
        (lambda q: answer(q, stratum=1, of=b"LOCL"), "nothing but its own clock"),
        (lambda q: answer(q, stratum=10, of=bytes([127, 127, 1, 0])), "nothing but its own clock"),
    ],
    ids=[
        "short",
        "of another question",
        "a question",
        "unsynchronised",
        "kiss of death",
        "stratum 16",
        "uncalibrated",
        "local of chrony",
    ],
)
def test_what_is_no_answer(make: Answer, words: str) -> None:
    with pytest.raises(Transient) as caught:
        ask(make)
    assert words in caught.value.message


def test_silence_and_a_closed_port_are_outcomes() -> None:
    with pytest.raises(Transient) as caught:
        ask(None, 0.05)
    assert "no answer in 0.05 s" in caught.value.message
    with pytest.raises(Transient):
        asyncio.run(sntp.offset("127.0.0.1:1", lambda: NOW, 0.5))
    with pytest.raises(Transient):
        asyncio.run(sntp.offset("127.0.0.1:99999", lambda: NOW, 0.5))


def test_the_kernel_is_asked_without_setting_anything() -> None:
    assert sntp.kept_by_kernel() in {True, False, None}


def test_a_machine_without_that_call_says_that_it_cannot_be_asked(monkeypatch) -> None:
    monkeypatch.setattr(timekeeper.ctypes, "CDLL", lambda name, use_errno: object())
    assert sntp.kept_by_kernel() is None
