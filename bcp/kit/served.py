"""What the authoritative servers serve, as readings: for hosts that cannot show what they have."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from bcp.contracts.dns import Answer, MxSet, Progress, Reading, Sent, Step, Trouble
from bcp.contracts.dns_settings import DnsSettings

if TYPE_CHECKING:
    from bcp.kit.authority import Authority


class Served:
    """The half of a DNS host that nothing can be sent to: what is served is all that is known of it."""

    def __init__(self, settings: DnsSettings, zones: Mapping[str, str] | None = None) -> None:
        self._way, self._zones = settings, dict(zones or {})

    @property
    def servers(self) -> tuple[str, ...]:
        """None of its own: those that the zone names."""
        return ()

    @cached_property
    def _authority(self) -> Authority:
        from bcp.kit.authority import Authority
        from bcp.kit.resolver import Resolver

        s = self._way
        return Authority(s.authoritative, (), Resolver(s.resolvers, (), timeout_s=s.timeout), timeout_s=s.timeout)

    async def read(self, domains: Sequence[str]) -> list[Reading]:
        """What every authoritative server serves."""
        return await read_served(self._authority, domains, self._zones)

    async def progress(self, sent: Sequence[Sent]) -> list[Progress]:
        """Nothing is under way: only what is served counts."""
        return [Progress(s.domain, Step.DONE) for s in sent]

    async def close(self) -> None:
        """Nothing is kept open."""


async def read_served(authority: Authority, domains: Sequence[str], given: dict[str, str]) -> list[Reading]:
    """A reading of each domain, in order. ``given``: zones that are known; those that are found are added to it."""
    missing = [d for d in domains if d not in given]
    if missing:
        given.update(await authority.zones(missing))
    there = {d: given[d] for d in domains if d in given}
    answers: dict[str, list[Answer]] = {d: [] for d in there}
    for answer in await authority.answers(there) if there else ():
        answers[answer.domain].append(answer)
    return [_reading(d, there[d], answers[d]) if d in there else _nowhere(d) for d in domains]


def _nowhere(domain: str) -> Reading:
    return Reading(domain, "", None, problem=f"no name server says that it has {domain}", trouble=Trouble.NO_ZONE)


def _reading(domain: str, zone: str, answers: Sequence[Answer]) -> Reading:
    """One reading of what several addresses say: only what all that answer agree on stands there."""
    good = [a for a in answers if not a.problem]
    if not good:
        first = answers[0] if answers else Answer(domain, "", None, problem="nobody answers", trouble=Trouble.SILENT)
        return Reading(domain, zone, None, problem=first.problem, trouble=first.trouble or Trouble.ERROR)
    if not all(_same(good[0].mx, a.mx) for a in good):
        said = "; ".join(f"{a.address} serves {a.mx or 'none'}" for a in good[:4])
        problem = f"its authoritative servers do not agree: {said}"
        return Reading(domain, zone, None, problem=problem, trouble=Trouble.SILENT)  # it may be over in a moment
    return Reading(domain, zone, good[0].mx)


def _same(one: MxSet | None, other: MxSet | None) -> bool:
    return one is other if one is None or other is None else one.same(other)
