"""The way back: is what MX was moved for well again? Pure.

With MX on the relay only inbound mail and the MX host's name matter. A mailbox that cannot be opened, mail that does
not go out, a web front door under attack keep nobody's mail away, and may last for weeks; so may an address that is
dead, a place whose provider blocks port 25, or a monitoring mailbox that was cleared away.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from bcp.contracts.probe import Role
from bcp.detect.inbound import UNKNOWN_WAY
from bcp.detect.looks import MAIL, ZONE
from bcp.detect.memory import share_now
from bcp.detect.planes import PlaneView, ProbeView
from bcp.detect.rules import Rules
from bcp.detect.verdict import MOVED

Seen = Callable[[PlaneView], bool]
"""Is what matters of a plane looked at: of inbound mail, a known recipient?"""


def clear(views: Sequence[PlaneView], seen: Seen) -> bool:
    """Is nothing wrong with what MX is moved for, nor with our own zone, which the way back needs? Where the gateway's
    way fails it is another thing that is proposed: to deliver directly."""
    mine = [v for v in views if v.name in MOVED]
    beside = any(v.name in {ZONE, "gateway"} and v.status == "down" for v in views)
    return bool(mine) and not beside and all(fit(v, seen) for v in mine)


def well(views: Sequence[PlaneView], rules: Rules, seen: Seen, *, moved: bool) -> bool:
    """Is what MX is moved for seen to be well? Not where the newest looks fail, although no counter says so yet.
    ``moved``: MX is on the relay, and well enough to go back to is enough."""
    mine = [v for v in views if v.name in MOVED]
    return bool(mine) and all(
        fit(v, seen) and (moved or v.status == "ok") and _share(v) < rules.partial_share for v in mine
    )


def _share(view: PlaneView) -> float:
    """Share of the newest looks that fail, of what counts and beyond the places that are outvoted anyway."""
    ways = (replace(w, probes=tuple(_rest(p) for p in w.probes if not p.aside)) for w in view.ways)
    return share_now(replace(view, ways=tuple(ways)))[0]


def _rest(lane: ProbeView) -> ProbeView:
    down, fine, _ = lane.split
    return replace(lane, now_share=max(0.0, lane.now_share - down / max(1, down + fine)))


def fit(view: PlaneView, seen: Seen) -> bool:
    """May mail come back to it: seen to be well, or with nothing wrong but what no sender is lost by?"""
    if view.status in {"unknown", "down"} or not seen(view):
        return False
    looks = [w for w in view.ways if w.role is Role.LOOK and not w.muted]
    lanes = [p for w in looks for p in w.probes if p.known and not p.aside]
    direct = [p for w in looks if w.way not in {UNKNOWN_WAY, MAIL} for p in w.probes if p.known and not p.aside]
    if view.status == "ok":  # seen by enough places: that one is left proves no more than that one fails
        return not direct or any(p.sound for p in direct)
    return bool(direct) and all(_spares(p) for p in lanes) and not _told(view)


def _spares(lane: ProbeView) -> bool:
    return lane.sound and not (lane.down or lane.raw or lane.cut)


def _told(view: PlaneView) -> bool:
    """Do people, or another system, say that it fails?"""
    return any(w.down and w.role in {Role.PEOPLE, Role.TOLD} for w in view.ways)
