"""What SMTP probes may see, by the words of docs/reference/probes.md: each scene is played over real sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from bcp.contracts.probe import Signal
from bcp.kernel.clock import SystemClock
from bcp.testing.clock import FakeClock
from probes import hostile
from probes.scripted import Smtp, dns_server, make, zone

ONE, TWO = "one@corp.example", "two@corp.example"
Scene = Callable[[], Awaitable[Signal]]


def at(server, *, kind: str = "smtp", looks: int = 1, then: Callable[[], None] = lambda: None, **settings) -> Scene:
    """One look (or more) at a scripted server on 127.0.0.1."""

    async def play() -> Signal:
        known = {"recipients": [ONE, TWO]} if kind == "smtp" else {"recipient": "nobody@corp.example"}
        async with hostile.serving(server) as port:
            given = {"host": "127.0.0.1", "port": port, **known, **settings}
            probe = make(kind, FakeClock(), **given)
            for n in range(looks):
                if n == looks - 1 and looks > 1:
                    then()
                found = await probe.look()
            return found

    return play


def rcpt(answer: str, **more) -> Scene:
    """Every recipient gets this answer."""
    return at(Smtp(rcpt={"*": answer}), **more)


def one(answer: str) -> Scene:
    """The first recipient gets this answer, the second is taken."""
    return at(Smtp(rcpt={ONE: answer}))


def accepted_then(answer: str) -> Scene:
    """Taken at the first look, and then this answer."""
    server = Smtp()
    return at(server, looks=2, then=lambda: server.rcpt.update({"*": answer}))


async def _closed_port() -> Signal:
    return await make("smtp", host="127.0.0.1", port=1, recipients=[ONE]).look()


async def _unresolved() -> Signal:
    async with dns_server(zone({}, code="SERVFAIL")) as server:
        return await make("smtp", host="mx.corp.example", resolvers=[server], recipients=[ONE]).look()


SMTP: dict[str, Scene] = {
    "250 for every recipient": at(Smtp()),
    "250 after DATA for the test mail (`mail_to:`)": at(Smtp(), mail_to=ONE),
    "421 at the greeting": at(Smtp(greeting="421 4.3.2 Service not available")),
    "554 at the greeting, no enhanced code": at(Smtp(greeting="554 no SMTP service here")),
    "554 5.7.1 at the greeting": at(Smtp(greeting="554 5.7.1 you are listed")),
    "451 4.3.2 at EHLO": at(Smtp(ehlo="451 4.3.2 later")),
    "550 at EHLO": at(Smtp(ehlo="550 bad name")),
    "451 4.3.2 at MAIL": at(Smtp(mail="451 4.3.2 later")),
    "451 4.1.8 at MAIL: our sender's domain is not liked": at(Smtp(mail="451 4.1.8 domain of sender not found")),
    "451 4.3.2 at RCPT": rcpt("451 4.3.2 temporary server issue"),
    "421 4.3.2 at RCPT, and the connection is closed": rcpt("421 4.3.2 Service not available"),
    "451 after DATA, every RCPT well": at(Smtp(after_data="451 4.3.2 temporary server issue"), mail_to=ONE),
    "554 5.6.0 after DATA, for one of two recipients": at(Smtp(after_data="554 5.6.0 content"), mail_to=ONE),
    "451 at one of two recipients": one("451 4.3.2 temporary server issue"),
    "550 5.1.1 for every recipient": rcpt("550 5.1.1 user unknown"),
    "550 5.4.1 for every recipient": rcpt("550 5.4.1 Recipient address rejected: Access denied"),
    "550 5.1.1 for one of two recipients": one("550 5.1.1 user unknown"),
    "550 without an enhanced code at RCPT": rcpt("550 no such user"),
    "552 5.2.2 mailbox full": rcpt("552 5.2.2 mailbox full"),
    "552 5.2.2 for one of two recipients, 250 for the other": one("552 5.2.2 mailbox full"),
    "503 bad sequence of commands": rcpt("503 bad sequence of commands"),
    "504 5.5.2 Helo command rejected, at RCPT": rcpt("504 5.5.2 <x>: Helo command rejected: need a name"),
    "550 5.7.1 at RCPT (a block list, a policy)": rcpt("550 5.7.1 Client host [192.0.2.1] blocked using a list"),
    "550 5.7.64 TenantAttribution": rcpt("550 5.7.64 TenantAttribution; Relay Access Denied"),
    "550 5.7.606 banned sending IP": rcpt("550 5.7.606 Access denied, banned sending IP [192.0.2.1]"),
    "451 4.7.500 server busy": rcpt("451 4.7.500 Server busy. Please try again later from [192.0.2.1]"),
    "451 4.7.1 at the first contact": rcpt("451 4.7.1 try again later"),
    "451 4.7.1 after this recipient was accepted here": accepted_then("451 4.7.1 try again later"),
    "450 greylisted, in words": rcpt("450 4.2.0 Greylisted, see http://x.example"),
    "the port is closed": _closed_port,
    "no answer in time": at(hostile.silence, timeout="300ms"),
    "the connection is cut in mid conversation": at(Smtp(mail="")),
    "STARTTLS is offered and fails": at(hostile.broken_starttls, timeout="1s"),
    "one of two addresses refuses the connection": at(Smtp(), addresses=["127.0.0.1", "127.0.0.2"]),
    "IPv6 refuses the connection, IPv4 accepts": at(Smtp(), addresses=["127.0.0.1", "::1"]),
    "no route to an address from here, the other accepts": at(Smtp(), addresses=["127.0.0.1", "255.255.255.255"]),
    "no address is found for the host": _unresolved,
}
UNKNOWN_RECIPIENT: dict[str, Scene] = {
    "550 5.1.1 for it": rcpt("550 5.1.1 user unknown", kind="smtp-unknown"),
    "550 without an enhanced code for it": rcpt("550 no such user", kind="smtp-unknown"),
    "250 for it": at(Smtp(), kind="smtp-unknown"),
    "451 4.3.2 for it": rcpt("451 4.3.2 later", kind="smtp-unknown"),
    "550 5.7.606 for it": rcpt("550 5.7.606 banned sending IP", kind="smtp-unknown"),
    "550 at EHLO, before it is asked for": at(Smtp(ehlo="550 bad name"), kind="smtp-unknown"),
}


def trip(server, **settings) -> Callable[..., Awaitable[Signal]]:
    """A round trip over a scripted mail host and name server; ``arrives``: into the Maildir that the probe reads.

    Where nothing will arrive the clock jumps over the waiting; where it does, it is real, and the deadline patient."""

    async def play(folder) -> Signal:
        (folder / "new").mkdir(parents=True)
        records = {("corp.example", "MX"): ["0 mx.corp.example."], ("mx.corp.example", "A"): ["127.0.0.1"]}
        if settings.get("no_mx"):
            records = {}
        async with (
            hostile.serving(server) as port,
            dns_server(zone(records, code=settings.get("code", "NOERROR"))) as resolver,
        ):
            more = {k: v for k, v in settings.items() if k in {"slow", "imap"}}
            where = {} if "imap" in more else {"arrival": str(folder)}
            clock = SystemClock() if settings.get("arrives") else FakeClock()
            often = {"ask_every": "50ms"} if settings.get("arrives") else {}
            given = {"to": ONE, "port": port, "resolvers": [resolver], **often, **where, **more}
            probe = make("round-trip", clock, **given)
            looking = asyncio.create_task(probe.look())
            if settings.get("arrives"):
                (folder / "new" / "1").write_bytes(await server.first())
            return await looking

    return play


def round_trips(secret: str) -> dict[str, Callable[..., Awaitable[Signal]]]:
    """``secret``: a reference to a password."""
    gone = {"host": "127.0.0.1", "port": 1, "user": "u", "password": secret}
    return {
        "the mail arrives outside in time": trip(Smtp(), arrives=True),
        "it arrives late": trip(Smtp(), arrives=True, slow="1ms"),
        "it was taken and does not arrive": trip(Smtp()),
        "451 at RCPT: it was not taken": trip(Smtp(rcpt={"*": "451 4.3.2 later"})),
        "451 after DATA: it was not taken": trip(Smtp(after_data="451 4.3.2 later")),
        "no MX is found": trip(Smtp(), no_mx=True, code="SERVFAIL"),
        "it was taken, and the mailbox outside cannot be read": trip(Smtp(), imap=gone),
    }
