"""Known recipients that are refused for good: is it a false refusal (F), or was the recipient removed (H)? Pure.

At the door both look the same: 550 5.1.1, 5.1.10 or 5.4.1 for an address that is, or is not, in the directory, while an
unknown recipient is refused as always. What tells them apart is somebody else's mail: other recipients, whole mails
that are sent now, the mailbox itself, people.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from bcp.detect.planes import ProbeView, WayView, refuses, view_way
from bcp.detect.rules import Rules

PARTLY = 3
"""Permanent refusals at each place (the mean over those that know) from which on a part that is refused is looked at.
One round in which all places are refused is one thing, and may be the end of another."""
LATER_S = 900.0
"""Another recipient that begins to fail so long after the first was refused was taken in between."""
NEWS = 1.5
"""What happens *now* is what was tried in so many intervals."""
PATIENCE = 3
"""Intervals for which the answer to a whole mail that was asked for is waited for. At the door it is taken or refused
within seconds; the first is asked for when the first look is refused, two looks before F is named."""
UNTRIED = "rejects-untried"
LOST = "rejects-lost"
OVER_NOW = "rejects-over"
ALONE = frozenset({"rejects-alone", LOST})
"""Of these a person decides."""
PROVES = frozenset({"two-recipients", "rejects-backed", "rejects-alternate"})


@dataclass(frozen=True, slots=True)
class Around:
    """What else is known beside the looks at inbound mail. Times are steady."""

    delivered_at: float | None = None
    """When the newest mail that came through was sent; ``None``: none lately."""
    last_delivered: float | None = None
    """The same of the newest mail ever, however long ago."""
    backed: bool = False
    """Others say that inbound mail fails: people, another monitor, a declaration."""
    vouched: bool = False
    """The same, by somebody who looks at the service: a declaration that names inbound mail, or who is on call."""
    names_fail: bool = False
    """The MX host fails to resolve: a mail that is not taken may have failed for that."""
    accepts_unknown: bool = False
    """Unknown recipients are accepted: the recipient check is inverted."""
    now: float = 0.0
    """The time of this round."""
    mails: bool = False
    """Something is set to send whole mails."""
    tried_at: float | None = None
    """When the newest whole mail was sent of which it is known whether it was taken."""
    asked_at: float | None = None
    """Since when a mail that was asked for has no answer."""
    proven: bool = False
    """The round before proved that refusals are false. Then only good evidence takes that back."""
    false_lately: bool = False
    """It was proven, of all or of a part, until a few minutes ago."""
    parted: bool = False
    """The round before proved it of a part of the recipients."""
    gone: frozenset[str] = frozenset()
    """Addresses whose mailbox is known not to be there."""
    ours: frozenset[str] = frozenset()
    """Probes that are refused for what we are: our greeting, our address, our connector, our certificate."""
    lost_at: float | None = None
    """When the newest mail was sent that was taken and never came out; ``None``: a newer one came out."""
    mails_blind: bool = False
    """Of the mails that were not taken nothing showed why: no look said anything of known recipients then."""


@dataclass(frozen=True, slots=True)
class Refusals:
    """The way, as its refusals for good let it count."""

    way: WayView
    partly: bool = False
    removed: tuple[str, ...] = ()
    grounds: tuple[str, ...] = ()


def refusals(way: WayView, around: Around, mails: Sequence[WayView], rules: Rules) -> Refusals:
    """Is a permanent refusal of a known recipient a false one (F), or was the recipient removed (H)?"""
    refused = [p for p in way.probes if p.known and refuses(p)]
    some = [p for p in way.probes if p.known and p.share and p.refused_looks >= PARTLY * max(1, sum(p.split[:2]))]
    if refused:
        proof = _proof(refused, way, around, mails, rules)
    elif some and _came(around, some, rules, other=False):  # at this moment they fail in another way
        refused, proof = some, "rejects-contradicted"
    else:
        return _partly(way, some)
    if proof == UNTRIED and around.parted and any(p.accepted for p in way.probes if p.known):
        proof = "two-recipients"  # proven of these while others are taken: that no mail is fresh takes nothing back
    proof = OVER_NOW if proof not in PROVES and _is_over(refused, around) else proof
    if proof in PROVES:
        return _false(way, refused, proof, _proven_now(way, around, mails, rules))
    these = {id(p) for p in refused}
    theirs = proof in {"rejects-contradicted", "rejects-gone"}
    calm = [
        replace(p, down=False, rejecting=False, share=0.0, raw=False, aside=theirs) if id(p) in these else p
        for p in way.probes
    ]
    rest = [p for p in way.probes if p.known and id(p) not in these]
    another = theirs and any(p.down for p in rest)  # a removed recipient does not dilute it
    seen = view_way(rest if another else calm, rules)
    names = tuple(p.watched.probe for p in refused) if theirs else ()
    over = proof == OVER_NOW
    calmed = replace(seen, suspect=True, raw=way.raw, discounted=not seen.raw)
    return Refusals(calmed, partly=over, removed=names, grounds=(proof,))


def _false(way: WayView, refused: Sequence[ProbeView], proof: str, now: bool) -> Refusals:
    """They are false: of all recipients, or of a part of them. ``now``: the newest looks prove it as well."""
    known = [p for p in way.probes if p.known]
    if any(p.accepted for p in known if not refuses(p)):
        part = replace(way, down=False, rejecting=False)
        return Refusals(part, partly=True, grounds=(proof, "rejects-some"))
    if len(refused) > len(known) - len(refused):
        found = replace(way, rejecting=True, down=True, failing_now=way.failing_now and now)
        return Refusals(found, grounds=(proof,) if now else (proof, "rejects-now"))
    return Refusals(way, partly=True, grounds=(proof,))


def _proven_now(way: WayView, around: Around, mails: Sequence[WayView], rules: Rules) -> bool:
    """Would the newest looks prove it as well? One recipient that goes on refusing may have been removed meanwhile."""
    here = {recipient_of(p) for p in way.probes if p.known and p.raw}
    taken = {recipient_of(p) for p in way.probes if p.known and not p.raw}
    if len(here) <= len(taken) or _just(around.delivered_at, around, rules):
        return False
    refused = _just(around.tried_at, around, rules) and _not_taken(mails, around)
    some = around.mails and delivered_since(around, [p for p in way.probes if p.known and p.raw])
    two = len(here) >= 2 and not some  # where a part came through until now, all that are refused may be another thing
    return two or refused or around.backed or around.accepts_unknown or not around.mails


def _is_over(refused: Sequence[ProbeView], around: Around) -> bool:
    """Are these taken at this moment, that were falsely refused until now? Who is taken was not removed."""
    return around.false_lately and not any(p.raw for p in refused)


def _just(at: float | None, around: Around, rules: Rules) -> bool:
    return at is not None and around.now - at <= NEWS * rules.interval_s


def _proof(refused: Sequence[ProbeView], way: WayView, around: Around, mails: Sequence[WayView], rules: Rules) -> str:
    these = {id(p) for p in refused}
    accepted = [p for p in way.probes if p.known and p.accepted and id(p) not in these]
    recipients = {recipient_of(p) for p in refused}
    now = {recipient_of(p) for p in refused if p.raw}
    two = len(recipients) >= 2 and len(refused) > len(accepted)
    other = around.names_fail or any(p.mixed for p in refused)  # what backs it may speak of that
    delivered = delivered_since(around, refused) or (two and _came(around, refused, rules, other=other))
    not_taken = _not_taken(mails, around)
    if not (not_taken or around.backed) and all(_gone(p, around) for p in refused):
        return "rejects-gone"
    if two and not (accepted or not_taken) and _mails_are_lost(around):
        return LOST
    if any(p.alternates for p in refused) and (two or not (delivered or accepted)):
        return "rejects-alternate"
    if two and len(now) >= 2 and not delivered:
        return UNTRIED if _untried(refused, around, rules) else "two-recipients"
    came = delivered or _came(around, refused, rules, other=other)
    if len(now) >= 2 and not_taken and around.backed and not (other or came):
        return "two-recipients"  # with the mail's own three, and others say so: who is taken is the other part
    if accepted or delivered or any(p.known and not p.raw for p in way.probes) or _well_since(refused, way, around):
        return "rejects-contradicted"
    if around.accepts_unknown or (not other and (around.vouched or not_taken)):
        return UNTRIED if _untried(refused, around, rules) else "rejects-backed"
    return "rejects-alone"


def _not_taken(mails: Sequence[WayView], around: Around) -> bool:
    """Are mails not taken, for what the looks see? What kept out one that nobody saw kept the looks out as well."""
    return any(w.known and w.raw for w in mails) and not around.mails_blind


def _mails_are_lost(around: Around) -> bool:
    """Are mails lost that were taken? Then that they were taken proves nothing good."""
    return around.lost_at is not None and around.now - around.lost_at <= 2 * LATER_S


def _gone(view: ProbeView, around: Around) -> bool:
    return recipient_of(view).removeprefix("recipient:") in around.gone


def _untried(refused: Sequence[ProbeView], around: Around, rules: Rules) -> bool:
    """Is a whole mail still to be waited for, that tells whether others are refused as well?"""
    if not around.mails or around.proven:
        return False
    since = _latest(refused)
    if _just(around.tried_at, around, rules) and (since is None or (around.tried_at or 0.0) >= since):
        return False
    return around.asked_at is None or around.now - around.asked_at < PATIENCE * rules.interval_s


def wants_mail(way: WayView, found: Refusals, around: Around) -> bool:
    """Should a whole mail be sent at once? When known recipients begin to be refused for good; and while that stands as
    an outage, in each round, so that its end is seen at once."""
    since = refused_since([way])
    if not around.mails or since is None:
        return False
    return around.tried_at is None or around.tried_at <= since or found.way.rejecting or UNTRIED in found.grounds


def refused_since(ways: Iterable[WayView]) -> float | None:
    """When the last of the known recipients began to be refused that are refused for good now; ``None``: none is."""
    return _latest(p for w in ways for p in w.probes if p.known and p.raw and p.refused_now)


def _latest(probes: Iterable[ProbeView]) -> float | None:
    times = [p.began if p.refused_at is None else p.refused_at for p in probes]
    return max((at for at in times if at is not None), default=None)


def _since(view: ProbeView) -> float | None:
    """When what it fails by now began. Where it is refused for good each time, what it failed by before (a limit of
    ours, 451) is another thing, and so is a mail that came through meanwhile."""
    return view.refused_at if view.refused_now and view.refused_at is not None else view.began


def _began(probes: Iterable[ProbeView]) -> float | None:
    return min((at for p in probes if (at := _since(p)) is not None), default=None)


def delivered_since(around: Around, probes: Iterable[ProbeView]) -> bool:
    """Was a mail that came through sent after these began to fail?"""
    began = _began(probes)
    return began is not None and around.delivered_at is not None and around.delivered_at >= began


def _came(around: Around, refused: Sequence[ProbeView], rules: Rules, *, other: bool) -> bool:
    """Did a mail come through while all of these were already refused, each and every time, however long ago? Where a
    part of all mail is refused, they are taken now and then as well.

    ``other``: something else fails too, and may be why a mail is not taken: then one of the last minutes is enough. A
    mail of the round in which it began may have been sent before.
    """
    last, times = around.last_delivered, [at for p in refused if (at := _since(p)) is not None]
    if last is None or not times:
        return False
    everywhere = all(p.share == 1.0 and not p.split[1] for p in refused)  # who is taken somewhere is there
    always = everywhere and last >= max(times) + rules.interval_s
    return always or (other and last >= min(times) + rules.interval_s and around.now - last <= LATER_S)


def _well_since(refused: Sequence[ProbeView], way: WayView, around: Around) -> bool:
    """Were others taken while these were already refused? What fails later is another outage and proves nothing."""
    began = _began(refused)
    if began is None:
        return False
    if around.last_delivered is not None and around.last_delivered > began:
        return True
    these = {id(p) for p in refused}
    return any(p.began is not None and p.began > began + LATER_S for p in way.probes if p.known and id(p) not in these)


def _partly(way: WayView, some: Sequence[ProbeView]) -> Refusals:
    """A part of the looks is refused for good, again and again: mail is being lost, even if most of it is not."""
    recipients = {recipient_of(p) for p in some}
    if any(p.alternates for p in some) or len(recipients) >= 2:
        return Refusals(way, partly=True, grounds=("rejects-alternate" if len(recipients) < 2 else "two-recipients",))
    return Refusals(way)


def recipient_of(view: ProbeView) -> str:
    """Whose mailbox a probe tries: the recipient it names, else the probe itself."""
    named = [s for s in view.watched.shares if s.startswith("recipient:")]
    return named[0] if named else view.watched.probe
