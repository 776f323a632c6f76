"""Safety rules of an MX switch: what must be true of the targets, the key, the servers and the policies before it."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.action import Refusal
from bcp.contracts.dns import Dns, SwapOrder
from bcp.contracts.services import Services
from bcp.kernel.errors import BcpError, InDoubt, Transient
from bcp.kernel.units import format_duration

Findings = tuple[list[Refusal], list[str]]


async def examine(orders: Sequence[SwapOrder], services: Services, *, to_relay: bool) -> Findings:
    """Every refusal and every note about these orders. Reads only."""
    refusals: list[Refusal] = []
    notes: list[str] = []
    for name in dict.fromkeys(services.domains[o.domain].dns for o in orders):
        mine = [o for o in orders if services.domains[o.domain].dns == name]
        back_end = services.dns[name]
        for rule in (_permission, _agreement, _targets):
            found, said = await rule(mine, back_end)
            refusals += found
            notes += said
        refusals += _shape(mine, services, to_relay)
        for order in mine if to_relay else ():
            found, said = await _policies(order, back_end, services)
            refusals += found
            notes += said
    return refusals, notes + _time(orders)


async def _permission(orders: Sequence[SwapOrder], dns: Dns) -> Findings:
    """Safety item 14: the real change behind a prerequisite that cannot hold."""
    bad = [p for p in await dns.prove(orders) if not p.allowed]
    return [Refusal("dns.not-allowed", f"{p.domain}: {p.message}", p.hint) for p in bad], []


async def _agreement(orders: Sequence[SwapOrder], dns: Dns) -> Findings:
    """Safety items 3, 9, 10, 12: all authoritative addresses serve what the primary serves, or it is said."""
    old = {o.domain: o.old for o in orders}
    refusals, notes = [], []
    for answer in await dns.answers(list(old)):
        if answer.problem:
            notes.append(f"{answer.address} could not be asked about {answer.domain} ({answer.problem}): unverified")
        elif answer.mx is None or not answer.mx.same(old[answer.domain]):
            refusals.append(
                Refusal(
                    "dns.servers-disagree",
                    f"{answer.address} serves {answer.mx} for {answer.domain}, the primary serves {old[answer.domain]}",
                    "Is a secondary behind, or is this the wrong primary?",
                    overridable=True,
                )
            )
    return refusals, notes


async def _targets(orders: Sequence[SwapOrder], dns: Dns) -> Findings:
    """Safety item 20: every target has an address and is no alias."""
    refusals = []
    for host in dict.fromkeys(h.host for o in orders for h in o.new.hosts):
        facts = await dns.look_up(host)
        if facts.cname:
            refusals.append(
                Refusal(
                    "dns.target-is-cname",
                    f"the MX target {host} is a CNAME to {facts.cname}",
                    "Use the canonical name (RFC 2181 section 10.3).",
                )
            )
        elif not facts.addresses:
            refusals.append(
                Refusal(
                    "dns.target-no-address",
                    f"the MX target {host} has no address ({facts.problem})",
                    "Mail would have nowhere to go.",
                    overridable=True,
                )
            )
    return refusals, []


def _shape(orders: Sequence[SwapOrder], services: Services, to_relay: bool) -> list[Refusal]:
    """Safety items 20 and 29: really another host; on the way back, the primary that is known today."""
    out = []
    for order in orders:
        before, after = {h.host for h in order.old.hosts}, {h.host for h in order.new.hosts}
        if to_relay and after <= before and order.new.ttl_s >= order.old.ttl_s and len(after) == len(before):
            out.append(
                Refusal(
                    "dns.same-target",
                    f"{order.domain} would point where it points now: {order.new}",
                    "Is the relay's name right?",
                )
            )
        known = services.domains[order.domain].primary
        if not to_relay and known is not None and not known.same(order.new):
            out.append(
                Refusal(
                    "dns.primary-moved",
                    f"{order.domain}: the recorded MX is {order.new}, the configuration says {known}",
                    "Exchange may have moved this domain to another host. Check it, then correct bcp.yaml.",
                    overridable=True,
                )
            )
    return out


async def _policies(order: SwapOrder, dns: Dns, services: Services) -> Findings:
    """Safety item 25: MTA-STS (RFC 8461) and TLSA (RFC 7672)."""
    refusals: list[Refusal] = []
    notes: list[str] = []
    for check in (_mta_sts, _tlsa):
        try:
            found, said = await check(order, dns, services)
            refusals += found
            notes += said
        except BcpError as error:
            notes.append(f"{order.domain}: {error.message}: not checked")
    return refusals, notes


async def _mta_sts(order: SwapOrder, dns: Dns, services: Services) -> Findings:
    if not any(t.lower().startswith("v=stsv1") for t in await dns.text(f"_mta-sts.{order.domain}")):
        return [], []
    try:
        found = await services.outside.http(
            "GET",
            f"https://mta-sts.{order.domain}/.well-known/mta-sts.txt",
            headers={},
            body="",
            timeout_s=10,
            cap=65_536,
        )
    except (Transient, InDoubt) as error:
        return [
            Refusal(
                "mta-sts.unreadable",
                f"{order.domain} announces MTA-STS and its policy cannot be read: {error.message}",
                "Senders use their cached policy: make sure that it names the relay.",
                overridable=True,
            )
        ], []
    mode, patterns = parse_policy(found.body)
    missing = [h.host for h in order.new.hosts if not any(policy_matches(p, h.host) for p in patterns)]
    if mode == "enforce" and missing:
        return [
            Refusal(
                "mta-sts.relay-missing",
                f"{order.domain} enforces MTA-STS and its policy does not name {', '.join(missing)}: senders would not deliver there",
                "Add the relay to the policy in peacetime; cached policies live for max_age.",
                overridable=True,
            )
        ], []
    return [], [
        f"{order.domain}: MTA-STS ({mode}) names every target"
        if not missing
        else f"{order.domain}: MTA-STS ({mode}) does not name {', '.join(missing)}"
    ]


def parse_policy(text: str) -> tuple[str, list[str]]:
    """Mode and ``mx`` patterns of an MTA-STS policy (RFC 8461 section 3.2)."""
    mode, patterns = "none", []
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key.strip().lower() == "mode":
            mode = value.strip().lower()
        elif key.strip().lower() == "mx":
            patterns.append(value.strip().lower().rstrip("."))
    return mode, patterns


def policy_matches(pattern: str, host: str) -> bool:
    """Does an ``mx`` pattern cover a host? ``*.`` stands for exactly one label."""
    name = host.rstrip(".").lower()
    if pattern.startswith("*."):
        return name.partition(".")[2] == pattern[2:]
    return name == pattern


async def _tlsa(order: SwapOrder, dns: Dns, services: Services) -> Findings:
    refusals = []
    for host in order.new.hosts:
        records = await dns.tlsa(host.host)
        if not records:
            continue
        digests = {
            p.spki_sha256
            for r in services.relays.values()
            if any(m.host == host.host for m in r.mx)
            for p in await r.probe(order.domain, "")
            if p.spki_sha256
        }
        wanted = {r.split()[-1].lower() for r in records if r.startswith("3 1 1")}
        if not digests & wanted:
            refusals.append(
                Refusal(
                    "dane.mismatch",
                    f"{host.host} publishes TLSA records that do not match the certificate it shows",
                    "Senders with DANE would not deliver there. Repair the TLSA records.",
                    overridable=True,
                )
            )
    return refusals, []


def _time(orders: Sequence[SwapOrder]) -> list[str]:
    """Safety items 22 and 23: how long until it is felt."""
    notes = []
    slowest = max(orders, key=lambda o: o.old.ttl_s, default=None)
    if slowest is not None:
        notes.append(
            f"caches may keep the old MX for up to {format_duration(slowest.old.ttl_s)} after the switch; senders that failed before try again on their own schedule"
        )
        if slowest.old.ttl_s > 3600:
            notes.append(f"the TTL of {slowest.domain} ({slowest.old.ttl_s} s) is above 3600: lower it in peacetime")
    return notes
