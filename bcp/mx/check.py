"""Could this domain's MX be moved today? One line for each thing that a switch needs. Pure: facts in, lines out."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bcp.contracts.action import Refusal
from bcp.contracts.dns import Accepted, Chain, MxSet, Permission, Proof, Reading, Trouble
from bcp.kernel.clock import iso
from bcp.kernel.units import format_duration
from bcp.kit.rdap import Registration
from bcp.mx.accepted import NOT_KNOWN, differences
from bcp.mx.facts import DomainFacts, Facts
from bcp.mx.judged import CLEAR, Judged, no, note
from bcp.mx.rules import (
    SIGNATURE_ENDS_S,
    delegated_here,
    hosts_agree,
    inside_agrees,
    managed_elsewhere,
    permitted,
    servers_agree,
    signatures_hold,
    sts_names_target,
    ttl_fits,
    wildcard_said,
)
from bcp.mx.target_rules import HIGH_TTL_S


@dataclass(frozen=True, slots=True)
class Line:
    """One thing that was looked at."""

    domain: str
    aspect: str
    """``reach``, ``mx``, ``right``, ``servers``, ``delegation``, ``dnssec``, ``ttl``, ``wildcard``, ``code``,
    ``mta-sts``, ``accepted``, ``registry``, ``second-way``."""
    state: str
    """``ok``, ``warn``, ``fail``."""
    message: str
    rule: str = ""
    hint: str = ""


def unreadable(reading: Reading, why: Refusal) -> list[Line]:
    """The only line about a domain with which no switch can begin."""
    return [Line(reading.domain, "reach", "fail", why.message, why.rule, why.hint)]


def elsewhere(domain: str, now: MxSet, primary: MxSet | None, relays: Collection[str]) -> list[Line]:
    """Mail goes to hosts that are neither the primary's nor a relay's: somebody moved it, or the configuration is of
    yesterday, and no way back would lead to where it goes today."""
    foreign = [h.host for h in now.hosts if primary and h.host not in {p.host for p in primary.hosts} | {*relays}]
    if not foreign:
        return []
    text = f"mail for {domain} goes to {', '.join(foreign)}, which bcp.yaml does not name: its primary is {primary}"
    hint = "Did somebody move it? Put it back, or correct domains: primary: the way back leads there."
    return [Line(domain, "mx", "fail", text, "dns.mx-elsewhere", hint)]


def lines_of(d: DomainFacts, facts: Facts) -> list[Line]:
    """All lines about a domain that can be read."""
    out = [Line(d.order.domain, "reach", "ok", f"{d.reading.mx or d.order.old}, zone {d.reading.zone}")]
    if d.reading.detour:
        hint = "Repair it: there is no third way."
        out = [Line(d.order.domain, "reach", "warn", f"read {d.reading.detour}", "dns.first-way", hint)]
    for aspect, rules, fine in ASPECTS:
        judged = CLEAR
        for rule in rules:
            judged += rule(d, facts)
        out += _lines(d.order.domain, aspect, judged) or [Line(d.order.domain, aspect, "ok", fine(d))]
    return [line for line in out if line.message]


def _lines(domain: str, aspect: str, judged: Judged) -> list[Line]:
    failed = [Line(domain, aspect, "fail", r.message, r.rule, r.hint) for r in judged.refusals]
    return failed + [Line(domain, aspect, "warn", text, NOTES.get(aspect, "")) for text in judged.notes]


def second_way(proof: Proof, name: str) -> Line:
    """Item 28: would the second way to the zone work today?"""
    if proof.permission is Permission.ALLOWED:
        return Line(proof.domain, "second-way", "ok", f"{name} may change it, too (tried like the first)")
    state = "fail" if proof.permission is Permission.NOT_ALLOWED else "warn"
    text = f"the second way {name}: {proof.message or 'cannot say whether we may change it'}"
    return Line(proof.domain, "second-way", state, text, "dns.second-way", proof.hint)


def not_lame(d: DomainFacts, facts: Facts) -> Judged:
    """Item 12: a server that the world is sent to and that does not know the zone answers a part of all senders with
    nothing."""
    lame = sorted({a.address for a in d.answers if a.trouble is Trouble.LAME})
    if not lame:
        return CLEAR
    return no(
        "dns.lame",
        f"{', '.join(lame)} is named as a server of {d.order.domain} and answers without authority",
        "Repair it, or take it out of the delegation.",
        overridable=True,
    )


def somebody_answers(d: DomainFacts, facts: Facts) -> Judged:
    """Item 10, where nobody at all answers: a check that has seen nothing of what the world gets is not *ok*."""
    if any(not a.problem or a.trouble is Trouble.LAME for a in d.answers):
        return CLEAR
    return no(
        NOBODY,
        f"no authoritative server of {d.order.domain} answers here: what the world gets could not be seen",
        "Are they up, and may this machine ask them (port 53, UDP and TCP)?",
        overridable=True,
    )


def signatures_last(d: DomainFacts, facts: Facts) -> Judged:
    """Item 24, where it is no note that they last: the line says until when anyway."""
    ends = d.signed.expires
    lasting = d.signed.chain is not Chain.BOGUS and ends is not None and ends - facts.now >= SIGNATURE_ENDS_S
    return CLEAR if lasting else signatures_hold(d, facts)


def ttl_is_short(d: DomainFacts, facts: Facts) -> Judged:
    """Item 22: the old TTL is what an outage costs after the switch."""
    ttl = d.order.old.ttl_s
    if ttl <= HIGH_TTL_S:
        return CLEAR
    return note(f"TTL {ttl} s: senders keep the old MX for up to {format_duration(ttl)}; lower it in peacetime")


def accepted_lines(accepted: Accepted | None, ours: Sequence[str], asked: Sequence[str]) -> list[Line]:
    """Item 32: what the tenant accepts and the configuration does not have, and the other way round. ``asked``: only
    these domains are meant; empty: all."""
    if accepted is None:
        return []
    if accepted.problem:
        name = asked[0] if asked else ours[0]
        text = f"what the tenant accepts is not known: {accepted.problem}"
        return [Line(name, "accepted", "warn", text, NOT_KNOWN, "Check accepted_domains: in bcp.yaml.")]
    found = [f for f in differences(accepted, ours) if not asked or f.domain in asked]
    return [Line(f.domain, "accepted", "warn", f.message, f.rule, f.hint) for f in found]


def credential_line(domain: str, host: str, ends: float | None, now: float, warn_s: float) -> list[Line]:
    """Item 14: a credential that ends soon ends in an outage, when nobody can renew it. One that has ended is refused
    elsewhere."""
    if ends is None or not 0 < ends - now < warn_s:
        return []
    text = f"the credential of {host} ends on {iso(ends)[:10]}, in {format_duration(ends - now)}"
    return [Line(domain, "credential", "warn", text, hint="Renew it now, and look until when it is good.")]


NOBODY = "dns.nobody-serves"
"""Rule of ``somebody_answers``."""
GONE = frozenset({"client hold", "server hold", "inactive", "redemption period", "pending delete"})
"""Registry states (RFC 8056) in which a domain is not, or soon no longer, in DNS: no MX of it is found."""
REGISTRATION_ENDS_S = 30 * 86_400.0


def registry_line(domain: str, found: Registration, now: float) -> Line:
    """Item 18: what the registry says. A lock against transfers or changes does not touch an MX in a zone."""
    if found.problem:
        text = f"what the registry says of {found.domain} is not known: {found.problem}"
        return Line(domain, "registry", "warn", text)
    if held := sorted(GONE & set(found.status)):
        text = f"{found.domain} is in the state {', '.join(held)} at its registry: it is not in DNS, or soon is not"
        return Line(domain, "registry", "fail", text, "dns.registration-held", "Ask the registrar at once.")
    until = f"registered until {iso(found.expires)}" if found.expires is not None else "registered"
    if found.expires is not None and found.expires - now < REGISTRATION_ENDS_S:
        text = f"{found.domain} is {until}: renew it"
        return Line(domain, "registry", "warn", text, "dns.registration-ends", "Renew it at the registrar.")
    locked = any("prohibited" in s for s in found.status)
    more = "; locked, which does not keep an MX from being changed" if locked else ""
    return Line(domain, "registry", "ok", f"{found.domain} is {until}{more}")


def _right(d: DomainFacts) -> str:
    sure = d.proof is not None and d.proof.permission is Permission.ALLOWED
    return "we may change it (tried behind a condition that cannot hold)" if sure else ""


def _servers(d: DomainFacts) -> str:
    count = sum(1 for a in d.answers if not a.problem)
    return f"{count} authoritative address(es) serve what the host has"


def _inside(d: DomainFacts) -> str:
    """Nothing, where the configuration names no resolver inside."""
    return f"{', '.join(i.resolver for i in d.inside)} inside our network tells what the world gets" if d.inside else ""


def _delegation(d: DomainFacts) -> str:
    world = d.delegation.world if d.delegation is not None else ()
    return f"delegated to {', '.join(world)}" if world else "name servers are not known to the resolvers"


def _dnssec(d: DomainFacts) -> str:
    until = f", signatures until {iso(d.signed.expires)}" if d.signed.expires is not None else ""
    said = {
        Chain.SECURE: "signed and validated",
        Chain.INSECURE: "signed, not validated by this resolver" if until else "not signed",
        Chain.UNKNOWN: "not known: no resolver answers",
    }
    return said.get(d.signed.chain, "") + until


def _ttl(d: DomainFacts) -> str:
    return f"TTL {d.order.old.ttl_s} s: senders follow within {format_duration(d.order.old.ttl_s)} of a switch"


Rule = Callable[[DomainFacts, Facts], Judged]
ASPECTS: tuple[tuple[str, tuple[Rule, ...], Callable[[DomainFacts], str]], ...] = (
    ("right", (permitted,), _right),
    ("servers", (servers_agree, hosts_agree, somebody_answers), _servers),
    ("inside", (inside_agrees,), _inside),
    ("delegation", (delegated_here, not_lame), _delegation),
    ("dnssec", (signatures_last,), _dnssec),
    ("ttl", (ttl_is_short, ttl_fits), _ttl),
    ("wildcard", (wildcard_said,), lambda d: "a record of its own"),
    ("code", (managed_elsewhere,), lambda d: "no mark of infrastructure as code"),
    ("mta-sts", (sts_names_target,), lambda d: "none announced" if not d.sts.announced else "names every target"),
)
"""What is looked at, the rules about it, and what is said where they have nothing to say (empty: nothing)."""


NOTES = {"inside": "dns.inside-differs", "code": "dns.managed-elsewhere", "dnssec": "dns.signatures-end"}
"""Rules whose word is a warning and no refusal."""


def worst(lines: list[Line]) -> str:
    """``fail``, ``warn`` or ``ok``."""
    states = {line.state for line in lines}
    return next((s for s in ("fail", "warn") if s in states), "ok")
