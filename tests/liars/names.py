"""Name servers that answer a question, or do what they are told to do in place of an answer."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import dns.flags
import dns.message
import dns.opcode
import dns.rdatatype

from bcp.lab.nameserver import NameServer, Zone
from bcp.lab.net import read_dns
from liars.script import Script

Honest = Callable[[], bytes | None]
Wire = bytes | None
"""What goes back; ``None`` is silence."""


@dataclass(frozen=True, slots=True)
class DnsLie:
    """``say`` makes the answer of the question, and of ``honest``, which does what was asked when it is called.

    ``raw``: the bytes go over TCP as they are, without their length. ``cut``: the connection ends after them.
    """

    say: Callable[[bytes, Honest], Wire]
    raw: bool = False
    cut: bool = False
    pretend: bool = False
    """An update is signed as done, and is not done."""


class NameFake(NameServer):
    """One server: ``role`` is primary, secondary or resolver. The primary takes updates; all serve the same zones."""

    def __init__(self, role: str, zones: list[Zone], keys: dict[str, str], script: Script) -> None:
        super().__init__(zones, keys)
        self.role, self.script = role, script
        self._kept: dict[tuple[int, str, bytes], bytes] = {}
        self.published: Callable[[], str] = str
        """What changes in the zones, beside the serial."""

    def reply(self, wire: bytes) -> tuple[Wire, DnsLie | None]:
        """The answer, and the lie that it is."""
        lie: DnsLie | None = self.script.cue(f"dns.{self.role}.{_what(wire)}")

        def honest() -> bytes | None:
            key = (self.zones[0].serial, self.published(), wire[2:])
            if (kept := self._kept.get(key)) is not None:  # all but the id was asked before, and the zones are the same
                return wire[:2] + kept
            found = NameServer.answer(self, wire)
            if found is None:
                return None
            if self.role == "resolver" and len(found) > 3:
                found = found[:2] + bytes([found[2] & ~0x04, found[3] | 0x80]) + found[4:]
            if (wire[2] >> 3) & 15 != dns.opcode.UPDATE:
                self._kept[key] = found[2:]
            return found

        if lie is not None and lie.pretend:
            return dns.message.make_response(dns.message.from_wire(wire, keyring=self.keyring)).to_wire(), lie
        return (honest(), None) if lie is None else (lie.say(wire, honest), lie)

    def answer(self, wire: bytes) -> bytes | None:
        """Over UDP."""
        return self.reply(wire)[0]

    async def _tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, asyncio.CancelledError):
            while (wire := await read_dns(reader)) is not None:
                said, lie = self.reply(wire)
                if said is None and not (lie is not None and lie.cut):
                    await reader.read()
                    break
                if said is not None:
                    bare = lie is not None and lie.raw
                    writer.write(said if bare else len(said).to_bytes(2, "big") + said)
                    await writer.drain()
                if lie is not None and lie.cut:
                    writer.transport.abort()
                    break
        writer.close()


def _what(wire: bytes) -> str:
    """``update``, or the type that is asked for."""
    if len(wire) < 13:
        return "junk"
    if (wire[2] >> 3) & 15 == dns.opcode.UPDATE:
        return "update"
    at = 12
    while at < len(wire) and wire[at]:
        at += wire[at] + 1
    kind: Any = int.from_bytes(wire[at + 1 : at + 3], "big")
    return dns.rdatatype.to_text(kind).lower()
