"""The parts of a look over SMTP, whole test mails, first contacts: what the table of the docs has no room for."""

from __future__ import annotations

import asyncio
import contextlib

import pytest
from probes import hostile
from probes.scripted import Smtp, make

from bcp.contracts.probe import Part, Result
from bcp.detect.watch import look_once
from bcp.kit.smtp import Talk
from bcp.kit.smtp_judge import FirstContact, SmtpTarget, kind_of, parts_of, result_of, summarize
from bcp.kit.smtp_session import Mail, Session, converse
from bcp.testing.clock import FakeClock

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
ONE, TWO = "one@corp.example", "two@corp.example"


async def at_addresses(servers: dict[str, Smtp], **settings):
    """A look at several addresses of one port; an address without a server refuses."""
    async with contextlib.AsyncExitStack() as stack:
        started, port = {}, 0
        for address, server in servers.items():
            listening = await asyncio.start_server(server, address, port)
            stack.callback(listening.close)
            port = listening.sockets[0].getsockname()[1]
            started[address] = server
        given = {"recipients": [ONE, TWO], "addresses": list(servers), "host": "mx.corp.example", **settings}
        return await make("smtp", FakeClock(), port=port, **given).look()


def triples(found) -> set[tuple[str, str, str]]:
    return {(p.address, p.recipient, p.kind) for p in found.parts}


def test_every_recipient_at_every_address_is_a_part() -> None:
    """So that one recipient or one address never stands for all."""
    servers = {"127.0.0.1": Smtp(rcpt={ONE: "550 5.1.1 unknown"}), "127.0.0.2": Smtp()}
    found = asyncio.run(at_addresses(servers))
    assert triples(found) == {
        ("127.0.0.1", ONE, "rejects"),
        ("127.0.0.1", TWO, "accepted"),
        ("127.0.0.2", ONE, "accepted"),
        ("127.0.0.2", TWO, "accepted"),
    }
    assert found.result is DEGRADED and "1 of 2 recipients" in found.evidence
    assert {p.family for p in found.parts} == {4} and {p.host for p in found.parts} == {"mx.corp.example"}


def test_a_dead_address_fails_for_every_recipient() -> None:
    """A refused connection is a part of each recipient's way, beside the address that is well."""
    found = asyncio.run(at_addresses({"127.0.0.1": Smtp()}, addresses=["127.0.0.1", "::1"]))
    assert {(p.family, p.recipient, p.result) for p in found.parts} == {
        (4, ONE, OK),
        (4, TWO, OK),
        (6, ONE, FAIL),
        (6, TWO, FAIL),
    }
    assert found.result is DEGRADED


def test_the_second_recipient_is_asked_for_although_the_first_is_refused() -> None:
    """RFC 5321: each RCPT has an answer of its own; 421 ends the session for all that follow."""
    refusing = Smtp(rcpt={ONE: "451 4.3.2 later"})
    asyncio.run(at_addresses({"127.0.0.1": refusing}))
    assert refusing.asked == [ONE, TWO]
    closing = Smtp(rcpt={ONE: "421 4.3.2 closing"})
    found = asyncio.run(at_addresses({"127.0.0.1": closing}))
    assert closing.asked == [ONE] and {p.kind for p in found.parts} == {"4xx-rcpt"} and len(found.parts) == 2


def test_a_mail_put_off_after_data_outweighs_every_acceptance_there() -> None:
    """Accepting recipients is worth nothing where no mail is taken; elsewhere it stays."""
    servers = {"127.0.0.1": Smtp(after_data="451 4.3.2 later"), "127.0.0.2": Smtp()}
    found = asyncio.run(at_addresses(servers, mail_to=ONE))
    assert triples(found) == {
        ("127.0.0.1", ONE, "4xx-data"),
        ("127.0.0.1", TWO, "4xx-data"),
        ("127.0.0.2", ONE, "accepted"),
        ("127.0.0.2", TWO, "accepted"),
    }
    assert found.result is DEGRADED


def test_test_mails_go_round_and_to_every_address_while_one_is_refused() -> None:
    """One mail each ``mail_every`` while all is well; after a refusal every look asks every address."""

    async def run():
        first, second, clock = Smtp(), Smtp(), FakeClock()
        a = await asyncio.start_server(first, "127.0.0.1", 0)
        port = a.sockets[0].getsockname()[1]
        b = await asyncio.start_server(second, "127.0.0.2", port)
        probe = make(
            "smtp", clock, host="mx", port=port, addresses=["127.0.0.1", "127.0.0.2"], recipient=ONE, mail_to=ONE
        )
        counts = []
        for change, pause in (
            ("", 60),
            ("", 300),
            ("", 300),
            ("451 4.3.2 later", 60),
            ("451 4.3.2 later", 60),
            ("", 60),
        ):
            first.after_data = second.after_data = change or "250 2.0.0 queued"
            found = await probe.look()
            counts.append((len(first.taken), len(second.taken), found.result, found.kind))
            await clock.sleep(pause)
        a.close()
        b.close()
        return counts, first.taken[0]

    counts, mail = asyncio.run(run())
    assert counts == [
        (1, 0, OK, "delivered"),
        (1, 0, OK, "accepted"),
        (1, 1, OK, "delivered"),
        (2, 1, DEGRADED, "4xx-data"),
        (3, 2, FAIL, "4xx-data"),
        (4, 3, OK, "delivered"),
    ]
    assert b"Subject: bcp test mail" in mail and b"Auto-Submitted: auto-generated" in mail


def test_nothing_is_sent_where_nobody_allows_it() -> None:
    """Without ``mail_to`` the probe ends at RCPT."""
    server = Smtp()
    asyncio.run(at_addresses({"127.0.0.1": server}))
    assert server.taken == []


def test_a_full_or_greylisted_mailbox_of_ours_does_not_speak_for_the_others() -> None:
    """After DATA too: what is about us is unknown for that recipient alone."""
    found = asyncio.run(at_addresses({"127.0.0.1": Smtp(after_data="452 4.2.2 mailbox full")}, mail_to=ONE))
    assert {(p.recipient, p.kind, p.result) for p in found.parts} == {
        (ONE, "own-recipient", UNKNOWN),
        (TWO, "accepted", OK),
    }
    assert found.result is OK


def test_a_mailbox_for_test_mails_that_is_no_known_recipient_is_a_part_too() -> None:
    """It has a lane of its own."""
    found = asyncio.run(at_addresses({"127.0.0.1": Smtp()}, mail_to="canary@corp.example"))
    assert ("127.0.0.1", "canary@corp.example", "delivered") in triples(found)


def test_a_bad_certificate_fails_only_where_strict_senders_would(tmp_path) -> None:
    """STARTTLS with a certificate for another name, long expired."""
    context = hostile.certificate(tmp_path, names=("wrong.example",), days=(-30, -1))

    async def handler(reader, writer):
        writer.write(b"220 mail\r\n")
        while line := await reader.readline():
            if line.upper().startswith(b"EHLO"):
                writer.write(b"250-mail\r\n250 STARTTLS\r\n")
            elif line.upper().startswith(b"STARTTLS"):
                writer.write(b"220 go\r\n")
                await writer.drain()
                await writer.start_tls(context)
            else:
                writer.write(b"250 ok\r\n")
            await writer.drain()

    async def run(**more):
        async with hostile.serving(handler) as port:
            return await make("smtp", host="127.0.0.1", port=port, recipient=ONE, **more).look()

    loose, strict = asyncio.run(run()), asyncio.run(run(require_tls=True))
    assert loose.result is OK and "certificate" in loose.evidence and loose.data["tls"] != "ok"
    assert (strict.result, strict.kind) == (FAIL, "tls")


def test_recipients_are_needed_and_counted_once() -> None:
    """``recipient`` and ``recipients`` together; the same one twice is one."""
    with pytest.raises(ValueError, match="recipient"):
        make("smtp", host="mx")
    probe = make("smtp", host="mx", recipient=ONE, recipients=[ONE, TWO])
    assert probe.settings.everybody() == [ONE, TWO]
    assert set(probe.watched(60.0).shares) == {f"recipient:{ONE}", f"recipient:{TWO}"}


def test_a_resolver_and_a_host_that_both_hang_end_within_the_deadline() -> None:
    """The name has three tenths of the time, the session the rest: the look is never cut off as *overran*."""

    async def run():
        async with hostile.serving(hostile.silence) as dead:
            probe = make("smtp", host="mx.example", resolvers=[f"127.0.0.1:{dead}"], recipient=ONE, timeout="3s")
            return await look_once(probe)

    assert asyncio.run(run()).kind == "unresolved"


def test_a_first_contact_is_believed_for_a_while_and_once() -> None:
    """Greylisting lets the same sender in within minutes; what lasts longer, or comes after an acceptance, is real."""
    first, put_off = FirstContact(1800.0), Talk("rcpt", 451, "4.7.1 try again", "4xx")
    assert first.refine("a", ONE, put_off, "4xx-rcpt", 0.0) == "greylisted"
    assert first.refine("a", ONE, put_off, "4xx-rcpt", 1799.0) == "greylisted"
    assert first.refine("a", ONE, put_off, "4xx-rcpt", 1800.0) == "4xx-rcpt"
    assert first.refine("b", ONE, put_off, "4xx-rcpt", 1800.0) == "greylisted"  # another address, another list
    assert first.refine("a", TWO, Talk("done", 250, "ok"), "", 0.0) == ""
    assert first.refine("a", TWO, put_off, "4xx-rcpt", 1.0) == "4xx-rcpt"
    assert first.refine("c", ONE, Talk("rcpt", 451, "4.3.2 x", "4xx"), "4xx-rcpt", 0.0) == "4xx-rcpt"
    assert first.refine("c", ONE, Talk("rcpt", 550, "4.7.1 x", "5xx"), "5xx", 0.0) == "5xx"


@pytest.mark.parametrize(
    ("kind", "result"),
    [
        ("", OK),
        ("accepted", OK),
        ("delivered", OK),
        ("greylisted", UNKNOWN),
        ("own-sender", UNKNOWN),
        ("no-route", UNKNOWN),
        ("throttled", FAIL),
        ("4xx-rcpt", FAIL),
        ("rejects", FAIL),
        ("refused", FAIL),
        ("new-word", FAIL),
    ],
)
def test_the_result_that_goes_with_a_kind(kind, result) -> None:
    """What is our own, or says nothing, never counts against the service."""
    assert result_of(kind) is result


def part(result, kind, address="a", recipient=ONE) -> Part:
    return Part(result, kind, f"{kind} at {address}", recipient, address)


def test_the_sum_of_parts() -> None:
    """All of what can be known, some of it, none of it."""
    assert summarize([])[:2] == (UNKNOWN, "unresolved")
    assert summarize([part(UNKNOWN, "own-sender")])[:2] == (UNKNOWN, "own-sender")
    assert summarize([part(OK, "accepted"), part(OK, "delivered", "b")])[:2] == (OK, "delivered")
    assert summarize([part(FAIL, "refused"), part(OK, "accepted", "b")])[:2] == (DEGRADED, "refused")
    assert summarize([part(FAIL, "refused"), part(UNKNOWN, "no-route", "b")])[:2] == (FAIL, "refused")
    assert (
        summarize([part(FAIL, "4xx-rcpt"), part(FAIL, "4xx-rcpt", "a", TWO), part(FAIL, "rejects", "b")])[1]
        == "rejects"
    )
    assert summarize([part(FAIL, "timeout"), part(FAIL, "4xx-rcpt", "b"), part(FAIL, "4xx-rcpt", "c")])[1] == "4xx-rcpt"
    assert summarize([part(FAIL, "rejects"), part(OK, "accepted", "a", TWO)])[0] is DEGRADED


def test_a_session_that_breaks_says_where() -> None:
    """Before MAIL for all, at RCPT for the rest, after DATA for the mail; a bad goodbye for nobody."""

    async def run(server, mail=None):
        async with hostile.serving(server) as port:
            return await converse("127.0.0.1", port, recipients=[ONE, TWO], timeout_s=1.0, mail=mail)

    mail = Mail(ONE, b"Subject: x\r\n\r\nx\r\n")
    cut = asyncio.run(run(Smtp(rcpt={TWO: ""})))
    assert [t.ok for _, t in cut.answers] == [True, False] and cut.answers[1][1].kind == "closed"
    lost = asyncio.run(run(Smtp(after_data=""), mail))
    assert lost.data is not None and not lost.data[1].ok and lost.data[1].stage == "data"
    refused = asyncio.run(run(Smtp(data="451 4.3.2 later"), mail))
    assert refused.data is not None and kind_of(refused.data[1]) == "4xx-data"
    nobody = asyncio.run(run(Smtp(rcpt={"*": "451 4.3.2 later"}), mail))
    assert nobody.data is None  # nobody is accepted: there is nothing to hand over
    assert asyncio.run(run(Smtp(ehlo="250 mail"))).opening.ok


def test_parts_of_a_session_without_a_route() -> None:
    """No way there from here: it says nothing of the host."""
    target = SmtpTarget(kind="smtp", host="mx")
    session = Session("255.255.255.255", Talk("connect", 0, "network is unreachable", "closed"))
    (only,) = parts_of(session, target, [ONE], first=FirstContact(0.0), now=0.0)
    assert (only.kind, only.result, only.recipient) == ("no-route", UNKNOWN, ONE)
    dead = Session("127.0.0.1", Talk("connect", 0, "x", "closed"))
    assert parts_of(dead, target, [ONE], first=FirstContact(0.0), now=0.0)[0].kind == "closed"
