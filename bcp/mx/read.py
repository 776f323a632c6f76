"""Gather what the rules judge: everything is read, nothing is decided. What cannot be read is a fact too."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Protocol, TypeVar

from bcp.contracts.dns import (
    Accepted,
    Answer,
    Delegation,
    Dns,
    Domain,
    HostFacts,
    Inside,
    InsideView,
    Proof,
    Reading,
    Signed,
    StsPolicy,
    SwapOrder,
    Trouble,
)
from bcp.contracts.relay import Relay, RelayProbe
from bcp.kernel.clock import Clock
from bcp.kernel.document import did_you_mean
from bcp.kernel.errors import BcpError, Invalid
from bcp.mx.facts import DomainFacts, Facts, TargetFacts, Way
from bcp.mx.markers import names_of, tools_in
from bcp.mx.tlsa import Certificate, Shown

T = TypeVar("T")
R = TypeVar("R")
MARKED = 50
"""Marks of infrastructure as code are three look-ups a domain: beyond so many domains only the configuration counts."""
AT_ONCE = 32
"""Look-ups under way at once."""


class Reach(Protocol):
    """What is read through: services of a run, or the world of a configuration."""

    @property
    def clock(self) -> Clock: ...

    @property
    def domains(self) -> Mapping[str, Domain]: ...

    @property
    def dns(self) -> Mapping[str, Dns]: ...

    @property
    def accepted(self) -> Accepted | None: ...

    @property
    def inside(self) -> InsideView | None: ...

    @property
    def relays(self) -> Mapping[str, Relay]: ...


def by_back_end(domains: Iterable[str], services: Reach) -> dict[str, list[str]]:
    """Domains by the back end that holds their MX, in the order given.

    Raises:
        Invalid: a domain is not in the configuration.
    """
    groups: dict[str, list[str]] = {}
    for domain in domains:
        if domain not in services.domains:
            raise Invalid(f"the domain {domain!r} is not in bcp.yaml", hint=did_you_mean(domain, services.domains))
        groups.setdefault(services.domains[domain].dns, []).append(domain)
    return groups


async def read_all(domains: Sequence[str], services: Reach) -> list[Reading]:
    """What each host has for its domains, all hosts side by side, in the order given."""
    groups = by_back_end(domains, services)
    parts = await _each(groups.items(), lambda g: services.dns[g[0]].read(g[1]))
    found = {r.domain: r for part in parts for r in part}
    return [found[d] for d in domains]


async def gather(orders: Sequence[SwapOrder], readings: Mapping[str, Reading], services: Reach, way: Way) -> Facts:
    """Everything that the rules want to know about these orders."""
    groups = by_back_end([o.domain for o in orders], services)
    wanted = {o.domain: o for o in orders}
    mine = {n: [wanted[d] for d in domains] for n, domains in groups.items()}
    parts = await _each(mine.items(), lambda g: _host(g[0], g[1], readings, services, way))
    targets = await _targets(orders, groups, services)
    inside = await _inside([o.domain for o in orders], services) if way is Way.TO_RELAY else {}
    ends = await _each(groups, lambda n: _credential(services.dns[n], groups[n]))
    return Facts(
        services.clock.now(),
        tuple(replace(d, inside=tuple(inside.get(d.order.domain, ()))) for part in parts for d in part),
        targets,
        {n: services.dns[n].capabilities for n in groups},
        {n: e for n, e in zip(groups, ends, strict=True) if e is not None},
        services.accepted,
        tuple(services.domains),
    )


async def _host(
    name: str, orders: Sequence[SwapOrder], readings: Mapping[str, Reading], services: Reach, way: Way
) -> list[DomainFacts]:
    """Facts about the domains of one host."""
    dns, domains = services.dns[name], [o.domain for o in orders]
    proofs, answers, delegations, signed, policies, marked = await asyncio.gather(
        _or(dns.prove(orders), list[Proof]()),
        _or(dns.answers(domains), list[Answer]()),
        _or(dns.delegations(domains), list[Delegation]()),
        _or(dns.signed(domains), list[Signed]()),
        _each(domains if way is Way.TO_RELAY else (), lambda d: _policy(dns, d)),
        _each(domains if way is Way.TO_RELAY else (), lambda d: _tools(dns, readings[d], services, len(domains))),
    )
    proof = {p.domain: p for p in proofs}
    served: dict[str, list[Answer]] = {}
    for answer in answers:
        served.setdefault(answer.domain, []).append(answer)
    told = dict(zip(domains, delegations, strict=False))
    chains = dict(zip(domains, signed, strict=False))
    tools = dict(zip(domains, marked, strict=False))
    stsp = dict(zip(domains, policies, strict=False))
    return [
        DomainFacts(
            o,
            readings[o.domain],
            way,
            name,
            services.domains[o.domain].primary,
            proof.get(o.domain),
            tuple(served.get(o.domain, ())),
            told.get(o.domain),
            chains.get(o.domain, Signed()),
            stsp.get(o.domain, StsPolicy()),
            tools.get(o.domain, ()),
        )
        for o in orders
    ]


async def _inside(domains: Sequence[str], services: Reach) -> dict[str, list[Inside]]:
    """What resolvers inside our network tell, by domain."""
    out: dict[str, list[Inside]] = {}
    for one in await services.inside.look(domains) if services.inside is not None else ():
        out.setdefault(one.domain, []).append(one)
    return out


async def _policy(dns: Dns, domain: str) -> StsPolicy:
    try:
        return await dns.mta_sts(domain)
    except BcpError as error:
        return StsPolicy(unasked=error.message)


async def _tools(dns: Dns, reading: Reading, services: Reach, count: int) -> tuple[str, ...]:
    """Infrastructure as code that keeps this domain's records: as the configuration says, and as its marks show."""
    said = services.domains[reading.domain].managed_by
    if said or count > MARKED:
        return (said,) if said else ()
    texts = {}
    for name in names_of(reading.domain, reading.zone or reading.domain):
        try:
            texts[name] = await dns.text(name)
        except BcpError:
            continue
    return tools_in(reading.domain, texts, reading.remarks)


async def _credential(dns: Dns, domains: Sequence[str]) -> float | None:
    return (await dns.warm(domains)).credential_ends


async def _targets(
    orders: Sequence[SwapOrder], groups: Mapping[str, Sequence[str]], services: Reach
) -> dict[str, TargetFacts]:
    """Facts about each host that would take mail, looked up once, by the first host's resolvers that know of it."""
    host_of = {d: n for n, domains in groups.items() for d in domains}
    wanted: dict[str, SwapOrder] = {}
    for order in orders:
        for mx in order.new.hosts:
            wanted.setdefault(mx.host, order)
    found = await _each(
        wanted.items(), lambda w: target_facts(w[0], w[1].domain, services.dns[host_of[w[1].domain]], services)
    )
    return {t.host: t for t in found}


async def target_facts(host: str, domain: str, dns: Dns, services: Reach) -> TargetFacts:
    """Everything about one host that would take mail for a domain: its address, its TLSA, what it shows."""
    try:
        found = await dns.look_up(host)
    except BcpError as error:
        found = HostFacts(host, problem=error.message, trouble=Trouble.ERROR)
    records: tuple[str, ...] = ()
    problem = ""
    try:
        records = await dns.tlsa(host)
    except BcpError as error:
        problem = error.message
    relays = [r for r in services.relays.values() if any(m.host == host for m in r.mx)]
    shown = [s for r in relays for s in await _shown(r, host, domain)] if records else []
    return TargetFacts(host, found, records, problem, tuple(shown), bool(relays))


async def _shown(relay: Relay, host: str, domain: str) -> list[Shown]:
    """What each address of this host showed. One that did not speak showed nothing and is left out."""
    try:
        probes = await relay.probe(domain, "")
    except BcpError:
        return []
    return [shown_of(p) for p in probes if p.host in {"", host} and (p.tls or p.accepts)]


def shown_of(probe: RelayProbe) -> Shown:
    """A relay's answer as the DANE rules see it."""
    chain = tuple(_certificate(der) for der in probe.chain)
    if not chain and probe.spki_sha256:
        chain = (Certificate(spki_sha256=probe.spki_sha256),)
    return Shown(probe.address, probe.tls not in {"", "none"}, chain, "does not name" not in probe.tls)


def _certificate(der: bytes) -> Certificate:
    from cryptography import x509
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        key = x509.load_der_x509_certificate(der).public_key()
    except ValueError:
        return Certificate(der)
    return Certificate(der, key.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo))


async def _or(work: Awaitable[list[T]], empty: list[T]) -> list[T]:
    """Results, or nothing where the host cannot be asked: the rules say what that means."""
    try:
        return await work
    except BcpError:
        return empty


async def _each(things: Iterable[T], work: Callable[[T], Awaitable[R]]) -> list[R]:
    """Side by side, some at a time, results in order."""
    gate = asyncio.Semaphore(AT_ONCE)

    async def one(thing: T) -> R:
        async with gate:
            return await work(thing)

    return list(await asyncio.gather(*(one(t) for t in things)))
