"""Weighing what is seen of inbound mail: good evidence against bad, known recipients before unknown ones. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bcp.contracts.kinds import Meaning, meaning_of
from bcp.contracts.probe import Role
from bcp.detect.looks import MAIL
from bcp.detect.planes import ProbeView, WayView, refuses, view_way
from bcp.detect.rules import Rules

UNKNOWN_WAY = "smtp-unknown"
PARTLY = 3
"""Permanent refusals in the windows of all places from which on a part that is refused is looked at."""

LATER_S = 900.0
"""Another recipient that begins to fail so long after the first was refused was taken in between."""


@dataclass(frozen=True, slots=True)
class Around:
    """What else is known beside the looks at inbound mail."""

    delivered_at: float | None = None
    """Steady time at which the newest mail that came through was sent; ``None``: none lately."""
    last_delivered: float | None = None
    """The same of the newest mail ever, however long ago."""
    backed: bool = False
    """Others say that inbound mail fails: people, another monitor, a declaration."""
    names_fail: bool = False
    """The MX host fails to resolve: a mail that is not taken may have failed for that."""
    accepts_unknown: bool = False
    """Unknown recipients are accepted: the recipient check is inverted."""


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


def weigh(ways: Sequence[WayView], around: Around, rules: Rules) -> Weighed:
    """Apply the rules of ``bcp.detect.evidence`` that are about inbound mail."""
    grounds: list[str] = []
    mails = [w for w in ways if w.way == MAIL]
    known = _known_looks(ways)
    removed: list[str] = []
    partly = False
    out: list[WayView] = []
    for way in ways:
        if any(way is k for k in known):
            found = _refusals(way, around, mails, rules)
            way, partly = found.way, partly or found.partly
            removed += found.removed
            grounds += found.grounds
            way = way if found.partly else _another(way)
            way = _throttled(way, around, grounds)
        elif way.way == UNKNOWN_WAY:
            way = _unknown(way, known, grounds)
            way = _throttled(way, around, grounds)
        elif way.way == MAIL:
            way = _mail(way, known, around)
        out.append(way)
    if any(w.raw for w in mails) and any(w.accepted for w in known):
        grounds.append("not-taken")
    if any(p.cut for w in out if not w.muted for p in w.probes):
        grounds.append("family-alone")
    halved = _delivered_since(around, [p for w in out if w.down for p in w.probes])
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
        _delivered_since(around, fails),
        tuple(dict.fromkeys(grounds)),
        tuple(removed),
        partly,
    )


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

    Mails are rare: where recipients are accepted at this moment, the last mail says nothing of this moment.
    """
    if any(w.known and not w.raw for w in known):
        way = replace(way, failing_now=False)
    if around.names_fail:  # it was not taken for that
        return replace(way, down=False, muted="names")
    if not way.raw:
        return replace(way, down=False, suspect=False, share=0.0, down_targets=0, muted="" if way.known else way.muted)
    return way if way.down else replace(way, muted="not-taken")


def _throttled(way: WayView, around: Around, grounds: list[str]) -> WayView:
    """Limits that our own addresses run into are no outage while mail comes through."""
    bad = [p for p in way.probes if p.down or p.suspect or p.share]
    limited = bool(bad) and all(p.fails_by and all(may_be_us(k) for k in p.fails_by) for p in bad)
    if limited and _delivered_since(around, bad):
        grounds.append("delivered-throttled")
        return replace(way, muted="delivered-throttled")
    return way


def may_be_us(kind: str) -> bool:
    """Does a server that answers so perhaps mean this prober alone?"""
    return meaning_of(kind) is Meaning.LIMIT or kind == "5xx"


def _delivered_since(around: Around, probes: Iterable[ProbeView]) -> bool:
    """Was a mail that came through sent after these began to fail?"""
    began = min((p.began for p in probes if p.began is not None), default=None)
    return began is not None and around.delivered_at is not None and around.delivered_at >= began


def sees_known(ways: Sequence[WayView]) -> bool:
    """Is a known recipient looked at now, by direct delivery? True where nothing is set to try one.

    While MX is on the relay, a whole mail goes there; what happens to unknown recipients says nothing of known ones.
    """
    known = _known_looks(ways)
    return not known or any(w.known for w in known)


def _known_looks(ways: Iterable[WayView]) -> list[WayView]:
    """The looks at recipients that exist."""
    return [w for w in ways if w.role is Role.LOOK and w.way not in {UNKNOWN_WAY, MAIL}]


@dataclass(frozen=True, slots=True)
class _Refusals:
    way: WayView
    partly: bool = False
    removed: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()


def _refusals(way: WayView, around: Around, mails: Sequence[WayView], rules: Rules) -> _Refusals:
    """Is a permanent refusal of a known recipient a false one (F), or was the recipient removed (H)?"""
    refused = [p for p in way.probes if p.known and refuses(p)]
    if not refused:
        return _partly(way, around, mails)
    proof = _proof(refused, way, around, mails)
    if proof in {"two-recipients", "rejects-backed", "rejects-alternate"}:
        known = sum(p.known for p in way.probes)
        others = known - len(refused)
        if any(p.accepted for p in way.probes if p.known and not refuses(p)):
            part = replace(way, down=False, rejecting=False)
            return _Refusals(part, partly=True, grounds=(proof, "rejects-some"))
        if len(refused) > others:
            return _Refusals(replace(way, rejecting=True, down=True), grounds=(proof,))
        return _Refusals(way, partly=True, grounds=(proof,))
    these = {id(p) for p in refused}
    calm = [replace(p, down=False, rejecting=False, share=0.0, raw=False) if id(p) in these else p for p in way.probes]
    rest = [p for p in way.probes if p.known and id(p) not in these]
    another = proof == "rejects-contradicted" and any(p.down for p in rest)  # a removed recipient does not dilute it
    seen = view_way(rest if another else calm, rules)
    names = tuple(p.watched.probe for p in refused) if proof == "rejects-contradicted" else ()
    return _Refusals(replace(seen, suspect=True, raw=way.raw, discounted=not seen.raw), removed=names, grounds=(proof,))


def _proof(refused: Sequence[ProbeView], way: WayView, around: Around, mails: Sequence[WayView]) -> str:
    these = {id(p) for p in refused}
    accepted = [p for p in way.probes if p.known and p.accepted and id(p) not in these]
    delivered = _delivered_since(around, refused)
    recipients = {recipient_of(p) for p in refused}
    now = {recipient_of(p) for p in refused if p.raw}
    two = len(recipients) >= 2 and len(refused) > len(accepted)
    if any(p.alternates for p in refused) and (two or not (delivered or accepted)):
        return "rejects-alternate"
    if two and len(now) >= 2 and not delivered:
        return "two-recipients"
    if accepted or delivered or any(p.known and not p.raw for p in way.probes) or _well_since(refused, way, around):
        return "rejects-contradicted"
    not_taken = any(w.known and w.raw for w in mails)
    other = around.names_fail or any(p.mixed for p in refused)  # what backs it may speak of that
    if around.accepts_unknown or (not other and (around.backed or not_taken)):
        return "rejects-backed"
    return "rejects-alone"


def _well_since(refused: Sequence[ProbeView], way: WayView, around: Around) -> bool:
    """Were others taken while these were already refused? What fails later is another outage and proves nothing."""
    began = min((p.began for p in refused if p.began is not None), default=None)
    if began is None:
        return False
    if around.last_delivered is not None and around.last_delivered > began:
        return True
    these = {id(p) for p in refused}
    return any(p.began is not None and p.began > began + LATER_S for p in way.probes if p.known and id(p) not in these)


def _partly(way: WayView, around: Around, mails: Sequence[WayView]) -> _Refusals:
    """A part of the looks is refused for good, again and again: mail is being lost, even if most of it is not."""
    some = [p for p in way.probes if p.known and p.refused_looks >= PARTLY and p.share]
    if not some:
        return _Refusals(way)
    recipients = {recipient_of(p) for p in some}
    if any(p.alternates for p in some) or len(recipients) >= 2:
        return _Refusals(way, partly=True, grounds=("rejects-alternate" if len(recipients) < 2 else "two-recipients",))
    return _Refusals(way)


def recipient_of(view: ProbeView) -> str:
    """Whose mailbox a probe tries: the recipient it names, else the probe itself."""
    named = [s for s in view.watched.shares if s.startswith("recipient:")]
    return named[0] if named else view.watched.probe
