"""What is not broken, what nobody can see, what failed just once: sentences for somebody who calms others. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from bcp.contracts.probe import Role
from bcp.detect.inbound import sees_known
from bcp.detect.planes import PlaneView, ProbeView
from bcp.detect.verdict import MOVED

WORKS = {
    "inbound": "mail from outside is taken for recipients that exist",
    "dns": "the MX host's name resolves",
    "gateway": "the way through the relay works",
    "outbound": "mail to the outside goes out",
    "mailbox": "mailboxes can be opened",
    "auth": "people can sign in",
    "edge": "the web front door answers",
    "zone": "our own zone answers",
}
"""By plane, where it is seen to be well."""


SPARED = {
    "well": "{is_are} well and left alone",
    "unsure": "{is_are} not confirmed down, and left alone",
    "unseen": "cannot be seen, and {is_are} left alone: nothing shows that mail fails there",
}
"""Why a plan leaves a domain alone; after its name."""


def spared_of(by: Mapping[str, Sequence[str]], most: int = 5) -> tuple[str, ...]:
    """Of domains that a plan leaves alone (``Decision.spared_as``): clauses that say why, the first few by name."""
    out = []
    for why, names in by.items():
        shown = [*names[:most], *([f"{len(names) - most} more"] if len(names) > most else [])]
        who = " and ".join(x for x in (", ".join(shown[:-1]), shown[-1]) if x)
        out.append(f"{who} {SPARED[why].format(is_are='is' if len(names) == 1 else 'are')}")
    return tuple(out)


def works_of(views: Sequence[PlaneView]) -> tuple[str, ...]:
    """What is seen to work, as sentences without a full stop."""
    inside = any(v.name in MOVED and v.status != "ok" for v in views)
    return tuple(WORKS[v.name] for v in views if v.name in WORKS and _works(v) and not (inside and _goes_round(v)))


def unseen_of(views: Sequence[PlaneView]) -> tuple[str, ...]:
    """Of what something is set to look at: what nobody can see now, as clauses after *whether*."""
    return tuple(WORKS[v.name] for v in views if v.name in WORKS and _looked_at(v) and _unseen(v))


def failed_once(lanes: Iterable[ProbeView]) -> tuple[str, ...]:
    """Looks that failed just now, where no plane is doubted for it yet: *healthy* stands, and that is said with it."""
    looks = (p for p in lanes if p.watched.role is Role.LOOK)
    failing = [p.worst for p in looks if not p.calm and p.failing_now and p.worst is not None]
    return tuple(dict.fromkeys(f"{s.probe}: {s.evidence}" for s in failing))


def left_at(lanes: Iterable[ProbeView]) -> tuple[str, ...]:
    """Looks at what MX is moved for that failed, and after which nothing looked: nobody knows whether it is well."""
    looks = (p for p in lanes if p.watched.role is Role.LOOK and p.watched.plane in MOVED)
    failed = [p.worst for p in looks if p.raw and not p.failing_now and p.worst is not None]
    return tuple(dict.fromkeys(f"{s.probe}: {s.evidence}; nothing has looked since" for s in failed))


def _works(view: PlaneView) -> bool:
    return view.status == "ok" and not _unseen(view) and not any(w.raw for w in view.ways if not w.muted)


def _goes_round(view: PlaneView) -> bool:
    """Is the way out known from mails alone that have to come in first? While they may not, it is not known now."""
    return view.name == "outbound" and all(w.way == "round-trip" for w in view.ways)


def _unseen(view: PlaneView) -> bool:
    blind = view.name == "inbound" and view.status == "ok" and not sees_known(view.ways)
    return view.status == "unknown" or blind


def _looked_at(view: PlaneView) -> bool:
    return any(w.role is Role.LOOK for w in view.ways)
