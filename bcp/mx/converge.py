"""Wait until every authoritative address serves what was written, and say of each that does not, and why."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from bcp.contracts.dns import Answer, Guard, MxSet, Reading, Trouble
from bcp.contracts.services import Services
from bcp.mx.patience import served_by_all
from bcp.mx.read import by_back_end

SILENCE_S = 3.0
"""A server that does not answer is called unverified after that; mail does not wait for it."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What the authoritative addresses serve, against what was written."""

    lagging: tuple[str, ...] = ()
    """Addresses that serve something else."""
    unverified: tuple[str, ...] = ()
    """Addresses that gave no usable answer."""
    nowhere: tuple[str, ...] = ()
    """Domains of which servers answered and none serves it."""
    asked: int = field(default=0, compare=False)
    """How many were asked."""

    @property
    def everywhere(self) -> bool:
        """Does every address serve it?"""
        return not self.lagging and not self.unverified


def compare(answers: Sequence[Answer], wanted: Mapping[str, MxSet]) -> Seen:
    """Pure: which answers are not what was written. A time-out is no answer; it is not a different one either."""
    heard = {a.domain for a in answers if not a.problem}
    new = {a.domain for a in answers if not a.problem and wanted[a.domain].same(a.mx)}
    return Seen(
        tuple(
            f"{a.address} serves {a.mx or 'no MX'} for {a.domain}"
            for a in answers
            if not a.problem and not wanted[a.domain].same(a.mx)
        ),
        tuple(f"{a.address}: {a.problem}" for a in answers if a.problem),
        tuple(d for d in wanted if d in heard - new),
        len(answers),
    )


def only_said(seen: Seen, services: Services) -> str:
    """What a host without any condition calls moved, and no server serves: what it shows may be what it was told, and
    not what it has. Empty: there is none. Whoever enters records by hand is believed by the servers alone anyway."""
    for domain in seen.nowhere:
        host = getattr(services.dns[services.domains[domain].dns], "capabilities", None)
        if host is not None and host.guard is Guard.NONE and not host.by_hand:
            other = next((line for line in seen.lagging if line.endswith(f" for {domain}")), "no server does")
            return f"the DNS host says that {domain} was moved, and no authoritative server serves it: {other}"
    return ""


async def converge(wanted: Mapping[str, MxSet], patience_s: float, services: Services) -> Seen:
    """Ask until all agree, for ``patience_s`` at most. In a dry run once, and nobody lags."""
    began = services.clock.monotonic()
    groups = by_back_end(wanted, services)
    pause = 0.05
    while True:
        parts = await asyncio.gather(*(services.dns[n].answers(g) for n, g in groups.items()))
        seen = compare([a for part in parts for a in part], wanted)
        if services.dry:
            return Seen((), seen.unverified)
        waited = services.clock.monotonic() - began
        silent_only = not seen.lagging and waited >= min(patience_s, SILENCE_S)
        if seen.everywhere or silent_only or waited >= patience_s:
            return seen
        await services.clock.sleep(pause)
        pause = min(1.0, pause * 2)


async def told_by_servers(
    readings: Sequence[Reading], wanted: Mapping[str, MxSet], services: Services
) -> list[Reading]:
    """The same, and where the host cannot be read, what its servers serve, if all that answer serve what was wanted:
    the host's own picture may be out of reach (a credential that has ended), and mail goes by what is served."""
    blind = {r.domain: wanted[r.domain] for r in readings if r.problem and not r.hosts and r.domain in wanted}
    groups = by_back_end(blind, services) if blind else {}
    asks = [(getattr(services.dns[n], "answers", None), g) for n, g in groups.items()]
    parts = await asyncio.gather(*(ask(g) for ask, g in asks if ask is not None))
    answers = [a for part in parts for a in part]
    seen = {d for d, mx in blind.items() if served_by_all(answers, d, mx)}
    return [
        replace(r, mx=wanted[r.domain], problem="", trouble=Trouble.NONE) if r.domain in seen else r for r in readings
    ]


async def served_already(wanted: Mapping[str, MxSet], services: Services) -> str:
    """An authoritative address that serves what was to be written, although the host shows another: the host lies,
    or what reads it is a cache. Empty: none does. Who does not answer says nothing.
    """
    groups = by_back_end(wanted, services)
    asks = [(getattr(services.dns[n], "answers", None), g) for n, g in groups.items()]
    parts = await asyncio.gather(*(ask(g) for ask, g in asks if ask is not None))
    for one in (a for part in parts for a in part):
        if not one.problem and wanted[one.domain].same(one.mx):
            return f"the DNS host shows another MX of {one.domain} than is served: {one.address} serves {one.mx}"
    return ""
