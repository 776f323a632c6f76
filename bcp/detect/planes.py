"""From looks to planes: vantages agree about a probe, probes of one kind are a way of looking, ways make a plane.
Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from bcp.contracts.kinds import Meaning, meaning_of
from bcp.contracts.probe import REJECTS, THROTTLED, Result, Role, Signal, Watched
from bcp.detect.counter import Stream
from bcp.detect.looks import ANSWERED, DERIVED, IPV4_DEAD, MOST_DEFER, REJECTS_SOME
from bcp.detect.quorum import agreed, majority, outvoted, votes
from bcp.detect.rules import Rules
from bcp.detect.spares import sound

FRESH_LOOKS = 2.5
"""What happens *now* is what was seen in so many intervals of the probe."""


@dataclass(frozen=True, slots=True)
class ProbeView:
    """What all vantages together say of one probe (of one lane of it)."""

    watched: Watched
    known: bool
    down: bool
    rejecting: bool
    failing_now: bool
    suspect: bool
    alone: tuple[str, ...]
    """Vantages that see it down while the others do not: no quorum."""
    share: float
    since: float | None
    worst: Signal | None
    throttled: bool = False
    split: tuple[int, int, int] = (0, 0, 0)
    """Vantages that see it down, well, or do not know."""
    raw: bool = False
    """The last known looks fail, by quorum."""
    accepted: bool = False
    """Well everywhere that can tell, and for long enough."""
    fail_share: float = 0.0
    """Share of whole failures, the mean over vantages."""
    refused_looks: int = 0
    """Permanent refusals in the windows of all vantages; where it is down, those of this outage."""
    alternates: bool = False
    mixed: bool = False
    """It fails in other ways than by permanent refusals, too."""
    began: float | None = None
    """Steady time at which the first counter that is not zero left it."""
    now_share: float = 0.0
    """Share of the places whose last known look fails, and no newer one may have got past that (*censored*)."""
    only_fails: bool = False
    """There is a place at which every look has failed since it began."""
    unreachable: bool = False
    """Where it fails no conversation comes about, while elsewhere it does: a broken path near those places."""
    kinds: frozenset[str] = frozenset()
    """Kinds of the last look that failed, of the places where it fails: a look since that says nothing changes none."""
    refused_now: bool = False
    """Where it fails now, it is a permanent refusal everywhere."""
    refused_at: float | None = None
    """Steady time of the first of the permanent refusals that go on."""
    cut: bool = False
    """Its newest looks find, from most networks, that a part of the senders cannot deliver while others can: those with
    IPv4 alone, those who try an address that refuses for good, or two of the most that put mail off."""
    bounced: bool = False
    """The same, for the latter reason."""
    aside: bool = False
    """It does not count: its recipient was removed."""
    sound: bool = field(default=False, compare=False)
    """Well by quorum, and for long enough; a part that no sender is lost by may fail (a dead address, one resolver)."""
    calm: bool = field(default=False, compare=False)
    """Nothing but well from everywhere that can tell, as far back as the windows go: all other fields follow."""

    @property
    def fails_by(self) -> frozenset[str]:
        """In which ways it fails; empty: nobody can tell."""
        return self.kinds or (frozenset({self.worst.kind}) if self.worst is not None else frozenset())


@dataclass(frozen=True, slots=True)
class WayView:
    """One way of looking at a plane, over all its targets."""

    way: str
    role: Role
    known: bool
    down: bool
    rejecting: bool
    failing_now: bool
    suspect: bool
    share: float
    """Share of looks that failed lately, the mean over targets that fail at all."""
    down_targets: int
    targets: int
    since: float | None
    worst: Signal | None
    split: tuple[int, int, int] = (0, 0, 0)
    raw: bool = False
    """Its last looks fail, by quorum and on enough targets, before any hysteresis."""
    probes: tuple[ProbeView, ...] = ()
    muted: str = ""
    """Why it does not count, although it fails; empty where it does."""
    discounted: bool = False
    """What fails here is not proven to be the service's: it comes and goes, but makes no failing minutes."""

    @property
    def fail_share(self) -> float:
        """Share of whole failures of the targets that are down, or of all."""
        chosen = [p for p in self.probes if p.down] or [p for p in self.probes if p.known]
        return sum(p.fail_share for p in chosen) / len(chosen) if chosen else 0.0

    @property
    def accepted(self) -> bool:
        """Every target of it is solidly well."""
        known = [p for p in self.probes if p.known]
        return bool(known) and all(p.accepted for p in known)


@dataclass(frozen=True, slots=True)
class PlaneView:
    """A plane: ``status`` is ok, partial, suspect, down or unknown."""

    name: str
    status: str
    ways: tuple[WayView, ...]
    rejecting: bool = False
    failing_now: bool = False
    share: float = 0.0
    since: float | None = None
    agree: int = 0
    """Ways that say it is down."""
    against: tuple[str, ...] = ()
    """Ways that look themselves and see it well."""
    domains: tuple[str, ...] = ()
    """Of our domains, those for which it is so; empty is all of them."""
    seen: bool = False
    """A look of our own sees it down."""
    grounds: tuple[str, ...] = ()
    """Rules of evidence that made a difference (``bcp.detect.inbound``)."""


def view_probe(
    watched: Watched,
    streams: Mapping[str, Stream],
    vantages: Sequence[str],
    now: float,
    rules: Rules,
    networks: Mapping[str, str] | None = None,
    before: ProbeView | None = None,
) -> ProbeView:
    """Vote of the vantages on one probe. ``streams`` is by vantage; those that are missing or silent do not vote.

    Vantages of one network (``networks``: network by vantage) have one vote together. ``before``: the view of the round
    before, which is given again where a well probe still looks the same; thousands do.
    """
    where = watched.vantages or vantages
    patience = rules.stale_after * watched.every_s + rules.interval_s
    fresh, calm = [], True
    for vantage in where:
        stream = streams.get(vantage)
        if stream is not None and stream.fresh(now, patience):
            fresh.append((vantage, stream))
            calm = calm and stream.calm
    if fresh and calm:
        return _well(watched, fresh, where, networks or {}, before)
    return _doubtful(watched, where, fresh, now, rules, networks or {})


def _well(
    watched: Watched,
    fresh: Sequence[tuple[str, Stream]],
    where: Sequence[str],
    networks: Mapping[str, str],
    before: ProbeView | None,
) -> ProbeView:
    split = (0, len(fresh), len(where) - len(fresh))
    if before is not None and before.calm and before.split == split and not split[2] and before.watched is watched:
        return before
    return ProbeView(
        watched,
        True,
        False,
        False,
        False,
        False,
        (),
        0.0,
        None,
        None,
        split=split,
        accepted=True,
        sound=not split[2] or sound(where, fresh, fresh, networks),
        calm=True,
    )


def _doubtful(
    watched: Watched,
    where: Sequence[str],
    fresh: Sequence[tuple[str, Stream]],
    now: float,
    rules: Rules,
    networks: Mapping[str, str],
) -> ProbeView:
    seen_by, fresh = fresh, _voting(fresh)
    n, poll = votes(where, [(v, s.down) for v, s in fresh], networks)
    down, fine = [v for v, s in seen_by if s.down], [v for v, s in seen_by if not s.down]
    _, refusals = votes(where, [(v, s.rejecting) for v, s in fresh], networks)
    _, lately = votes(where, [(v, s.seen is Result.FAIL) for v, s in fresh], networks)
    recent = now - FRESH_LOOKS * max(watched.every_s, rules.interval_s)
    just = [(v, s) for v, s in fresh if s.known_at >= recent]
    _, here = votes(where, [(v, s.failing()) for v, s in just if s.failing() or s.seen is not Result.FAIL], networks)
    _, cut = votes(where, [(v, _cuts(s) or s.failing()) for v, s in fresh], networks)
    solid = sum(votes(where, [(v, s.solid) for v, s in fresh if s.solid], networks)[1])
    at_once = watched.role in {Role.PEOPLE, Role.TOLD}  # they have counted already
    failing = any(s.failing() for _, s in fresh)
    refused = agreed(n, *refusals) and not outvoted(refusals[0], solid)
    is_down = failing if at_once else refused or (agreed(n, *poll) and not outvoted(poll[0], solid))
    shares = sorted(s.share() for _, s in fresh)
    worst = _worst(seen_by)
    return ProbeView(
        watched,
        bool(fresh),
        is_down,
        refused,
        any(s.failing() for _, s in fresh) if at_once else agreed(n, *here),
        any(s.value >= min(rules.suspect, rules.threshold) for _, s in seen_by),
        tuple(down) if down and not is_down else (),
        shares[len(shares) // 2] if shares else 0.0,
        min((s.first_failure for _, s in fresh if s.first_failure is not None), default=None),
        worst,
        worst is not None and worst.kind == THROTTLED,
        (len(down), len(fine), len(where) - len(seen_by)),
        agreed(n, *lately),
        bool(fresh) and all(s.solid for _, s in fresh),
        sum(s.fail_share() for _, s in fresh) / len(fresh) if fresh else 0.0,
        sum(s.refused_looks(of_this_failure=is_down) for _, s in fresh),
        any(s.alternates for _, s in fresh),
        any(s.mixed for _, s in fresh),
        min((s.began for _, s in fresh if s.began is not None), default=None),
        sum(s.seen is Result.FAIL and not _passed(s, watched) for _, s in fresh) / len(fresh) if fresh else 0.0,
        any(s.down and s.share() == 1.0 for _, s in fresh),
        bool(solid) and bool(down) and all(_unreachable(s.bad_kind) for _, s in fresh if s.down),
        frozenset(s.bad_kind for _, s in fresh if s.value and s.bad_kind),
        failing and all(s.bad_kind == REJECTS for _, s in fresh if s.failing()),
        min((s.refused_at for _, s in fresh if s.refused_at is not None), default=None),
        cuts := any(_cuts(s) for _, s in fresh) and majority(n, cut[0]),
        cuts and any(_bounces(s) for _, s in fresh),
        sound=sound(where, seen_by, fresh, networks),
    )


def _voting(fresh: Sequence[tuple[str, Stream]]) -> Sequence[tuple[str, Stream]]:
    """Places whose own address is limited cannot speak for the others; only when all are is there nobody else."""
    rest = [(v, s) for v, s in fresh if not (s.value and meaning_of(s.bad_kind) is Meaning.LIMIT)]
    return rest or fresh


_CUTS = frozenset({IPV4_DEAD, MOST_DEFER, REJECTS_SOME})


def _cuts(stream: Stream) -> bool:
    last = stream.last
    return last is not None and last.result is Result.DEGRADED and last.kind in _CUTS


def _bounces(stream: Stream) -> bool:
    return _cuts(stream) and stream.last is not None and stream.last.kind == REJECTS_SOME


def _passed(stream: Stream, watched: Watched) -> bool:
    """May its newest look, which says nothing, have got past what failed before? The service answered it, and it is set
    aside for what we are; or it is another way's look, which would have told of this failure.

    Of such a way only the failures are ever known: counted among the known looks alone, all of them fail.
    """
    if stream.last is None or stream.looked_at == stream.known_at:
        return False
    kind = stream.last.kind
    return meaning_of(kind) in ANSWERED or (not kind and watched.way in DERIVED)


def _unreachable(kind: str) -> bool:
    return meaning_of(kind) is Meaning.UNREACHABLE


def _worst(fresh: Sequence[tuple[str, Stream]]) -> Signal | None:
    """The last look of a vantage that sees it fail, of a down one before others."""
    worst: Signal | None = None
    for _, stream in fresh:
        if stream.last is not None and stream.last.result is not Result.OK and (worst is None or stream.down):
            worst = stream.last
    return worst


def view_way(probes: Sequence[ProbeView], rules: Rules) -> WayView:
    """Probes of one kind in one plane: down when enough of their targets are, and more of them than are well."""
    known = [p for p in probes if p.known]
    down = [p for p in known if p.down]
    first = probes[0].watched
    enough = bool(known) and _most(len(down), len(known), rules)
    chosen = down or [p for p in known if p.worst is not None]
    return WayView(
        first.way,
        first.role,
        bool(known),
        enough,
        enough and sum(p.rejecting for p in down) * 2 > len(down),
        enough and any(p.failing_now for p in down),
        any(p.suspect for p in known),
        sum(p.share for p in down) / len(down) if down else max((p.share for p in known), default=0.0),
        len(down),
        len(known),
        min((p.since for p in (down or known) if p.since is not None), default=None),
        chosen[0].worst if chosen else None,
        max((p.split for p in (down or known)), default=(0, 0, 0)),
        bool(known) and _most(sum(p.raw for p in known), len(known), rules),
        tuple(probes),
    )


def _most(bad: int, known: int, rules: Rules) -> bool:
    """Enough of the targets; where the share asked for is a half or more, more bad ones than good ones."""
    return bad / known >= rules.target_share and (rules.target_share < 0.5 or bad * 2 > known)


def view_plane(
    name: str, ways: Sequence[WayView], *, corroborated: bool, rules: Rules, halved: bool = False
) -> PlaneView:
    """The rule of the house: two independent ways, or one and something that corroborates it, or the only one there is.

    People's reports and other monitoring count beside a look. People alone are believed only where nothing is set to
    look; where looks are blind, nobody knows. Another monitoring system alone never is. ``halved``: good evidence
    contradicts it, so that one way alone is not enough.
    """
    watching = [w for w in ways if w.role is Role.LOOK]
    looks = [w for w in watching if w.known and not w.muted]
    down = [w for w in looks if w.down]
    people = [w for w in ways if w.role is Role.PEOPLE and w.down]
    told = [w for w in ways if w.role is Role.TOLD and w.down]
    rejecting = any(w.rejecting for w in down)
    enough = len(down) >= (rules.need if halved else min(rules.need, len(looks))) > 0
    seen = bool(down) and (enough or rejecting or bool(people) or bool(told) or corroborated)
    is_down = seen or (not watching and bool(people))
    agree = [*down, *people, *told]
    against = tuple(w.way for w in looks if not w.down and not w.suspect and not (rejecting and w.share == 0))
    return PlaneView(
        name,
        _status(ways, looks, agree, is_down=is_down),
        tuple(ways),
        rejecting,
        is_down and (any(w.failing_now for w in down) or (bool(people) and not down)),
        max((w.share for w in ways if not w.muted), default=0.0),
        min((w.since for w in (agree or ways) if w.since is not None), default=None),
        len(agree),
        against,
        seen=seen,
    )


def _status(ways: Sequence[WayView], looks: Sequence[WayView], agree: Sequence[WayView], *, is_down: bool) -> str:
    if is_down:
        return "down"
    watching = [w for w in ways if w.role is Role.LOOK]
    if watching and not any(w.known for w in watching):  # what people say does not make us see
        return "unknown"
    if any((w.share and not w.down) or (w.down_targets and not w.down) for w in looks):
        return "partial"
    if agree or any(w.suspect for w in ways):
        return "suspect"
    return "ok" if any(w.known and not (w.muted and w.raw) for w in watching) else "unknown"  # a bad sign shows nothing


REFUSED_LOOKS = 3
"""Permanent refusals at each place that speak for themselves; one, after hours of something else, does not."""


def refuses(view: ProbeView) -> bool:
    """Is what fails here a permanent refusal?"""
    places = view.split[0] + view.split[1]
    often = view.refused_looks >= REFUSED_LOOKS * places
    return view.rejecting or (view.down and often and view.worst is not None and view.worst.kind == REJECTS)


def sick_media(controls: Iterable[tuple[Watched, Stream | None, bool]]) -> set[str]:
    """Media of one vantage whose control probes all fail. ``*`` when every control does: this vantage is cut off.

    Each item is a control, its stream, and whether it is fresh. A control that says nothing does not vote.
    """
    by_medium: dict[str, list[bool]] = {}
    for watched, stream, fresh in controls:
        if stream is None or stream.last is None or not fresh:
            continue
        by_medium.setdefault(watched.medium, []).append(stream.last.result in {Result.FAIL, Result.UNKNOWN})
    sick = {medium for medium, bad in by_medium.items() if all(bad)}
    return sick | {"*"} if by_medium and len(sick) == len(by_medium) else sick
