"""A question as bytes, and its answer over UDP and TCP on loopback: what is taken for it, and what is passed over."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from functools import wraps
from typing import ParamSpec, cast

import dns.exception
import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import pytest

from bcp.kernel.endpoint import Endpoint
from bcp.kit import dns_question
from bcp.kit.dns_ask import ask, ask_each
from bcp.kit.dns_question import over_tcp, over_udp, question

P = ParamSpec("P")


def awaited(test: Callable[P, Coroutine[None, None, None]]) -> Callable[P, None]:
    """A test that is a coroutine."""

    @wraps(test)
    def run(*args: P.args, **kwargs: P.kwargs) -> None:
        asyncio.run(test(*args, **kwargs))

    return run


Wires = Callable[[bytes], Sequence[bytes]]
"""What a server sends for a question."""


def answer(wire: bytes, address: str = "192.0.2.1") -> dns.message.Message:
    """A right answer."""
    query = dns.message.from_wire(wire)
    reply = dns.message.make_response(query)
    if query.question[0].rdtype == dns.rdatatype.A:
        reply.answer.append(dns.rrset.from_text(query.question[0].name, 60, "IN", "A", address))
    return reply


def right(wire: bytes) -> list[bytes]:
    return [answer(wire).to_wire()]


def changed(change: Callable[[dns.message.Message], None]) -> Wires:
    """An answer that is not quite right."""

    def serve(wire: bytes) -> list[bytes]:
        reply = answer(wire)
        change(reply)
        return [reply.to_wire()]

    return serve


@asynccontextmanager
async def over(transport: str, serve: Wires) -> AsyncIterator[Endpoint]:
    """A server on loopback."""
    if transport == "tcp":

        async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            size = int.from_bytes(await reader.readexactly(2), "big")
            for wire in serve(await reader.readexactly(size)):
                for byte in (len(wire).to_bytes(2, "big"), wire[:5], wire[5:]):
                    writer.write(byte)
                    await writer.drain()
            writer.close()

        server = await asyncio.start_server(talk, "127.0.0.1", 0)
        async with server:
            yield Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        return

    class Serve(asyncio.DatagramProtocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            self.transport = cast(asyncio.DatagramTransport, transport)

        def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
            for wire in serve(data):
                self.transport.sendto(wire, addr)

    made, _ = await asyncio.get_running_loop().create_datagram_endpoint(Serve, ("127.0.0.1", 0))
    yield Endpoint("127.0.0.1", made.get_extra_info("sockname")[1])
    made.close()


def wrong_number(m: dns.message.Message) -> None:
    m.id ^= 1


def no_response(m: dns.message.Message) -> None:
    m.flags &= ~dns.flags.QR


def other_name(m: dns.message.Message) -> None:
    m.question[0].name = dns.name.from_text("other.example")


def other_type(m: dns.message.Message) -> None:
    m.question[0].rdtype = dns.rdatatype.AAAA


def other_opcode(m: dns.message.Message) -> None:
    m.set_opcode(dns.opcode.NOTIFY)


def no_question(m: dns.message.Message) -> None:
    m.question.clear()


WRONG = [wrong_number, no_response, other_name, other_type, other_opcode, no_question]


@pytest.mark.parametrize("rdtype", ["A", "AAAA", "MX"])
@pytest.mark.parametrize(("recursive", "checking"), [(True, True), (False, True), (True, False)])
def test_the_bytes_are_those_that_dnspython_sends(rdtype: str, recursive: bool, checking: bool) -> None:
    """EDNS(0) with DNSSEC OK and 1,232 bytes; RD and CD as asked for."""
    asked = question("Mail.example", rdtype, recursive=recursive, checking=checking)
    theirs = dns.message.make_query("Mail.example", rdtype, want_dnssec=True, payload=dns_question.PAYLOAD)
    theirs.id = asked.id
    theirs.flags &= ~(0 if recursive else dns.flags.RD)
    theirs.flags |= 0 if checking else dns.flags.CD
    assert asked.wire == theirs.to_wire()


def test_numbers_are_drawn_anew() -> None:
    assert len({question("a.example", "A").id for _ in range(50)}) > 40


def test_what_is_no_name_is_refused() -> None:
    with pytest.raises(dns.exception.DNSException):
        question("a..example", "A")


@pytest.mark.parametrize("transport", ["udp", "tcp"])
@awaited
async def test_an_answer(transport: str) -> None:
    """Over TCP in as many pieces as it likes to come."""
    send = over_udp if transport == "udp" else over_tcp
    async with over(transport, right) as server:
        reply = await send(server, question("A.example", "A"))
    assert [str(r) for s in reply.answer for r in s] == ["192.0.2.1"]


@pytest.mark.parametrize("change", WRONG)
@awaited
async def test_over_udp_what_is_no_answer_is_passed_over(change: Callable[[dns.message.Message], None]) -> None:
    """A forger, a late answer, noise: the right one may still come."""
    serve: Wires = lambda wire: [b"\x00", *changed(change)(wire), answer(wire, "192.0.2.9").to_wire()]  # noqa: E731
    async with over("udp", serve) as server:
        reply = await over_udp(server, question("a.example", "A"))
    assert [str(r) for s in reply.answer for r in s] == ["192.0.2.9"]


@pytest.mark.parametrize("change", WRONG)
@awaited
async def test_over_tcp_what_is_no_answer_is_unreadable(change: Callable[[dns.message.Message], None]) -> None:
    async with over("tcp", changed(change)) as server:
        assert (await ask(server, "a.example", "A", timeout_s=5, transport="tcp")).problem == "unreadable"


@pytest.mark.parametrize("code", [dns.rcode.SERVFAIL, dns.rcode.REFUSED, dns.rcode.FORMERR, dns.rcode.NOTIMP])
@awaited
async def test_an_error_may_come_without_the_question(code: dns.rcode.Rcode) -> None:
    def bare(m: dns.message.Message) -> None:
        m.question.clear()
        m.set_rcode(code)

    async with over("udp", changed(bare)) as server:
        assert (await ask(server, "a.example", "A", timeout_s=5)).code == code.name


@awaited
async def test_another_place_does_not_answer_for_the_server() -> None:
    """An answer from another port is not the server's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:
        other.bind(("127.0.0.1", 0))

        class Forward(asyncio.DatagramProtocol):
            def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
                other.sendto(answer(data).to_wire(), addr)

        made, _ = await asyncio.get_running_loop().create_datagram_endpoint(Forward, ("127.0.0.1", 0))
        server = Endpoint("127.0.0.1", made.get_extra_info("sockname")[1])
        said = await ask(server, "a.example", "A", timeout_s=0.2)
        made.close()
    assert said.problem == "timeout"


@pytest.mark.parametrize(("first", "second"), [("::1%lo", "::1"), ("2001:db8::1", "2001:db8:0::1")])
def test_a_place_is_its_address_however_it_is_written(first: str, second: str) -> None:
    assert dns_question._same_place((first, 53, 0, 0), Endpoint(second, 53))
    assert not dns_question._same_place((first, 54, 0, 0), Endpoint(second, 53))
    assert not dns_question._same_place(("::2", 53, 0, 0), Endpoint(second, 53))


@pytest.mark.parametrize(
    ("sent", "problem"), [([], "closed"), ([b"\x12"], "unreadable"), ([b"\xff" * 40], "unreadable")]
)
@awaited
async def test_over_tcp_a_bad_end_has_a_name(sent: list[bytes], problem: str) -> None:
    async with over("tcp", lambda wire: sent) as server:
        assert (await ask(server, "a.example", "A", timeout_s=5, transport="tcp")).problem == problem


@awaited
async def test_a_closed_port_is_refused_and_silence_is_a_timeout() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, and nobody listens
        closed = Endpoint("127.0.0.1", taken.getsockname()[1])
        assert (await ask(closed, "a.example", "A", timeout_s=5, transport="tcp")).problem == "refused"
    async with over("udp", lambda wire: []) as server:
        assert (await ask(server, "a.example", "A", timeout_s=0.05)).problem == "timeout"


@awaited
async def test_each_type_has_its_pair() -> None:
    """UDP first, then TCP; nobody listens over TCP here."""
    async with over("udp", right) as server:
        pairs = await ask_each(server, "a.example", ["A", "AAAA"], timeout_s=5)
    assert [(u.transport, u.answered, t.transport, t.answered) for u, t in pairs] == [("udp", True, "tcp", False)] * 2
    assert [u.records for u, _ in pairs] == [("192.0.2.1",), ()]


def test_the_same_answer_is_read_once_and_keeps_its_own_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """UDP and TCP say the same but for the number; a large answer, and one that differs, are read by themselves."""
    query = dns.message.make_query("once.example", "A").to_wire()
    wires = [answer(query, a).to_wire() for a in ("192.0.2.1", "192.0.2.2")]
    whole = answer(query)
    whole.additional.append(dns.rrset.from_text("big.example.", 60, "IN", "TXT", " ".join(["x" * 200] * 7)))
    large = whole.to_wire(max_size=65_535)
    read: list[bytes] = []
    from_wire = dns.message.from_wire
    monkeypatch.setattr(dns.message, "from_wire", lambda data: (read.append(data), from_wire(data))[1])
    dns_question._parsed.cache_clear()

    one, two = (dns_question.message(n.to_bytes(2, "big") + wires[0][2:]) for n in (7, 4711))
    assert (one.id, two.id, len(read)) == (7, 4711, 1)
    assert one.to_text().splitlines()[1:] == from_wire(wires[0]).to_text().splitlines()[1:]
    assert [rd.to_text() for rd in dns_question.message(wires[1]).answer[0]] == ["192.0.2.2"] and len(read) == 2
    for _ in range(2):
        dns_question.message(large)
    assert len(read) == 4, "a large answer is kept"


@pytest.mark.parametrize("data", [b"", b"\x01", b"\x00\x07", b"\x00\x07" + b"\x81\x80" + bytes(5)])
def test_what_is_too_short_is_no_message_however_often_it_comes(data: bytes) -> None:
    """Nothing of it is kept."""
    for _ in range(2):
        with pytest.raises(dns.exception.DNSException):
            dns_question.message(data)
