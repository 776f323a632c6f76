"""Many questions over one connection: what is progress, and what is waited for."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.message
import dns.rcode
import dns.rrset
import dns.tsig
import dns.update
import pytest
from unit.kit.dns_servers import reply_to

from bcp.kernel.endpoint import Endpoint
from bcp.kit.dnswire import InTurn, Lost, _parse, exchange

TIME_S = 0.4


def framed(message) -> bytes:
    wire = message.to_wire()
    return len(wire).to_bytes(2, "big") + wire


def asked(handler, count=1, timeout_s=TIME_S):
    """What became of so many questions."""

    async def inside():
        server = await asyncio.start_server(handler, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        questions = [dns.message.make_query(f"n{i}.corp.test.", "MX") for i in range(count)]
        async with asyncio.timeout(300):
            found = await exchange(Endpoint("127.0.0.1", port), questions, keyring=None, timeout_s=timeout_s, window=1)
        server.close()
        return found

    return asyncio.run(inside())


async def one(reader):
    return dns.message.from_wire(await reader.readexactly(int.from_bytes(await reader.readexactly(2), "big")))


@pytest.mark.parametrize("piece", [b"\x00", b"\xff", b"\x00\x0c" + b"\x00" * 12])
def test_bytes_that_drip_are_no_answer(piece) -> None:
    """Half a frame, or whole ones that answer nothing, a little at a time and without end."""

    over = []

    async def drip(reader, writer):
        await one(reader)
        for _ in range(200):
            writer.write(piece)
            await asyncio.sleep(TIME_S / 8)
        over.append(True)

    (found,) = asked(drip)
    assert isinstance(found, Lost) and not found.definite
    assert not over, "it was listened to until it ended by itself"


def test_an_answer_gives_the_next_one_its_time() -> None:
    """A slow server that answers one question after the other is waited for, as often as it answers."""
    patience = 3.0  # each answer has more than half of it to spare, all of them take longer than it

    async def slowly(reader, writer):
        while True:
            query = await one(reader)
            await asyncio.sleep(patience * 0.4)
            writer.write(framed(reply_to(query, (query.question[0].name.to_text(), 60, "MX", "0 a.corp.test."))))

    found = asked(slowly, 3, patience)
    assert [f.answer[0].name.to_text() for f in found] == [f"n{i}.corp.test." for i in range(3)]


def test_a_message_in_turn_is_built_when_it_is_sent_and_only_once() -> None:
    """The server works on those before: all are built beforehand only where nobody waits for them."""
    built, seen = [], []

    def make(place):
        built.append(f"n{place}.corp.test.")
        return dns.message.make_query(built[-1], "MX")

    async def answers(reader, writer):
        for _ in range(3):
            asked = await one(reader)
            seen.append(len(built))
            writer.write(framed(reply_to(asked)))

    async def inside():
        server = await asyncio.start_server(answers, "127.0.0.1", 0)
        turn = InTurn(3, make)
        at = Endpoint("127.0.0.1", server.sockets[0].getsockname()[1])
        async with asyncio.timeout(20):
            found = await exchange(at, turn, keyring=None, timeout_s=5, window=1)
        server.close()
        return found, turn

    found, turn = asyncio.run(inside())
    assert seen == [1, 2, 3] and len(turn) == 3 and turn[1] is turn[1]
    assert built == ["n0.corp.test.", "n1.corp.test.", "n2.corp.test."]
    assert [m.question[0].name.to_text() for m in found] == built


@pytest.mark.parametrize(
    ("told", "code", "words"),
    [(dns.rcode.BADTIME, "clock", "NTP"), (dns.rcode.BADKEY, "key", "name"), (dns.rcode.BADSIG, "key", "secret")],
)
def test_what_a_server_says_of_our_signature_is_told_as_that(told, code, words) -> None:
    """And it is certain that it did not act (RFC 8945 section 5.3)."""
    key = dns.tsig.Key("bcp.", b"0123456789abcdef", dns.tsig.HMAC_SHA256)
    update = dns.update.UpdateMessage("corp.test.", keyring=key)
    update.to_wire()
    reply = dns.message.make_response(update, tsig_error=told)
    reply.set_rcode(dns.rcode.NOTAUTH)
    found = _parse(Endpoint("192.0.2.1", 53), reply.to_wire(), update, key)
    assert isinstance(found, Lost) and found.definite and found.code == code and words in found.hint


def unsigned(change, *records):
    """What is made of an answer to *MX of corp.test*, changed on its way."""
    question = dns.message.make_query("corp.test.", "MX")
    reply = reply_to(question, *(records or (("corp.test.", 60, "MX", "0 a.corp.test."),)))
    change(reply)
    return _parse(Endpoint("192.0.2.1", 53), reply.to_wire(), question, None)


def test_what_stands_behind_an_answer_is_not_read() -> None:
    """Name servers and their addresses are not what was asked for; without an answer they are all there is."""

    def more(reply):
        reply.authority.append(dns.rrset.from_text("corp.test.", 5, "IN", "NS", "ns1.corp.test."))

    found = unsigned(more)
    assert found.answer[0].to_text() == "corp.test. 60 IN MX 0 a.corp.test." and not found.authority
    question = dns.message.make_query("corp.test.", "MX")
    empty = reply_to(question)
    more(empty)
    assert _parse(Endpoint("192.0.2.1", 53), empty.to_wire(), question, None).authority


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: setattr(r, "flags", r.flags | dns.flags.TC), "a part of an answer"),
        (lambda r: setattr(r, "flags", r.flags & ~dns.flags.QR), "an answer to something else"),
        (lambda r: setattr(r, "id", r.id ^ 1), "an answer to something else"),
        (lambda r: r.question.__setitem__(0, dns.rrset.from_text("b.test.", 0, "IN", "MX")), "something else"),
        (lambda r: r.question.__setitem__(0, dns.rrset.from_text("corp.test.", 0, "IN", "A")), "something else"),
        (lambda r: r.question.clear(), "something else"),
    ],
)
def test_an_answer_to_another_question_or_a_part_of_one_is_none(change, words) -> None:
    found = unsigned(change)
    assert isinstance(found, Lost) and words in found.reason and found.code == "unreadable" and not found.definite


def test_an_error_may_come_without_its_question() -> None:
    def refuse(reply):
        reply.question.clear()
        reply.answer.clear()
        reply.set_rcode(dns.rcode.REFUSED)

    assert unsigned(refuse).rcode() == dns.rcode.REFUSED


@pytest.mark.parametrize(
    ("spoken", "strange"),
    [
        (b"HTTP/1.1 400 Bad Request\r\n\r\n", True),
        (b"220 mail.corp.test ESMTP\r\n", True),
        (b"", False),
        (b"\x01", False),
    ],
)
def test_who_speaks_another_language_is_not_called_silent(spoken, strange) -> None:
    """A web server or a proxy at the port of the name server."""

    async def talk(reader, writer):
        await one(reader)
        writer.write(spoken)
        writer.close()

    (found,) = asked(talk)
    assert isinstance(found, Lost) and not found.definite and found.code == "silent"
    assert ("no DNS" in found.reason) is strange, found


def test_an_answer_that_is_cut_off_is_not_called_another_language() -> None:
    async def half(reader, writer):
        writer.write(framed(dns.message.make_response(await one(reader)))[:9])
        writer.close()

    (found,) = asked(half)
    assert isinstance(found, Lost) and "no DNS" not in found.reason
