"""Weighing what is seen of inbound mail: good evidence against bad, known recipients before unknown ones. Pure."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from bcp.contracts.kinds import Meaning, meaning_of
from bcp.contracts.probe import Role, Watched
from bcp.detect.looks import MAIL, MOST_DEFER
from bcp.detect.planes import ProbeView, WayView
from bcp.detect.refusals import (
    LATER_S,
    PARTLY,
    Around,
    delivered_since,
    recipient_of,
    refusals,
    refused_since,
    wants_mail,
)
from bcp.detect.rules import Rules

UNKNOWN_WAY = "smtp-unknown"


@dataclass(frozen=True, slots=True)
class Weighed:
    """The ways of looking, as far as they count."""

    ways: tuple[WayView, ...]
    halved: bool = False
    """A mail came through that was sent after it began to fail."""
    delivered: bool = False
    """The same, while every look of some place fails and whole mails do not: the looks contradict the mail.

    Where looks succeed now and then a mail that comes through contradicts nothing: most of it may still fail."""
    through: bool = False
    """A mail came through that was sent after any part of it began to fail."""
    grounds: tuple[str, ...] = ()
    """Ids of the rules that made a difference."""
    removed: tuple[str, ...] = ()
    """Probes whose one recipient is refused while others are not: class H."""
    refused_partly: bool = False
    """A part of the looks is refused for good, provably."""
    wants_mail: bool = False
    """Only a whole mail that is sent now would tell what a refusal means."""


def weigh(ways: Sequence[WayView], around: Around, rules: Rules) -> Weighed:
    """Apply the rules of ``bcp.detect.evidence`` that are about inbound mail."""
    grounds: list[str] = []
    mails = [w for w in ways if w.way == MAIL]
    known = _known_looks(ways)
    removed: list[str] = []
    partly = wants = False
    out: list[WayView] = []
    for way in ways:
        if any(way is k for k in known):
            found = refusals(way, around, mails, rules)
            wants = wants or wants_mail(way, found, around)
            way, partly = found.way, partly or found.partly
            removed += found.removed
            grounds += found.grounds
            way = way if found.partly else _another(way)
            way = _throttled(way, around, grounds)
        elif way.way == UNKNOWN_WAY:
            way = _unknown(way, known, grounds)
            way = _throttled(way, around, grounds)
        elif way.way == MAIL:
            way = _ours(_mail(way, known, around), known, around, grounds)
        out.append(way)
    if any(w.raw for w in mails) and any(w.accepted for w in known):
        grounds.append("not-taken")
    cut = [p for w in out if not w.muted for p in w.probes if p.cut]
    bounced = any(p.bounced for p in cut)
    grounds += _of_a_part(cut)
    if any(w.down and not w.muted for w in out if w.way == MAIL) and not sees_known(ways):
        grounds.append("mails-alone")
    halved = delivered_since(around, [p for w in out if w.down for p in w.probes])
    if halved:
        grounds.append("delivered")
    fails = [p for w in out if not w.muted and w.role is Role.LOOK for p in w.probes if _any(p)]
    delivered = halved and not any(w.raw for w in mails) and any(p.only_fails for w in out if w.down for p in w.probes)
    if delivered:
        grounds.append("delivered-contradicts")
    return Weighed(
        tuple(out),
        halved,
        delivered,
        delivered_since(around, fails),
        tuple(dict.fromkeys(grounds)),
        tuple(removed),
        partly or bounced,
        wants,
    )


def _of_a_part(cut: Sequence[ProbeView]) -> list[str]:
    """Why a part of the senders cannot deliver, what loses mail first."""
    if any(p.bounced for p in cut):
        return ["rejects-at-some"]
    deferred = any(p.worst is not None and p.worst.kind == MOST_DEFER for p in cut)
    return ["most-defer"] if deferred else ["family-alone"] if cut else []


def _any(view: ProbeView) -> bool:
    """Does it fail, or a part of it, if only from some places?"""
    return view.down or bool(view.share) or bool(view.alone)


def _another(way: WayView) -> WayView:
    """Refusals for good that prove nothing are another thing than what made it fail: now it does not fail for that."""
    failing = [p for p in way.probes if p.known and p.raw]
    if way.rejecting or not failing or not all(p.refused_now for p in failing):
        return way
    return replace(way, failing_now=False)


def _unknown(way: WayView, known: Sequence[WayView], grounds: list[str]) -> WayView:
    """What happens to unknown recipients counts only where nothing is known of known ones."""
    speaking = [w for w in known if w.known]
    if speaking and not any(w.raw for w in speaking):
        way = replace(way, failing_now=False)  # at this moment known recipients are taken
    if speaking and all(w.accepted for w in speaking):
        if way.down or way.share or way.suspect:
            grounds.append("accepted")
            return replace(way, muted="accepted")
    elif speaking and not (way.down or way.share or way.suspect) and way.known:
        grounds.append("unknown-refused")
        return replace(way, muted="unknown-refused")
    return way


def _mail(way: WayView, known: Sequence[WayView], around: Around) -> WayView:
    """Whole mails: one that is taken now disproves what was before. Until enough were not, it is no way against others.

    Mails are rare: where recipients are accepted at this moment, or are refused for good only since, the last mail says
    nothing of this moment.
    """
    sees = any(p.known and p.watched.probe not in around.ours for w in known for p in w.probes)
    if around.mails_blind and sees:  # who sees now, sees more than what hid the looks then
        return _silent(way, "not-taken")
    since = refused_since(known)
    later = around.tried_at is not None and since is not None and since > around.tried_at
    if later or any(w.known and not w.raw for w in known):
        way = replace(way, failing_now=False)
    if around.names_fail:  # it was not taken for that
        return replace(way, down=False, muted="names")
    if not way.raw:
        return replace(way, down=False, suspect=False, share=0.0, down_targets=0, muted="" if way.known else way.muted)
    return way if way.down else replace(way, muted="not-taken")


def _ours(way: WayView, known: Sequence[WayView], around: Around, grounds: list[str]) -> WayView:
    """What refuses every look for our own sake refuses our mails as well: they prove nothing then. It does so from the
    first such look on: what the looks before it found is known for some rounds more, and is no news of this moment."""
    looks = [p for w in known for p in w.probes]
    seen = any(p.now_share for p in looks) or any(w.known and not w.raw for w in known)
    if not looks or seen or not all(p.watched.probe in around.ours for p in looks):
        return way
    if way.down or way.suspect or way.raw:
        grounds.append("own-mail")
    return _silent(replace(way, known=False), "own-mail")


def _silent(way: WayView, ground: str) -> WayView:
    """The way, as if it had seen nothing that fails."""
    calm = replace(way, down=False, suspect=False, failing_now=False, raw=False, share=0.0, down_targets=0)
    return replace(calm, muted=ground)


def _throttled(way: WayView, around: Around, grounds: list[str]) -> WayView:
    """Limits that our own addresses run into are no outage while mail comes through."""
    bad = [p for p in way.probes if p.down or p.suspect or p.share]
    limited = bool(bad) and all(p.fails_by and all(may_be_us(k) for k in p.fails_by) for p in bad)
    if limited and delivered_since(around, bad):
        grounds.append("delivered-throttled")
        return replace(way, muted="delivered-throttled")
    return way


def may_be_us(kind: str) -> bool:
    """Does a server that answers so perhaps mean this prober alone?"""
    return meaning_of(kind) is Meaning.LIMIT or kind == "5xx"


def sees_known(ways: Sequence[WayView]) -> bool:
    """Is a known recipient looked at now, by direct delivery? True where nothing is set to try one.

    While MX is on the relay, a whole mail goes there; what happens to unknown recipients says nothing of known ones.
    """
    known = _known_looks(ways)
    return not known or any(w.known for w in known)


def _known_looks(ways: Iterable[WayView]) -> list[WayView]:
    """The looks at recipients that exist."""
    return [w for w in ways if w.role is Role.LOOK and w.way not in {UNKNOWN_WAY, MAIL}]


def is_known_look(watched: Watched, domains: Collection[str] = ()) -> bool:
    """Does this one look at a recipient that exists, of one of these domains (empty: of any)?"""
    looks = watched.role is Role.LOOK and watched.plane == "inbound" and watched.way not in {UNKNOWN_WAY, MAIL}
    return looks and not (domains and watched.domains and set(watched.domains).isdisjoint(domains))


__all__ = [
    "LATER_S",
    "PARTLY",
    "UNKNOWN_WAY",
    "Around",
    "Weighed",
    "may_be_us",
    "recipient_of",
    "sees_known",
    "weigh",
]
