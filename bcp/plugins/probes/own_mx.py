"""``own-mx``: do senders find the MX of our own domains:
at two resolvers or more, with DNSSEC, and at our zones' own servers?"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from bcp.contracts.plugin import Duration
from bcp.contracts.probe import Part, Probe, ProbePlugin, ProbeSettings, Reach, Result, Signal
from bcp.kernel.clock import Clock
from bcp.kit.dns_judge import Name, Told, ask_authority, ask_resolver, judge, parts_of
from bcp.kit.dns_servers import Endpoints, Servers
from bcp.kit.resolve import resolvers_of

NULL_MX = "0 ."
"""RFC 7505: this domain takes no mail."""
OWN_ZONE = "own-zone"
"""What a failure of our whole zone is called: it is ours to repair,
and a new MX in a zone that nobody reads helps nobody."""
WHOLE = {"lame": OWN_ZONE, "servfail": OWN_ZONE, "bogus": OWN_ZONE, "nxdomain": OWN_ZONE, "no-mx": "no-mx"}


class OwnMxSettings(ProbeSettings):
    """Our domains, as a sender looks them up."""

    kind: Literal["own-mx"] = "own-mx"
    """Which plug-in."""
    domains: Annotated[list[str], Field(min_length=1, max_length=50)]
    """Our mail domains. Each is a part of the look."""
    resolvers: Endpoints = Field(default_factory=list)
    """Resolvers to ask, each apart; two or more that validate DNSSEC and are independent of each other.
    Empty: the system's."""
    authoritative: Literal["auto"] | Endpoints = "auto"
    """Servers of the zones; `auto` finds them and remembers them for hours."""
    timeout: Duration = 8.0
    """Deadline of one look."""


class OwnMxProbe(Probe[OwnMxSettings]):
    """MX of each domain at every resolver (where it says SERVFAIL, once more without validation) and at every server of
    its zone, over UDP and TCP: lame, silent, contradicting, bogus, missing at one resolver or at all."""

    kind = "own-mx"
    plane = "dns"
    medium: ClassVar[str] = "dns"
    Settings = OwnMxSettings

    def __init__(self, name: str, settings: OwnMxSettings, clock: Clock) -> None:
        super().__init__(name, settings, clock)
        s = settings
        self._servers = {d: Servers(clock, d, s.resolvers, s.authoritative) for d in s.domains}
        self._answered: set[str] = set()

    def reach(self) -> Reach:
        """How many resolvers it asks, and whether it asks the zone's servers."""
        s = self.settings
        return Reach(resolvers=len(resolvers_of(s.resolvers)), authoritative=bool(s.authoritative))

    async def look(self) -> Signal:
        """One look at every domain, side by side."""
        found = await asyncio.gather(*(self._domain(d) for d in self.settings.domains))
        parts = [p for _, ps in found for p in ps]
        seen = [(d, n) for d, (n, _) in zip(self.settings.domains, found, strict=True)]
        bad = [(d, n) for d, n in seen if n.result is not Result.OK]
        if not bad:
            return self.saw_parts(Result.OK, "", "; ".join(f"{d}: {n.evidence}" for d, n in seen[:3]), parts=parts)
        domain, worst = min(bad, key=lambda x: _RANK.index(x[1].result))
        many = f" ({len(bad)} of {len(seen)} domains)" if len(seen) > 1 else ""
        partly = len(bad) < len(seen) and worst.result is Result.FAIL
        result = Result.DEGRADED if partly else worst.result
        return self.saw_parts(result, worst.kind, f"{domain}: {worst.evidence}{many}", parts=parts)

    async def _domain(self, domain: str) -> tuple[Name, list[Part]]:
        s = self.settings
        servers = await self._servers[domain].find(s.timeout * 0.2)
        each = s.timeout * 0.75
        told = await asyncio.gather(
            *(ask_authority(e, domain, ["MX"], each, unserved="lame") for e in servers),
            *(ask_resolver(e, domain, ["MX"], each) for e in resolvers_of(s.resolvers)),
        )
        told = [_no_mx(t) for t in compared(told)]
        own_silent = bool(servers) and all(t.silent and t.kind != "no-route" for t in told if t.own)
        name = judge_own(told, own_silent=own_silent and domain in self._answered)
        if any(t.own and not t.silent for t in told):
            self._answered.add(domain)
        parts = parts_of(told, name, domain=domain)
        if name.result is Result.FAIL:
            parts = [replace(p, kind=name.kind) if p.result is Result.FAIL else p for p in parts]
        return name, parts


_RANK = (Result.FAIL, Result.UNKNOWN, Result.DEGRADED, Result.OK)


def _no_mx(told: Told) -> Told:
    """A domain that exists without an MX, or that says that it takes no mail, is no domain that mail reaches."""
    if NULL_MX in told.records:
        return replace(told, kind="no-mx", evidence="a null MX: it says that it takes no mail (RFC 7505)", records=())
    if told.kind == "nxdomain" and told.evidence.startswith("no MX"):
        return replace(told, kind="no-mx")
    return told


def compared(told: Sequence[Told]) -> list[Told]:
    """Who says something else than most of the zone's own servers is marked.
    A resolver may lag by a TTL: see ``half``."""
    counts: dict[tuple[str, ...], int] = {}
    for t in told:
        if t.own and t.well:
            counts[t.records] = counts.get(t.records, 0) + 1
    if not counts:
        return list(told)
    most = max(counts, key=lambda r: counts[r])
    return [_contradicts(t, most, counts) if t.well and t.records != most else t for t in told]


def _contradicts(told: Told, most: tuple[str, ...], counts: dict[tuple[str, ...], int]) -> Told:
    if not told.own and told.records in counts:
        return told  # one of our servers says the same: it is that server that differs
    text = f"says {', '.join(told.records)}, the zone says {', '.join(most)}"
    return replace(told, kind="wrong-answer", evidence=text)


def judge_own(told: Sequence[Told], *, own_silent: bool) -> Name:
    """What a sender makes of our domain. A failure of the whole zone is our own (``own-zone``, ``no-mx``), one at some
    resolver or some server is *degraded*."""
    seen = judge(told)
    resolvers = [t for t in told if not t.own and not t.silent]
    if seen.result is Result.FAIL:
        why = "; no server of the zone answers" if own_silent else ""
        result = Result.FAIL if seen.kind in WHOLE else Result.DEGRADED
        return Name(result, WHOLE.get(seen.kind, seen.kind), seen.evidence + why)
    if own_silent and resolvers and all(t.well for t in resolvers):
        text = "no server of the zone answers any more; resolvers still do, from cache"
        return Name(Result.DEGRADED, "authoritative-silent", text)
    silent = [t for t in told if t.own and t.silent and t.kind != "no-route"]
    if seen.result is Result.OK and silent and any(t.own and not t.silent for t in told):
        text = f"{silent[0].server}: {silent[0].evidence} ({len(silent)} of {sum(t.own for t in told)} servers)"
        return Name(Result.DEGRADED, silent[0].kind, text)
    return seen


PLUGIN = ProbePlugin(api=1, settings=OwnMxSettings, make=OwnMxProbe)
