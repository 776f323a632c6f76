"""Every authoritative address, asked separately."""

from __future__ import annotations

import asyncio

import dns.flags
import dns.rrset
import pytest
from unit.kit.dns_servers import Servers, failing, reply_to, silent, zone

from bcp.contracts.dns import Delegation, MxHost, MxSet, Trouble
from bcp.kit import authority as module
from bcp.kit.authority import Authority
from bcp.kit.dnswire import Endpoint
from bcp.kit.resolver import Resolver

OLD, NEW = {("corp.test.", "MX"): ["0 old.out.test."]}, {("corp.test.", "MX"): ["10 New.out.test."]}
NS = {("corp.test.", "NS"): ["ns1.corp.test.", "ns2.corp.test."]}


def with_authority(work, *, fixed=(), own=(), resolvers=(), timeout=30.0, **servers):
    async def inside():
        async with Servers(**servers) as there:
            resolver = Resolver([there.at(n) for n in resolvers] or ["127.0.0.1:1"], [], timeout_s=timeout)
            made = Authority([there.at(n) for n in fixed], [there.at(n) for n in own], resolver, timeout_s=timeout)
            return await work(made, there)

    return asyncio.run(inside())


def answers(zones=None, **more):
    """By server name: what each address said."""

    async def work(made, there):
        names = {there.at(n): n for n in there.ports}
        found = await made.answers(zones or {"corp.test": "corp.test"})
        return {names.get(a.address, a.address): a for a in found}

    return with_authority(work, **more)


def test_each_address_is_asked_and_told_apart() -> None:
    found = answers(fixed=("a", "b"), a=zone(OLD), b=zone(NEW))
    assert found["a"].mx == MxSet((MxHost(0, "old.out.test."),), 60) and found["b"].mx == MxSet(
        (MxHost(10, "new.out.test."),), 60
    )
    assert all(a.authoritative and not a.problem and a.trouble is Trouble.NONE for a in found.values())


def test_no_mx_is_an_answer() -> None:
    a = answers(fixed=("a",), a=zone({}))["a"]
    assert a.mx is None and not a.problem


def test_whoever_is_sent_on_is_told_where_to() -> None:
    def child(question):
        reply = reply_to(question)
        reply.flags &= ~dns.flags.AA
        reply.authority.append(dns.rrset.from_text(question.question[0].name, 60, "IN", "NS", "ns.else.test."))
        return reply

    found = answers(fixed=("good", "away"), good=zone(OLD), away=child)
    assert found["good"].referred == "" and found["away"].referred == found["away"].domain


@pytest.mark.parametrize(
    ("server", "trouble", "said"),
    [
        (silent, Trouble.SILENT, "does not answer"),
        (failing, Trouble.ERROR, "answers SERVFAIL"),
        (lambda q: reply_to(q, rcode="REFUSED"), Trouble.NOT_ALLOWED, "answers REFUSED"),
        (zone(OLD, aa=False), Trouble.LAME, "without authority"),
    ],
)
def test_what_is_wrong_with_one_is_told_as_what_it_is_and_the_others_answer(server, trouble, said) -> None:
    """A time-out is not "not authoritative"."""
    found = answers(fixed=("good", "bad"), good=zone(OLD), bad=server, timeout=1.5)
    assert found["bad"].trouble is trouble and said in found["bad"].problem
    assert ("authority" in found["bad"].problem) is (trouble is Trouble.LAME)
    assert found["good"].mx is not None


def test_servers_are_found_from_ns_records_of_the_host_and_of_the_world(monkeypatch) -> None:
    """A second provider's servers are among the world's only."""
    monkeypatch.setattr(module, "Endpoint", lambda address: Endpoint(address, ports[address]))
    ports = {}
    addresses = {("ns1.corp.test.", "A"): ["127.0.0.2"], ("ns2.corp.test.", "A"): ["127.0.0.3"]}

    async def work(made, there):
        ports.update({"127.0.0.2": 1, "127.0.0.3": 1})
        return [a.address for a in await made.answers({"corp.test": "corp.test"})], await made.delegations(
            ["corp.test"]
        )

    found, told = with_authority(
        work,
        own=("primary",),
        resolvers=("world",),
        primary=zone({**OLD, ("corp.test.", "NS"): ["ns1.corp.test."]}),
        world=zone({**NS, **addresses}),
    )
    assert len(found) == 3 and {"127.0.0.2:1", "127.0.0.3:1"} < set(found)
    assert told == [Delegation("corp.test", ("ns1.corp.test.", "ns2.corp.test."), ("ns1.corp.test.",))]


def test_a_name_server_without_address_is_unverified_and_not_left_out() -> None:
    found = answers(own=("primary",), resolvers=("world",), primary=zone({**OLD, **NS}), world=zone(NS))
    assert found["primary"].mx is not None
    assert (
        found["ns1.corp.test."].trouble is Trouble.UNREACHABLE
        and "its address is not known: the name does not exist" in found["ns1.corp.test."].problem
    )
    assert set(found) == {"primary", "ns1.corp.test.", "ns2.corp.test."}


def test_a_zone_without_any_server_is_a_problem_too() -> None:
    found = answers(resolvers=("world",), world=zone({}))
    assert found["corp.test"].problem == "no name server of corp.test could be found"


def test_the_zone_of_a_name_is_found_at_the_host_and_else_from_the_world() -> None:
    async def work(made, there):
        return await made.zones(["corp.test", "a.b.corp.test", "x.other.test"])

    right = {"corp.test": "corp.test", "a.b.corp.test": "corp.test"}
    assert with_authority(work, own=("primary",), primary=zone(OLD)) == right
    assert with_authority(work, resolvers=("world",), world=zone(NS)) == right
    assert with_authority(work, own=("bad",), resolvers=("world",), bad=silent, world=zone(NS), timeout=1.5) == right
    assert with_authority(work, timeout=0.2) == {}


def test_what_was_found_is_not_looked_up_again_and_what_was_not_is() -> None:
    async def work(made, there):
        await made.answers({"corp.test": "corp.test"})
        there.answering["world"] = zone(
            {**NS, ("ns1.corp.test.", "A"): ["127.0.0.1"], ("ns2.corp.test.", "A"): ["127.0.0.1"]}
        )
        first = len(there.asked)
        await made.answers({"corp.test": "corp.test"})
        second = len(there.asked)
        await made.answers({"corp.test": "corp.test"})
        return first, second, [a for a in there.asked[second:] if a[2] != "MX"]

    first, second, third = with_authority(
        work, own=("primary",), resolvers=("world",), primary=zone({**OLD, **NS}), world=zone(NS), timeout=0.3
    )
    assert second > first + 1 and third == []


def test_the_serial_of_a_zone_is_read_at_each_address_that_says_it_with_authority() -> None:
    def soa(n):
        return {("corp.test.", "SOA"): [f"ns1.corp.test. host.corp.test. {n} 1 1 1 1"]}

    async def work(made, there):
        names = {there.at(n): n for n in there.ports}
        return {names[s.address]: (s.zone, s.serial) for s in await made.serials(["corp.test"])}

    servers = {"a": zone(soa(7)), "b": zone(soa(4294967295)), "c": zone(soa(9), aa=False), "d": failing, "e": silent}
    found = with_authority(work, fixed=tuple(servers), timeout=1.0, **servers)
    assert found == {"a": ("corp.test", 7), "b": ("corp.test", 4294967295)}
