"""Is it the gateway's way alone that fails (class G)? Only where direct delivery works. Pure.

Both ways end at the same service. What fails there fails on both, and a queue or a counter of the gateway may begin
earlier, or end later, than what is seen of direct delivery.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from bcp.contracts.probe import REJECTS
from bcp.detect import survey
from bcp.detect.inbound import is_known_look, sees_known
from bcp.detect.memory import LATELY, RECENT, fails_now
from bcp.detect.planes import PlaneView
from bcp.detect.rounds import Round


def drains(r: Round, view: PlaneView) -> bool:
    """Does nothing fail on the gateway's way any more, since direct delivery came back with it? It is no outage of its
    own while its counters drain (*gateway-over*), nor is what is refused for good on both ways (*gateway-alike*)."""
    if view.name != "gateway":
        return False
    if alike(r, view):
        return True
    if fails_now(view):
        return False
    drain, direct = 2 * r.rules.threshold, r.of("inbound")
    part = any(list(direct.shares)[-drain:]) and not r.of("gateway").lately()
    return part or any(list(direct.hard)[-drain:])


def alike(r: Round, view: PlaneView) -> bool:
    """Does all that fails on the gateway's way fail by refusals for good, while direct delivery refuses recipients for
    good as well? That is one refusal, seen twice: false, or of a recipient that was removed."""
    bad = [p for w in view.ways for p in w.probes if p.down or p.suspect]
    direct = [p for p in r.lanes.values() if p.known and is_known_look(p.watched)]
    refused = any(p.raw and p.refused_now if fails_now(view) else p.refused_looks for p in direct)
    return refused and bool(bad) and all(p.fails_by == {REJECTS} for p in bad)


def fails_too(r: Round, view: PlaneView) -> bool:
    """Does so much of direct delivery fail, although it is not confirmed down, that nobody may say that it works
    (*gateway-too*)? Not where that is a broken path near some places, and others see it solidly well, nor where some
    known recipient is taken by it everywhere."""
    if view.name != "inbound" or view.status == "ok" or survey.only_places(view):
        return False
    if any(p.accepted for w in view.ways for p in w.probes if is_known_look(p.watched)):
        return False
    memory = r.of("inbound")
    newest = list(memory.shares)[-RECENT:]
    return memory.lately() and len(newest) >= LATELY and sum(newest) >= (1.0 - r.rules.switch_share) * len(newest)


def direct(r: Round, down: Iterable[PlaneView], serious: Iterable[PlaneView]) -> tuple[PlaneView, ...]:
    """Direct delivery, where the way through the relay is down and so much of it fails as well."""
    gone = any(v.name == "gateway" for v in down)
    return tuple(v for v in serious if gone and fails_too(r, v))


def spares(r: Round, domain: str) -> bool:
    """Is what fails on the gateway's way another domain's, and this one's not confirmed down?"""
    return bool(domain) and r.of("gateway").confirmed and not r.of("gateway", domain).confirmed


def of_a_domain(r: Round) -> bool:
    """Is there a domain of which the gateway's way is confirmed down and direct delivery is well, while that of another
    one fails? That must not hide it."""
    alone = (d for d in r.apart if r.of("gateway", d).confirmed and not r.of("inbound", d).confirmed)
    return any(v.name == "inbound" and v.status == "ok" for d in alone for v in r.apart[d].views)


def unseen(r: Round) -> bool:
    """Is something set to look at direct delivery, and sees nobody whether it works (*gateway-unseen*)? Mails that are
    not taken, and unknown recipients, do not show that a known one is."""
    blind = any(v.name == "inbound" for v in survey.blind(r.views, r.looked))
    return blind or any(v.name == "inbound" and not sees_known(v.ways) for v in r.views)


def own_queue(r: Round, view: PlaneView, found: Sequence[str]) -> bool:
    """Does only a queue say that the gateway's way, or the way out, fails, and looks there why: our certificate, our
    connector? What goes out is known by mails that come in again: by *own-mail*, where all of us is refused.

    With MX on the relay it matters more that mail does not get through.
    """
    queued = all(w.way in survey.WHENEVER for w in view.ways if w.down)
    out = view.name == "outbound"
    ours = "own-mail" in found if out else any(p.watched.probe in r.ours for w in view.ways for p in w.probes)
    return queued and ours and r.course.standing == "none"
