"""Looks at what a switch of MX needs: the same look at DNS as ``bcp dns check``, the relays, the channels."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from bcp.contracts.channel import Check as Line
from bcp.contracts.dns import Dns
from bcp.contracts.readiness import NO_PLAYBOOK, Check, State
from bcp.contracts.relay import Relay, RelayProbe
from bcp.deeds import dns as deed
from bcp.deeds.readiness.scope import Scope
from bcp.kernel.errors import BcpError
from bcp.kit.certificates import validity
from bcp.mx import check as lines
from bcp.mx.facts import TargetFacts
from bcp.mx.read import target_facts
from bcp.mx.target_rules import TARGET_RULES
from bcp.ready import fate as judged
from bcp.ready import wires
from bcp.ready.papers import CertificateFacts, certificate
from bcp.ready.standing import each_once
from bcp.wiring import App
from bcp.wiring.world import UNMOVED

NOBODY = "bcp-nobody-of-this-name"
"""Local part of an address that does not exist."""
DOMAINS = 5
"""Of so many domains, the most important ones, each relay is asked."""


async def dns(app: App, scope: Scope) -> list[Check]:
    """May each MX be moved now, and where would mail go?"""
    books = scope.movers
    still = [n for n, d in app.world.domains.items() if d.dns == UNMOVED]
    out = [wires.unmoved(n, books) for n in still] if books else []
    if len(still) == len(app.world.domains):
        return out
    found = await deed.check(app)
    out += wires.dns(found.lines, books)
    for name, host in app.world.dns.items():
        if host.capabilities.leans:
            out.append(wires.leans(name, host.capabilities.leans, books))
    return out


async def fate(app: App, scope: Scope) -> list[Check]:
    """Names and networks of the relays against those where mail goes today, and where people read our page."""
    domain = next((d for d in app.world.domains.values() if d.dns != UNMOVED), None)
    out, relays, org = list[Check](), app.world.relays, app.settings.organisation
    if domain is not None:
        dns = app.world.dns[domain.dns]
        usual = [h.host for d in app.world.domains.values() if d.primary for h in d.primary.hosts][:DOMAINS]
        primary = await asyncio.gather(*(_seen(dns, h) for h in dict.fromkeys(usual)))
        for name, found in relays.items():
            hosts = await asyncio.gather(*(_seen(dns, h.host) for h in found.mx))
            out.append(judged.relay(name, hosts, primary, scope.using(relay=name)))
    pages = [c.place() for c in app.world.channels.values() if c.form == "page"]
    read_at = judged.page_hosts([org.status_page, *pages])
    if domain is None:
        return [judged.page(judged.HostSeen(h)) for h in read_at]
    seen = await asyncio.gather(*(_seen(app.world.dns[domain.dns], h) for h in read_at))
    return [*out, *map(judged.page, seen)]


async def _seen(dns: Dns, host: str) -> judged.HostSeen:
    """As a resolver tells it; what cannot be asked is known by its name alone."""
    try:
        found = await dns.look_up(host)
    except BcpError:
        return judged.HostSeen(host.rstrip("."))
    return judged.HostSeen(host.rstrip("."), str(found.cname or "").rstrip("."), found.addresses)


async def _targets(app: App, relay: Relay) -> list[TargetFacts]:
    """Each host of a relay as senders look it up, by the resolvers of our first domain that is moved."""
    domain = next((d for d in app.world.domains.values() if d.dns != UNMOVED), None)
    if domain is None:
        return []
    dns = app.world.dns[domain.dns]
    return [await target_facts(h.host, domain.name, dns, app.world) for h in relay.mx]


def _target(target: TargetFacts, books: tuple[str, ...]) -> list[Check]:
    """A relay's host as senders look it up: its address, and its TLSA records (RFC 7672)."""
    out = []
    for code, rule in zip(("relay-address", "relay-tlsa"), TARGET_RULES, strict=True):
        judged = rule(target)
        state: State = "fail" if judged.refusals else ("risk" if judged.notes else "ok")
        first = next(iter(judged.refusals), None)
        says = first.message if first else next(iter(judged.notes), FINE[code])
        hint = first.hint if first else "Repair it in its zone, then: bcp dns check" if judged.notes else ""
        out.append(Check(code, target.host.rstrip("."), state, says, hint, None, books))
    return out


FINE = {"relay-address": "it has an address", "relay-tlsa": "no TLSA record forbids its certificate"}


async def relay(app: App, scope: Scope, name: str) -> list[Check]:
    """One relay: a recipient who exists, one who does not, its certificate, its queue. Sends nothing."""
    found, out, books = app.world.relays[name], list[Check](), scope.using(relay=name)
    settings = app.world.relay_settings.get(name)
    for domain in list(app.world.domains)[:DOMAINS]:
        whom = settings.whom(domain) if settings is not None else ""
        good = await found.probe(domain, whom)
        bad = await found.probe(domain, f"{NOBODY}@{domain}") if any(p.accepts for p in good) else []
        facts = wires.RelayFacts(name, domain, tuple(good), tuple(bad), whom, books)
        out += wires.relay(facts)
        out += _certificates(app, good, books)
    out += [c for t in await _targets(app, found) for c in _target(t, books)]
    out.append(wires.queue(await _queue(found, books)))
    return list(each_once(out))


def _certificates(app: App, probes: Sequence[RelayProbe], books: tuple[str, ...]) -> list[Check]:
    out = []
    for p in (p for p in probes if p.tls):
        ends = validity(p.chain[0]) if p.chain else None
        facts = CertificateFacts(
            "relay-certificate",
            p.host.rstrip(".") or p.address,
            ends.ends if ends else None,
            "" if p.tls in {"ok", "none"} else p.tls,
            p.tls != "none",
            books,
        )
        out.append(certificate(facts, app.clock.now(), app.settings.readiness.warn_before))
    return out


async def _queue(relay: Relay, books: tuple[str, ...]) -> wires.QueueFacts:
    if not relay.can_count:
        return wires.QueueFacts(relay.name, can_count=False, playbooks=books)
    try:
        return wires.QueueFacts(relay.name, count=len(await relay.queue()), playbooks=books)
    except BcpError as error:
        return wires.QueueFacts(relay.name, problem=error.message, playbooks=books)


async def channel(app: App, scope: Scope, name: str) -> list[Check]:
    """An authenticated look that sends nothing."""
    books = scope.using(channel=name) or NO_PLAYBOOK
    return [_said(name, line, books) for line in await app.world.channels[name].check()]


def _said(name: str, line: Line, books: tuple[str, ...]) -> Check:
    state = wires.STATES.get(line.state, "unknown")
    text = line.message if line.subject in {"", name} else f"{line.subject}: {line.message}"
    subject = name if line.subject in {"", name} else f"{name} {line.subject}"
    return Check("channel", subject, state, text, line.hint, None, books)


async def accepted(app: App, scope: Scope) -> list[Check]:
    """What the tenant accepts mail for, against ``bcp.yaml``, where we move no domain (else ``dns`` has it)."""
    if any(d.dns != UNMOVED for d in app.world.domains.values()):
        return []
    return wires.dns(lines.accepted_lines(app.world.accepted, list(app.world.domains), []), scope.movers)
