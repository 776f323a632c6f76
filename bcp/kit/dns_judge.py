"""What the answers of resolvers and of a zone's own servers say of a name.
Looks made here, judged here, reported by probes.

Three questions are kept apart: does this *server* work, does it know the *name*, and would a *validating* sender
believe it?
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from bcp.contracts.probe import Part, Result
from bcp.kit.dns_ask import Reply, ask, ask_each, best
from bcp.kit.dnswire import Endpoint

AUTHORITATIVE = "authoritative"
FIRST = 0.6
"""Share of the deadline for the first question; the rest is for the one without validation."""
ADDRESSES = ("A", "AAAA")


@dataclass(frozen=True, slots=True)
class Told:
    """What one server says of one name."""

    server: str
    own: bool
    """It is one of the zone's own servers, not a resolver."""
    kind: str
    """A word of ``bcp.contracts.kinds``; empty is well. ``timeout`` and the like: it did not answer."""
    evidence: str
    records: tuple[str, ...] = ()
    secure: bool = False
    """A resolver that validated the answer."""
    silent: bool = False
    """It did not answer at all, over UDP or TCP, or it does not answer us."""
    half: bool = False
    """It answers over UDP or over TCP, and not over both."""

    @property
    def well(self) -> bool:
        """Does a sender that asks here get what it needs?"""
        return not self.kind

    def part(self, *, host: str = "", domain: str = "") -> Part:
        """As a part of a look."""
        where = f"{AUTHORITATIVE} {self.server}" if self.own else self.server
        if self.silent:
            result, kind = (Result.FAIL, self.kind) if self.own else (Result.UNKNOWN, "no-resolver")
            if self.kind == "no-route":
                result = Result.UNKNOWN  # no route from here: it says nothing of the server
        elif self.kind:
            result, kind = Result.FAIL, self.kind
        elif self.half:
            result, kind = Result.DEGRADED, "tcp-only"
        else:
            result, kind = Result.OK, ""
        family = 6 if self.server.startswith("[") or self.server.count(":") > 1 else 4
        who = AUTHORITATIVE if self.own else self.server
        address = self.server if self.own else ""
        return Part(result, kind, f"{where}: {self.evidence}", "", address, family, host, who, domain)


async def ask_resolver(endpoint: Endpoint, name: str, rdtypes: Sequence[str], timeout_s: float) -> Told:
    """A name at one resolver, over UDP and TCP; where it says SERVFAIL, once more without validation."""
    server = str(endpoint)
    asked = await ask_each(endpoint, name, rdtypes, timeout_s=timeout_s * FIRST)
    finals = [best(pair) for pair in asked]
    known = [r for r in finals if r.answered]
    if not known:
        return _silent(server, finals[0], own=False)
    records = tuple(r for reply in finals for r in reply.records)
    bad = next((r for r in known if r.code != "NOERROR"), None)
    if records:
        secure = all(r.secure for r in known)
        return Told(server, False, "", ", ".join(records[:3]), records, secure, half=_half(asked))
    if bad is None:
        return Told(server, False, "nxdomain", f"no {' and no '.join(rdtypes)} record of {name}")
    if bad.code == "NXDOMAIN":
        return Told(server, False, "nxdomain", f"{name}: NXDOMAIN", secure=bad.secure)
    if bad.code == "SERVFAIL":
        return await _bogus_or_broken(endpoint, name, rdtypes[0], bad, timeout_s * (1 - FIRST))
    return Told(server, False, "no-resolver", f"it answers {bad.code}: it does not work for us", silent=True)


async def _bogus_or_broken(endpoint: Endpoint, name: str, rdtype: str, bad: Reply, timeout_s: float) -> Told:
    bare = await ask(endpoint, name, rdtype, timeout_s=timeout_s, transport=bad.transport, checking=False)
    why = f" ({bad.why})" if bad.why else ""
    if bare.code in {"NOERROR", "NXDOMAIN"}:
        text = f"{name}: SERVFAIL{why}; without validation {bare.code}: DNSSEC is broken"
        return Told(str(endpoint), False, "bogus", text)
    return Told(str(endpoint), False, "servfail", f"{name}: SERVFAIL{why}")


async def ask_authority(
    endpoint: Endpoint, name: str, rdtypes: Sequence[str], timeout_s: float, *, unserved: str = "servfail"
) -> Told:
    """A name at one of its zone's own servers, over UDP and TCP. ``unserved``: what it is called when a server that is
    named does not serve the zone; *lame* where the zone is our own."""
    server = str(endpoint)
    asked = await ask_each(endpoint, name, rdtypes, timeout_s=timeout_s, recursive=False)
    finals = [best(pair) for pair in asked]
    known = [r for r in finals if r.answered]
    if not known:
        return _silent(server, finals[0], own=True)
    records = tuple(r for reply in finals for r in reply.records)
    bad = next((r for r in known if r.code != "NOERROR"), None)
    if bad is not None and not records:
        kind = {"NXDOMAIN": "nxdomain", "SERVFAIL": "servfail"}.get(bad.code, unserved)
        text = f"{name}: {bad.code}" + (": it does not serve the zone" if bad.code == "REFUSED" else "")
        return Told(server, True, kind, text)
    if not records:
        if not any(r.authoritative for r in known):  # a referral: the server does not have the zone
            return Told(server, True, unserved, f"{name}: no authoritative answer: it does not serve the zone")
        return Told(server, True, "nxdomain", f"no {' and no '.join(rdtypes)} record of {name}")
    return Told(server, True, "", ", ".join(records[:3]), records, half=_half(asked))


def _silent(server: str, reply: Reply, *, own: bool) -> Told:
    kind = {"unreadable": "closed"}.get(reply.problem, reply.problem or "timeout")
    words = {
        "timeout": "no answer in time",
        "refused": "the port is closed",
        "closed": "the connection breaks off",
        "no-route": "no way there from here",
    }
    return Told(server, own, kind, words.get(kind, kind), silent=True)


def _half(asked: Sequence[tuple[Reply, Reply]]) -> bool:
    """Did a question get an answer over one transport only?"""
    return any(udp.answered != tcp.answered for udp, tcp in asked)


def parts_of(told: Sequence[Told], seen: Name, *, host: str = "", domain: str = "") -> list[Part]:
    """The parts of a look, which must not say more than the whole does.

    A resolver that fails alone may be the sick one, and servers of the zone that are all silent may be out of our
    reach: neither is a failure of its own. One silent server beside others that answer is one.
    """
    reached = any(t.own and not t.silent for t in told)
    lone = seen.result is Result.DEGRADED and not any(t.well for t in told if not t.own and not t.silent)
    out = []
    for t in told:
        part = t.part(host=host, domain=domain)
        if t.own and t.silent and not reached:
            quiet = seen.kind == "authoritative-silent"
            part = replace(
                part, result=Result.DEGRADED if quiet else Result.UNKNOWN, kind=seen.kind if quiet else part.kind
            )
        elif lone and not t.own and part.result is Result.FAIL:
            part = replace(part, result=Result.DEGRADED)
        out.append(part)
    return out


@dataclass(frozen=True, slots=True)
class Name:
    """What all servers together say of a name."""

    result: Result
    kind: str
    evidence: str


def judge(told: Sequence[Told], *, answered_before: bool = False) -> Name:
    """One result for a name. The zone's own servers first, for caches hide an outage;
    then what senders' resolvers make of it.

    ``answered_before``: the zone's own servers answered from here earlier, so that their silence means something.
    """
    resolvers = [t for t in told if not t.own and not t.silent]
    own = [t for t in told if t.own]
    said = [t for t in own if not t.silent]
    bad = [t for t in said if not t.well]
    if said and len(bad) == len(said):
        hidden = "; caches still hide it" if any(t.well for t in resolvers) else ""
        return Name(Result.FAIL, bad[0].kind, _say(bad, len(said)) + hidden)
    if resolvers:
        found = _judge_resolvers(resolvers, seen_well=bool(said))
        if found.result is not Result.OK:
            return found
    if bad:
        return Name(Result.DEGRADED, bad[0].kind, _say(bad, len(said)))
    if not said and not resolvers:
        return Name(Result.UNKNOWN, "no-resolver", "nobody answers: this may be our own network")
    if own and not said and answered_before:
        text = "no server of the zone answers any more; resolvers still do, from cache"
        return Name(Result.DEGRADED, "authoritative-silent", text)
    return _transports([*said, *resolvers])


def _judge_resolvers(resolvers: Sequence[Told], *, seen_well: bool) -> Name:
    bad = [t for t in resolvers if not t.well]
    if not bad:
        return Name(Result.OK, "", "")
    evidence = _say(bad, len(resolvers))
    bogus = [t for t in bad if t.kind == "bogus"]
    if bogus and not any(t.secure for t in resolvers):  # who does not validate does not contradict
        return Name(Result.FAIL, "bogus", _say(bogus, len(resolvers)))
    kind = "servfail" if bad[0].kind == "bogus" else bad[0].kind  # one resolver is wrong, the signatures are not
    alone = seen_well and len(resolvers) == 1  # this one resolver may be the sick one
    if len(bad) == len(resolvers) and not alone:
        return Name(Result.FAIL, kind, evidence)
    return Name(Result.DEGRADED, kind, evidence)


def _transports(told: Sequence[Told]) -> Name:
    """A server that answers over one transport only is worth a word, unless that is so everywhere:
    then it is our network."""
    half = [t for t in told if t.half]
    if half and len(half) < len(told):
        return Name(Result.DEGRADED, "tcp-only", f"{half[0].server} does not answer both over UDP and over TCP")
    first = told[0]
    return Name(Result.OK, "", f"{first.evidence} ({len(told)} of {len(told)} servers)")


def _say(bad: Sequence[Told], of: int) -> str:
    who = f"{AUTHORITATIVE} {bad[0].server}" if bad[0].own else bad[0].server
    return f"{who}: {bad[0].evidence} ({len(bad)} of {of})"
