"""Safety rules of an MX switch: facts in, refusals and notes out. Nothing here reads, waits or looks at a clock.

The numbers are those of the safety list in ``docs/reference/mx-safety-list.md``. A refusal that is not ``overridable``
stands for what can never be right; the others may be overridden by a person, with a reason that is recorded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from bcp.contracts.action import Refusal
from bcp.contracts.dns import Answer, Capabilities, Chain, Permission, Proof, Reading, Trouble
from bcp.kernel.clock import iso
from bcp.kernel.units import format_duration
from bcp.mx.accepted import tenant_agrees
from bcp.mx.facts import DomainFacts, Facts, Way
from bcp.mx.joined import held, said
from bcp.mx.judged import CLEAR, Judged, no, note, together
from bcp.mx.markers import pause
from bcp.mx.outcome import wait_of
from bcp.mx.sts import policy_matches
from bcp.mx.target_rules import HOST_RULES, TARGET_RULES, felt

PASSING = frozenset({"dns.silent", "dns.not-proven", "dns.target-unknown", "mta-sts.unreadable", "dane.not-checked"})
"""Rules whose refusal may be over in a moment: a server was silent, and may answer the next time."""
SIGNATURE_ENDS_S = 86_400.0
"""Signatures that end within a day may end within the outage."""


def judge(facts: Facts) -> Judged:
    """Every refusal and every note about these facts."""
    return (
        together(rule(d, facts) for d in facts.domains for rule in DOMAIN_RULES)
        + together(rule(t) for t in facts.targets.values() for rule in TARGET_RULES)
        + together(host(name, facts) for name in facts.hosts for host in HOST_RULES)
        + felt(facts.domains)
        + detours(facts)
        + covered(facts)
    )


def covered(facts: Facts) -> Judged:
    """Item 32: what the tenant accepts, against what the configuration has. On the way back nothing is left behind."""
    leaves = any(d.way is Way.TO_RELAY for d in facts.domains)
    return tenant_agrees(facts.accepted, facts.ours) if leaves else CLEAR


def detours(facts: Facts) -> Judged:
    """Item 28: domains that go by the second way of their host, each reason once."""
    groups: dict[str, list[str]] = {}
    for d in facts.domains:
        if d.reading.detour:
            groups.setdefault(d.reading.detour, []).append(d.order.domain)
    shown = {t: ", ".join(n[:3]) + (f" and {len(n) - 3} more" if len(n) > 3 else "") for t, n in groups.items()}
    return note(*(f"{names}: {text}" for text, names in shown.items())) if shown else CLEAR


# -- one reading, before there is an order ---------------------------------------------------------------------------


def readable(reading: Reading) -> Refusal | None:
    """Items 1, 2, 8, 12, 19: can what stands there be the beginning of a switch? ``None``: yes."""
    if reading.cname:
        return Refusal(
            "dns.cname",
            f"{reading.domain} is a CNAME to {reading.cname}; an MX cannot stand beside it",
            "Use the name it points to (RFC 1034 section 3.6.2).",
        )
    if reading.problem:
        return _unreadable(reading)
    if reading.mx is None:
        return Refusal(
            "dns.no-mx-now",
            f"{reading.domain} has no MX now: there is nothing to come back to",
            "Publish the primary MX first.",
        )
    if reading.mx.null:
        return Refusal(
            "dns.null-mx",
            f"{reading.domain} has a null MX: it says that it takes no mail (RFC 7505)",
            "Leave it out of domains:, or publish its primary MX first.",
        )
    return None


def _unreadable(reading: Reading) -> Refusal:
    text, hint = f"{reading.domain}: {reading.problem}", "Check dns: and domains: in bcp.yaml."
    if reading.trouble.passing and reading.retry_after_s >= 1:
        hint = f"Nothing was changed. Try again in {wait_of(reading.retry_after_s)}."
        return Refusal("dns.silent", text, hint, redo=True)
    if reading.trouble.passing:
        hint = "A server that is silent may answer in a moment: try again, or see its log."
        return Refusal("dns.silent", text, hint, redo=True)
    if reading.trouble is Trouble.TWO_ZONES:
        return Refusal(
            "dns.two-zones", text, "Set zone_ids: of this DNS host in bcp.yaml to the id of the zone that is meant."
        )
    if reading.trouble is Trouble.NO_ZONE:
        return Refusal("dns.zone-missing", text, f"{hint} A zone is never created.")
    if reading.trouble is Trouble.NOT_ALLOWED:  # the host's own words say what is to be mended: a key, a right, a clock
        return Refusal("dns.unreadable", text, "Nothing was changed. Plan again when that is mended.", redo=True)
    return Refusal("dns.unreadable", text, hint)


# -- each domain -----------------------------------------------------------------------------------------------------


def target_is_mail(d: DomainFacts, facts: Facts) -> Judged:
    """Item 8: never no MX, never a null MX."""
    if not d.order.new.hosts:
        return no("dns.no-target", f"{d.order.domain} would be left without MX", "This is a fault: please report it.")
    if d.order.new.null:
        return no(
            "dns.null-target",
            f"{d.order.domain} would get a null MX, which tells the world that it takes no mail (RFC 7505)",
            "Give domains: primary: in bcp.yaml the real hosts.",
        )
    return CLEAR


def really_another(d: DomainFacts, facts: Facts) -> Judged:
    """Item 20: a switch to where mail goes already is a mistake in a name."""
    before, after = {h.host for h in d.order.old.hosts}, {h.host for h in d.order.new.hosts}
    lowers_ttl = d.order.new.ttl_s < d.order.old.ttl_s
    if d.way is Way.TO_RELAY and before == after and not lowers_ttl:
        return no(
            "dns.same-target",
            f"{d.order.domain} would point where it points now: {d.order.new}",
            "Is the relay's name right?",
        )
    return CLEAR


def primary_unmoved(d: DomainFacts, facts: Facts) -> Judged:
    """Item 29: the way back leads to the primary that is known today. A relay that stands behind it is no other one."""
    if d.way is not Way.BACK or d.primary is None:
        return CLEAR
    known = {h.host for h in d.primary.hosts}
    wanted = [h for h in d.order.new.hosts if h.host in known or not getattr(facts.targets.get(h.host), "ours", False)]
    if set(wanted) != set(d.primary.hosts):
        return no(
            "dns.primary-moved",
            f"{d.order.domain}: the recorded MX is {d.order.new}, the configuration says {d.primary}",
            "Exchange may have moved this domain to another host. Check it, then correct bcp.yaml.",
            overridable=True,
        )
    return CLEAR


def ttl_fits(d: DomainFacts, facts: Facts) -> Judged:
    """Item 22: a TTL that the host does not take is refused, not changed silently."""
    host = facts.hosts.get(d.dns, Capabilities())
    if host.min_ttl_s <= d.order.new.ttl_s <= host.max_ttl_s:
        return CLEAR
    return no(
        "dns.ttl-out-of-range",
        f"{d.order.domain}: {d.dns} takes TTLs from {host.min_ttl_s} to {host.max_ttl_s} s, not {d.order.new.ttl_s}",
        f"Set ttl: {max(host.min_ttl_s, min(d.order.new.ttl_s, host.max_ttl_s))} in the playbook.",
    )


def permitted(d: DomainFacts, facts: Facts) -> Judged:
    """Item 14: the real change was tried behind a condition that cannot hold."""
    proof = d.proof or Proof(d.order.domain, Permission.CANNOT_SAY, "the host was not asked")
    if proof.permission is Permission.ALLOWED:
        return CLEAR
    text = f"{d.order.domain}: {proof.message or 'this credential may not change its MX'}"
    if proof.permission is Permission.NOT_ALLOWED:
        return no("dns.not-allowed", text, proof.hint or "Give it the right to change MX here, and no other.")
    if not facts.hosts.get(d.dns, Capabilities()).proves:
        return note(f"{d.order.domain}: whether we may change it shows only when it is done ({d.dns} cannot say)")
    return no(
        "dns.not-proven",
        f"{d.order.domain}: whether we may change it could not be shown: {proof.message}",
        proof.hint or "Try again in a moment.",
        overridable=True,
        redo=not proof.hint,
    )


def servers_agree(d: DomainFacts, facts: Facts) -> Judged:
    """Items 3, 9, 10: every authoritative address serves what the host has, or it is said."""
    if not d.answers:
        return note(f"no authoritative server could be asked about {d.order.domain}: unverified")
    return together(_served(a, d) for a in d.answers)


def _served(a: Answer, d: DomainFacts) -> Judged:
    old, new = d.order.old, d.order.new
    if a.referred.endswith(f".{d.reading.zone}"):
        return no(
            "dns.delegated-elsewhere",
            f"{a.address} sends whoever asks for {a.domain} on: {a.referred} is delegated out of {d.reading.zone}",
            "Name the host that has that zone at this domain: a change here would reach nobody.",
            overridable=True,
        )
    if a.problem:
        kind = "does not answer" if a.trouble.passing else "could not be asked"
        return note(f"{a.address} {kind} about {a.domain} ({a.problem}): unverified")
    if old.same(a.mx):
        return CLEAR
    if new.same(a.mx):
        return note(f"{a.address} serves {a.mx} for {a.domain} already: it is behind, or ahead of, the others")
    return no(
        "dns.servers-disagree",
        f"{a.address} serves {a.mx or 'no MX'} for {a.domain}, the host has {old}",
        "Is a secondary behind, is there another view, or is this the wrong host?",
        overridable=True,
    )


def inside_agrees(d: DomainFacts, facts: Facts) -> Judged:
    """Item 3: a view inside our network that tells another MX is not moved with the one outside. Never a refusal."""
    old, new = d.order.old, d.order.new
    other = [i for i in d.inside if not i.problem and not old.same(i.mx) and not new.same(i.mx)]
    silent = [i for i in d.inside if i.problem]
    return note(
        *(
            f"inside our network {i.resolver} tells {i.mx or 'no MX'} for {i.domain}, the world gets {old}: that view "
            "is not moved, and mail from inside keeps its way; change it there as well, if it leads to what is down"
            for i in other
        ),
        *(f"the view inside our network was not seen for {i.domain}: {i.problem}" for i in silent),
    )


def hosts_agree(d: DomainFacts, facts: Facts) -> Judged:
    """Item 11: where several hosts serve the zone, each has the old or the new MX. Anything else is somebody's."""
    r, old, new = d.reading, d.order.old, d.order.new
    if not r.hosts:
        return CLEAR
    if any(not old.same(m) and not new.same(m) for m in held(r)):
        return no(
            "dns.hosts-disagree",
            f"the hosts that serve {d.order.domain} do not have the same MX: {said(r)}",
            "Give it the same MX at each of them, then plan again. Until then mail goes several ways.",
        )
    if not old.same(new) and any(old.same(m) for m in held(r)) and any(new.same(m) for m in held(r)):
        return note(f"{d.order.domain} is a MIXTURE now, and mail goes both ways: {said(r)}")
    return note(f"{d.order.domain} has several TTLs: {said(r)}; the way back gives each host the longest")


def delegated_here(d: DomainFacts, facts: Facts) -> Judged:
    """Item 12: the world is sent to this host's servers. Unknown on either side decides nothing."""
    if d.delegation is None:
        return CLEAR
    world, host = _plain(d.delegation.world), _plain(d.reading.name_servers or d.delegation.host)
    if facts.hosts.get(d.dns, Capabilities()).together:
        host |= _plain(d.delegation.host)  # one host may say it at its interface, another only in its zone
    if not world or not host or world == host:
        return CLEAR
    zone, only = d.delegation.zone, ", ".join(sorted(world - host))
    if not world & host:
        return no(
            "dns.delegated-elsewhere",
            f"{zone} is delegated to {', '.join(sorted(world))}; this host has {', '.join(sorted(host))}",
            "The zone was moved, or this is another zone of the same name: a change here would reach nobody.",
            overridable=True,
        )
    if only:
        return note(f"{zone}: the world is also sent to {only}, which this host does not name: changed there as well?")
    return note(f"{zone}: only this host names {', '.join(sorted(host - world))}")


def _plain(names: Iterable[str]) -> set[str]:
    """Names of servers, however they are written: Cloudflare and Route 53 leave the final dot out, DNS has it."""
    return {f"{n.rstrip('.').lower()}." for n in names}


def signatures_hold(d: DomainFacts, facts: Facts) -> Judged:
    """Item 24: a zone that is bogus already loses mail wherever it points; signatures must outlive the outage."""
    if d.signed.chain is Chain.BOGUS:
        return no(
            "dns.bogus",
            f"the DNSSEC signatures of {d.order.domain} do not hold: receivers that validate see no MX at all",
            "Repair the signatures first; no change of MX helps there.",
            overridable=True,
        )
    if d.signed.expires is None:
        return CLEAR
    left = d.signed.expires - facts.now
    if left >= SIGNATURE_ENDS_S:
        return note(f"{d.order.domain}: signatures of its MX end in {format_duration(left)} ({iso(d.signed.expires)})")
    when = f"end in {format_duration(max(0.0, left))}" if left > 0 else "have ended"
    return note(f"{d.order.domain}: signatures of its MX {when}; see that the zone is signed again")


def wildcard_said(d: DomainFacts, facts: Facts) -> Judged:
    """Item 32: an MX from a wildcard gets a record of its own. What else the name loses by that is refused."""
    wildcard = d.reading.wildcard
    if wildcard is None:
        return CLEAR
    said = note(
        f"{d.order.domain} has its MX from the wildcard {wildcard.owner}: it gets a record of its own; "
        "after the way back that record stays, and says what the wildcard says now"
    )
    if not wildcard.shadows:
        return said
    lost = ", ".join(wildcard.shadows)
    return said + no(
        "dns.wildcard-shadows",
        f"{d.order.domain} also has {lost} from a wildcard, and would lose them with a record of its own (RFC 4592)",
        f"Give {d.order.domain} its own {lost} first, or override if nobody needs them.",
        overridable=True,
    )


def managed_elsewhere(d: DomainFacts, facts: Facts) -> Judged:
    """Item 16: infrastructure as code would put the MX back at its next run."""
    if d.way is not Way.TO_RELAY:
        return CLEAR
    texts = (f"{d.order.domain} is kept by {t}, whose next run would put the MX back: {pause(t)}" for t in d.managed_by)
    return note(*texts)


def sts_names_target(d: DomainFacts, facts: Facts) -> Judged:
    """Item 25: senders with a policy deliver only to hosts that it names (RFC 8461)."""
    domain, sts = d.order.domain, d.sts
    if d.way is not Way.TO_RELAY:
        return CLEAR
    if sts.unasked:
        return note(f"{domain}: whether it announces MTA-STS is not known ({sts.unasked}): not checked")
    if not sts.announced:
        return CLEAR
    if sts.problem:
        return no(
            "mta-sts.unreadable",
            f"{domain} announces MTA-STS and its policy cannot be used: {sts.problem}",
            "Senders use their cached policy: make sure that it names the relay. A private authority: ca_file:.",
            overridable=True,
        )
    missing = [h.host for h in d.order.new.hosts if not any(policy_matches(p, h.host) for p in sts.patterns)]
    if not missing:
        return note(f"{domain}: MTA-STS ({sts.mode}) names every target")
    if sts.mode != "enforce":
        return note(f"{domain}: MTA-STS ({sts.mode}) does not name {', '.join(missing)}")
    return no(
        "mta-sts.relay-missing",
        f"{domain} enforces MTA-STS and its policy does not name {', '.join(missing)}: senders would not deliver there",
        "Add the relay to the policy in peacetime; cached policies live for max_age.",
        overridable=True,
    )


DOMAIN_RULES: tuple[Callable[[DomainFacts, Facts], Judged], ...] = (
    target_is_mail,
    really_another,
    primary_unmoved,
    ttl_fits,
    permitted,
    servers_agree,
    inside_agrees,
    hosts_agree,
    delegated_here,
    signatures_hold,
    wildcard_said,
    managed_elsewhere,
    sts_names_target,
)
