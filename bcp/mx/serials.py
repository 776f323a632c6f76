"""Does the serial of a zone go backwards at one server? Then somebody loaded an older zone file by hand. Pure.

Serials are compared as RFC 1982 says: they count in a circle of 2**32, so that a small number may follow a large one.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from bcp.contracts.dns import Serial

CIRCLE = 2**32
RULE = "dns.serial-backwards"


def behind(now: int, before: int) -> bool:
    """Is ``now`` less than ``before`` (RFC 1982 section 3.2)? Half a circle apart is neither less nor more."""
    return 0 < (before - now) % CIRCLE < CIRCLE // 2


@dataclass(frozen=True, slots=True)
class Backwards:
    """A zone at one server whose serial is lower than it was there."""

    zone: str
    address: str
    before: int
    now: int


@dataclass(frozen=True, slots=True)
class Known:
    """What was seen so far, by zone and address."""

    highest: Mapping[tuple[str, str], int] = field(default_factory=dict)
    doubted: frozenset[tuple[str, str]] = frozenset()
    """Lower at the last look. One address may be many machines, of which one is behind for a moment."""
    told: frozenset[tuple[str, str]] = frozenset()
    """Said already; said again only after it had caught up."""


def look(known: Known, found: Iterable[Serial]) -> tuple[Known, list[Backwards]]:
    """What is known after this look, and what is to be said: lower twice in a row, and not said before."""
    highest, doubted, told, out = dict(known.highest), set(known.doubted), set(known.told), []
    for one in found:
        key = (one.zone, one.address)
        before = highest.setdefault(key, one.serial)
        if not behind(one.serial, before):
            highest[key] = one.serial
            doubted.discard(key)
            told.discard(key)
        elif key not in doubted:
            doubted.add(key)
        elif key not in told:
            told.add(key)
            out.append(Backwards(one.zone, one.address, before, one.serial))
    return Known(highest, frozenset(doubted), frozenset(told)), out


def sentence(found: list[Backwards]) -> str:
    """The warning in words, with what to do."""
    first = "; ".join(f"{b.zone} at {b.address}: {b.before} before, {b.now} now" for b in found[:3])
    more = f"; and {len(found) - 3} more" if len(found) > 3 else ""
    return (
        f"The serial of a zone went backwards: {first}{more}. Somebody loaded an older zone file by hand, or restored "
        "one: changes since then may be gone there, and secondaries fetch nothing until the serial is higher. See "
        "which MX it serves; a zone that takes updates is edited only while frozen (BIND: rndc freeze, rndc thaw)."
    )
