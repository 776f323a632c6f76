"""Did the drill hold what a drill must hold? Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Result:
    """What a drill came to. Times are seconds from the break; mails are counted by number."""

    scenario: str
    sent: int
    delivered: int
    lost: Sequence[int]
    duplicated: Sequence[int]
    bounced: Sequence[int]
    queued: Sequence[int]
    detected_s: float
    failover_s: float
    rto_receive_s: float
    rto_communicate_s: float
    outage_class: str


def shortfalls(result: Result, *, expected_class: str, may_bounce: bool, rto_receive_s: float) -> list[str]:
    """What did not hold; empty: everything did."""
    out = []
    if result.lost:
        out.append(f"{len(result.lost)} mail(s) lost: {_some(result.lost)}")
    if result.duplicated:
        out.append(f"{len(result.duplicated)} mail(s) delivered twice: {_some(result.duplicated)}")
    if result.queued:
        out.append(f"{len(result.queued)} mail(s) not delivered yet: {_some(result.queued)}")
    if result.bounced and not may_bounce:
        out.append(f"{len(result.bounced)} mail(s) bounced: {_some(result.bounced)}")
    if result.outage_class != expected_class:
        out.append(f"classified as {result.outage_class or 'nothing'}, not {expected_class}")
    if not 0 < result.rto_receive_s <= rto_receive_s:
        out.append(
            f"the first mail reached the relay after {result.rto_receive_s:.1f} s, more than {rto_receive_s:g} s"
        )
    return out


def _some(numbers: Sequence[int]) -> str:
    return ", ".join(str(n) for n in numbers[:20]) + (" ..." if len(numbers) > 20 else "")
