"""Which MX a domain should have: the relay's, both, or the one to go back to. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from bcp.contracts.action import Refusal
from bcp.contracts.dns import Capabilities, MxHost, MxSet

RELAY_TTL_S = 300
"""TTL on the relay where nobody said another: short, so that the way back is felt soon."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What the playbook asks for."""

    to: str
    """``before`` (what the run we come back from found), ``primary``, or the relay."""
    mode: str = "switch"
    """``switch``: the relay alone. ``standing``: the primary, and the relay behind it."""
    ttl_s: int | None = None
    relay: tuple[MxHost, ...] = ()

    @property
    def back(self) -> bool:
        """Is it the way back?"""
        return self.to in {"before", "primary"}


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of one domain."""

    domain: str
    now: MxSet
    primary: MxSet | None = None
    recorded: MxSet | None = None
    host: Capabilities = Capabilities()  # noqa: RUF009 - frozen
    relays: frozenset[str] = frozenset()
    """Hosts of all relays."""


def target(wish: Wish, known: Known) -> MxSet | Refusal:
    """The MX set this domain should have, or why there is none. Never empty."""
    if wish.back:
        return _back(wish, known)
    ttl = wish.ttl_s or min(max(RELAY_TTL_S, known.host.min_ttl_s), known.host.max_ttl_s)
    if wish.mode == "switch":
        return MxSet(wish.relay, ttl)
    return _standing(wish, known, ttl)


def fitting(mx: MxSet, dns: object) -> MxSet:
    """The set with a TTL that this host takes: mail must not stay elsewhere because the old one was too short."""
    host: Capabilities | None = getattr(dns, "capabilities", None)
    if host is None or host.min_ttl_s <= mx.ttl_s <= host.max_ttl_s:
        return mx
    return MxSet(mx.hosts, min(max(mx.ttl_s, host.min_ttl_s), host.max_ttl_s))


def _back(wish: Wish, known: Known) -> MxSet | Refusal:
    recorded = known.recorded if wish.to == "before" else None
    if recorded is not None and all(h.host in known.relays for h in recorded.hosts):
        recorded = None  # the run found its mail at the relay already: that is not where the way back leads
    wanted = recorded or known.primary
    if wanted is None:
        return Refusal(
            "dns.no-way-back",
            f"nothing is recorded to go back to for {known.domain}",
            "Give domains: primary: in bcp.yaml.",
        )
    return MxSet(_without_relays(wanted, known.relays), wish.ttl_s or wanted.ttl_s)


def _without_relays(found: MxSet, relays: frozenset[str]) -> tuple[MxHost, ...]:
    """The hosts to go back to. A mixture of old and new records is no peace: a relay beside or before the others would
    keep a share of the mail. One that stands behind them does so by somebody's will."""
    others = [h.preference for h in found.hosts if h.host not in relays]
    if not others:
        return found.hosts
    return tuple(h for h in found.hosts if h.host not in relays or h.preference > max(others))


def _standing(wish: Wish, known: Known, ttl: int) -> MxSet | Refusal:
    mine = {h.host for h in wish.relay}
    primary = known.primary.hosts if known.primary else tuple(h for h in known.now.hosts if h.host not in mine)
    if not primary:
        return Refusal(
            "dns.no-primary", f"{known.domain} has no primary MX to stand behind", "Give domains: primary: in bcp.yaml."
        )
    behind = max(h.preference for h in primary) + 10
    return MxSet((*primary, *(MxHost(max(behind, h.preference), h.host) for h in wish.relay)), ttl)


def relay_hosts(relays: Mapping[str, tuple[MxHost, ...]], to: str, name: str) -> tuple[MxHost, ...] | str:
    """The hosts of the relay that is meant: named, or the only one. A text names what was asked for in vain."""
    wanted = name or (to if to != "relay" else "")
    if not wanted and len(relays) == 1:
        wanted = next(iter(relays))
    return relays.get(wanted, wanted)
