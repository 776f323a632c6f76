"""Names as a sender finds them: *nobody answered* and *there is none* are never the same."""

from __future__ import annotations

import asyncio

import dns.flags
import pytest
from unit.kit.dns_servers import Servers, failing, reply_to, silent, zone

from bcp.contracts.dns import Chain, Signed, Trouble
from bcp.kernel.errors import Transient
from bcp.kit.resolver import Resolver

RECORDS = {
    ("relay.corp.test.", "A"): ["192.0.2.9"],
    ("relay.corp.test.", "AAAA"): ["2001:db8::9"],
    ("only4.corp.test.", "A"): ["192.0.2.4", "192.0.2.5"],
    ("empty.corp.test.", "TXT"): ['"v=STSv1; " "id=1"', '"other"'],
    ("alias.corp.test.", "CNAME"): ["relay.corp.test."],
    ("_25._tcp.relay.corp.test.", "TLSA"): ["3 1 1 " + "ab" * 32],
    ("corp.test.", "NS"): ["NS2.corp.test.", "ns1.corp.test."],
}


def ask(work, *, resolvers=("good",), own=(), timeout=30.0, **servers):
    """Run ``work(resolver)`` with these servers; ``good`` knows the records."""

    async def inside():
        async with Servers(good=zone(RECORDS), **servers) as there:
            port = [there.at(n) if n in there.ports else n for n in resolvers]
            return await work(Resolver(port, [there.at(n) for n in own], timeout_s=timeout)), there.asked

    return asyncio.run(inside())


def look(host, **more):
    return ask(lambda r: r.look_up(host), **more)[0]


def test_addresses_of_both_families_are_found() -> None:
    assert look("relay.corp.test.").addresses == ("192.0.2.9", "2001:db8::9")
    found = look("only4.corp.test")
    assert set(found.addresses) == {"192.0.2.4", "192.0.2.5"} and not found.problem and found.trouble is Trouble.NONE


@pytest.mark.parametrize(
    ("host", "said"),
    [("nobody.corp.test.", "the name does not exist"), ("empty.corp.test.", "it has no A and no AAAA record")],
)
def test_no_address_is_a_certain_answer(host, said) -> None:
    found = look(host)
    assert (found.addresses, found.problem, found.trouble) == ((), said, Trouble.NONE)


def test_an_alias_is_told() -> None:
    def chased(query):
        name = query.question[0].name.to_text()
        return reply_to(query, (name, 5, "CNAME", "relay.corp.test."), ("relay.corp.test.", 5, "A", "192.0.2.9"))

    found = look("alias.corp.test.", resolvers=("chased",), chased=chased)
    assert found.cname == "relay.corp.test." and found.addresses == ("192.0.2.9",)


@pytest.mark.parametrize(
    ("server", "trouble"),
    [(silent, Trouble.SILENT), (failing, Trouble.ERROR), (lambda q: reply_to(q, rcode="REFUSED"), Trouble.NOT_ALLOWED)],
)
def test_a_server_that_gives_no_usable_answer_has_not_said_that_there_is_none(server, trouble) -> None:
    found = look("relay.corp.test.", resolvers=("bad",), bad=server, timeout=0.2)
    assert found.trouble is trouble and found.problem and "exist" not in found.problem and not found.addresses


def test_a_server_that_is_away_is_unreachable() -> None:
    found = look("relay.corp.test.", resolvers=("127.0.0.1:1",))
    assert found.trouble is Trouble.UNREACHABLE and "cannot be reached" in found.problem


def test_half_an_answer_with_an_address_is_enough_and_without_one_is_not() -> None:
    def half(query):
        return (
            reply_to(query, ("x.corp.test.", 5, "A", "192.0.2.1"))
            if query.question[0].rdtype == 1
            else reply_to(query, rcode="SERVFAIL")
        )

    def empty(query):
        return reply_to(query) if query.question[0].rdtype == 1 else reply_to(query, rcode="SERVFAIL")

    assert look("x.corp.test.", resolvers=("half",), half=half).addresses == ("192.0.2.1",)
    assert look("x.corp.test.", resolvers=("empty",), empty=empty).trouble is Trouble.ERROR


@pytest.mark.parametrize("bad", [silent, failing])
def test_the_next_resolver_is_asked_what_the_first_did_not_answer(bad) -> None:
    found, asked = ask(lambda r: r.look_up("relay.corp.test."), resolvers=("bad", "good"), bad=bad, timeout=1.5)
    assert found.addresses and {a[0] for a in asked} == {"bad", "good"}
    _, asked = ask(lambda r: r.look_up("relay.corp.test."), resolvers=("good", "bad"), bad=bad)
    assert {a[0] for a in asked} == {"good"}


def test_a_resolver_that_was_silent_is_not_waited_for_again_and_again() -> None:
    """An outage of DNS takes one wait, not one for each name."""

    async def many(resolver):
        return [await resolver.look_up("relay.corp.test.") for _ in range(8)]

    found, asked = ask(many, resolvers=("bad", "good"), bad=silent, timeout=1.5)
    assert all(f.addresses for f in found)
    assert sum(a[0] == "bad" for a in asked) <= 2


def test_a_silent_resolver_is_still_asked_where_there_is_no_other() -> None:
    calls: list[int] = []

    def waking(query):
        calls.append(1)
        return None if len(calls) <= 2 else reply_to(query, ("x.test.", 5, "A", "192.0.2.1"))

    async def twice(resolver):
        return [(await resolver.look_up("x.test.")).addresses for _ in range(2)]

    assert ask(twice, resolvers=("waking",), waking=waking, timeout=0.3)[0][0] == ()
    assert len(calls) >= 2


def test_own_servers_are_asked_last_and_only_with_authority() -> None:
    """A referral is no answer: it does not mean that there is no record."""
    assert look("relay.corp.test.", resolvers=("127.0.0.1:1",), own=("good",)).addresses

    def referral(query):
        return reply_to(query, aa=False)

    found = look("relay.out.test.", resolvers=("127.0.0.1:1",), own=("referral",), referral=referral)
    assert found.trouble is Trouble.LAME and "does not hold this name" in found.problem


def test_an_error_is_better_known_than_another_servers_silence() -> None:
    found = look("relay.corp.test.", resolvers=("bad", "127.0.0.1:1"), bad=failing)
    assert found.trouble is Trouble.ERROR and "SERVFAIL" in found.problem


def test_a_server_that_drips_gains_nothing() -> None:
    """The deadline is over all of it."""

    async def work():
        async def drip(reader, writer):
            while True:
                writer.write(b"\0")
                await writer.drain()
                await asyncio.sleep(0.1)

        server = await asyncio.start_server(drip, "127.0.0.1", 0)
        resolver = Resolver([f"127.0.0.1:{server.sockets[0].getsockname()[1]}"], [], timeout_s=0.3)
        async with asyncio.timeout(120):  # it drips without end
            found = await resolver.look_up("x.test.")
        server.close()
        return found

    assert asyncio.run(work()).trouble is Trouble.SILENT


def test_texts_are_joined_and_none_is_empty() -> None:
    assert ask(lambda r: r.text("empty.corp.test"))[0] == ("other", "v=STSv1; id=1")
    assert ask(lambda r: r.text("relay.corp.test"))[0] == () == ask(lambda r: r.text("nobody.corp.test"))[0]


@pytest.mark.parametrize("bad", [silent, failing])
@pytest.mark.parametrize("method", ["text", "tlsa"])
def test_records_that_nobody_tells_are_an_error_never_none(bad, method) -> None:
    """No MTA-STS, no TLSA: that would be good news, and false."""
    with pytest.raises(Transient, match="cannot be looked up") as caught:
        ask(lambda r: getattr(r, method)("relay.corp.test"), resolvers=("bad",), bad=bad, timeout=0.2)
    assert caught.value.hint


def test_tlsa_is_asked_at_the_smtp_port() -> None:
    assert ask(lambda r: r.tlsa("relay.corp.test."))[0] == ("3 1 1 " + "ab" * 32,)


def test_name_servers_are_told_in_one_form() -> None:
    assert ask(lambda r: r.name_servers(["corp.test", "relay.corp.test"]))[0] == [
        ("ns1.corp.test.", "ns2.corp.test."),
        (),
    ]
    assert ask(lambda r: r.name_servers(["corp.test"]), resolvers=("127.0.0.1:1",))[0] == [()]


# -- DNSSEC ----------------------------------------------------------------------------------------------------------

SIGNATURE = "MX 13 2 60 20330518033320 20230101000000 1 corp.test. AAAA"
ENDS = 2_000_000_000.0


def chain(server, **more):
    return ask(lambda r: r.signed(["corp.test", "two.corp.test"]), resolvers=("server",), server=server, **more)[0]


def test_a_validated_answer_is_secure_and_says_when_its_signature_ends() -> None:
    def secure(query):
        return reply_to(query, ("corp.test.", 60, "MX", "10 a."), ("corp.test.", 60, "RRSIG", SIGNATURE), ad=True)

    assert chain(secure)[0] == Signed(Chain.SECURE, ENDS)


def test_the_first_signature_that_ends_counts() -> None:
    def two(query):
        return reply_to(query, ("corp.test.", 60, "RRSIG", SIGNATURE, SIGNATURE.replace("20330518", "20320518")))

    assert chain(two)[0].expires < ENDS and chain(two)[0].chain is Chain.INSECURE


def test_an_answer_without_validation_is_insecure() -> None:
    assert chain(zone({("corp.test.", "MX"): ["10 a."]})) == [Signed(Chain.INSECURE), Signed(Chain.INSECURE)]


def test_what_fails_with_validation_and_answers_without_is_bogus() -> None:
    def bogus(query):
        if query.flags & dns.flags.CD or query.question[0].name.to_text().startswith("two"):
            return reply_to(query, ("corp.test.", 60, "MX", "10 a."))
        return reply_to(query, rcode="SERVFAIL")

    assert [s.chain for s in chain(bogus)] == [Chain.BOGUS, Chain.INSECURE]


@pytest.mark.parametrize("server", [failing, silent, lambda q: reply_to(q, rcode="REFUSED")])
def test_what_fails_either_way_is_unknown_not_bogus(server) -> None:
    """The resolver has a fault, or cannot reach the zone."""
    assert chain(server, timeout=0.2) == [Signed(), Signed()]


def test_a_resolver_that_failed_once_has_not_found_a_bad_signature() -> None:
    """It did not reach the zone in time, and answers the next question."""
    failed: set[str] = set()

    def late(query):
        name = query.question[0].name.to_text()
        if name in failed or query.flags & dns.flags.CD:
            return reply_to(query, (name, 60, "MX", "10 a."))
        failed.add(name)
        return reply_to(query, rcode="SERVFAIL")

    assert [s.chain for s in chain(late)] == [Chain.INSECURE, Chain.INSECURE] and len(failed) == 2


def test_without_any_resolver_nothing_is_known() -> None:
    assert ask(lambda r: r.signed(["corp.test"]), resolvers=("127.0.0.1:1",))[0] == [Signed()]
