"""What servers say of a name: pure judgement by enumeration, and the questions themselves over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import itertools

import pytest
from probes import hostile
from probes.scripted import dns_server, zone

from bcp.contracts.probe import Result
from bcp.kit.dns_ask import Reply, ask, best, has_route
from bcp.kit.dns_judge import Told, ask_authority, ask_resolver, judge, parts_of
from bcp.kit.dns_servers import Servers
from bcp.kit.dnswire import parse_endpoint
from bcp.testing.clock import FakeClock

OK, FAIL, UNKNOWN, DEGRADED = Result.OK, Result.FAIL, Result.UNKNOWN, Result.DEGRADED
NAME = "mx.provider.example"


def resolver(kind: str = "", *, secure: bool = False, silent: bool = False, half: bool = False) -> Told:
    return Told("192.0.2.1", False, kind, kind or "192.0.2.9", () if kind else ("192.0.2.9",), secure, silent, half)


def own(kind: str = "", *, silent: bool = False, half: bool = False) -> Told:
    return Told("192.0.2.53", True, kind, kind or "192.0.2.9", () if kind else ("192.0.2.9",), False, silent, half)


WELL, GONE, BOGUS = resolver(), resolver("nxdomain"), resolver("bogus")
DEAD, QUIET = resolver("timeout", silent=True), own("timeout", silent=True)


@pytest.mark.parametrize(
    ("told", "result", "kind"),
    [
        ([WELL], OK, ""),
        ([own(), WELL], OK, ""),
        ([DEAD], UNKNOWN, "no-resolver"),
        ([QUIET, DEAD], UNKNOWN, "no-resolver"),
        ([QUIET, WELL], OK, ""),
        ([own("servfail"), own("servfail")], FAIL, "servfail"),
        ([own("servfail"), WELL], FAIL, "servfail"),
        ([own("servfail"), own(), WELL], DEGRADED, "servfail"),
        ([GONE], FAIL, "nxdomain"),
        ([GONE, GONE], FAIL, "nxdomain"),
        ([GONE, WELL], DEGRADED, "nxdomain"),
        ([GONE, DEAD], FAIL, "nxdomain"),
        ([own(), GONE], DEGRADED, "nxdomain"),
        ([own(), GONE, GONE], FAIL, "nxdomain"),
        ([own(), BOGUS], FAIL, "bogus"),
        ([own(), BOGUS, WELL], FAIL, "bogus"),
        ([own(), BOGUS, resolver(secure=True)], DEGRADED, "servfail"),
        ([resolver(half=True), WELL], DEGRADED, "tcp-only"),
        ([resolver(half=True), resolver(half=True)], OK, ""),
    ],
)
def test_a_name_has_one_result(told, result, kind) -> None:
    """The zone's servers first, then what senders' resolvers make of it; one resolver among several never decides."""
    seen = judge(told)
    assert (seen.result, seen.kind) == (result, kind), seen
    assert seen.evidence


def test_the_silence_of_servers_that_answered_before_means_something() -> None:
    """From here they could be asked."""
    assert judge([QUIET, WELL], answered_before=True).kind == "authoritative-silent"
    assert judge([WELL], answered_before=True).result is OK


def test_order_does_not_matter() -> None:
    """Every order of four servers gives the same result and kind."""
    told = [own(), own("servfail"), GONE, WELL]
    assert (
        len({(judge(p).result, judge(p).kind) for p in itertools.permutations(told)}) <= 2
    )  # the kind named first may differ
    assert {judge(p).result for p in itertools.permutations(told)} == {DEGRADED}


def test_one_more_good_answer_never_makes_it_worse() -> None:
    """Monotone, over all sets of up to three servers."""
    rank = [OK, DEGRADED, UNKNOWN, FAIL]
    every = [WELL, GONE, BOGUS, DEAD, own(), own("servfail"), QUIET]
    for n in (1, 2, 3):
        for told in itertools.combinations_with_replacement(every, n):
            before = judge(told).result
            for good in (resolver(secure=True), own()):
                if good.own and not any(t.own for t in told):
                    continue
                after = judge([*told, good]).result
                assert rank.index(after) <= rank.index(before) or before is UNKNOWN, (told, good)


def test_parts_follow_the_whole() -> None:
    """A lone resolver that may be the sick one is a degraded part; a silent one is unknown;
    an own server that is silent fails."""
    told = [own(), GONE]
    assert [p.result for p in parts_of(told, judge(told))] == [OK, DEGRADED]
    told = [own(), GONE, WELL]
    assert [p.result for p in parts_of(told, judge(told), domain="corp.example")] == [OK, FAIL, OK]
    told = [QUIET, DEAD, WELL]
    parts = parts_of(told, judge(told), host=NAME)
    assert [(p.result, p.kind) for p in parts] == [(UNKNOWN, "timeout"), (UNKNOWN, "no-resolver"), (OK, "")]
    quiet = parts_of(told, judge(told, answered_before=True))
    assert next((p.result, p.kind) for p in quiet) == (DEGRADED, "authoritative-silent")
    assert [p.result for p in parts_of([QUIET, own()], judge([QUIET, own()]))] == [FAIL, OK]
    assert [p.resolver for p in parts] == ["authoritative", "192.0.2.1", "192.0.2.1"] and parts[
        0
    ].address == "192.0.2.53"
    assert own("no-route", silent=True).part().result is UNKNOWN
    assert Told("[2001:db8::1]:53", True, "", "x", half=True).part().kind == "tcp-only"
    assert Told("2001:db8::1", True, "", "x").part().family == 6 and own().part().family == 4


async def asked(answer, question, **more):
    async with dns_server(answer) as where:
        return await question(parse_endpoint(where), NAME, ["A", "AAAA"], 1.0, **more)


RECORDS = {(NAME, "A"): ["192.0.2.1"]}


def test_a_resolver_is_asked_again_without_validation() -> None:
    """That tells broken signatures from a name that does not resolve."""
    bogus = asyncio.run(asked(zone(RECORDS, code="SERVFAIL", bare="NOERROR"), ask_resolver))
    assert bogus.kind == "bogus" and "DNSSEC" in bogus.evidence
    gone = asyncio.run(asked(zone(RECORDS, code="SERVFAIL", bare="NXDOMAIN"), ask_resolver))
    assert gone.kind == "bogus"  # a denial with broken signatures
    assert asyncio.run(asked(zone(RECORDS, code="SERVFAIL"), ask_resolver)).kind == "servfail"
    secure = asyncio.run(asked(zone(RECORDS, secure=True), ask_resolver))
    assert secure.secure and secure.well and secure.records == ("192.0.2.1",)
    assert asyncio.run(asked(zone({}, code="REFUSED"), ask_resolver)).silent  # it is not for us


def test_a_server_of_the_zone_must_serve_it() -> None:
    """REFUSED, or a referral, is no service; what it is called is for the zone's owner to say."""
    refused = asyncio.run(asked(zone({}, code="REFUSED"), ask_authority))
    assert (refused.kind, refused.silent) == ("servfail", False)
    assert asyncio.run(asked(zone({}, code="REFUSED"), ask_authority, unserved="lame")).kind == "lame"
    assert asyncio.run(asked(zone({}, authoritative=False), ask_authority, unserved="lame")).kind == "lame"
    assert asyncio.run(asked(zone({}), ask_authority)).kind == "nxdomain"


@pytest.mark.parametrize("over", ["udp", "tcp"])
def test_one_transport_is_enough_and_noted(over) -> None:
    """A sender gets its answer; the other transport is missed."""
    told = asyncio.run(asked(zone(RECORDS, over=over), ask_resolver))
    assert told.well and told.half


def test_a_truncated_answer_is_asked_for_over_tcp() -> None:
    """The whole one wins."""
    cut, whole = Reply("s", "udp", "NOERROR", truncated=True), Reply("s", "tcp", "NOERROR", records=("x",))
    assert best([cut, whole]) is whole
    assert best([Reply("s", "udp", problem="timeout"), cut]) is cut


@pytest.mark.parametrize("how", sorted(hostile.DNS))
def test_a_hostile_server_costs_its_deadline(how) -> None:
    """Over TCP: bytes that trickle, floods, garbage."""

    async def run():
        async with hostile.serving(hostile.DNS[how]) as port:
            async with asyncio.timeout(50):  # they go on for a minute and more; a busy machine takes its time
                return await ask(parse_endpoint(f"127.0.0.1:{port}"), NAME, "A", timeout_s=0.5, transport="tcp")

    reply = asyncio.run(run())
    assert not reply.answered and reply.problem


def test_a_route_is_known_without_a_packet() -> None:
    """Loopback has one, the broadcast address of everything has none."""
    assert has_route("127.0.0.1") and not has_route("255.255.255.255")


def test_the_servers_of_a_zone_are_remembered_and_never_taken_from_the_zone_above() -> None:
    """A zone that answers SERVFAIL is broken, not absent: its parent's servers would look lame."""

    async def run():
        records = {("corp.example", "NS"): ["ns1.corp.example."], ("example", "NS"): ["ns.registry.example."]}
        records |= {("ns1.corp.example", "A"): ["192.0.2.53"], ("ns.registry.example", "A"): ["192.0.2.99"]}
        well, state = zone(records), {"code": "NOERROR"}

        def answer(query, transport):
            name = query.question[0].name.to_text()
            broken = state["code"] == "SERVFAIL" and name.endswith("corp.example.")
            return (zone({}, code="SERVFAIL") if broken else well)(query, transport)

        clock = FakeClock()
        async with contextlib.AsyncExitStack() as stack:
            where = await stack.enter_async_context(dns_server(answer))
            servers = Servers(clock, "corp.example", [where], "auto")
            first = await servers.find(2.0)
            state["code"] = "SERVFAIL"
            await clock.sleep(7 * 3600)
            later = await servers.find(2.0)
            fresh = await Servers(clock, "www.corp.example", [where], "auto").find(2.0)
            state["code"] = "NOERROR"
            below = await Servers(clock, "www.corp.example", [where], "auto").find(2.0)
            given = await Servers(clock, "corp.example", [where], ["192.0.2.7"]).find(2.0)
        return first, later, fresh, below, given

    first, later, fresh, below, given = asyncio.run(run())
    assert [e.address for e in first] == ["192.0.2.53"] == [e.address for e in later] == [e.address for e in below]
    assert fresh == [] and [e.address for e in given] == ["192.0.2.7"]
