"""From a signal to the lanes that it speaks of: parts apart, what is not believed set aside. Pure.

A *lane* is what a probe says of one thing: of one domain, one recipient, of names as a sender resolves them, of a whole
mail. Addresses, address families and resolvers of one lane stand together: a sender tries the next, so a lane fails
only when all of them do.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterator, Sequence
from dataclasses import dataclass, replace

from bcp.contracts.kinds import Meaning, meaning_of, refine
from bcp.contracts.probe import OWN, REJECTS, Part, Result, Signal, Watched

RESOLVE = "resolve"
"""The way of looking that is left when a probe cannot find the address: names as a sender resolves them."""
MAIL = "mail"
"""The way of looking of a whole test mail: is it taken at all?"""
ZONE = "zone"
"""The plane of our own zone. No plane of the provider's: its fall is class H."""
AUTHORITATIVE = "authoritative"
IPV4_DEAD = "ipv4-dead"
"""Kind of a look of which IPv4 fails as a whole and IPv6 does not."""
REJECTS_SOME = "rejects-some"
"""Kind of a look at one recipient that is refused for good at some addresses, and taken at others."""
MOST_DEFER = "most-defer"
"""Kind of a look at several addresses of which more put mail off than take it."""
_SESSION = frozenset({"4xx", "4xx-mail", "4xx-rcpt", "4xx-data"})
"""Kinds of what ends a conversation in which mail was offered. Who does not answer, or greets with 4xx, costs a sender
nothing but a try at the next address; after two conversations in vain Postfix, and others, wait for the next time."""
_ORDER = {Result.OK: 0, Result.UNKNOWN: 1, Result.DEGRADED: 2, Result.FAIL: 3}
ALONE = 4
"""The address family that many senders have alone; hardly one has only the other. Who has both tries both."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What a signal says of one thing."""

    name: str
    watched: Watched
    signal: Signal


def lane_of(watched: Watched, domain: str = "", recipient: str = "") -> tuple[str, Watched]:
    """Name and description of the lane of a domain and a recipient."""
    name = watched.probe + (f"<{recipient}>" if recipient else "") + (f"@{domain}" if domain else "")
    shares = (f"recipient:{recipient}",) if recipient else watched.shares
    return name, replace(watched, domains=(domain,) if domain else watched.domains, shares=shares)


def merge(parts: Sequence[Part], signal: Signal) -> Signal:
    """One lane's parts as one look: degraded while one of them is well."""
    known = [p for p in parts if p.result is not Result.UNKNOWN]
    if not known:
        return replace(signal, result=Result.UNKNOWN, kind=parts[0].kind or signal.kind, parts=())
    bad = [p for p in known if p.result is Result.FAIL]
    if not bad:
        soft = next((p for p in known if p.result is Result.DEGRADED), known[0])
        return replace(signal, result=soft.result, kind=soft.kind, evidence=soft.evidence or signal.evidence, parts=())
    kinds = Counter(p.kind for p in bad)
    kind = REJECTS if kinds[REJECTS] * 2 > len(bad) else kinds.most_common(1)[0][0]
    evidence = next(p.evidence for p in bad if p.kind == kind) or signal.evidence
    if _fails(known, bad, signal):
        return replace(signal, result=Result.FAIL, kind=kind, evidence=evidence, parts=())
    result = Result.DEGRADED
    if _bounces_some(known):
        refusal = next(p.evidence for p in bad if p.kind == REJECTS)
        kind, evidence = REJECTS_SOME, refusal or "refused for good at some addresses, taken at others"
    elif _cut_off(known):
        cut = next(p.evidence for p in bad if p.family == ALONE)
        kind, evidence = IPV4_DEAD, cut or "IPv4 fails, IPv6 works"
    elif _most_defer(known):
        put_off = next(p.evidence for p in bad if p.kind in _SESSION)
        kind, evidence = MOST_DEFER, put_off or "most addresses put mail off, others take it"
    return replace(signal, result=result, kind=kind, evidence=evidence, parts=())


def _fails(known: Sequence[Part], bad: Sequence[Part], signal: Signal) -> bool:
    """Do all that a sender may try fail? Authoritative servers and resolvers are no alternatives to one another."""
    if signal.kind == "bogus" and any(p.kind == "bogus" for p in bad):
        return True
    for direct in (True, False):
        group = [p for p in known if (p.resolver == AUTHORITATIVE) is direct]
        if group and all(p.result is Result.FAIL for p in group):
            return True
    return False


def _cut_off(known: Sequence[Part]) -> bool:
    """Does the family fail that many senders have alone, while another one works?"""
    alone = [p for p in known if p.family == ALONE]
    others = [p for p in known if p.family not in {0, ALONE}]
    dead = bool(alone) and all(p.result is Result.FAIL for p in alone)
    return dead and any(p.result is not Result.FAIL for p in others)


def _bounces_some(known: Sequence[Part]) -> bool:
    """Is the recipient refused for good at one address and taken at another? Senders try the next address when one does
    not answer, or puts them off; a refusal for good is the end, and who is taken elsewhere was not removed."""
    refused = any(p.result is Result.FAIL and p.kind == REJECTS for p in known)
    return refused and any(p.result is Result.OK for p in known)


def _most_defer(known: Sequence[Part]) -> bool:
    """Do more addresses put mail off than take it? Then a sender that tries two of them often meets two that do."""
    put_off = sum(p.result is Result.FAIL and p.kind in _SESSION for p in known)
    return put_off > sum(p.result is not Result.FAIL for p in known) > 0


def split(signal: Signal, watched: Watched) -> list[Lane]:
    """The lanes of one signal: one for each domain and recipient among its parts."""
    if not signal.parts:
        return [Lane(watched.probe, watched, signal)]
    groups: dict[tuple[str, str], list[Part]] = {}
    for part in signal.parts:
        groups.setdefault((part.domain.lower().rstrip("."), part.recipient.lower()), []).append(part)
    if len(groups) == 1:
        ((domain, _), parts) = next(iter(groups.items()))
        if not domain or domain in watched.domains:
            return [Lane(watched.probe, watched, merge(parts, signal))]
    return [Lane(*lane_of(watched, *key), merge(parts, signal)) for key, parts in sorted(groups.items())]


def derived(lane: Lane, there: Container[str]) -> Iterator[Lane]:
    """The lane itself, and what it says about names, whole mails and our own zone.

    A derived lane comes to be when it fails for the first time (``there`` has the names of those that did); from then
    on it hears of every look.
    """
    signal, watched = lane.signal, lane.watched
    if watched.plane == "inbound" and watched.medium == "smtp":
        yield from _beside(lane, RESOLVE, "dns", "dns", there, fails=signal.kind == "unresolved")
    if watched.way == "round-trip":
        at_the_door = signal.kind in {"4xx-data", REJECTS}
        fails = at_the_door or signal.kind == "not-taken"
        yield from _beside(lane, MAIL, "inbound", watched.medium, there, fails=fails)
        if at_the_door:  # it never got in: the way out is unseen
            signal = replace(signal, result=Result.UNKNOWN)
    if watched.plane == "dns":
        zone = meaning_of(signal.kind) is Meaning.ZONE and signal.result is Result.FAIL  # one lame server is no outage
        yield from _beside(lane, ZONE, ZONE, watched.medium, there, fails=zone)
        if zone:
            signal = replace(signal, result=Result.UNKNOWN)
    yield lane if signal is lane.signal else replace(lane, signal=signal)


ANSWERED = frozenset({Meaning.LIMIT, Meaning.OWN})
"""Meanings of looks that we set aside although the service answered them."""
NO_ROUTE = "no-route"
"""Kind of a look that has found the address, and no way there from this machine."""
DERIVED = frozenset({RESOLVE, MAIL})
"""Ways of looking that hear of the looks of another one."""


def _beside(lane: Lane, way: str, plane: str, medium: str, there: Container[str], *, fails: bool) -> Iterator[Lane]:
    """The derived lane: failing, well where the look got so far, else unknown.

    Who is limited, refused for what they are, or has no way there has found the address: the name resolves.
    """
    name = f"{lane.name}#{way}"
    if not fails and name not in there:
        return
    signal = lane.signal
    found = way == RESOLVE and (meaning_of(signal.kind) in ANSWERED or signal.kind == NO_ROUTE)
    got_there = signal.result is not Result.UNKNOWN or found
    result = Result.FAIL if fails else Result.OK if got_there else Result.UNKNOWN
    watched = replace(lane.watched, way=way, plane=plane, medium=medium)
    kind = (signal.kind or way) if fails else ""
    yield Lane(name, watched, replace(signal, result=result, plane=plane, kind=kind, parts=()))


def canonical(signal: Signal) -> tuple[float, str, str, int, str]:
    """By what the signals of a round are sorted: in whatever order they arrive, they are taken in the same one."""
    return (signal.at, signal.probe, signal.vantage, _ORDER[signal.result], signal.kind)


def refined(signal: Signal) -> Signal:
    """*rejects* is taken at its word only where the reply that is quoted says so; what it is instead counts so."""
    if signal.kind != REJECTS:
        return signal
    kind = refine(signal.kind, signal.evidence)
    if kind == REJECTS:
        return signal
    own = meaning_of(kind) is Meaning.OWN
    return replace(signal, kind=kind, result=Result.UNKNOWN if own else signal.result)


def seconds_of(signal: Signal) -> float:
    """How long the mail was under way, as older probes say it."""
    try:
        return float(signal.data.get("seconds", "0"))
    except ValueError:
        return 0.0


def set_aside(part: Part, alone: bool) -> Part:
    """A part that is our own fault, or a limit where nobody else can tell, is unknown like a whole look."""
    own = part.kind.startswith(OWN) and part.kind != "own-zone"
    limit = alone and meaning_of(part.kind) is Meaning.LIMIT and part.result in {Result.FAIL, Result.DEGRADED}
    return replace(part, result=Result.UNKNOWN) if own or limit else part
