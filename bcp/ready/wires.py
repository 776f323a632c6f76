"""What a switch of MX stands on: the right to change DNS, and a relay that takes our mail and nobody else's. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from bcp.contracts.readiness import Check, State
from bcp.contracts.relay import RelayProbe
from bcp.mx.check import Line

STATES: dict[str, State] = {"ok": "ok", "warn": "risk", "fail": "fail"}
HINTS = {
    "ttl": "Lower its TTL at the DNS host now: an outage costs as much.",
    "mta-sts": "Add the relay to the policy.",
}
"""What to do about a note that does not say it itself, by aspect."""
NO_CHANGE = "Look and talk work. To move MX: dns: in bcp.yaml."


@dataclass(frozen=True, slots=True)
class RelayFacts:
    """One relay, as its addresses answered."""

    name: str
    domain: str
    good: tuple[RelayProbe, ...] = ()
    """Asked for a recipient that exists."""
    bad: tuple[RelayProbe, ...] = ()
    """Asked for one that does not; empty: not asked."""
    recipient: str = ""
    """Who exists, as far as the configuration says; empty: postmaster."""
    playbooks: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class QueueFacts:
    """What a relay says that it holds."""

    name: str
    can_count: bool = True
    count: int = 0
    problem: str = ""
    playbooks: tuple[str, ...] = ()


def dns(lines: Iterable[Line], playbooks: tuple[str, ...]) -> list[Check]:
    """The lines of ``bcp dns check``, one check for each aspect of each domain: the worst of its lines speaks."""
    found: dict[tuple[str, str], Check] = {}
    for line in lines:
        state = STATES.get(line.state, "unknown")
        hint = line.hint or ("" if state == "ok" else HINTS.get(line.aspect, f"bcp dns check {line.domain}"))
        check = Check(f"dns-{line.aspect}", line.domain, state, line.message, hint, None, playbooks)
        kept = found.get(check.key)
        if kept is None or WORST[state] > WORST[kept.state]:
            found[check.key] = check
    return list(found.values())


WORST = {"ok": 0, "risk": 1, "unknown": 2, "fail": 3}


def unmoved(domain: str, playbooks: tuple[str, ...]) -> Check:
    """A domain for which ``bcp.yaml`` names no DNS back end: we never move its MX, so nothing can be ready for it."""
    text = f"no DNS back end holds {domain}: its MX is never moved by us"
    return Check("dns-right", domain, "risk", text, NO_CHANGE, None, playbooks)


def leans(host: str, on: Sequence[str], playbooks: tuple[str, ...]) -> Check:
    """A DNS host whose tokens come from somebody who may be down, too."""
    text = f"the tokens of {host} come from {', '.join(on)}: when sign-in there is down no new one is to be had"
    hint = "Keep a daemon running, which holds one for an hour; better: a second DNS host, or RFC 2136."
    return Check("dns-token", host, "risk", text, hint, None, playbooks)


def relay(facts: RelayFacts) -> list[Check]:
    """Does each address take mail for our people, for nobody else's, and for nobody who does not exist?"""
    who = f"{facts.name} for {facts.domain}"
    if not facts.good:
        text = f"the relay {facts.name} has no address that could be asked"
        return [Check("relay-accepts", who, "fail", text, "Check relays: in bcp.yaml.", None, facts.playbooks)]
    out = [_accepts(who, facts), *_open(facts)]
    if facts.bad:
        out.append(_refuses(who, facts))
    return out


def _accepts(who: str, facts: RelayFacts) -> Check:
    books = facts.playbooks
    refusing = [p for p in facts.good if not p.accepts]
    whom = facts.recipient or f"postmaster@{facts.domain}"
    if refusing:
        text = f"{facts.name} at {refusing[0].address} does not take mail for {whom}: {refusing[0].message}"
        state: State = "fail" if len(refusing) == len(facts.good) else "risk"
        return Check("relay-accepts", who, state, text, "Repair it before you need it.", None, books)
    text = f"{facts.name} takes mail for {whom} at {len(facts.good)} address(es)"
    return Check("relay-accepts", who, "ok", text, "", None, books)


def _open(facts: RelayFacts) -> list[Check]:
    for p in facts.good:
        if p.open_relay:
            text = f"{facts.name} at {p.address} takes mail FOR ANYBODY: it is an open relay"
            return [Check("relay-closed", facts.name, "fail", text, "Close it.", None, facts.playbooks)]
    known = [p for p in facts.good if p.accepts]
    text = f"{facts.name} takes no mail for strangers"
    return [Check("relay-closed", facts.name, "ok", text, "", None, facts.playbooks)] if known else []


def _refuses(who: str, facts: RelayFacts) -> Check:
    taking = [p for p in facts.bad if p.accepts]
    if taking:
        text = (
            f"{facts.name} takes mail for people who do not exist at {facts.domain}: it will have to send it back later"
        )
        hint = "Give it the list of recipients: bcp relay recipients, or Postfix' relay_recipient_maps."
        return Check("relay-recipients", who, "risk", text, hint, None, facts.playbooks)
    text = f"{facts.name} refuses people who do not exist"
    return Check("relay-recipients", who, "ok", text, "", None, facts.playbooks)


def queue(facts: QueueFacts) -> Check:
    """Without its queue nobody can account for a mail."""
    name, books = facts.name, facts.playbooks
    if not facts.can_count:
        text = f"{name} cannot say what it holds"
        return Check("relay-queue", name, "risk", text, "Set queue: so that mail can be accounted for.", None, books)
    if facts.problem:
        text = f"the queue of {name} cannot be read: {facts.problem}"
        return Check("relay-queue", name, "fail", text, "Mend it: no failback ends without it.", None, books)
    return Check("relay-queue", name, "ok", f"{facts.count} queued at {name}", "", None, books)
