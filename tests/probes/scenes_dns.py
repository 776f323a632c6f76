"""What DNS probes may see, by the words of docs/reference/probes.md."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Callable

from bcp.contracts.probe import Signal
from probes.scripted import PATIENT, Answer, dns_server, make, zone

HOST, CORP = "mx.provider.example", "corp.example"
ADDRESS = {(HOST, "A"): ["192.0.2.1"]}
MAIL = {(CORP, "MX"): [f"0 {HOST}."]}
OTHER = {(CORP, "MX"): ["0 old.example."]}
Scene = Callable[[], Awaitable[Signal]]


def silent(query, transport):
    """Hears, and says nothing."""
    return


def looks(
    kind: str,
    resolvers: list[Answer],
    own: list[Answer] = (),
    *,
    then: tuple[list[Answer], list[Answer]] | None = None,
    timeout: str = PATIENT,
    **more,
) -> Scene:
    """Resolvers and the zone's own servers answer so; ``then``: what they answer at a second look."""

    async def play() -> Signal:
        lines = [[a] for a in [*resolvers, *own]]

        def current(line) -> Answer:
            return lambda query, transport: line[0](query, transport)

        async with contextlib.AsyncExitStack() as stack:
            where = [await stack.enter_async_context(dns_server(current(line))) for line in lines]
            named = {"host": HOST} if kind == "dns" else {"domains": more.get("domains", [CORP])}
            first = where[: len(resolvers)]
            probe = make(kind, resolvers=first, authoritative=where[len(resolvers) :], timeout=timeout, **named)
            found = await probe.look()
            if then is not None:
                for line, answer in zip(lines, [*then[0], *then[1]], strict=True):
                    line[0] = answer
                found = await probe.look()
            return found

    return play


WELL, GONE = zone(ADDRESS), zone({}, code="NXDOMAIN")
FAILS = zone(ADDRESS, code="SERVFAIL")
BOGUS = zone(ADDRESS, code="SERVFAIL", bare="NOERROR")
SECURE = zone(ADDRESS, secure=True)
REFUSES = zone({}, code="REFUSED", authoritative=False)
DNS: dict[str, Scene] = {
    "addresses everywhere": looks("dns", [WELL, WELL], [WELL]),
    "NXDOMAIN at all resolvers": looks("dns", [GONE, GONE]),
    "the name has no address": looks("dns", [zone({})], [zone({})]),
    "SERVFAIL at all resolvers, with and without validation": looks("dns", [FAILS, FAILS], [WELL]),
    "SERVFAIL with validation, an answer without: DNSSEC": looks("dns", [BOGUS, WELL], [WELL]),
    "bogus at one resolver, validated and well at the other": looks("dns", [BOGUS, SECURE], [WELL]),
    "NXDOMAIN at one of two resolvers": looks("dns", [GONE, WELL], [WELL]),
    "SERVFAIL at the only resolver, authoritative servers well": looks("dns", [FAILS], [WELL]),
    "REFUSED at all authoritative servers, caches still answer": looks("dns", [WELL], [REFUSES, REFUSES]),
    "one of two authoritative servers is lame": looks("dns", [WELL], [REFUSES, WELL]),
    "authoritative servers fall silent, caches still answer": looks(
        "dns", [WELL], [WELL], then=([WELL], [silent]), timeout="2s"
    ),
    "one server answers over TCP only, the others over both": looks(
        "dns", [WELL, zone(ADDRESS, over="tcp")], timeout="2s"
    ),
    "nobody answers": looks("dns", [silent], [silent], timeout="500ms"),
}
M, MX_GONE, MX_FAILS = zone(MAIL), zone({}, code="NXDOMAIN"), zone(MAIL, code="SERVFAIL")
MX_BOGUS = zone(MAIL, code="SERVFAIL", bare="NOERROR")
NULL = zone({(CORP, "MX"): ["0 ."]})


def half_lame(query, transport):
    """Serves corp.example, refuses every other zone."""
    name = query.question[0].name.to_text().rstrip(".")
    return (M if name == CORP else REFUSES)(query, transport)


def half_fails(query, transport):
    """Resolves corp.example, SERVFAIL for every other zone."""
    name = query.question[0].name.to_text().rstrip(".")
    return (M if name == CORP else MX_FAILS)(query, transport)


OWN_MX: dict[str, Scene] = {
    "the same MX everywhere": looks("own-mx", [M, M], [M, M]),
    "NXDOMAIN at one of two resolvers": looks("own-mx", [MX_GONE, M], [M, M]),
    "another MX at one of two resolvers": looks("own-mx", [zone(OTHER), M], [M, M]),
    "our own servers contradict each other": looks("own-mx", [M, M], [M, M, zone(OTHER)]),
    "one of our servers is lame": looks("own-mx", [M, M], [REFUSES, M]),
    "one of our servers is silent": looks("own-mx", [M, M], [silent, M], timeout="2s"),
    "all our servers are lame": looks("own-mx", [MX_FAILS, MX_FAILS], [REFUSES, REFUSES]),
    "all our servers are silent, and resolvers say SERVFAIL": looks(
        "own-mx", [M, M], [M, M], then=([MX_FAILS, MX_FAILS], [silent, silent]), timeout="2s"
    ),
    "all our servers are silent, caches still answer": looks(
        "own-mx", [M, M], [M, M], then=([M, M], [silent, silent]), timeout="2s"
    ),
    "DNSSEC of our zone is broken": looks("own-mx", [MX_BOGUS, MX_BOGUS], [M, M]),
    "our servers are well, no resolver finds the domain": looks("own-mx", [MX_GONE, MX_GONE], [M, M]),
    "no MX, or a null MX": looks("own-mx", [NULL, NULL], [NULL]),
    "one of two domains has a broken zone": looks(
        "own-mx", [half_fails, half_fails], [half_lame, half_lame], domains=[CORP, "other.example"]
    ),
    "nobody answers": looks("own-mx", [silent], [silent], timeout="500ms"),
}
