"""What the authoritative servers serve, as readings: for hosts that cannot show what they have."""

from __future__ import annotations

from collections.abc import Sequence

from bcp.contracts.dns import Answer, MxSet, Reading, Trouble
from bcp.kit.authority import Authority


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
