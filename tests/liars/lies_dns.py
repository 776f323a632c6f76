"""Wrong answers of name servers."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import dns.rrset
import dns.update

from liars.names import DnsLie, Honest, Wire

EXCHANGE, RELAY = "corp-test.mail.protection.outlook.test.", "mx.backup.test."
Change = Callable[[dns.message.Message], None]


def code(value: int) -> DnsLie:
    """This response code, unsigned, and nothing was done."""

    def say(wire: bytes, honest: Honest) -> Wire:
        return wire[:2] + bytes([wire[2] | 0x80, value & 15]) + b"\0\1" + b"\0" * 6 + _asked(wire)

    return DnsLie(say)


def _asked(wire: bytes) -> bytes:
    at = 12
    while at < len(wire) and wire[at]:
        at += wire[at] + 1
    return wire[12 : at + 5]


def _first(wire: bytes) -> dns.rrset.RRset:
    bare = wire[:2] + b"\0\0\0\1" + b"\0" * 6 + _asked(wire)
    return dns.message.from_wire(bare).question[0]


def after(change: Callable[[bytes], Wire], **more: Any) -> DnsLie:
    """The honest wire, changed."""

    def say(wire: bytes, honest: Honest) -> Wire:
        found = honest()
        return None if found is None else change(found)

    return DnsLie(say, **more)


def made(change: Change) -> DnsLie:
    """An answer to the question that ``change`` fills."""

    def say(wire: bytes, honest: Honest) -> Wire:
        reply = dns.message.Message(id=int.from_bytes(wire[:2], "big"))
        reply.flags = dns.flags.QR | dns.flags.AA | dns.flags.RA
        reply.question.append(_first(wire))
        change(reply)
        return reply.to_wire(max_size=65_535)

    return DnsLie(say)


def record(kind: str, *texts: str, owner: str = "", ttl: int = 60) -> DnsLie:
    """These records, whatever was asked."""

    def change(reply: dns.message.Message) -> None:
        name = dns.name.from_text(owner) if owner else reply.question[0].name
        reply.answer.append(dns.rrset.from_text(name, ttl, "IN", kind, *texts))

    return made(change)


def _loop(reply: dns.message.Message) -> None:
    name = reply.question[0].name
    reply.answer += [
        dns.rrset.from_text(name, 60, "IN", "CNAME", "a.loop.test."),
        dns.rrset.from_text("a.loop.test.", 60, "IN", "CNAME", name.to_text()),
    ]


def _other_question(wire: bytes) -> Wire:
    return wire[:13] + bytes([wire[13] ^ 1]) + wire[14:] if len(wire) > 14 else wire


def _set(bit2: int = 0, bit3: int = 0, off2: int = 0, off3: int = 0) -> Callable[[bytes], Wire]:
    return lambda w: w[:2] + bytes([(w[2] | bit2) & ~off2 & 255, (w[3] | bit3) & ~off3 & 255]) + w[4:]


def _fake_yes(wire: bytes, honest: Honest) -> Wire:
    """*Done*, unsigned, and nothing was."""
    return wire[:2] + bytes([wire[2] | 0x80, 0]) + b"\0" * 8


LIES: dict[str, DnsLie] = {
    "silence": DnsLie(lambda w, h: None),
    "cut": DnsLie(lambda w, h: None, cut=True),
    **{f"code {dns.rcode.to_text(dns.rcode.Rcode(c))}": code(c) for c in (*range(1, 12), 15)},
    "garbage": DnsLie(lambda w, h: bytes(range(256))),
    "nothing": DnsLie(lambda w, h: b""),
    "one byte": DnsLie(lambda w, h: b"\x00"),
    "a header alone": after(lambda w: w[:12]),
    "a header that promises more": DnsLie(lambda w, h: w[:2] + b"\x84\x00\xff\xff\xff\xff\xff\xff\xff\xff"),
    "the question back": DnsLie(lambda w, h: w),
    "half": after(lambda w: w[: len(w) // 2]),
    "half, and cut": after(lambda w: w[: len(w) // 2], cut=True),
    "a length that is too long": after(lambda w: b"\xff\xff" + w, raw=True),
    "a length that is too short": after(lambda w: b"\x00\x0c" + w, raw=True),
    "a length of nothing": DnsLie(lambda w, h: b"\x00\x00", raw=True),
    "http": DnsLie(lambda w, h: b"HTTP/1.1 400 Bad Request\r\n\r\n", raw=True),
    "wrong id": after(lambda w: bytes([w[0] ^ 255]) + w[1:]),
    "another question": after(_other_question),
    "no question": DnsLie(lambda w, h: w[:2] + bytes([w[2] | 0x84, 0]) + b"\0" * 8),
    "truncated and empty": made(lambda r: setattr(r, "flags", r.flags | dns.flags.TC)),
    "truncated": after(_set(0x02)),
    "no authority": after(_set(off2=0x04)),
    "authority": after(_set(0x04)),
    "not validated": after(_set(0, 0x20)),
    "another opcode": after(_set(0x78)),
    "junk behind": after(lambda w: w + b"junk" * 10),
    "empty": made(lambda r: None),
    "an alias loop": made(_loop),
    "an alias to nothing": record("CNAME", "gone.invalid."),
    "another type": record("HINFO", '"a" "b"'),
    "an address": record("A", "127.0.25.1"),
    "an address that is everybody's": record("A", "0.0.0.0"),
    "a null mx": record("MX", "0 ."),
    "the old mx": record("MX", f"0 {EXCHANGE}", ttl=5),
    "the relay's mx": record("MX", f"10 {RELAY}", ttl=5),
    "somebody else's mx": record("MX", "5 mx.elsewhere.test."),
    "500 mx": record("MX", *(f"{i} m{i}.elsewhere.test." for i in range(500))),
    "another owner": record("MX", f"0 {EXCHANGE}", owner="elsewhere.test."),
    "a lifetime of 68 years": record("MX", f"0 {EXCHANGE}", ttl=2**31 - 1),
    "no lifetime": record("MX", f"0 {EXCHANGE}", ttl=0),
    "names of servers that are none": record("NS", "a.nowhere.invalid.", "b.nowhere.invalid."),
    "a text without end": record("TXT", *(f'"{"x" * 250}"' for _ in range(200))),
    "a start of authority": record("SOA", "a. b. 4294967295 1 1 1 1"),
    "a pointer to itself": DnsLie(lambda w, h: w[:2] + b"\x84\x00\x00\x01\x00\x01\0\0\0\0\xc0\x0c\x00\x0f\x00\x01"),
}
UPDATE: dict[str, DnsLie] = {
    "done, and silence": after(lambda w: None),
    "done, and cut": after(lambda w: None, cut=True),
    "done, and half": after(lambda w: w[: len(w) // 2], cut=True),
    "done, and SERVFAIL": after(lambda w: w[:3] + bytes([w[3] & 0xF0 | 2]) + w[4:]),
    "done, and a broken signature": after(lambda w: w[:-20] + bytes([w[-20] ^ 1]) + w[-19:]),
    "done, and unsigned": after(lambda w: w[:12][:6] + b"\0" * 6),
    "not done, and yes signed": DnsLie(lambda w, h: None, pretend=True),
    "not done, and yes unsigned": DnsLie(_fake_yes),
}
"""Of updates: what is done, and not said."""
DNS: Mapping[str, DnsLie] = LIES
