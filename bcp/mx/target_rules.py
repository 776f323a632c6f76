"""Safety rules about the hosts that are to take mail, about DNS hosts and about time: facts in, refusals and notes
out."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from bcp.contracts.dns import Guard, Trouble
from bcp.kernel.units import format_duration
from bcp.mx import tlsa
from bcp.mx.facts import DomainFacts, Facts, TargetFacts
from bcp.mx.joined import names
from bcp.mx.judged import CLEAR, Judged, no, note
from bcp.mx.pace import swap_seconds

HIGH_TTL_S = 3600
CREDENTIAL_ENDS_S = 3600.0

# -- each host that is to take mail ----------------------------------------------------------------------------------


def target_resolves(t: TargetFacts) -> Judged:
    """Item 20: a target has an address and is no alias. A resolver that is silent has not said that it has none."""
    if t.found.cname:
        return no(
            "dns.target-is-cname",
            f"the MX target {t.host} is a CNAME to {t.found.cname}",
            "Use the canonical name (RFC 2181 section 10.3).",
        )
    if t.found.addresses:
        return CLEAR
    if t.found.trouble is not Trouble.NONE:
        return no(
            "dns.target-unknown",
            f"whether the MX target {t.host} has an address is not known: {t.found.problem}",
            "Check resolvers: in bcp.yaml, or try again.",
            overridable=True,
        )
    return no(
        "dns.target-no-address",
        f"the MX target {t.host} has no address ({t.found.problem})",
        "Mail would have nowhere to go.",
        overridable=True,
    )


def dane_holds(t: TargetFacts) -> Judged:
    """Item 25: senders with DANE deliver only where the certificate is the published one (RFC 7672)."""
    if t.tlsa_problem:
        return note(f"TLSA of {t.host} could not be looked up ({t.tlsa_problem}): not checked")
    match = tlsa.judge(t.tlsa, t.shown)
    if match in {tlsa.Match.NO_RECORDS, tlsa.Match.OK}:
        return CLEAR
    if match is tlsa.Match.UNUSABLE:
        return note(
            f"{t.host} publishes TLSA records that senders of mail do not use (only usages 2 and 3 count, RFC 7672): "
            "they encrypt without checking whose certificate it is"
        )
    if match is tlsa.Match.NOT_SEEN:
        if not t.ours:
            return note(f"{t.host} publishes TLSA records; its certificate was not looked at: not checked")
        return no(
            "dane.not-checked",
            f"{t.host} publishes TLSA records, and the certificates that they are about were not seen",
            "Does it answer, and send its whole chain? Senders with DANE may not deliver there.",
            overridable=True,
        )
    what = "does not offer TLS" if match is tlsa.Match.NO_TLS else "shows a certificate that does not match them"
    return no(
        "dane.mismatch",
        f"{t.host} publishes TLSA records and {what}",
        "Senders with DANE would not deliver there. Repair the TLSA records or the certificate.",
        overridable=True,
    )


TARGET_RULES: tuple[Callable[[TargetFacts], Judged], ...] = (target_resolves, dane_holds)


# -- each DNS host, and time -----------------------------------------------------------------------------------------


def promises(name: str, facts: Facts) -> Judged:
    """Items 4, 7, 13: what this host cannot promise stands in the plan, before somebody says yes to it."""
    host, zones = facts.hosts[name], sum(1 for d in facts.domains if d.dns == name)
    said = []
    if host.together:
        said.append(
            f"{name}: its zones are served by {names(host.together)}: all of them are changed, one after the other; "
            "when one refuses, the others are put back"
        )
    if host.guard is Guard.NONE:
        said.append(f"{name}: no compare-and-swap on this provider: who writes last wins, also over somebody else")
    elif host.guard is Guard.WEAK:
        said.append(f"{name}: no full compare-and-swap on this provider: an edit in place by somebody else may be lost")
    if host.leans:
        who = ", ".join(host.leans)
        said.append(f"{name}: its tokens come from {who}: when sign-in there is down, only one that is held works on")
    if not host.atomic:
        said.append(f"{name}: old and new records may be served together for a moment")
    if (seconds := swap_seconds(zones, host)) >= 1.0:
        said.append(f"{name}: {zones} domain(s) take at least {format_duration(seconds)} at its rate limit")
    return note(*said)


def credential(name: str, facts: Facts) -> Judged:
    """Items 14, 28: a credential that ends during the outage ends the way back with it."""
    ends = facts.credential_ends.get(name)
    if ends is None:
        return CLEAR
    left = ends - facts.now
    if left <= 0:
        return no("dns.credential-ended", f"the credential of {name} has ended", "Renew it, then plan again.")
    if left < CREDENTIAL_ENDS_S:
        return note(f"the credential of {name} ends in {format_duration(left)}: renew it before the way back")
    return CLEAR


HOST_RULES: tuple[Callable[[str, Facts], Judged], ...] = (promises, credential)


def felt(domains: Sequence[DomainFacts]) -> Judged:
    """Items 22 and 23: how long until the switch is felt."""
    slowest = max(domains, key=lambda d: d.order.old.ttl_s, default=None)
    if slowest is None:
        return CLEAR
    ttl = slowest.order.old.ttl_s
    said = [
        f"caches may keep the old MX for up to {format_duration(ttl)} after the switch; "
        "senders that failed before try again on their own schedule"
    ]
    if ttl > HIGH_TTL_S:
        said.append(f"the TTL of {slowest.order.domain} ({ttl} s) is above {HIGH_TTL_S}: lower it in peacetime")
    return note(*said)
