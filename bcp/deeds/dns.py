"""Looks at DNS that change nothing: could MX be moved, what should the credential be allowed, who serves what."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pydantic import BaseModel

from bcp import registry
from bcp.contracts.dns import Capabilities, MxSet, SwapOrder
from bcp.contracts.dns_settings import DnsPlugin
from bcp.deeds import forecast
from bcp.deeds.named import as_configured
from bcp.kernel.clock import SystemClock
from bcp.kernel.document import did_you_mean
from bcp.kernel.endpoint import Endpoint, parse_endpoint
from bcp.kernel.errors import Invalid
from bcp.kernel.secret import Secret
from bcp.kit.http import Http
from bcp.kit.inside import mx_told
from bcp.kit.rdap import Registration, registration
from bcp.mx.check import (
    Line,
    accepted_lines,
    credential_line,
    elsewhere,
    lines_of,
    registry_line,
    second_way,
    unreadable,
)
from bcp.mx.facts import Way
from bcp.mx.forecast import Forecast
from bcp.mx.judged import together
from bcp.mx.read import gather, read_all
from bcp.mx.rules import readable
from bcp.mx.serving import Served
from bcp.mx.target import RELAY_TTL_S
from bcp.mx.target_rules import HOST_RULES
from bcp.wiring import App
from bcp.wiring.world import TOGETHER, UNMOVED


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check found."""

    lines: tuple[Line, ...] = ()
    hosts: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """What each host does not promise, by the name of the back end."""
    forecast: Forecast | None = None


def chosen(app: App, domains: Sequence[str]) -> list[str]:
    """The domains that are meant: those that are named, else all whose MX we move.

    Raises:
        Invalid: one of them is not in the configuration, or there is none that we move.
    """
    found = as_configured(app, domains) or [n for n, d in app.world.domains.items() if d.dns != UNMOVED]
    if not found:
        raise Invalid("bcp.yaml names no DNS back end: no MX is moved by us", hint="Add one under dns:.")
    return found


async def check(app: App, domains: Sequence[str] = (), *, rdap: bool = False) -> Checked:
    """Read everything that a switch to the relay would need, and judge it. Changes nothing. ``rdap``: ask the domains'
    registries, too."""
    names = chosen(app, domains)
    readings = {r.domain: r for r in await read_all(names, app.world)}
    lines: dict[str, list[Line]] = {}
    orders = []
    for name in names:
        reading = readings[name]
        why = readable(reading)
        if why is not None or reading.mx is None:
            lines[name] = unreadable(reading, why) if why is not None else []
        else:
            orders.append(SwapOrder(name, reading.mx, _target(app, reading.mx, app.world.domains[name].dns)))
    facts = await gather(orders, readings, app.world, Way.TO_RELAY)
    judged = {n: together(rule(n, facts) for rule in HOST_RULES) for n in facts.hosts}
    relays = {h.host for s in app.world.relay_settings.values() for h in s.published()}
    for d in facts.domains:
        name = d.order.domain
        credential = [Line(name, "credential", "fail", r.message, r.rule, r.hint) for r in judged[d.dns].refusals]
        ends = facts.credential_ends.get(d.dns)
        credential += credential_line(name, d.dns, ends, app.clock.now(), app.settings.readiness.warn_before)
        lines[name] = lines_of(d, facts) + elsewhere(name, d.order.old, d.primary, relays) + credential
    for line in await _second_ways(app, orders):
        lines[line.domain].append(line)
    for line in await _registries(app, {n: readings[n].zone or n for n in names}) if rdap else ():
        lines.setdefault(line.domain, []).append(line)
    for x in accepted_lines(app.world.accepted, list(app.world.domains), domains):
        lines.setdefault(x.domain, []).append(x)
    said = {n: j.notes for n, j in judged.items()}
    return Checked(
        tuple(x for n in dict.fromkeys([*names, *lines]) for x in lines.get(n, [])), said, await forecast.now(app)
    )


async def _second_ways(app: App, orders: Sequence[SwapOrder]) -> list[Line]:
    """Each second way tried, for the domains that have one."""
    from bcp.mx.second import SecondWay

    out: list[Line] = []
    for name, way in app.world.dns.items():
        mine = [o for o in orders if name in app.world.domains[o.domain].dns.split(TOGETHER)]
        if isinstance(way, SecondWay) and mine:
            out += [second_way(p, way.other) for p in await way.prove_second(mine)]
    return out


async def _registries(app: App, zones: Mapping[str, str]) -> list[Line]:
    """What the registry says of each domain's zone; each zone is asked about once."""
    http, gate = Http(connections=4), asyncio.Semaphore(4)

    async def one(zone: str) -> Registration:
        async with gate:
            return await registration(http, zone, app.settings.rdap)

    try:
        wanted = sorted(set(zones.values()))
        found = dict(zip(wanted, await asyncio.gather(*map(one, wanted)), strict=True))
    finally:
        await http.close()
    return [registry_line(d, found[z], app.clock.now()) for d, z in zones.items()]


def _target(app: App, now: MxSet, dns: str) -> MxSet:
    """Where a switch would point: the only relay. With several, or none, the same hosts: the right is the same."""
    relays = list(app.world.relay_settings.values())
    hosts = tuple(relays[0].published()) if len(relays) == 1 else now.hosts
    can = app.world.dns[dns].capabilities
    return MxSet(hosts, min(max(RELAY_TTL_S, can.min_ttl_s), can.max_ttl_s))


def policies(app: App, back_ends: Sequence[str] = ()) -> dict[str, str]:
    """What each back end's credential should be allowed, as text to paste. Asks its host for the zones' names only
    where the configuration does not say them.

    Raises:
        Invalid: there is no such back end.
    """
    given = app.configuration.plugins["dns"]
    for name in back_ends:
        if name not in given:
            raise Invalid(f"there is no DNS back end {name!r}", hint=did_you_mean(name, given))
    out = {}
    for name in back_ends or list(given):
        plugin, settings = registry.find(DnsPlugin, given[name].kind), given[name]
        serves = {name, *(n for n, s in given.items() if getattr(s, "second", "") == name)}
        mine = [d for d in app.world.domains.values() if serves & set(d.dns.split(TOGETHER))]
        zones = {d.name: d.zone or d.name for d in mine}
        policy = plugin.policy
        out[name] = policy(settings, zones) if policy is not None else ""
    return out


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind of back end."""

    kind: str
    doc: str
    capabilities: Capabilities
    """As it is configured here; else with the defaults of its settings."""
    back_ends: tuple[str, ...] = ()
    """Those of this kind in the configuration."""


def kinds(app: App | None) -> list[Kind]:
    """Every kind of DNS host that is supported, and what it promises. Asks nobody."""
    given = app.configuration.plugins["dns"] if app is not None else {}
    out = []
    for kind, plugin in registry.each("dns").items():
        names = tuple(n for n, s in given.items() if s.kind == kind)
        if app is not None and names:
            can = app.world.dns[names[0]].capabilities
        else:
            can = registry.find(DnsPlugin, kind).create(kind, _sample(kind), SystemClock(), {}).capabilities
        out.append(Kind(kind, plugin.doc, can, names))
    return out


def _sample(kind: str) -> Any:
    """Settings of a kind with nothing but defaults, and placeholders where there is none: only to ask what it can."""
    return _filled(registry.find(DnsPlugin, kind).settings)


def _filled(model: type[BaseModel]) -> Any:
    places: dict[Any, Any] = {str: "127.0.0.1", int: 1, Secret: Secret("env:NONE")}
    values = {}
    for name, field_ in model.model_fields.items():
        if field_.is_required():
            kind: Any = field_.annotation
            inner = isinstance(kind, type) and issubclass(kind, BaseModel)
            values[name] = _filled(kind) if inner else places.get(kind, {})
    return model.model_construct(**values)


# -- who serves what -------------------------------------------------------------------------------------------------


async def look(app: App, domains: Sequence[str], resolvers: Mapping[str, str]) -> list[Served]:
    """Every authoritative address and every named resolver asked once, side by side."""
    by_host: dict[str, list[str]] = {}
    for domain in domains:
        by_host.setdefault(app.world.domains[domain].dns, []).append(domain)
    sources = [_authoritative(app, n, group) for n, group in by_host.items()]
    caches = [_cached(app, n, parse_endpoint(a), domains) for n, a in resolvers.items()]
    return [s for part in await asyncio.gather(*sources, *caches) for s in part]


async def _authoritative(app: App, name: str, domains: Sequence[str]) -> list[Served]:
    found = await app.world.dns[name].answers(domains)
    now = app.clock.now()
    return [Served(a.domain, a.address, False, a.mx, a.problem, now) for a in found]


async def _cached(app: App, name: str, endpoint: Endpoint, domains: Sequence[str]) -> list[Served]:
    told = await mx_told(name, endpoint, domains)
    now = app.clock.now()
    return [Served(d, name, True, mx, problem, now) for d, (mx, problem) in zip(domains, told, strict=True)]


async def wanted(app: App, domains: Sequence[str], to: str = "") -> dict[str, MxSet]:
    """What is waited for: the relay's hosts, the primary, or, unless said otherwise, what each host has now.

    Raises:
        Invalid: the host cannot be read, there is no such MX, or ``to`` is another word.
    """
    if to not in {"", "relay", "primary"}:
        raise Invalid(f"--to {to!r}: relay or primary", hint="Without it: what the DNS host has now.")
    out: dict[str, MxSet] = {}
    for reading in [] if to else await read_all(domains, app.world):
        if reading.mx is None:
            text = f"{reading.domain}: {reading.problem or 'no MX'}"
            raise Invalid(text, hint="Say what is waited for: --to relay or --to primary.")
        out[reading.domain] = reading.mx
    for domain in domains if to else ():
        d = app.world.domains[domain]
        found = d.primary if to == "primary" else _target(app, MxSet((), 0), d.dns)
        if found is None or not found.hosts:
            raise Invalid(f"bcp.yaml does not say which MX {to} is for {domain}", hint="domains: primary:, or relays:.")
        out[domain] = found
    return out
