"""One DNS question to one server, over UDP or TCP, and every way in which the answer can be bad as data.

For looking, not for changing: ``dnswire`` pipelines signed updates over TCP, this asks as a sender's resolver does.
Asking the same twice, once with validation and once with *checking disabled* (CD, RFC 4035 section 3.2.2), tells a name
that does not resolve from one whose DNSSEC signatures are wrong.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import dns.edns
import dns.exception
import dns.flags
import dns.message
import dns.rcode

from bcp.kit.dns_question import Question, over_tcp, over_udp, question
from bcp.kit.dnswire import Endpoint

Transport = Literal["udp", "tcp"]


@dataclass(frozen=True, slots=True)
class Reply:
    """What one server said to one question over one transport."""

    server: str
    """Address, with the port where it is not 53."""
    transport: Transport
    code: str = ""
    """Response code such as ``NOERROR``; empty when no usable answer came."""
    problem: str = ""
    """Why none came: ``timeout``, ``refused``, ``closed``, ``unreadable``, ``no-route``."""
    records: tuple[str, ...] = ()
    """The records of the asked type, in text form, sorted; aliases (CNAME) are followed inside of the answer."""
    secure: bool = False
    """The resolver says that it validated the answer (AD, RFC 4035)."""
    authoritative: bool = False
    """The server says that the zone is its own (AA)."""
    truncated: bool = False
    """It did not fit into UDP: ask over TCP."""
    why: str = ""
    """The server's own explanation (extended DNS error, RFC 8914), for people."""

    @property
    def answered(self) -> bool:
        """Did any readable answer come?"""
        return bool(self.code)


async def ask(
    endpoint: Endpoint,
    name: str,
    rdtype: str,
    *,
    timeout_s: float,
    transport: Transport = "udp",
    recursive: bool = True,
    checking: bool = True,
) -> Reply:
    """One question. Never raises for what the other side does, and is over after ``timeout_s`` whatever it does.

    ``recursive``: set RD; leave it out towards authoritative servers. ``checking=False`` sets CD: the resolver is to
    answer without validating.
    """
    server = str(endpoint)
    asked = question(name, rdtype, recursive=recursive, checking=checking)
    try:
        async with asyncio.timeout(timeout_s):
            answer = await (over_udp if transport == "udp" else over_tcp)(endpoint, asked)
    except TimeoutError:
        return Reply(server, transport, problem="timeout")
    except ConnectionRefusedError:
        return Reply(server, transport, problem="refused")
    except (EOFError, ConnectionError):
        return Reply(server, transport, problem="closed")
    except OSError:
        return Reply(server, transport, problem="closed" if has_route(endpoint.address) else "no-route")
    except (dns.exception.DNSException, ValueError):
        return Reply(server, transport, problem="unreadable")
    return _read(answer, asked, server, transport)


def _read(answer: dns.message.Message, asked: Question, server: str, transport: Transport) -> Reply:
    found = [rd.to_text() for rrset in answer.answer if rrset.rdtype == asked.rdtype for rd in rrset]
    errors = [o for o in answer.options if isinstance(o, dns.edns.EDEOption)]
    return Reply(
        server,
        transport,
        dns.rcode.to_text(answer.rcode()),
        "",
        tuple(sorted(dict.fromkeys(found))),
        bool(answer.flags & dns.flags.AD),
        bool(answer.flags & dns.flags.AA),
        bool(answer.flags & dns.flags.TC),
        "; ".join(_explain(o) for o in errors)[:200],
    )


def _explain(option: dns.edns.EDEOption) -> str:
    name = option.code.name.replace("_", " ").lower() if hasattr(option.code, "name") else f"error {option.code}"
    return f"{name}: {option.text}" if option.text else name


def has_route(address: str) -> bool:
    """Does this machine know a way to the address at all? Connecting a UDP socket sends nothing, it looks up the route.

    Without one (no IPv6 here, cable out) a failure is ours, whatever the other side does.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect((address, 53))
    except OSError:
        return False
    return True


async def ask_each(
    endpoint: Endpoint, name: str, rdtypes: Sequence[str], *, timeout_s: float, recursive: bool = True
) -> list[tuple[Reply, Reply]]:
    """The same question for each type over UDP and TCP, all side by side: pairs of UDP and TCP, by type."""
    ways: tuple[Transport, ...] = ("udp", "tcp")
    said = await asyncio.gather(
        *(
            ask(endpoint, name, t, timeout_s=timeout_s, transport=way, recursive=recursive)
            for t in rdtypes
            for way in ways
        )
    )
    return list(zip(said[::2], said[1::2], strict=True))


def best(replies: Sequence[Reply]) -> Reply:
    """The reply that a client ends up with: a whole one before a truncated one, any before none; UDP where equal."""
    return min(replies, key=lambda r: (not r.answered, r.truncated, r.transport != "udp"))
